"""A comparison as one HTML page: no scripts, nothing fetched, fit to be printed. Pure but for reading its template.

Everything from a cluster is escaped by the template engine; what cannot stand in HTML at all is replaced before.
"""

from __future__ import annotations

from pathlib import Path

from harness.report.comparison import sections
from harness.report.comparison.printable import printable
from harness.report.comparison.values import NO_RUN, NOT_ASKED, SEVERITY, Comparison, Kind
from harness.report.templates import template

CLASSES = {"PASS": "pass", "FAIL": "fail", "UNKNOWN": "unknown", "SKIP": "skip", NOT_ASKED: "none", NO_RUN: "none"}


ROOM = 4_000_000
"""Characters of whole reasons in one page: a cluster on which nothing works must not make one that cannot be opened."""


class Wholes:
    """Whole reasons for a page, the worst rows first, until there is no more room; their first lines always stand."""

    def __init__(self) -> None:
        self._left = ROOM
        self.cut = 0
        """How many are left out."""

    def of(self, short: str, whole: str) -> str:
        """The whole reason, printable; empty when it says no more than its line, or when the room is used up."""
        told = printable(whole)
        if told.strip() == short:
            return ""
        if len(told) > self._left:
            self.cut += 1
            return ""
        self._left -= len(told)
        return told


def page(comparison: Comparison) -> str:
    """The whole page."""
    told = template(Path(__file__).with_name("page.html.j2")).render(
        comparison=comparison,
        columns=comparison.columns,
        sections=sections,
        shown=sections.shown(comparison),
        Kind=Kind,
        classes=CLASSES,
        severity=SEVERITY,
        printable=printable,
        wholes=Wholes(),
    )
    return str(told)
