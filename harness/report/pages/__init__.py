"""The pages of one run, all made from its record.

view         what is shown, in which words and order             pure
html         one page that holds all of it                       pure but for reading its template
markdown     a summary, for a pull request or a CI step          pure
conformance  what holds and what does not, for programs (YAML)   pure
"""

from __future__ import annotations

from pathlib import Path

from harness.effects.files import write_atomic
from harness.report import junit
from harness.report.catalogue import Catalogue
from harness.report.pages import conformance, html, markdown
from harness.report.pages.view import View
from harness.report.record import RunRecord

HTML, MARKDOWN, CONFORMANCE, JUNIT = "report.html", "summary.md", "conformance.yaml", "junit.xml"
FILES = (HTML, MARKDOWN, CONFORMANCE, JUNIT)


def write(run: RunRecord, directory: Path, catalogue: Catalogue) -> None:
    """Write every page into the report directory. Raises OSError."""
    view = View(run, catalogue)
    write_atomic(directory / HTML, html.page(view).encode())
    write_atomic(directory / MARKDOWN, markdown.page(view).encode())
    write_atomic(directory / CONFORMANCE, conformance.document(view).encode())
    write_atomic(directory / JUNIT, junit.render(run))
