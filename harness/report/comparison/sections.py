"""The sections of a comparison as every renderer shows them: headings, groups, and what is cut where. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.report.comparison.printable import one_line
from harness.report.comparison.values import Column, Comparison, Kind, Row, Timing

SLOWEST = 15
"""Differences of time that are shown; what is slower somewhere stands first."""

AREAS = "By area: how many hold of those that were asked and apply"

HEADINGS = {
    Kind.DIFFERS: "What differs",
    Kind.BAD: "Broken or unknown wherever asked",
    Kind.APPLIES: "Applies in some columns only, and holds there",
    Kind.UNASKED: "Asked in some columns only",
    Kind.PARTLY: "Same verdict, but not from the same tests",
    Kind.SKIPPED: "Skipped everywhere",
    Kind.HOLDS: "Holds everywhere",
}
"""In the order in which they are shown."""

GROUPED = (Kind.APPLIES, Kind.UNASKED, Kind.SKIPPED)
"""Kinds whose rows are told in groups; what holds everywhere is counted, or listed where there is room."""

DETAILED = (Kind.DIFFERS, Kind.BAD, Kind.PARTLY)
"""Kinds whose rows are shown one by one with their reasons; of the others a group says all.

A plugin that enforces no policies differs in two hundred promises for one reason: that must not hide two that broke.
"""


@dataclass(frozen=True)
class Group:
    """Rows that are told in one breath, with what they have in common."""

    reason: str
    rows: tuple[Row, ...]


def heading(comparison: Comparison, kind: Kind) -> str:
    """The heading of a section with its count; of a single column nothing is everywhere."""
    text = HEADINGS[kind]
    if comparison.compared < 2:
        text = text.removesuffix(" everywhere").removesuffix(" wherever asked")
    return f"{text}: {len(comparison.of(kind))}"


def shown(comparison: Comparison) -> list[Kind]:
    """The kinds there are rows of; what differs is said also when it is nothing."""
    return [kind for kind in HEADINGS if comparison.of(kind) or (kind is Kind.DIFFERS and comparison.compared > 1)]


def groups(comparison: Comparison, kind: Kind) -> list[Group]:
    """The rows of a kind whose rows are not shown one by one."""
    of_kind = {Kind.APPLIES: applied, Kind.UNASKED: unasked}
    return of_kind[kind](comparison) if kind in of_kind else skipped(comparison.of(kind))


def applied(comparison: Comparison) -> list[Group]:
    """Rows by where they hold, and why they do not apply elsewhere, largest group first."""
    found: dict[str, list[Row]] = {}
    for row in comparison.of(Kind.APPLIES):
        said: dict[str, list[str]] = {}
        for column, cell in zip(comparison.columns, row.cells, strict=True):
            why = "; ".join(dict.fromkeys(short for _, short, _ in cell.reasons())) if cell.verdict == "SKIP" else ""
            said.setdefault(f"{cell.verdict}: {why}" if why else cell.verdict, []).append(column.key)
        told = "; ".join(f"{' '.join(keys)} {verdict}" for verdict, keys in sorted(said.items()))
        found.setdefault(told, []).append(row)
    return _largest_first(found)


def skipped(rows: Sequence[Row]) -> list[Group]:
    """Rows by the reasons for which they were skipped, largest group first.

    What is lacking is told once, with what the first column that lacks it found: pods have other names in each run.
    """
    found: dict[str, list[Row]] = {}
    for row in rows:
        reasons: dict[str, str] = {}
        for short in (short for cell in row.cells for _, short, _ in cell.reasons()):
            reasons.setdefault(short.partition(": ")[0], short)
        found.setdefault("; ".join(reasons.values()), []).append(row)
    return _largest_first(found)


def unasked(comparison: Comparison) -> list[Group]:
    """Rows by the columns that did not ask them, with what the others say."""
    found: dict[str, list[Row]] = {}
    for row in comparison.of(Kind.UNASKED):
        pairs = list(zip(comparison.columns, row.cells, strict=True))
        said = " ".join(f"{column.key} {cell.verdict}" for column, cell in pairs if column.ran)
        found.setdefault(said, []).append(row)
    return _largest_first(found)


def _largest_first(found: Mapping[str, Sequence[Row]]) -> list[Group]:
    several = [Group(reason, tuple(rows)) for reason, rows in found.items()]
    return sorted(several, key=lambda group: -len(group.rows))


def slowest(comparison: Comparison) -> tuple[Timing, ...]:
    """The timings that are shown."""
    return comparison.timings[:SLOWEST]


def state(column: Column) -> str:
    """How a column's run went, in a few words; empty for one that ran as it should."""
    problem = one_line(column.run.problem, longest=600)
    if not problem:
        return ""
    return f"not whole: {problem}" if column.ran else f"no result: {problem}"


def identity(column: Column) -> str:
    """What a column is, in one line."""
    skipped_facts = {"server", "started", "requirements", "took"}
    parts = [f"{name} {value}" for name, value in column.about if name not in skipped_facts and value != "?"]
    return ", ".join(parts)
