"""The network of pods that are leaving, and of those that are gone.

Source: the Kubernetes network model, pod lifecycle (termination).
"""

from __future__ import annotations

from harness.suite import (
    Arena,
    Check,
    ClusterFacts,
    Difference,
    Findings,
    PodShape,
    Seen,
    Symptom,
    Tcp,
    Verdict,
    answered_by,
    requirement,
    unanswered,
    uncontrolled,
)

MODEL = "Kubernetes network model"
WINDOW = 6.0
"""Seconds for which a terminating pod is watched: longer than kubelets and network agents take to act on a deletion."""

LINGER = 10
"""Seconds for which that pod goes on serving: the window, and what a loaded machine takes to begin it."""


@requirement("NET-044", "NET-045")
def test_terminating_pod_keeps_its_network(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A pod that is being deleted is reached, and reaches others, as long as it runs."""
    arena.start({"x/d": PodShape(labels={"pod": "d"}, node=arena.pods["y/b"].node, linger=LINGER)})
    family, leaving, other = cluster.families[0], arena.pods["x/d"], arena.pods["z/b"]

    def look() -> Findings:
        (inward,) = arena.ask("y/a", Tcp(leaving.address(family), 80))
        (outward,) = arena.ask("x/d", Tcp(other.address(family), 80))
        found = unanswered("y/a → x/d", inward, by=leaving.full, rule=MODEL)
        found += unanswered("x/d → z/b", outward, by=other.full, rule=MODEL)
        broken = any(each.verdict is Verdict.FAIL for each in found)
        return Findings(tuple(found), frozenset({Symptom.POD_ADDRESS_FAILS} if broken else ()))

    check.eventually("before its deletion", look, within=check.waits.pod_network)
    arena.delete("pods", "d", grace=LINGER + 1)
    check.always("while it is terminating", look, for_=WINDOW)


@requirement("NET-046")
def test_removed_pod_does_not_answer(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """After a pod is gone nobody answers in its name at its address."""
    arena.start({"x/d": PodShape(labels={"pod": "d"}, node=arena.pods["y/b"].node)})
    family, gone, control = cluster.families[0], arena.pods["x/d"], arena.pods["z/b"]
    client, at = "y/a", gone.address(family)

    def before() -> Findings:
        (result,) = arena.ask(client, Tcp(at, 80))
        return Findings(tuple(unanswered(f"{client} → x/d", result, by=gone.full, rule=MODEL)))

    def after() -> Findings:
        result, other = arena.ask(client, Tcp(at, 80), Tcp(control.address(family), 80))
        found, haunted = uncontrolled(f"{client} → {control.ref}", other, by=control.full), False
        if result.seen is Seen.UNMEASURED or answered_by(result) == gone.full:
            verdict = Verdict.UNKNOWN if result.seen is Seen.UNMEASURED else Verdict.FAIL
            found.append(Difference(f"{client} → {at}", f"not answered by {gone.full}", str(result), MODEL, verdict))
            haunted = verdict is Verdict.FAIL
        return Findings(tuple(found), frozenset({Symptom.NOT_AS_TOLD} if haunted else ()))

    check.eventually("the pod answers first", before, within=check.waits.pod_network)
    arena.delete("pods", "d", grace=0)
    check.eventually("its address is dead", after, within=check.waits.pod_network)
