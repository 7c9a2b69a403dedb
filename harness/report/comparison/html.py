"""A comparison as one HTML page: no scripts, nothing fetched, fit to be printed. Pure but for reading its template.

Everything from a cluster is escaped by the template engine; what cannot stand in HTML at all is replaced before.
"""

from __future__ import annotations

import functools
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from harness.report.comparison import sections
from harness.report.comparison.printable import printable
from harness.report.comparison.values import NO_RUN, NOT_ASKED, SEVERITY, Comparison, Kind

CLASSES = {"PASS": "pass", "FAIL": "fail", "UNKNOWN": "unknown", "SKIP": "skip", NOT_ASKED: "none", NO_RUN: "none"}


def page(comparison: Comparison) -> str:
    """The whole page."""
    told = _template().render(
        comparison=comparison,
        columns=comparison.columns,
        sections=sections,
        shown=sections.shown(comparison),
        Kind=Kind,
        classes=CLASSES,
        severity=SEVERITY,
        printable=printable,
    )
    return str(told)


@functools.cache
def _template() -> Template:
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html.j2")
