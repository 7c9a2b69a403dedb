"""Planted faults of the policy agent: each really breaks something, only in its scope, and ends with its object."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from harness.embedded.netpol import faults
from harness.embedded.netpol.compile import ISOLATED, compile_policies
from harness.embedded.netpol.faults import Broken
from harness.embedded.netpol.memory import Memory
from harness.embedded.netpol.own_pods import OwnPods, isolated_addresses, self_denial
from harness.embedded.nft.fake import FakeDoor
from harness.embedded.nft.ruleset import EMPTY
from harness.embedded.nft.trace import Origin, Packet, Situation, Verdict, trace
from tests.unit.embedded.netpol.nine_pods import (
    LANES,
    NAMESPACES,
    PODS,
    address,
    denied,
    fault,
    namespace_object,
    pod_object,
    policy_object,
    reaches,
    rules,
    snapshot,
)

T80, T81 = LANES[:2]
ON_A = {"podSelector": {"matchLabels": {"pod": "a"}}}


def on_a(**spec: Any) -> dict[str, Any]:
    return {**ON_A, **spec}


@dataclass(frozen=True)
class Row:
    """A fault, a policy in x, and a cell (source, target, lane, family) that flips from `healthy` to its opposite."""

    id: str
    spec: dict[str, Any]
    source: str
    target: str
    lane: tuple[str, str, int] = T80
    healthy: bool = False
    family: str = "IPv4"


BLOCK = {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.2.0.0/24"]}}
RANGE = {"port": 80, "endPort": 81}
POD_B = {"podSelector": {"matchLabels": {"pod": "b"}}}
NAMESPACE_Y = {"namespaceSelector": {"matchLabels": {"ns": "y"}}}
ROWS = [
    Row(faults.EXCEPT_IGNORED, on_a(ingress=[{"from": [BLOCK]}]), "y/a", "x/a"),
    Row(faults.NAME_WITHOUT_PROTOCOL, on_a(ingress=[{"ports": [{"port": "serve-81-udp"}]}]), "y/a", "x/a", T81),
    Row(faults.END_PORT_IGNORED, on_a(ingress=[{"ports": [RANGE]}]), "y/a", "x/a", T81, healthy=True),
    Row(faults.BARE_SELECTOR_EVERYWHERE, on_a(ingress=[{"from": [POD_B]}]), "y/b", "x/a"),
    Row(faults.EITHER_SELECTOR, on_a(ingress=[{"from": [{**POD_B, **NAMESPACE_Y}]}]), "y/c", "x/a"),
    Row(faults.EGRESS_ISOLATES_INGRESS, on_a(policyTypes=["Egress"], egress=[{}]), "y/a", "x/a", healthy=True),
    Row(faults.PORTS_IGNORED, on_a(ingress=[{"ports": [{"port": 80}]}]), "y/a", "x/a", T81),
    Row(faults.NO_IPV6, on_a(policyTypes=["Ingress"]), "y/a", "x/a", family="IPv6"),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_fault_flips_its_cell_and_only_in_its_scope(row: Row) -> None:
    """Before: right. During: wrong. Elsewhere, by namespace or node: right."""
    policies = [policy_object("x", row.spec)]

    def cell(planted: Sequence[dict[str, Any]]) -> bool:
        return reaches(rules(policies, faults=planted), row.source, row.target, row.lane, row.family)

    assert cell([]) is row.healthy
    assert cell([fault(row.id)]) is not row.healthy
    assert cell([fault(row.id, namespaces=["x"], nodes=["n1"])]) is not row.healthy
    assert cell([fault(row.id, namespaces=["y"])]) is row.healthy
    assert cell([fault(row.id, nodes=["n2"])]) is row.healthy


def test_no_fault_here_is_an_invention() -> None:
    """Every id the agent knows stands in this file's tests and is a number of the catalogue's list."""
    known = {value for name, value in vars(faults).items() if name.isupper() and isinstance(value, str)}
    told = {row.id for row in ROWS} | {
        faults.SELF_DENIED,
        faults.POLICY_EVERYWHERE,
        faults.OPEN_UNTIL_READY,
        faults.SAME_NODE_OPEN,
        faults.NAMESPACE_LABELS_FROZEN,
        faults.POD_LABELS_FROZEN,
        faults.SELECTOR_FROZEN,
        faults.TYPES_FROZEN,
        faults.NEVER_DELETED,
        faults.RULES_FROZEN,
    }
    assert known == told
    assert all(value.removeprefix("policy/").isdigit() for value in known)


@pytest.mark.parametrize(("scope", "open_"), [([], False), (["x", "y"], False), (["x"], True), (["y"], True)])
def test_a_policy_is_applied_everywhere(scope: list[str], open_: bool) -> None:
    """policy/47: a policy in x isolates pods of the same labels in y, unless the fault does not cover both."""
    policies = [policy_object("x", on_a(policyTypes=["Ingress"]))]
    assert reaches(rules(policies), "z/b", "y/a", T80)
    assert (
        reaches(rules(policies, faults=[fault(faults.POLICY_EVERYWHERE, namespaces=scope)]), "z/b", "y/a", T80) is open_
    )


def test_faults_of_two_owners_stay_apart() -> None:
    """policy/47 planted for x and, by somebody else, for y does not apply policies of x in y."""
    policies = [policy_object("x", on_a(policyTypes=["Ingress"]))]
    two = [fault(faults.POLICY_EVERYWHERE, namespaces=[letter]) for letter in "xy"]
    assert reaches(rules(policies, faults=two), "z/b", "y/a", T80)


def test_pods_of_one_node_are_not_parted() -> None:
    """policy/80: a neighbour on the node gets in, pods of other nodes do not."""
    policies = [policy_object("x", {"podSelector": {}, "policyTypes": ["Ingress"]})]
    near, far = (("y/a", "x/a"), ("y/c", "x/a"))
    assert not any(reaches(rules(policies), *pair, T80) for pair in (near, far))
    broken = rules(policies, faults=[fault(faults.SAME_NODE_OPEN)])
    assert reaches(broken, *near, T80)
    assert not reaches(broken, *far, T80)


def test_an_unready_pod_is_not_policed() -> None:
    """policy/74: until a pod is ready it is open; without the fault its readiness does not matter."""
    whole = snapshot("n1", [policy_object("x", on_a(policyTypes=["Ingress"]))])
    for ready in ("True", "False"):
        pods = [
            {**pod, "status": {**pod["status"], "conditions": [{"type": "Ready", "status": ready}]}}
            for pod in whole.pods
        ]
        for planted in ([], [fault(faults.OPEN_UNTIL_READY)]):
            ruleset = compile_policies(replace(whole, pods=tuple(pods), faults=tuple(planted)))
            isolated = address("x/a") in isolated_addresses(ruleset, ISOLATED.values())
            assert isolated is (ready == "True" or not planted)


def _frozen_table(memory: Memory, planted: Sequence[dict[str, Any]], **changed: Any) -> set[tuple[str, str]]:
    """The denied pairs of an agent with this memory, x/b's label, y's label or the policy's selector changed."""
    broken = Broken(planted, node="n1")
    pods = [pod_object(pod) for pod in PODS]
    pods[1] = {**pods[1], "metadata": {**pods[1]["metadata"], "labels": changed.get("labels", {"pod": "b"})}}
    spaces = [namespace_object(name) for name in NAMESPACES]
    spaces[1] = {"metadata": {**spaces[1]["metadata"], "labels": changed.get("team", {"ns": "y"})}}
    spec = {"policyTypes": ["Ingress"], **changed.get("selector", ON_A), "ingress": [{"from": changed["peers"]}]}
    policy = policy_object("x", spec)
    policy["metadata"]["uid"] = changed.get("uid", "first")
    policies = [] if changed.get("deleted") else [policy]
    rulesets = {
        node: compile_policies(
            replace(
                snapshot(node, []),
                pods=memory.pods(pods, broken),
                namespaces=memory.namespaces(spaces, broken),
                policies=memory.policies(policies, broken),
            )
        )
        for node in ("n1", "n2")
    }
    return denied(rulesets, T80)


BY_LABEL, BY_TEAM = [POD_B], [NAMESPACE_Y]


@pytest.mark.parametrize(
    ("id", "peers", "change"),
    [
        (faults.POD_LABELS_FROZEN, BY_LABEL, {"labels": {"pod": "z"}}),
        (faults.NAMESPACE_LABELS_FROZEN, BY_TEAM, {"team": {"ns": "other"}}),
        (faults.SELECTOR_FROZEN, BY_LABEL, {"selector": {"podSelector": {"matchLabels": {"pod": "c"}}}}),
        (faults.TYPES_FROZEN, BY_LABEL, {"selector": {**ON_A, "policyTypes": ["Egress"]}}),
        (faults.RULES_FROZEN, BY_LABEL, {"peers": BY_TEAM}),
        (faults.NEVER_DELETED, BY_LABEL, {"uid": "successor", "peers": BY_TEAM}),
        (faults.NEVER_DELETED, BY_LABEL, {"deleted": True}),
    ],
)
def test_a_fault_of_time_hides_a_change_until_it_ends(
    id: str,  # noqa: A002
    peers: list[dict[str, Any]],
    change: dict[str, Any],
) -> None:
    """What was true when the fault began stays true to the agent; when it ends the agent sees the present."""
    memory = Memory()
    planted = [fault(id)]
    before = _frozen_table(memory, [], peers=peers)
    fresh = _frozen_table(Memory(), [], **{"peers": peers, **change})
    assert fresh != before
    assert _frozen_table(memory, planted, peers=peers) == before
    assert _frozen_table(memory, planted, **{"peers": peers, **change}) == before
    assert _frozen_table(memory, [], **{"peers": peers, **change}) == fresh


def test_a_policy_that_went_before_the_fault_came_is_gone() -> None:
    """policy/64: a deletion seen together with the fault is no deletion during it."""
    memory, planted = Memory(), [fault(faults.NEVER_DELETED)]
    _frozen_table(memory, [], peers=BY_LABEL)
    assert _frozen_table(memory, planted, peers=BY_LABEL, deleted=True) == set()


async def _deny(own: OwnPods, planted: Sequence[dict[str, Any]]) -> None:
    ruleset = rules([policy_object("x", on_a(policyTypes=["Ingress"]))])["n1"]
    pods = [pod_object(pod) for pod in PODS]
    await own.deny(pods, isolated_addresses(ruleset, ISOLATED.values()), Broken(planted, node="n1"))


def test_a_pod_that_is_denied_itself_gets_a_table_of_its_own_and_loses_it() -> None:
    """policy/58 acts in isolated pods of its scope only, and leaves nothing behind."""
    opened: dict[str, FakeDoor] = {}

    def door(path: Any) -> FakeDoor:
        return opened.setdefault(path.name, FakeDoor())

    async def story() -> None:
        own = OwnPods(door)
        await _deny(own, [])
        assert not opened
        await _deny(own, [fault(faults.SELF_DENIED)])
        assert set(opened) == {"a"}  # the last part of the path, as this pod's uid has a slash
        held = next(iter(opened.values()))
        assert {table.family for table in held.ruleset.tables} == {"ip", "ip6"}
        await _deny(own, [])
        assert held.ruleset == EMPTY

    asyncio.run(story())


def test_self_denial_stops_own_traffic_and_nothing_else() -> None:
    """The planted table drops what goes from an own address to an own address."""
    ruleset = self_denial([address("x/a"), address("x/a", "IPv6")])

    def verdict(source: str, target: str) -> Verdict:
        packet = Packet(source, target, "tcp", 80, origin=Origin.NODE)
        return trace(ruleset, packet, Situation(local=frozenset({source}))).verdict

    assert verdict(address("x/a"), address("x/a")) is Verdict.DROP
    assert verdict(address("x/a", "IPv6"), address("x/a", "IPv6")) is Verdict.DROP
    assert verdict(address("x/a"), address("y/a")) is Verdict.ACCEPT
