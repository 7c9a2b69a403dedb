"""Policies beside others: of one name in several namespaces, twins, refused edits, and blocks that are edited.

After each step the whole table of nine pods is looked at, and each requirement is judged by its own part of it.
Specification: NetworkPolicy v1 (networking.k8s.io); groups A, E, G and H of the policy catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.suite import (
    Arena,
    Check,
    ClusterFacts,
    Findings,
    Lane,
    Settled,
    open_control,
    policy,
    refusal_findings,
    requirement,
    settle_policies,
    try_patch,
)
from suites.netpol import cases

LANES = (Lane(80, "TCP"), Lane(81, "UDP"))
POLICIES = "networkpolicies.networking.k8s.io"
CLOSED: Mapping[str, Any] = {"podSelector": {"matchLabels": {"pod": "a"}}, "policyTypes": ["Ingress"]}
MALFORMED: Mapping[str, Any] = {"spec": {"ingress": [{"from": [{}]}]}}
BLOCKS = ("POL-253", "POL-254", "POL-251")
"""What the blocks of one policy are edited to, one after the other."""


def _into(*refs: str) -> Any:
    """Cells into one of these pods."""
    return lambda cell: cell.destination in refs


@requirement("POL-029", "POL-030", "POL-410", "POL-459", needs=("network-policy",))
def test_neighbours(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Policies of one name are apart, twins stand in for each other, refused edits change nothing, edited ones do."""
    family = cluster.families[0]
    control = open_control(arena, check, lanes=LANES, family=family)
    pods = {ref: arena.pods[ref].address(family) for ref in arena.table}

    def turned(case: str) -> Settled:
        """The table with the blocks of one more case at x/b."""
        ((letter, spec),) = cases.policies(case, pods, place="x/b")
        arena.apply(policy("blocks", spec), namespace=letter)
        what = f"blocks of {case} in force"
        return settle_policies(arena, check, lanes=LANES, family=family, control=control, what=what)

    for letter in "xyz":
        arena.apply(policy("same", CLOSED), namespace=letter)
    arena.apply(policy("twin", CLOSED))
    all_there = turned(BLOCKS[0])
    for letter in "xz":
        arena.delete(POLICIES, "same", namespace=letter)
    refused = refusal_findings(
        "a malformed edit", try_patch(arena, POLICIES, "twin", MALFORMED, real=True), "spec.ingress[0].from[0]"
    )
    some_gone, last = turned(BLOCKS[1]), turned(BLOCKS[2])
    tables = (all_there, some_gone, last)
    found = {
        "POL-029": _joined(tables, _into("y/a", "z/a")),
        "POL-030": Findings.joined([refused, some_gone.findings(_into("x/a")), last.findings(_into("x/a"))]),
        "POL-410": _joined(tables, _into("x/a")),
        "POL-459": _joined(tables, _into("x/b")),
    }
    check.each(found, promises={id_: cases.statement(id_) for id_ in found})


def _joined(tables: tuple[Settled, ...], of: Any) -> Findings:
    """What is wrong with these cells in any of the tables."""
    return Findings.joined(table.findings(of) for table in tables)
