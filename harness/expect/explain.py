"""The text of a failure: who asked whom, what was promised and by which rule, what was seen, how to repeat.

Text only; the terminal, JUnit and HTML print it as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.expect.blame import Symptom, blame
from harness.expect.compare import SEEN, Comparison
from harness.model.difference import Difference, verdict_of
from harness.model.expectation import Want
from harness.model.outcome import Seen, Verdict

WIDEST = 60
"""Columns wider than this run over: aligning everything to one long name makes the rest unreadable."""


@dataclass(frozen=True)
class Failure:
    """What there is to say about a promise that did not pass."""

    promise: str
    ids: tuple[str, ...] = ()
    asked: str = ""
    """Who asked whom and how: `x/a → 10.96.0.10:53/UDP web.x.svc.cluster.local A`."""
    expected: str = ""
    rule: str = ""
    """Which rule says so: a section of a specification, or the oracle's chain of reasons."""
    seen: str = ""
    differences: tuple[Difference, ...] = ()
    symptoms: frozenset[Symptom] = frozenset()
    evidence: tuple[str, ...] = ()
    """Whole lines: a table, a trail, a reply."""
    repeat: str = ""
    """The command that asks again."""
    verdict: Verdict | None = None
    """Default: the worst of the differences."""


def render(failure: Failure) -> str:
    """The failure as text, most important first. What is not known takes no line."""
    verdict = failure.verdict if failure.verdict is not None else verdict_of(failure.differences)
    ids = f" [{', '.join(failure.ids)}]" if failure.ids else ""
    lines = [f"{verdict.name}: {failure.promise}{ids}"]
    for label, text in (
        ("asked", failure.asked),
        ("expected", failure.expected),
        ("because", failure.rule),
        ("seen", failure.seen),
    ):
        if text:
            lines += _labelled(label, text)
    if failure.differences:
        lines += ["", *two_columns(failure.differences)]
    if failure.symptoms:
        lines += ["", f"layer at fault, as it seems: {blame(failure.symptoms)}"]
    if failure.evidence:
        lines += ["", *failure.evidence]
    if failure.repeat:
        lines += ["", f"repeat: {failure.repeat}"]
    return "\n".join(lines)


def two_columns(differences: Iterable[Difference]) -> list[str]:
    """All differences, expected and seen side by side; the broken before the unknown."""
    rows = sorted(differences, key=lambda each: -each.verdict)
    cells = [("", "expected", "seen"), *((each.what, each.expected, each.seen) for each in rows)]
    widths = [min(WIDEST, max(len(row[column]) for row in cells)) for column in (0, 1)]
    lines = [f"  {a:<{widths[0]}}  {b:<{widths[1]}}  {c}".rstrip() for a, b, c in cells]
    rules = ["", *(f"  ({each.rule})" if each.rule else "" for each in rows)]
    return [line + rule for line, rule in zip(lines, rules, strict=True)]


def grid(
    sources: Sequence[str], destinations: Sequence[str], cell: Callable[[str, str], str], *, title: str = ""
) -> list[str]:
    """A table of letters: a line per source, a column per destination."""
    left = max((len(each) for each in (*sources, title)), default=0)
    lines = [f"{title:<{left}}  " + "  ".join(destinations)]
    lines += [
        f"{source:<{left}}  " + "  ".join(cell(source, each).ljust(len(each)) for each in destinations).rstrip()
        for source in sources
    ]
    return lines


def table_text(comparison: Comparison[Any], *, legend: bool = True, lanes: Sequence[object] = ()) -> list[str]:
    """A judged table: one grid per lane, those with differences first; `*` marks a cell that did not pass."""
    cells: Mapping[Any, object] = comparison.cells
    found = lanes or list(dict.fromkeys(key[2] for key in cells))
    bad = {each.key[2] for each in comparison.differing}
    lines: list[str] = []
    for lane in sorted(found, key=lambda each: each not in bad):
        sources = list(dict.fromkeys(key[0] for key in cells if key[2] == lane))
        destinations = list(dict.fromkeys(key[1] for key in cells if key[2] == lane))
        lines += [*grid(sources, destinations, _letters(comparison, lane), title=str(lane)), ""]
    if legend:
        lines.append(LEGEND)
    return lines


LEGEND = "  ".join(
    (
        *(f"{letter.value} {SEEN[letter].split(':')[0]}" for letter in Seen),
        f"{Want.UNDEFINED.value} not judged",
        "* differs",
    )
)


def _letters(comparison: Comparison[Any], lane: object) -> Callable[[str, str], str]:
    def letter(source: str, destination: str) -> str:
        judged = comparison.cells.get((source, destination, lane))
        if judged is None:
            return ""
        mark = "*" if judged.verdict is not Verdict.PASS else ""
        undefined = Want.UNDEFINED.value if judged.want is Want.UNDEFINED else ""
        return f"{judged.seen.value}{undefined}{mark}"

    return letter


def _labelled(label: str, text: str) -> list[str]:
    first, *rest = text.splitlines()
    return [f"  {label + ':':<10}{first}", *(f"  {'':<10}{each}" for each in rest)]
