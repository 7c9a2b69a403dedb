"""The comparison of runs. Pure: records in, values out.

A promise's verdict in a column is the worst of the tests that decide it (as in the record itself). Two columns differ
when those verdicts differ, and also, less loudly, when the same verdict comes from different tests.
"""

from __future__ import annotations

import itertools
import re
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from harness.report.comparison.facts import about
from harness.report.comparison.reasons import short
from harness.report.comparison.values import (
    NO_RUN,
    NOT_ASKED,
    SEVERITY,
    Area,
    Cell,
    Column,
    Comparison,
    Kind,
    Row,
    Run,
    Share,
    Timing,
    Worse,
)
from harness.report.record import ORDER, RunRecord, TestRecord

LEAST_SPREAD = 0.05
"""Seconds between columns below which a time to convergence says nothing: looks are that far apart."""


def compare(
    runs: Sequence[Run], *, texts: Mapping[str, str], title: str, areas: Mapping[str, str] | None = None
) -> Comparison:
    """The comparison of runs, a column each.

    `texts` are the promises' one-line texts by id, `areas` the names of what ids begin with.
    """
    told = about(runs)
    columns = tuple(Column(key, run, facts) for key, run, facts in zip(_letters(len(runs)), runs, told, strict=True))
    deciding = [_deciding(run.record) for run in runs]
    ids = sorted({id_ for each in deciding for id_ in each}, key=_natural)
    rows = [_row(id_, texts, columns, [each.get(id_, ()) for each in deciding]) for id_ in ids]
    order = list(Kind)
    found = tuple(_areas(rows, areas or {}))
    rows.sort(key=lambda row: (order.index(row.kind), -row.worst))
    return Comparison(title, columns, tuple(rows), tuple(_timings(columns)), found)


def worse(comparison: Comparison) -> Iterator[Worse]:
    """What any column says that is worse than what the first one says: also that it no longer asks what was asked.

    Where a promise's verdict is no worse, its tests are looked at: one broken test must not hide that another broke.
    """
    told: set[tuple[str, str]] = set()
    for row in comparison.rows:
        first, *others = row.cells
        for cell, column in zip(others, comparison.columns[1:], strict=True):
            if _says_less(first.verdict, cell.verdict):
                reasons = cell.reasons()
                reason = reasons[0][1] if reasons else ""
                yield Worse(row.id, row.text, column.key, first.verdict, cell.verdict, reason)
            elif cell.asked and column.whole:
                found = [each for each in _worse_tests(row, first, cell, column) if (each.column, each.id) not in told]
                told.update((each.column, each.id) for each in found)
                yield from found


def _says_less(before: str, after: str) -> bool:
    """Whether a verdict is worse than another, or gone; of what was not asked or did not apply nothing is lost."""
    lost = after == NOT_ASKED and before in {"PASS", "FAIL", "UNKNOWN"}
    return before not in {NOT_ASKED, NO_RUN} and (lost or SEVERITY[after] > SEVERITY[before])


def _worse_tests(row: Row, first: Cell, cell: Cell, column: Column) -> Iterator[Worse]:
    """The tests of a promise that are worse than in the first column; an id of a test is its name."""
    after = {test.name: test for test in cell.tests}
    for name, verdict in first.verdicts().items():
        now = after[name].verdict if name in after else NOT_ASKED
        if _says_less(verdict, now):
            yield Worse(name, row.text, column.key, verdict, now, short(after[name].reason) if name in after else "")


def anew(comparison: Comparison) -> Iterator[tuple[str, str]]:
    """What is broken or unknown in a later column and was not asked in the first: column and id."""
    for row in comparison.rows:
        first, *others = row.cells
        for cell, column in zip(others, comparison.columns[1:], strict=True):
            if first.verdict == NOT_ASKED and cell.verdict in {"FAIL", "UNKNOWN"}:
                yield column.key, row.id


def _letters(count: int) -> list[str]:
    """A to Z, then AA, and so on without end."""
    sizes = itertools.count(1)
    words = ("".join(word) for size in sizes for word in itertools.product(string.ascii_uppercase, repeat=size))
    return list(itertools.islice(words, count))


def _deciding(record: RunRecord | None) -> dict[str, tuple[TestRecord, ...]]:
    """The tests of each promise; a test that names none stands for itself."""
    found: dict[str, tuple[TestRecord, ...]] = {}
    for test in record.tests if record is not None else ():
        for id_ in test.ids or (test.name,):
            found[id_] = (*found.get(id_, ()), test.about(id_))
    return found


def _natural(id_: str) -> list[tuple[int, str]]:
    """`DNS-9` before `DNS-10`."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", id_)]


def _row(
    id_: str, texts: Mapping[str, str], columns: Sequence[Column], deciding: Sequence[tuple[TestRecord, ...]]
) -> Row:
    cells = tuple(_cell(column, tests) for column, tests in zip(columns, deciding, strict=True))
    kind = _kind(columns, cells)
    if kind is Kind.PARTLY:
        cells = tuple(_with_missing(cell, deciding) for cell in cells)
    promises = [test.promise or test.name for cell in cells for test in cell.tests]
    return Row(id_, texts.get(id_) or promises[0], cells, kind)


def _cell(column: Column, tests: tuple[TestRecord, ...]) -> Cell:
    if not column.ran:
        return Cell(NO_RUN)
    return Cell(max((test.verdict for test in tests), key=ORDER.index, default=NOT_ASKED), tests)


def _with_missing(cell: Cell, deciding: Sequence[tuple[TestRecord, ...]]) -> Cell:
    """The cell with the tests that others asked: where the verdict is the same, they are the difference."""
    names = dict.fromkeys(test.name for tests in deciding for test in tests)
    return replace(cell, missing=tuple(name for name in names if name not in cell.verdicts())) if cell.asked else cell


def _kind(columns: Sequence[Column], cells: Sequence[Cell]) -> Kind:
    verdicts = {cell.verdict for cell in cells if cell.asked}
    if len(verdicts) > 1:
        return Kind.APPLIES if verdicts == {"PASS", "SKIP"} else Kind.DIFFERS
    if verdicts & {"FAIL", "UNKNOWN"}:
        return Kind.BAD
    if any(cell.verdict == NOT_ASKED for cell in cells):
        return Kind.UNASKED
    if not _same_tests(columns, cells):
        return Kind.PARTLY
    return Kind.SKIPPED if verdicts == {"SKIP"} else Kind.HOLDS


def _same_tests(columns: Sequence[Column], cells: Sequence[Cell]) -> bool:
    """Whether each test says the same everywhere. Of a column that is not whole, only what it did ask counts."""
    asked = [(column.whole, cell.verdicts()) for column, cell in zip(columns, cells, strict=True) if cell.asked]
    names = {name for _, verdicts in asked for name in verdicts}
    return all(
        len({verdicts.get(name, NOT_ASKED) for whole, verdicts in asked if whole or name in verdicts}) == 1
        for name in names
    )


OTHERS = "other tests"


def _areas(rows: Sequence[Row], names: Mapping[str, str]) -> Iterator[Area]:
    """How much holds, by what ids begin with, in the order of the ids."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        prefix = row.id.partition("-")[0] if re.fullmatch(r"[A-Z]+-\S+", row.id) else OTHERS
        found.setdefault(prefix, []).append(row)
    for prefix, group in found.items():
        columns = zip(*(row.cells for row in group), strict=True)
        yield Area(names.get(prefix, prefix), tuple(_share(cells) for cells in columns))


def _share(cells: Sequence[Cell]) -> Share:
    asked = [cell.verdict for cell in cells if cell.asked and cell.verdict != "SKIP"]
    worst = max(asked, key=ORDER.index, default=NOT_ASKED)
    return Share(asked.count("PASS"), len(asked), worst, sum(cell.verdict == "SKIP" for cell in cells))


def _timings(columns: Sequence[Column]) -> list[Timing]:
    """Waits that at least two columns have, with what they differ by, largest first."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    ids: dict[str, tuple[str, ...]] = {}
    for column in columns:
        for test in column.run.record.tests if column.run.record is not None else ():
            ids[test.name] = test.ids
            for what, seconds in test.settled.items():
                found.setdefault((test.name, what), {})[column.key] = seconds
    timings = [
        Timing(what, test, ids[test], tuple(seconds.get(column.key) for column in columns))
        for (test, what), seconds in found.items()
        if len(seconds) > 1
    ]
    telling = [each for each in timings if each.spread >= LEAST_SPREAD]
    return sorted(telling, key=lambda each: (-each.spread, each.test, each.what))
