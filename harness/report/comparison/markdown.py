"""A comparison as a Markdown page, for a pull request or a wiki. Pure; text from clusters can form no markup."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from harness.report.comparison import sections
from harness.report.comparison.printable import one_line
from harness.report.comparison.values import NO_RUN, NOT_ASKED, Column, Comparison, Kind, Row

SHOWN = {"PASS": "PASS", "FAIL": "**FAIL**", "UNKNOWN": "**UNKNOWN**", "SKIP": "SKIP", NOT_ASKED: "-", NO_RUN: "no run"}
MARKUP = re.compile(r"[\\`*_\[\]<>#|~@&$]|(?<=\w):(?=//)|(?<=www)\.")
"""What means something to Markdown, or turns a word into a link, a mention or a formula."""


def page(comparison: Comparison) -> str:
    """The whole page."""
    return "\n".join(_lines(comparison)) + "\n"


def _lines(comparison: Comparison) -> Iterator[str]:
    yield f"# {text(comparison.title)}"
    yield ""
    yield f"{text(comparison.verdict)}."
    yield ""
    yield from _header(comparison.columns)
    if comparison.areas:
        yield ""
        yield f"## {sections.AREAS}"
        yield ""
        rows = [[text(area.name), *(str(share) for share in area.shares)] for area in comparison.areas]
        yield from table(["", *(column.key for column in comparison.columns)], rows)
    for kind in sections.shown(comparison):
        yield ""
        yield f"## {sections.heading(comparison, kind)}"
        yield ""
        yield from _section(comparison, kind)
    if comparison.timings:
        yield ""
        yield "## Convergence, largest differences (seconds)"
        yield ""
        yield from _timings(comparison)


def text(given: str, *, longest: int = 600) -> str:
    """Words as words: one line, with all that is markup escaped."""
    return MARKUP.sub(r"\\\g<0>", one_line(given, longest=longest))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table, line by line; its cells are markup already."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _header(columns: Sequence[Column]) -> Iterator[str]:
    head = ["", *(f"{column.key}: {text(column.run.name)}" for column in columns)]
    facts = [
        [text(name), *(text(column.about[number][1]) for column in columns)]
        for number, (name, _) in enumerate(columns[0].about)
    ]
    if any(column.run.problem for column in columns):
        facts.append(["result", *(f"**{text(state)}**" if (state := sections.state(each)) else "" for each in columns)])
    if any(column.run.command for column in columns):
        facts.append(["again", *(code(column.run.command) for column in columns)])
    yield from table(head, facts)


def code(command: str) -> str:
    """A command as code, which knows no escapes but the bar of a table."""
    clean = one_line(command, longest=1000).replace("`", "'").replace("|", "\\|")
    return f"`{clean}`" if clean else ""


def _section(comparison: Comparison, kind: Kind) -> Iterator[str]:
    rows = comparison.of(kind)
    if kind in sections.DETAILED and rows:
        head = ["id", *(column.key for column in comparison.columns), "promise, and why it does not hold"]
        yield from table(head, [_row(comparison.columns, row) for row in rows])
    elif kind in sections.GROUPED:
        yield from _groups("reason" if kind is Kind.SKIPPED else "verdicts", sections.groups(comparison, kind))
    elif kind is Kind.HOLDS:
        yield " ".join(text(row.id) for row in rows)
    else:
        yield "Nothing."


def _row(columns: Sequence[Column], row: Row) -> list[str]:
    said = [text(row.text)]
    for column, cell in zip(columns, row.cells, strict=True):
        share = f" ({share})" if (share := cell.share()) else ""
        said += [f"{column.key} {verdict}{share}: {text(short)}" for verdict, short, _ in cell.reasons()]
    return [text(row.id), *(SHOWN[cell.verdict] for cell in row.cells), "<br>".join(said)]


def _groups(what: str, groups: Sequence[sections.Group]) -> Iterator[str]:
    rows = [
        [str(len(group.rows)), text(group.reason), " ".join(text(row.id) for row in group.rows)] for group in groups
    ]
    yield from table(["", what, "promises"], rows)


def _timings(comparison: Comparison) -> Iterator[str]:
    head = [*(column.key for column in comparison.columns), "until", "promises"]
    yield from table(
        head,
        [
            [
                *("-" if each is None else f"{each:.2f}" for each in timing.seconds),
                text(timing.what),
                text(" ".join(timing.ids) or timing.test),
            ]
            for timing in sections.slowest(comparison)
        ],
    )
