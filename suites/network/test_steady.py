"""The pod network over a window: what is reached once has to be reached all the time.

Source: the Kubernetes network model. Faults that come and go (a stale neighbour, a flapping route) pass a single look.
"""

from __future__ import annotations

from harness.suite import (
    Arena,
    Check,
    ClusterFacts,
    Difference,
    Family,
    Findings,
    Good,
    Hold,
    LoopOutcome,
    Symptom,
    Tcp,
    Verdict,
    requirement,
)

WINDOW = 5.0
"""Seconds without one bad look: longer than neighbour entries and routes take to be found wrong and repaired."""
SPACING = 0.5
WINDOWS = 2
"""A look that an overloaded machine lost is not lost again on the same path; a path that flaps fails both."""


@requirement("NET-006", needs=("nodes2",))
def test_paths_stay_open(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Pods reach pods of other nodes all the time: in a whole window no connection fails."""
    found = window(arena, cluster.families[0])
    for _ in range(1, WINDOWS):
        if found:
            again = window(arena, cluster.families[0])
            found = {path: again[path] for path in found if path in again}
    symptoms = frozenset({Symptom.POD_ADDRESS_FAILS} if found else ())
    check.now(Findings(tuple(found.values()), symptoms, asked="pods of different nodes, all the time"))


def window(arena: Arena, family: Family) -> dict[str, Difference]:
    """Every pod dials every pod of another node for the whole window; by path, what was not good all the time."""
    pods = {ref: arena.pods[ref] for ref in arena.table}
    others = {ref: [to for to in pods if pods[to].node != pods[ref].node] for ref in pods}
    asks = {
        ref: [
            Hold(
                Tcp(pods[to].address(family), 80, timeout=arena.waits.probe_timeout),
                Good(pods=frozenset({pods[to].full})),
                for_=WINDOW,
                spacing=SPACING,
            )
            for to in others[ref]
        ]
        for ref in pods
    }
    found: dict[str, Difference] = {}
    for ref, results in arena.ask_all(asks).items():
        for to, result in zip(others[ref], results, strict=True):
            if result.loop is None or result.loop.outcome is not LoopOutcome.GOOD:
                broken = result.loop is not None and result.loop.outcome is LoopOutcome.BAD
                seen = f"{result.loop.bad} of {result.loop.looks} failed" if result.loop else str(result)
                verdict = Verdict.FAIL if broken else Verdict.UNKNOWN
                path = f"{ref} → {to}"
                found[path] = Difference(f"{path} for {WINDOW:g} s", "always reached", seen, "NET-006", verdict)
    return found
