"""A comparison as tables of a terminal: what rich can draw. Pure; whoever has a console prints it.

Everything from a cluster enters as `Text`, never as markup: brackets in it mean nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group as Stack
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from harness.report.comparison import sections
from harness.report.comparison.printable import one_line
from harness.report.comparison.values import NO_RUN, NOT_ASKED, Cell, Comparison, Row

STYLES = {
    "PASS": "green",
    "FAIL": "bold red",
    "UNKNOWN": "bold yellow",
    "SKIP": "cyan",
    NOT_ASKED: "dim",
    NO_RUN: "dim",
}


FRAME, WIDEST_ID, WIDEST_VERDICT, LEAST_TEXT = 3, 12, 7, 20
"""Characters of a table: around a cell, and of cells that must not be cut or broken up."""


def fits(comparison: Comparison, width: int) -> bool:
    """Whether a terminal of that width can show every column, with room for the reasons beside them."""
    verdicts = (WIDEST_VERDICT + FRAME) * len(comparison.columns)
    return WIDEST_ID + verdicts + LEAST_TEXT + 2 * FRAME <= width


def tables(comparison: Comparison) -> Iterator[RenderableType]:
    """The whole comparison, to be printed one after the other."""
    yield _header(comparison)
    if comparison.areas:
        yield Text(f"\n{sections.AREAS}", style="bold")
        yield _areas(comparison)
    for kind in sections.shown(comparison):
        yield Text(f"\n{sections.heading(comparison, kind)}", style="bold")
        rows = comparison.of(kind)
        if kind in sections.DETAILED and rows:
            yield _rows(comparison, rows)
        elif kind in sections.GROUPED:
            yield _groups(sections.groups(comparison, kind))
    if comparison.timings:
        yield Text("\nConvergence, largest differences (seconds)", style="bold")
        yield _timings(comparison)
    yield Text(f"\n{one_line(comparison.title)}: {comparison.verdict}", style="bold")


def _header(comparison: Comparison) -> Table:
    table = Table(title=Text(one_line(comparison.title), style="table.title"), title_justify="left", show_lines=False)
    table.add_column("")
    for column in comparison.columns:
        table.add_column(Text(f"{column.key}  {one_line(column.run.name)}"), overflow="fold")
    for number, (name, _) in enumerate(comparison.columns[0].about):
        table.add_row(Text(name), *(Text(column.about[number][1]) for column in comparison.columns))
    if any(column.run.problem for column in comparison.columns):
        states = [Text(sections.state(column), style="bold yellow") for column in comparison.columns]
        table.add_row("result", *states)
    if any(column.run.place for column in comparison.columns):
        table.add_row("report", *(Text(one_line(column.run.place)) for column in comparison.columns))
    return table


def _areas(comparison: Comparison) -> Table:
    table = Table()
    table.add_column("")
    for column in comparison.columns:
        table.add_column(column.key, justify="right")
    for area in comparison.areas:
        table.add_row(Text(one_line(area.name)), *(Text(str(each), style=STYLES[each.worst]) for each in area.shares))
    return table


def _rows(comparison: Comparison, rows: tuple[Row, ...]) -> Table:
    table = Table(show_lines=True)
    table.add_column("id", no_wrap=max(len(row.id) for row in rows) <= 12, overflow="fold")
    for column in comparison.columns:
        table.add_column(column.key, no_wrap=True)
    table.add_column("promise, and why it does not hold", ratio=1, overflow="fold")
    for row in rows:
        cells = [Text(cell.verdict, style=STYLES[cell.verdict]) for cell in row.cells]
        table.add_row(Text(one_line(row.id)), *cells, _why(comparison, row))
    return table


def _why(comparison: Comparison, row: Row) -> Stack:
    told = [Text(one_line(row.text, longest=1000))]
    for column, cell in zip(comparison.columns, row.cells, strict=True):
        told += list(_reasons(column.key, cell))
    return Stack(*told)


def _reasons(key: str, cell: Cell) -> Iterator[Text]:
    share = f" ({share})" if (share := cell.share()) else ""
    for verdict, short, _ in cell.reasons():
        yield Text.assemble((f"{key} {verdict}{share}", STYLES[verdict]), f": {short}")
        share = ""


def _groups(groups: list[sections.Group]) -> Table:
    table = Table(show_header=False)
    table.add_column(ratio=1, overflow="fold")
    table.add_column(ratio=1, overflow="fold")
    for group in groups:
        table.add_row(
            Text(f"{len(group.rows)}: {group.reason}"), Text(" ".join(one_line(row.id) for row in group.rows))
        )
    return table


def _timings(comparison: Comparison) -> Table:
    table = Table()
    for column in comparison.columns:
        table.add_column(column.key, justify="right", no_wrap=True)
    table.add_column("until", ratio=1, overflow="fold")
    table.add_column("promises", ratio=1, overflow="fold")
    for timing in sections.slowest(comparison):
        seconds = ["-" if each is None else f"{each:.2f}" for each in timing.seconds]
        table.add_row(*seconds, Text(one_line(timing.what)), Text(one_line(" ".join(timing.ids) or timing.test)))
    return table
