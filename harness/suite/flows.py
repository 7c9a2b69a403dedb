"""Tables of flows between pods: asked side by side, compared as a whole, doubted before they are judged.

Overload is not denial: cells that differ from the expectation by silence are asked again, few at a time and with a
longer limit, before they count. On two cores a burst of 324 new connections was seen to lose up to 20 allowed ones to
policy agents that decide first packets in user space (design §4.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.expect import Comparison, Symptom, compare, table_text
from harness.model.difference import Difference
from harness.model.expectation import Want
from harness.model.outcome import Seen, Verdict
from harness.model.refs import Family
from harness.oracle.policy import Cell, Lane, explain, pod_end, verdict
from harness.oracle.policy import table as expected_table
from harness.oracle.snapshot import Snapshot
from harness.probe.asks import DENIED, Ask, Good, Sctp, Tcp, Udp, Until
from harness.probe.results import LoopOutcome, Result
from harness.suite.arena import Arena
from harness.suite.check import Check, Findings
from harness.suite.proof import answered_by

DOUBTFUL = 0.25
"""Share of a table that may differ by silence and still be asked again: beyond that it is no accident."""

PACED = 2
"""Cells in flight per pod when they are asked again."""

PACED_SPACING = 0.5
"""Seconds between two looks at a cell that is asked again."""

TABLE_SPACING = 0.25
"""Seconds between two looks at one cell of a table: 324 cells at four looks a second are a load two cores carry."""

TOLD = 4
"""Cells whose chain of reasons is printed."""

ASKS: dict[str, type[Tcp | Udp | Sctp]] = {"TCP": Tcp, "UDP": Udp, "SCTP": Sctp}


def flow(host: str, lane: Lane, *, timeout: float) -> Tcp | Udp | Sctp:
    """The ask for one flow."""
    return ASKS[lane.protocol](host, lane.port, timeout=timeout)


def all_pairs(
    arena: Arena, *, lanes: Sequence[Lane], family: Family, refs: Iterable[str] | None = None
) -> dict[Cell, Result]:
    """Ask every ordered pair of pods on every lane, all at once."""
    names = list(refs or arena.table)
    cells = [Cell(source, to, lane) for source in names for to in names for lane in lanes]
    return ask_cells(arena, cells, family=family, timeout=arena.waits.probe_timeout, parallel=arena.pace.parallel)


def ask_cells(
    arena: Arena, cells: Sequence[Cell], *, family: Family, timeout: float, parallel: int = 0
) -> dict[Cell, Result]:
    """Ask these cells; one result each."""
    return _told(
        arena,
        cells,
        lambda cell: flow(arena.pods[cell.destination].address(family), cell.lane, timeout=timeout),
        parallel=parallel,
    )


def _told(arena: Arena, cells: Iterable[Cell], make: Callable[[Cell], Ask], *, parallel: int = 0) -> dict[Cell, Result]:
    """What became of an ask for each cell, made in the pod that is its source."""
    by_source: dict[str, list[Cell]] = {}
    for cell in cells:
        by_source.setdefault(cell.source, []).append(cell)
    told = arena.ask_all(
        {source: [make(cell) for cell in mine] for source, mine in by_source.items()}, parallel=parallel
    )
    return {cell: result for source, mine in by_source.items() for cell, result in zip(mine, told[source], strict=True)}


def wanted(
    arena: Arena, snapshot: Snapshot, *, lanes: Sequence[Lane], family: Family, refs: Iterable[str] = ()
) -> dict[Cell, Want]:
    """What the oracle expects of every pair (of these pods, or of the nine), from API objects only."""
    named = {ref: arena.pods[ref] for ref in refs or arena.table}
    ends = {ref: pod_end(snapshot, pod.namespace, pod.name) for ref, pod in named.items()}
    return expected_table(snapshot, ends, lanes=lanes, family=family)


def seen(arena: Arena, results: Mapping[Cell, Result]) -> dict[Cell, Seen]:
    """What counts as seen: an answer from anyone but the pod that was asked is no answer of its.

    A loop that never became steady is what its last look was that stood in the way, whatever its very last look saw.
    """
    return {cell: _seen(arena.pods[cell.destination].full, telling(result)) for cell, result in results.items()}


def telling(result: Result) -> Result:
    """The look that a result stands for."""
    loop, ask = result.loop, result.ask
    if loop is None or not isinstance(ask, Until) or loop.outcome is LoopOutcome.GOOD:
        return result
    if loop.outcome is LoopOutcome.UNKNOWN:
        return replace(result, seen=Seen.UNMEASURED, answer=None, error=result.error or "its looks could not tell")
    return next((each.result for each in reversed(loop.trail) if not _good(ask.good, each.result)), result)


def _good(good: Good, look: Result) -> bool:
    if look.seen is Seen.UNMEASURED:
        return True  # it did not stand in the way of a loop that ended as bad
    return look.seen in good.seen and (good.pods is None or answered_by(look) in good.pods)


def _seen(target: str, result: Result) -> Seen:
    if result.seen is not Seen.REACHED or answered_by(result) == target:
        return result.seen
    return Seen.UNMEASURED


def impostors(arena: Arena, want: Mapping[Cell, Want], results: Mapping[Cell, Result]) -> dict[Cell, Difference]:
    """Cells where somebody answered who was not asked: broken where the pod that was asked should have answered."""
    found: dict[Cell, Difference] = {}
    for cell, result in results.items():
        look, target = telling(result), arena.pods[cell.destination].full
        if look.seen is Seen.REACHED and answered_by(look) != target:
            verdict = Verdict.FAIL if want[cell] is Want.ALLOW else Verdict.UNKNOWN
            found[cell] = Difference(
                f"{cell} answer", f"from {target}", str(look), "answers prove who gave them", verdict
            )
    return found


def settle(
    arena: Arena, want: Mapping[Cell, Want], *, family: Family, within: float, spacing: float
) -> dict[Cell, Result]:
    """Let every pod look at its own cells until each was as wanted for a streak of looks, or time is up.

    The loops run in the pods, by the pods' clocks, with looks that overlap in flight: a denied cell costs one time-out,
    not one per look. One result per cell, with its loop's report.
    """
    return _told(
        arena, want, lambda cell: _until(arena, cell, want[cell], family=family, within=within, spacing=spacing)
    )


def _until(arena: Arena, cell: Cell, want: Want, *, family: Family, within: float, spacing: float) -> Ask:
    target = arena.pods[cell.destination]
    look = flow(target.address(family), cell.lane, timeout=arena.waits.probe_timeout)
    if want is Want.UNDEFINED:
        return look  # recorded, not judged: there is nothing to wait for
    good = DENIED if want is Want.DENY else Good(pods=frozenset({target.full}))
    return Until(look, good, within=within, streak=arena.waits.streak, spacing=spacing)


@dataclass(frozen=True)
class Settled:
    """A table of nine pods under policies, once every cell has settled or had its time. `findings` judges it."""

    arena: Arena
    snapshot: Snapshot
    family: Family
    want: Mapping[Cell, Want]
    results: Mapping[Cell, Result]
    control: Mapping[Cell, Seen]

    def findings(self, of: Callable[[Cell], bool] = lambda _: True) -> Findings:
        """What is wrong with the cells that one cares about. None at all prove nothing."""
        want = {cell: wanted for cell, wanted in self.want.items() if of(cell)}
        return _judged(self, want, {cell: self.results[cell] for cell in want})


def settle_policies(
    arena: Arena,
    check: Check,
    *,
    lanes: Sequence[Lane],
    family: Family,
    control: Mapping[Cell, Seen],
    what: str = "policies in force",
    refs: Iterable[str] = (),
) -> Settled:
    """The table of these pods, or of the nine, against what the oracle makes of the API's objects, once it has settled.

    `control` is what the same cells showed before the policies came: a denial counts only where that was REACHED.
    """
    snapshot = arena.patient(lambda: arena.snapshot("pods", "networkpolicies.networking.k8s.io"))
    want = wanted(arena, snapshot, lanes=lanes, family=family, refs=refs)
    age = check.change.age()
    spacing = arena.pace.spacing(TABLE_SPACING)
    results = settle(arena, want, family=family, within=check.waits.policy_live, spacing=spacing)
    check.settle(what, age + _slowest(results))
    results |= _steadily_again(arena, want, results, family=family)
    return Settled(arena, snapshot, family, want, results, control)


def judge_policies(
    arena: Arena,
    check: Check,
    *,
    lanes: Sequence[Lane],
    family: Family,
    control: Mapping[Cell, Seen],
    what: str = "policies in force",
) -> None:
    """Judge the whole table. Raises Broken or Unmeasured."""
    check.now(settle_policies(arena, check, lanes=lanes, family=family, control=control, what=what).findings())


def _slowest(results: Mapping[Cell, Result]) -> float:
    """Seconds until the last cell began its final good streak."""
    loops = [result.loop for result in results.values() if result.loop is not None]
    return max((loop.streak_began - loop.started for loop in loops if loop.streak_began is not None), default=0.0)


def _judged(table: Settled, want: Mapping[Cell, Want], results: Mapping[Cell, Result]) -> Findings:
    arena, control = table.arena, table.control
    lanes = list(dict.fromkeys(cell.lane for cell in want))
    saw = seen(arena, results)
    comparison = compare(want, saw, control=control)
    differing = [judged.key for judged in comparison.differing]
    if empty := _nothing(comparison):
        return empty
    if not differing:
        return Findings()
    rules = _reasons(arena, table.snapshot, differing, family=table.family)
    strange = impostors(arena, want, results)
    return Findings(
        (*strange.values(), *comparison.differences()),
        _symptoms({cell: saw[cell] for cell in differing if cell not in strange}, control, strange=bool(strange)),
        asked=f"{len(want) // len(lanes)} pairs of pods on {_listed(lanes)}, {table.family}",
        rule="\n".join(line for lines in rules.values() for line in lines),
        evidence=tuple(table_text(comparison, lanes=lanes)),
    )


def _listed(lanes: Iterable[Lane]) -> str:
    return ", ".join(map(str, lanes))


def open_table(
    arena: Arena, *, lanes: Sequence[Lane], family: Family, pairs: Iterable[tuple[str, str]] | None = None
) -> tuple[Findings, dict[Cell, Seen]]:
    """One look at a table that has to be open everywhere: the positive control of denials, and what it saw.

    `pairs` narrows it to some pairs of pods; otherwise it is every pair of the nine.
    """
    asked = list(pairs) if pairs is not None else [(source, to) for source in arena.table for to in arena.table]
    want = {Cell(source, to, lane): Want.ALLOW for source, to in asked for lane in lanes}
    timeout, parallel = arena.waits.probe_timeout, arena.pace.parallel
    results = ask_cells(arena, list(want), family=family, timeout=timeout, parallel=parallel)
    alone = _again(arena, want, results, family=family)
    # What the first burst of a test misses, policies of the test before may still have closed.
    if arena.burst() > 1 and Seen.REACHED in seen(arena, alone).values():
        arena.pace.overloaded()
    return _open_findings(arena, want, results | alone, family=family)


def open_control(
    arena: Arena, check: Check, *, lanes: Sequence[Lane], family: Family, refs: Iterable[str] = ()
) -> dict[Cell, Seen]:
    """What all pairs show while no policy denies: the positive control. Raises Unmeasured if one is closed.

    Of these pods, or of the nine. They look by themselves, until each cell was open for a streak of looks: policies of
    the test before may take a moment to go. A cell that was open and then lost a look lost it to load.
    """
    names = list(refs) or arena.table
    want = {Cell(source, to, lane): Want.ALLOW for source in names for to in names for lane in lanes}
    age, spacing = check.change.age(), arena.pace.spacing(TABLE_SPACING)
    results = settle(arena, want, family=family, within=check.waits.policy_live, spacing=spacing)
    check.settle("positive control open", age + _slowest(results))
    if any(_flickered(result) for result in results.values()):
        arena.pace.overloaded()
    results |= _steadily_again(arena, want, results, family=family)
    findings, saw = _open_findings(arena, want, results, family=family)
    check.controlled(findings)
    return saw


def _flickered(result: Result) -> bool:
    """Whether a look was lost after another had found the cell open."""
    loop = result.loop
    if loop is None or loop.first_good is None:
        return False
    return any(each.at > loop.first_good and each.result.seen is Seen.SILENT for each in loop.trail)


def _open_findings(
    arena: Arena, want: Mapping[Cell, Want], results: Mapping[Cell, Result], *, family: Family
) -> tuple[Findings, dict[Cell, Seen]]:
    """What is wrong with a table that has to be open, and what it showed."""
    lanes = list(dict.fromkeys(cell.lane for cell in want))
    saw = seen(arena, results)
    comparison = compare(want, saw, control=saw)
    if empty := _nothing(comparison):
        return empty, saw
    strange = impostors(arena, want, results)
    unmeasured = {cell for cell in want if saw[cell] is Seen.UNMEASURED} - set(strange)
    hints = {Symptom.UNMEASURED if unmeasured else Symptom.POD_ADDRESS_FAILS} if comparison.differing else set()
    findings = Findings(
        (*strange.values(), *comparison.differences()),
        frozenset(hints),
        asked=f"{len(want)} flows between pods on {_listed(lanes)}, {family}, no policy in place",
        evidence=tuple(table_text(comparison, lanes=lanes)) if comparison.differing else (),
    )
    return findings, saw


def _nothing(comparison: Comparison[Cell]) -> Findings | None:
    """A table without a judged cell proves nothing."""
    if comparison.verdict is not Verdict.UNKNOWN or comparison.differing:
        return None
    return Findings((Difference("the table", "cells to judge", "none", verdict=Verdict.UNKNOWN),))


def _again(
    arena: Arena, want: Mapping[Cell, Want], results: Mapping[Cell, Result], *, family: Family
) -> dict[Cell, Result]:
    """The cells that should be open and were silent, asked again alone and paced."""
    doubtful = _doubtful(arena, want, results)
    return ask_cells(arena, doubtful, family=family, timeout=arena.waits.denied_retry_timeout, parallel=PACED)


def _steadily_again(
    arena: Arena, want: Mapping[Cell, Want], results: Mapping[Cell, Result], *, family: Family
) -> dict[Cell, Result]:
    """The same where cells were given time to become steady: they have to be steady now, too."""
    patience = arena.waits.denied_retry_timeout
    return _told(
        arena,
        _doubtful(arena, want, results),
        lambda cell: _paced(arena, cell, family=family, patience=patience),
        parallel=PACED,
    )


def _paced(arena: Arena, cell: Cell, *, family: Family, patience: float) -> Until:
    target = arena.pods[cell.destination]
    look, good = flow(target.address(family), cell.lane, timeout=patience), Good(pods=frozenset({target.full}))
    return Until(look, good, within=patience, streak=arena.waits.streak, spacing=PACED_SPACING)


def _doubtful(arena: Arena, want: Mapping[Cell, Want], results: Mapping[Cell, Result]) -> list[Cell]:
    """Cells that should be open and were silent, if they are few: that may have been load."""
    silent = [cell for cell, saw in seen(arena, results).items() if want[cell] is Want.ALLOW and saw is Seen.SILENT]
    return silent if len(silent) <= DOUBTFUL * len(want) else []


def _symptoms(differing: Mapping[Cell, Seen], control: Mapping[Cell, Seen], *, strange: bool) -> frozenset[Symptom]:
    if any(control.get(cell) is not Seen.REACHED for cell in differing):
        return frozenset({Symptom.CONTROL_FAILED})
    found: set[Symptom] = {Symptom.POD_ADDRESS_FAILS} if strange else set()
    for saw in differing.values():
        if saw in {Seen.UNMEASURED, Seen.MISSING}:
            found.add(Symptom.UNMEASURED)
        elif saw is Seen.REACHED:
            found.add(Symptom.DENIED_BUT_OPEN)
        else:
            found |= {Symptom.ALLOWED_BUT_CLOSED, Symptom.WORKED_BEFORE_POLICY}
    return frozenset(found)


def _reasons(arena: Arena, snapshot: Snapshot, cells: Sequence[Cell], *, family: Family) -> dict[Cell, list[str]]:
    """Why the oracle expects what it expects of these cells."""
    return {
        cell: [
            f"{cell}:",
            *explain(
                verdict(
                    snapshot,
                    pod_end(snapshot, arena.pods[cell.source].namespace, arena.pods[cell.source].name),
                    pod_end(snapshot, arena.pods[cell.destination].namespace, arena.pods[cell.destination].name),
                    port=cell.lane.port,
                    protocol=cell.lane.protocol,
                    family=family,
                )
            ),
        ]
        for cell in cells[:TOLD]
    }
