"""Policies and pods that are not like the nine: without labels, with odd ones, unready, made after the policy.

Specification: NetworkPolicy v1 (networking.k8s.io); groups C, H and L of the policy catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.suite import (
    DENIED,
    Arena,
    Check,
    ClusterFacts,
    Difference,
    Family,
    Findings,
    Hold,
    Lane,
    LoopOutcome,
    PodShape,
    Result,
    Settled,
    Symptom,
    Tcp,
    Until,
    Verdict,
    answered_by,
    open_control,
    policy,
    requirement,
    settle_policies,
)
from suites.netpol import cases

LANES = (Lane(80, "TCP"), Lane(81, "UDP"))
LONG_KEY = "example.com/Long_key.name-" + "k" * (63 - len("Long_key.name-"))
LONG_VALUE = "V_a.l-" + "v" * (63 - len("V_a.l-"))

ODD: Mapping[str, PodShape] = {
    "x/d": PodShape(),
    "x/e": PodShape(labels={"pod": "A"}),
    "x/f": PodShape(labels={"pod": "ab"}),
    "x/g": PodShape(labels={LONG_KEY: LONG_VALUE}),
    "x/u": PodShape(labels={"pod": "u"}, readiness=True, start_unready=True),
    "y/d": PodShape(),
}
"""Pods without labels, with labels that nearly match, with the longest there are, and one that is never ready."""

REFS = ("x/a", "y/a", *ODD)
INGRESS: Mapping[str, Any] = {"policyTypes": ["Ingress"]}
WITHOUT_POD: Mapping[str, Any] = {"matchExpressions": [{"key": "pod", "operator": "DoesNotExist"}]}
NOT_A: Mapping[str, Any] = {"matchExpressions": [{"key": "pod", "operator": "NotIn", "values": ["a"]}]}
WITH_POD: Mapping[str, Any] = {"matchExpressions": [{"key": "pod", "operator": "Exists"}]}

STEPS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "everybody": {"all": {"podSelector": {}, **INGRESS}},
    "labels": {
        "exact": {
            "podSelector": {"matchLabels": {"pod": "a"}},
            "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"ns": "y"}}}]}],
        },
        "long": {"podSelector": {"matchLabels": {LONG_KEY: LONG_VALUE}}, **INGRESS},
    },
    "absent": {
        "without": {"podSelector": WITHOUT_POD, "ingress": [{"from": [{"podSelector": NOT_A}]}]},
        "with": {"podSelector": WITH_POD, "ingress": [{"from": [{"podSelector": WITHOUT_POD}]}]},
    },
}
"""Policies in x, by the step that they stand in."""


def _about(*refs: str) -> Any:
    """Cells with one of these pods at an end."""
    return lambda cell: cell.source in refs or cell.destination in refs


DECIDED: Mapping[str, tuple[str, Any]] = {
    "POL-151": ("everybody", lambda cell: cell.destination in {"x/d", "x/a"}),
    "POL-476": ("everybody", _about("x/u")),
    "POL-165": ("labels", _about("x/g")),
    "POL-167": ("labels", lambda cell: cell.destination in {"x/a", "x/e", "x/f"}),
    "POL-228": ("labels", lambda cell: cell.source == "y/d"),
    "POL-166": ("absent", _about("x/d", "x/g")),
}
"""Which cells of which step decide what."""


@requirement(*DECIDED, needs=("network-policy",))
def test_odd_pods(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Labels are matched exactly, absent ones as the operators say, and an unready pod is like any other."""
    family = cluster.families[0]
    arena.start(ODD)
    control = open_control(arena, check, lanes=LANES, family=family, refs=REFS)
    tables: dict[str, Settled] = {}
    last: list[str] = []
    for step, specs in STEPS.items():
        for name, spec in specs.items():
            arena.apply(policy(name, spec))
        for name in last:
            arena.delete("networkpolicies.networking.k8s.io", name)
        last = list(specs)
        tables[step] = settle_policies(
            arena, check, lanes=LANES, family=family, control=control, what=f"policies for {step}", refs=REFS
        )
    found = {id_: tables[step].findings(of) for id_, (step, of) in DECIDED.items()}
    check.each(found, promises={id_: cases.statement(id_) for id_ in found})


FROM_B: Mapping[str, Any] = {"from": [{"podSelector": {"matchLabels": {"pod": "b"}}}]}
LATE = {"x/n": PodShape(labels={"pod": "b"}, readiness=True, start_unready=True)}
WATCHERS = ("y/a", "y/b", "y/c")
"""Pods on all nodes that dial the new pod from the moment its address is known."""


@requirement("POL-470", "POL-654", "POL-658", needs=("network-policy",))
def test_a_new_pod_is_never_open(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A pod that a policy selects is closed from its first packet on, and is admitted where its labels are."""
    family, found = cluster.families[0], {}
    arena.apply(policy("closed", {"podSelector": {}, **INGRESS}))
    arena.apply(policy("peer", {"podSelector": {"matchLabels": {"pod": "a"}}, "ingress": [FROM_B]}))
    _in_force(arena, check, family)
    arena.start(LATE)
    new, server = arena.pods["x/n"].address(family), arena.pods["x/a"]
    window = {ref: [Hold(Tcp(new, 80), DENIED, for_=check.waits.settle, spacing=0.02)] for ref in WATCHERS}
    held = arena.ask_all(window)
    (admitted,) = arena.ask("x/n", Until(Tcp(server.address(family), 80), within=check.waits.policy_live))
    arena.delete("networkpolicies.networking.k8s.io", "closed")
    opened = arena.ask_all({ref: [Until(Tcp(new, 80), within=check.waits.policy_live)] for ref in WATCHERS})
    # Nobody could reach it before: that it is reached now is the control of the denials.
    control = {ref: answered_by(told) == arena.pods["x/n"].full for ref, (told,) in opened.items()}
    windows = [_closed(f"{ref} → new pod", told, control=control[ref]) for ref, (told,) in held.items()]
    reaches = _reaches("new pod → x/a", admitted, by=server.full)
    found["POL-654"] = Findings.joined(windows)
    found["POL-470"] = Findings.joined([*windows, reaches])
    found["POL-658"] = reaches
    check.each(found, promises={id_: cases.statement(id_) for id_ in found})


def _in_force(arena: Arena, check: Check, family: Family) -> None:
    """Wait until pods on every node are closed, which were open before. Raises Unmeasured when that is not seen."""
    hosts = [arena.pods[ref].address(family) for ref in ("x/a", "x/b", "x/c")]
    told = arena.ask("y/a", *(Until(Tcp(host, 80), DENIED, within=check.waits.policy_live) for host in hosts))
    if strange := [each for each in told if each.loop is None or each.loop.outcome is not LoopOutcome.GOOD]:
        raise check.unknown(f"the policy was not seen to be in force before the new pod came: {strange[0]}")


def _closed(what: str, told: Result, *, control: bool) -> Findings:
    """What is wrong with a window in which nobody was to be let in."""
    if told.loop is None or told.loop.outcome is LoopOutcome.UNKNOWN or not control:
        why = str(told) if control else "not reached afterwards either"
        lost = Difference(what, "a window of looks with its control", why, verdict=Verdict.UNKNOWN)
        return Findings((lost,), frozenset({Symptom.UNMEASURED}))
    if told.loop.outcome is LoopOutcome.GOOD:
        return Findings()
    seen = f"{told.loop.bad} of {told.loop.looks} looks were answered"
    return Findings((Difference(what, "denied from the first packet on", seen),), frozenset({Symptom.DENIED_BUT_OPEN}))


def _reaches(what: str, told: Result, *, by: str) -> Findings:
    """What is wrong with a flow that has to become open."""
    if answered_by(told) == by:
        return Findings()
    return Findings((Difference(what, "reached", str(told)),), frozenset({Symptom.ALLOWED_BUT_CLOSED}))
