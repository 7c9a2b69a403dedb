"""Policies for egress and the cluster DNS: closed with everything else, open again by a rule for its pods.

Specification: NetworkPolicy v1 (networking.k8s.io); group I of the policy catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.suite import (
    DENIED,
    Arena,
    Ask,
    Check,
    ClusterFacts,
    Difference,
    Dns,
    Findings,
    Good,
    LoopOutcome,
    QueryShape,
    Question,
    Seen,
    Symptom,
    Tcp,
    Until,
    Verdict,
    ask_names,
    policy,
    requirement,
)

CLIENT, OTHER = "x/a", "y/a"
CLOSED: Mapping[str, Any] = {"podSelector": {}, "policyTypes": ["Egress"]}
DNS_PODS: Mapping[str, Any] = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
    "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
}


def _lookups(arena: Arena, check: Check, cluster: ClusterFacts) -> dict[str, Ask]:
    """A lookup over each protocol, which works now. Raises Unmeasured otherwise."""
    question = Question(f"kubernetes.default.svc.{cluster.zone}.", "A")
    found: dict[str, Ask] = {}
    for proto in ("udp", "tcp"):
        (asked,) = ask_names(arena, cluster, [question], client=CLIENT, shape=QueryShape(proto=proto))
        if asked.result.seen is not Seen.REACHED:
            raise check.unknown(f"{CLIENT} had no answer of the DNS before any policy came: {asked.trouble}")
        found[f"DNS over {proto}"] = asked.result.ask
    return found


def _settled(arena: Arena, check: Check, flows: Mapping[str, tuple[Ask, bool]]) -> Findings:
    """What is wrong with flows that have to be open, or closed, once they had their time."""
    within = check.waits.policy_live
    asks = [
        Until(ask, Good() if open_ else DENIED, within=within, streak=check.waits.streak)
        for ask, open_ in flows.values()
        if isinstance(ask, Dns | Tcp)
    ]
    differences: list[Difference] = []
    symptoms: set[Symptom] = set()
    for (what, (_, open_)), told in zip(flows.items(), arena.ask(CLIENT, *asks), strict=True):
        outcome = told.loop.outcome if told.loop is not None else LoopOutcome.UNKNOWN
        if outcome is LoopOutcome.GOOD:
            continue
        verdict = Verdict.FAIL if outcome is LoopOutcome.BAD else Verdict.UNKNOWN
        differences.append(Difference(what, "reached" if open_ else "denied", str(told), verdict=verdict))
        symptoms.add(Symptom.ALLOWED_BUT_CLOSED if open_ else Symptom.DENIED_BUT_OPEN)
    return Findings(tuple(differences), frozenset(symptoms))


@requirement("POL-514", "POL-515", needs=("network-policy",))
def test_dns_is_egress(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Egress isolation closes DNS with all else; a rule for the DNS pods and their port opens DNS and nothing else."""
    pod = {"another pod": Tcp(arena.pods[OTHER].address(cluster.families[0]), 80)}
    lookups = _lookups(arena, check, cluster)
    check.controlled(_settled(arena, check, {what: (ask, True) for what, ask in (lookups | pod).items()}))
    arena.apply(policy("closed", CLOSED))
    check.now(_settled(arena, check, {what: (ask, False) for what, ask in (lookups | pod).items()}))
    ports = [{"port": cluster.dns_endpoints()[0][1], "protocol": protocol} for protocol in ("UDP", "TCP")]
    arena.apply(policy("dns", {"podSelector": {}, "egress": [{"to": [DNS_PODS], "ports": ports}]}))
    arena.delete("networkpolicies.networking.k8s.io", "closed")
    opened = {what: (ask, True) for what, ask in lookups.items()}
    check.now(_settled(arena, check, {**opened, **{what: (ask, False) for what, ask in pod.items()}}))
