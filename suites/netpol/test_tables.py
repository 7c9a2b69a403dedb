"""NetworkPolicy truth tables: every pair of nine pods, on four lanes, for static sets of policies.

Specification: NetworkPolicy v1 (networking.k8s.io) as catalogued in groups B to G of the policy catalogue.
"""

from __future__ import annotations

import pytest

from harness.suite import Arena, Check, ClusterFacts, Lane, judge_policies, open_control, policy, requirement
from suites.netpol import cases

LANES = (Lane(80, "TCP"), Lane(81, "TCP"), Lane(80, "UDP"), Lane(81, "UDP"))


def _param(id_: str) -> object:
    needs = ("network-policy",) if cases.has_policies(id_) else ()
    mark = requirement(cases.requirement_id(id_), needs=needs, promise=cases.statement(id_))
    return pytest.param(id_, marks=mark, id=id_)


def prepare(arena: Arena, topology: str) -> None:
    """Give pods and namespaces the labels of a topology."""
    if topology not in cases.TIERS:
        return
    for ref in arena.table:
        arena.label(ref, {"app": "w", "tier": cases.TIERS[topology][ref.partition("/")[2]]})
    for letter, team in cases.TEAMS.items():
        arena.label_namespace(letter, {"team": team})


@pytest.mark.parametrize("id_", [_param(id_) for id_ in cases.chosen()])
def test_table(arena: Arena, check: Check, cluster: ClusterFacts, id_: str) -> None:
    """Exactly the pairs that the policies admit can talk."""
    family = cluster.families[0]
    prepare(arena, cases.topology(id_))
    control = open_control(arena, check, lanes=LANES, family=family)
    pods = {ref: arena.pods[ref].address(family) for ref in arena.table}
    for number, (namespace, spec) in enumerate(cases.policies(id_, pods)):
        arena.apply(policy(f"{id_.lower()}-{number}", spec), namespace=namespace)
    judge_policies(arena, check, lanes=LANES, family=family, control=control)
