"""One run as one HTML page: nothing is fetched, no script runs, its filters are radio buttons and style rules.

Everything from a cluster is escaped by the template engine; what cannot stand in HTML at all is replaced before. The
page forbids itself, by its own policy, to load anything.
"""

from __future__ import annotations

from pathlib import Path

from harness.model.requirement import AREAS
from harness.report.comparison.html import Wholes
from harness.report.comparison.printable import one_line, printable
from harness.report.pages.view import OTHERS, RANK, View
from harness.report.record import WORDS
from harness.report.templates import template

CLASSES = {"PASS": "pass", "FAIL": "fail", "UNKNOWN": "unknown", "SKIP": "skip"}
OPENED = 20
"""Failures that stand open; more of them would hide that there are more."""


def page(view: View) -> str:
    """The whole page."""
    told = template(Path(__file__).with_name("run.html.j2")).render(
        view=view,
        run=view.run,
        areas={**AREAS, OTHERS: "Other tests"},
        classes=CLASSES,
        words=WORDS,
        rank=RANK,
        opened=OPENED,
        printable=printable,
        one_line=one_line,
        wholes=Wholes(),
    )
    return str(told)
