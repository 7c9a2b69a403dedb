"""NetworkPolicies on both address families of a dual-stack cluster.

Specification: NetworkPolicy v1 (networking.k8s.io); group L of the policy catalogue.
"""

from __future__ import annotations

from harness.suite import Arena, Check, ClusterFacts, Family, Lane, judge_policies, open_control, policy, requirement

LANES = (Lane(80, "TCP"), Lane(81, "UDP"))


@requirement("POL-702", needs=("dual", "network-policy"))
def test_selectors_hold_for_both(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A rule of selectors admits and denies alike over IPv4 and over IPv6."""
    control = {each: open_control(arena, check, lanes=LANES, family=each) for each in Family}
    peer = {"podSelector": {"matchLabels": {"pod": "b"}}}
    arena.apply(policy("both", {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [peer]}]}))
    for each in Family:
        judge_policies(arena, check, lanes=LANES, family=each, control=control[each], what=f"policy in force, {each}")


@requirement("POL-703", needs=("dual", "network-policy"))
def test_isolation_covers_the_family_no_rule_mentions(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Where only IPv4 blocks are admitted, IPv6 is denied."""
    control = open_control(arena, check, lanes=LANES, family=Family.V6)
    block = {"ipBlock": {"cidr": "0.0.0.0/0"}}
    arena.apply(policy("v4", {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [block]}]}))
    judge_policies(arena, check, lanes=LANES, family=Family.V6, control=control, what="IPv6 denied")
