"""A comparison as plain lines, for logs and pipes. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from harness.report.comparison import sections
from harness.report.comparison.printable import one_line
from harness.report.comparison.sections import Group
from harness.report.comparison.values import Cell, Column, Comparison, Kind, Row, Timing

WIDTH = 118
WIDEST_AREA, WIDEST_SHARE = 28, 24
INDENT = " " * 4


def lines(comparison: Comparison) -> Iterator[str]:
    """The whole comparison, a line each."""
    yield f"{one_line(comparison.title)}: {comparison.verdict}"
    for column in comparison.columns:
        yield from _column(column)
    if comparison.areas:
        yield ""
        yield sections.AREAS.upper()
    yield from _areas(comparison)
    for kind in sections.shown(comparison):
        yield ""
        yield sections.heading(comparison, kind).upper()
        yield from _section(comparison, kind)
    if comparison.timings:
        yield ""
        yield "CONVERGENCE, LARGEST DIFFERENCES (seconds)"
        yield from _timings(comparison.columns, sections.slowest(comparison))


def _areas(comparison: Comparison) -> Iterator[str]:
    for area in comparison.areas:
        shares = zip(comparison.columns, area.shares, strict=True)
        said = "".join(f"  {column.key} {share!s:<{WIDEST_SHARE}}" for column, share in shares)
        yield f"  {one_line(area.name):<{WIDEST_AREA}}{said}".rstrip()


def _column(column: Column) -> Iterator[str]:
    yield f"  {column.key}  {one_line(column.run.name)}"
    about = dict(column.about)
    yield from _wrapped(sections.identity(column), indent=5)
    if column.ran:
        yield f"     {about['requirements']}; took {about['took']}"
    if state := sections.state(column):
        yield f"     {state}"
    if column.run.place:
        yield f"     report: {one_line(column.run.place)}"


def _section(comparison: Comparison, kind: Kind) -> Iterator[str]:
    rows = comparison.of(kind)
    if kind in sections.DETAILED:
        for row in rows:
            yield from _row(comparison.columns, row)
    elif kind in sections.GROUPED:
        yield from _groups(sections.groups(comparison, kind))


def _row(columns: Sequence[Column], row: Row) -> Iterator[str]:
    pairs = list(zip(columns, row.cells, strict=True))
    said = "  ".join(f"{column.key} {cell.verdict}" for column, cell in pairs)
    yield f"  {one_line(row.id)}  {said}"
    yield from _wrapped(one_line(row.text, longest=1000))
    for column, cell in pairs:
        yield from _reasons(column, cell)


def _reasons(column: Column, cell: Cell) -> Iterator[str]:
    share = f" ({share})" if (share := cell.share()) else ""
    for verdict, short, _ in cell.reasons():
        yield f"{INDENT}{column.key} {verdict}{share}: {short}"
        share = ""


def _groups(groups: Sequence[Group]) -> Iterator[str]:
    for group in groups:
        yield f"  {len(group.rows)}: {group.reason}"
        yield from _wrapped(" ".join(one_line(row.id) for row in group.rows))


def _timings(columns: Sequence[Column], timings: Sequence[Timing]) -> Iterator[str]:
    for timing in timings:
        pairs = zip(columns, timing.seconds, strict=True)
        said = "  ".join(f"{column.key} {'-' if each is None else f'{each:.2f}'}" for column, each in pairs)
        yield f"  {said}  {one_line(timing.what)} ({one_line(' '.join(timing.ids) or timing.test)})"


def _wrapped(text: str, *, indent: int = 4) -> list[str]:
    room = " " * indent
    return textwrap.wrap(text, WIDTH, initial_indent=room, subsequent_indent=room, break_on_hyphens=False)
