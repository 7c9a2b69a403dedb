"""Address blocks of the policy cases, rewritten for pods as they lie in a real cluster, mean what they meant."""

from __future__ import annotations

import ipaddress

import pytest

from harness.oracle.policy import table
from harness.oracle.snapshot import Snapshot
from suites.catalogue import policy_cases
from suites.netpol import cases
from tests.unit.oracle.policy.topology import LANES, NAMES, NAMESPACES, golden, namespace, pod, policy

V4 = {ref: f"10.244.{number % 3}.{20 + number}" for number, ref in enumerate(NAMES)}
"""Pods of one namespace lie on three nodes, mixed with those of the others."""
V6 = {ref: f"fd00:10:244:{number % 3}::{20 + number:x}" for number, ref in enumerate(NAMES)}
WITH_BLOCKS = [id_ for id_, case in policy_cases().items() if "ipBlock" in str(case["p"])]


def laid_out(pods: dict[str, str]) -> Snapshot:
    """Nine pods at these addresses."""
    parts = {ref: ref.split("/") for ref in pods}
    made = [pod(parts[ref][0], parts[ref][1], ip=address) for ref, address in pods.items()]
    return Snapshot.of([*(namespace(each) for each in NAMESPACES), *made])


def test_there_are_cases_with_blocks() -> None:
    """The catalogue's group E is among the cases."""
    assert len(WITH_BLOCKS) > 8


@pytest.mark.parametrize("id_", WITH_BLOCKS)
def test_a_rewritten_block_keeps_its_table(id_: str) -> None:
    """On another layout of addresses the rewritten policies have the very table that the catalogue made by hand."""
    specs = cases.policies(id_, V4)
    objects = [policy(space, spec, f"p{number}") for number, (space, spec) in enumerate(specs)]
    got = table(laid_out(V4).replacing(*objects), lanes=list(LANES.values()))
    assert {cell: want for cell, want in golden()[id_].table.items() if got[cell] is not want} == {}


@pytest.mark.parametrize("id_", WITH_BLOCKS)
def test_every_exception_lies_within_its_block(id_: str) -> None:
    """The API refuses exceptions outside of their block, and the block itself, in both families."""
    for pods in (V4, V6):
        for _, spec in cases.policies(id_, pods):
            for block in _blocks(spec):
                whole = ipaddress.ip_network(block["cidr"])
                assert all(whole.prefixlen < ipaddress.ip_network(each).prefixlen for each in block.get("except", []))
                assert all(ipaddress.ip_network(each)[0] in whole for each in block.get("except", []))


def _blocks(spec: dict[str, list[dict[str, list[dict[str, dict[str, str]]]]]]) -> list[dict[str, str]]:
    rules = [*(spec.get("ingress") or []), *(spec.get("egress") or [])]
    peers = [peer for rule in rules for peer in (rule.get("from") or []) + (rule.get("to") or [])]
    return [peer["ipBlock"] for peer in peers if "ipBlock" in peer]


def test_cases_without_blocks_are_untouched() -> None:
    """What selects by labels is applied word for word."""
    for id_ in set(policy_cases()) - set(WITH_BLOCKS):
        assert [list(each) for each in cases.policies(id_, V4)] == policy_cases()[id_]["p"]


def test_the_cover_is_the_smallest_network() -> None:
    """One address covers itself; neighbours on three nodes need the network above all of them."""
    assert cases.cover(["10.244.1.7"]) == "10.244.1.7/32"
    assert cases.cover(V4.values()) == "10.244.0.0/22"
    assert cases.cover(V6.values()) == "fd00:10:244::/62"
