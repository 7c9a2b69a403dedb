"""One run as a Markdown summary: for the step summary of a CI, a pull request, a wiki. Pure.

Text from clusters can form no markup. It is kept below the size that CI systems cut off: what is left out is counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.report.comparison.markdown import code, table, text
from harness.report.pages.view import RANK, Item, View
from harness.report.record import WORDS

MOST = 40
"""Tests of a kind that are listed one by one."""

IDS = 60
"""Ids that are listed for one reason."""


def page(view: View) -> str:
    """The whole summary."""
    return "\n".join(_lines(view)) + "\n"


def _lines(view: View) -> Iterator[str]:
    yield f"# {text(view.headline)}"
    if view.course:
        yield ""
        yield f"**{text(view.course)}.**"
    if view.layers():
        yield ""
        told = ", ".join(f"**{text(name)}** ({count})" for name, count in view.layers())
        yield f"Layers at fault, as it seems: {told}"
    if view.go_on():
        yield ""
        yield f"Ask again what is broken, unknown or was not come to: {code(view.go_on())}"
    yield from _bad("Broken", view.items("FAIL"))
    yield from _bad("Could not be measured", view.items("UNKNOWN"))
    yield from _areas(view)
    yield from _skipped(view)
    yield from _timings(view)
    yield from _about(view)


def _bad(title: str, items: Sequence[Item]) -> Iterator[str]:
    if not items:
        return
    yield ""
    yield f"## {title}: {len(items)}"
    yield ""
    rows = [
        [
            " ".join(text(id_) for id_ in item.ids),
            f"{text(item.promise)}<br>{text(item.short)}",
            f"**{text(item.layer)}**",
            code(item.repeat),
        ]
        for item in items[:MOST]
    ]
    yield from table(["ids", "promise, and what was seen", "layer", "again"], rows)
    if len(items) > MOST:
        yield ""
        yield f"and {len(items) - MOST} more: report.html has all"


def _areas(view: View) -> Iterator[str]:
    rows = [*view.areas(), *view.profiles()]
    if rows:
        yield ""
        yield "## By area"
        yield ""
        told = [
            [text(row.name), *(str(row.counts[verdict] or "") for verdict in RANK), str(row.asked), str(row.total)]
            for row in rows
        ]
        yield from table(["area", *(WORDS[verdict] for verdict in RANK), "asked", "in the catalogue"], told)


def _skipped(view: View) -> Iterator[str]:
    groups = view.skipped()
    if groups:
        yield ""
        yield "## Skipped, and why"
        yield ""
        yield from table(["reason", "promises"], [[text(reason), _ids(ids)] for reason, ids in groups[:MOST]])


def _ids(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - IDS} more" if len(ids) > IDS else ""
    return " ".join(text(id_) for id_ in ids[:IDS]) + more


def _timings(view: View) -> Iterator[str]:
    found = view.timings(10)
    if found:
        yield ""
        yield "## Time to convergence, the longest first"
        yield ""
        rows = [[f"{each.seconds:.2f}", text(each.what), text(" ".join(each.ids) or each.test)] for each in found]
        yield from table(["seconds", "until", "promises"], rows)


def _about(view: View) -> Iterator[str]:
    yield ""
    yield "## What was asked, and of what"
    yield ""
    rows = [[text(name), text(value)] for name, value in view.about()]
    if view.run.asked.command:
        rows.append(["again", code(view.run.asked.command)])
    yield from table(["", ""], rows)
