"""What a comparison consists of. Values only; `build` makes them from records, renderers show them.

A column whose run did not end in the ordinary way says so in `problem`: with a record it is not whole, without one it
has nothing to say. It is shown in any case, and nothing is concluded from what it did not ask.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.report.comparison.printable import one_line
from harness.report.comparison.reasons import short
from harness.report.record import RunRecord, TestRecord

NOT_ASKED = "not asked"
NO_RUN = "no run"

SEVERITY = {"PASS": 0, NO_RUN: 0, NOT_ASKED: 1, "SKIP": 1, "UNKNOWN": 2, "FAIL": 3}
"""How bad a verdict is beside another. What was not asked says as little as what does not apply."""


@dataclass(frozen=True)
class Run:
    """A run, or one that was to be: what goes into a comparison.

    `facts` tells what was asked for where no record can; a record's own facts outrank it.
    """

    name: str
    facts: Mapping[str, str] = field(default_factory=dict)
    record: RunRecord | None = None
    problem: str = ""
    code: int | None = None
    place: str = ""
    command: str = ""


@dataclass(frozen=True)
class Column:
    """One run of a comparison. `key` is its letter; `about` says what it is, in an order that all columns share."""

    key: str
    run: Run
    about: tuple[tuple[str, str], ...] = ()

    @property
    def ran(self) -> bool:
        """Whether it has anything to say."""
        return self.run.record is not None

    @property
    def whole(self) -> bool:
        """Whether it asked all that it was to ask."""
        return self.ran and not self.run.problem


@dataclass(frozen=True)
class Cell:
    """What one column says of one promise, with the tests that say it."""

    verdict: str
    tests: tuple[TestRecord, ...] = ()
    missing: tuple[str, ...] = ()
    """Tests of this promise that other columns asked and this one did not."""

    @property
    def asked(self) -> bool:
        """Whether anything was asked."""
        return self.verdict not in {NOT_ASKED, NO_RUN}

    def verdicts(self) -> dict[str, str]:
        """The verdict of each test."""
        return {test.name: test.verdict for test in self.tests}

    def reasons(self) -> tuple[tuple[str, str, str], ...]:
        """Verdict, reason in one line, and the whole reason of what does not hold; worst first, each once."""
        found: dict[tuple[str, str], tuple[str, str, str]] = {}
        for test in sorted(self.tests, key=lambda each: -SEVERITY[each.verdict]):
            if test.verdict != "PASS":
                told = short(test.reason)
                found.setdefault((test.verdict, told), (test.verdict, told, test.reason))
        if self.missing:
            others = f" and {len(self.missing) - 1} more" if len(self.missing) > 1 else ""
            told = one_line(self.missing[0]) + others
            found[NOT_ASKED, told] = (NOT_ASKED, told, "\n".join(self.missing))
        return tuple(found.values())

    def share(self) -> str:
        """`2 of 3 tests pass`, where they do not agree; empty where they do."""
        passed = sum(test.verdict == "PASS" for test in self.tests)
        return f"{passed} of {len(self.tests)} tests pass" if 0 < passed < len(self.tests) else ""


class Kind(enum.StrEnum):
    """What a row amounts to; each row is of exactly one kind, the first that fits."""

    DIFFERS = "differs"
    BAD = "broken or unknown wherever asked"
    APPLIES = "holds where it applies, which is not everywhere"
    UNASKED = "asked in some columns only"
    PARTLY = "same verdict from different tests"
    SKIPPED = "skipped everywhere"
    HOLDS = "holds everywhere"


@dataclass(frozen=True)
class Row:
    """One promise over all columns."""

    id: str
    text: str
    cells: tuple[Cell, ...]
    kind: Kind

    @property
    def worst(self) -> int:
        """The severity of its worst cell."""
        return max(SEVERITY[cell.verdict] for cell in self.cells)

    @property
    def asked_everywhere(self) -> bool:
        """Whether every column that has anything to say asked it."""
        return all(cell.verdict != NOT_ASKED for cell in self.cells)


@dataclass(frozen=True)
class Share:
    """How much of an area holds in one column. What was skipped is told: one that does nothing must not look whole."""

    holds: int
    asked: int
    worst: str
    skipped: int = 0

    def __str__(self) -> str:
        told = [f"{self.holds} of {self.asked}"] if self.asked else []
        return ", ".join([*told, *([f"{self.skipped} skipped"] if self.skipped else [])]) or "-"


@dataclass(frozen=True)
class Area:
    """The promises whose ids begin alike, by column. What does not apply somewhere is not asked there."""

    name: str
    shares: tuple[Share, ...]


@dataclass(frozen=True)
class Timing:
    """How long one wait of one test took, by column; None where it was not waited for."""

    what: str
    test: str
    ids: tuple[str, ...]
    seconds: tuple[float | None, ...]

    @property
    def spread(self) -> float:
        """The slowest less the fastest."""
        known = [each for each in self.seconds if each is not None]
        return max(known) - min(known)


@dataclass(frozen=True)
class Worse:
    """A promise of which a later column says something worse than the first."""

    id: str
    text: str
    column: str
    before: str
    after: str
    reason: str = ""


@dataclass(frozen=True)
class Comparison:
    """All of it. Rows are in the order in which they should be read; timings begin with the largest difference."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    timings: tuple[Timing, ...] = ()
    areas: tuple[Area, ...] = ()

    def of(self, kind: Kind) -> tuple[Row, ...]:
        """The rows of one kind."""
        return tuple(row for row in self.rows if row.kind is kind)

    @property
    def compared(self) -> int:
        """How many columns have something to say."""
        return sum(column.ran for column in self.columns)

    @property
    def verdict(self) -> str:
        """The comparison in one sentence."""
        absent = len(self.columns) - self.compared
        missing = f"; {absent} of {len(self.columns)} columns have no result" if absent else ""
        if self.compared < 2:
            return f"nothing to compare: {self.compared} of {len(self.columns)} columns have a result"
        kinds = (Kind.DIFFERS, Kind.BAD, Kind.APPLIES, Kind.PARTLY)
        differ, bad, applies, partly = (len(self.of(kind)) for kind in kinds)
        unasked = sum(row.kind not in {Kind.DIFFERS, Kind.APPLIES} and not row.asked_everywhere for row in self.rows)
        asked = len(self.rows) - unasked - applies
        told = f"{differ} of {asked} promises differ" if differ else f"no difference in {asked} promises"
        told += f", {bad} broken or unknown wherever asked" if bad else ""
        told += f", {applies} apply in some columns only and hold there" if applies else ""
        told += f", {partly} alike but not from the same tests" if partly else ""
        return told + (f"; {unasked} more were not asked everywhere" if unasked else "") + missing
