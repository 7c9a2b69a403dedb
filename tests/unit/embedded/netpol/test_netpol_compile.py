"""What the catalogue's table does not show: nodes, newcomers, replies, host networks, other ends than pods."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.embedded.netpol.compile import compile_policies
from harness.embedded.netpol.labels import selects
from harness.embedded.netpol.model import Snapshot, types_of
from harness.embedded.netpol.ports import merged
from harness.embedded.nft.render import difference
from harness.embedded.nft.trace import Origin, Packet, Situation, Verdict, trace
from tests.unit.embedded.netpol.nine_pods import PODS, address, pod_object, policy_object, snapshot

NODE = "172.18.0.2"
OUTSIDE = "172.18.0.1"
CLOSED = policy_object("x", {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})


def verdict(state: Snapshot, packet: Packet) -> Verdict:
    return trace(compile_policies(state), packet, Situation(local=frozenset({NODE}))).verdict


def test_an_isolated_pod_is_closed_to_the_outside() -> None:
    """Isolation covers every kind of source and destination (POL-126, POL-127)."""
    state = snapshot("n1", [CLOSED])
    assert verdict(state, Packet(OUTSIDE, address("x/a"), "tcp", 80)) is Verdict.DROP
    assert verdict(state, Packet(address("x/a"), OUTSIDE, "udp", 53)) is Verdict.DROP
    assert verdict(state, Packet(address("y/a"), OUTSIDE, "udp", 53)) is Verdict.ACCEPT


def test_the_node_always_reaches_its_own_pods() -> None:
    """Kubelet probes pass under full isolation, on any port (POL-551, POL-553)."""
    state = snapshot("n1", [CLOSED])
    assert verdict(state, Packet(NODE, address("x/a"), "tcp", 9999, origin=Origin.NODE)) is Verdict.ACCEPT


def test_a_forwarded_packet_with_the_nodes_address_is_not_the_node() -> None:
    """The exemption is by where a packet starts, not by the address it claims (POL-571)."""
    assert verdict(snapshot("n1", [CLOSED]), Packet(NODE, address("x/a"), "tcp", 80)) is Verdict.DROP


def test_an_isolated_pod_does_not_reach_its_node() -> None:
    """Egress to the own node is policed like any other (POL-554: either answer is accepted)."""
    assert verdict(snapshot("n1", [CLOSED]), Packet(address("x/a"), NODE, "tcp", 22)) is Verdict.DROP
    assert verdict(snapshot("n1", [CLOSED]), Packet(address("y/a"), NODE, "tcp", 22)) is Verdict.ACCEPT


@pytest.mark.parametrize("state", ["established", "related"])
def test_replies_pass(state: str) -> None:
    """What belongs to an admitted connection is not judged again (POL-601 to POL-616)."""
    packet = Packet(address("y/a"), address("x/a"), "tcp", 80, state=state)
    assert verdict(snapshot("n1", [CLOSED]), packet) is Verdict.ACCEPT


def test_a_pod_reaches_itself_through_a_service() -> None:
    """A hairpin through a Service is let through, isolated or not (POL-532)."""
    packet = Packet(address("x/a"), address("x/a"), "tcp", 80)
    assert verdict(snapshot("n1", [CLOSED]), packet) is Verdict.ACCEPT


def test_a_pod_not_met_yet_gets_and_sends_nothing_while_there_are_policies() -> None:
    """There is no moment in which a new pod is open (POL-654, POL-655); without policies nobody is held back."""
    newcomer = "10.244.0.99"
    state = replace(snapshot("n1", [CLOSED]), pod_cidrs=("10.244.0.0/24",))
    assert verdict(state, Packet(address("y/a"), newcomer, "tcp", 80)) is Verdict.DROP
    assert verdict(state, Packet(newcomer, address("y/a"), "tcp", 80)) is Verdict.DROP
    assert verdict(state, Packet(NODE, newcomer, "tcp", 80, origin=Origin.NODE)) is Verdict.ACCEPT
    assert verdict(replace(state, policies=()), Packet(address("y/a"), newcomer, "tcp", 80)) is Verdict.ACCEPT


def _changed(pod: str, **changes: Any) -> dict[str, Any]:
    one = pod_object(pod)
    return {**one, **{key: {**one[key], **value} for key, value in changes.items()}}


@pytest.mark.parametrize(
    "change",
    [
        {"spec": {"hostNetwork": True}},
        {"status": {"phase": "Succeeded"}},
        {"status": {"phase": "Failed"}},
        {"status": {"podIPs": []}},
    ],
)
def test_who_is_nobody_is_neither_subject_nor_peer(change: dict[str, Any]) -> None:
    """Host-network pods, ended pods and pods without address count on neither side (POL-473, POL-478, POL-561)."""
    policy = policy_object(
        "x", {"podSelector": {}, "ingress": [{"from": [{"podSelector": {"matchLabels": {"pod": "b"}}}]}]}
    )
    others = [pod_object(pod) for pod in PODS if pod not in {"x/a", "x/b"}]
    as_peer = replace(snapshot("n1", [policy]), pods=(*others, pod_object("x/a"), _changed("x/b", **change)))
    assert verdict(as_peer, Packet(address("x/b"), address("x/a"), "tcp", 80)) is Verdict.DROP
    as_subject = replace(snapshot("n1", [policy]), pods=(*others, pod_object("x/b"), _changed("x/a", **change)))
    assert verdict(as_subject, Packet(address("y/a"), address("x/a"), "tcp", 80)) is Verdict.ACCEPT


def test_an_unready_or_terminating_pod_is_policed_like_any_other() -> None:
    """Neither readiness nor a deletionTimestamp means anything (POL-476, POL-477)."""
    leaving = _changed("x/a", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"})
    state = replace(snapshot("n1", [CLOSED]), pods=(leaving,))
    assert verdict(state, Packet(address("y/a"), address("x/a"), "tcp", 80)) is Verdict.DROP


def test_the_youngest_holder_of_an_address_decides() -> None:
    """An address passed on while its last holder is still listed belongs to the new pod (POL-472)."""
    old = _changed("x/a", metadata={"creationTimestamp": "2026-01-01T00:00:00Z", "labels": {"pod": "a"}})
    new = _changed("x/a", metadata={"creationTimestamp": "2026-01-01T00:01:00Z", "name": "new", "labels": {"pod": "n"}})
    isolating_new = policy_object("x", {"podSelector": {"matchLabels": {"pod": "n"}}})
    for pods in ((old, new), (new, old)):
        state = replace(snapshot("n1", [isolating_new]), pods=pods)
        assert verdict(state, Packet(address("y/a"), address("x/a"), "tcp", 80)) is Verdict.DROP


def test_a_new_peer_costs_one_element() -> None:
    """A pod that becomes a peer changes a set, not a chain."""
    policy = policy_object("x", {"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {}}]}]})
    few = replace(snapshot("n1", [policy]), pods=tuple(pod_object(pod) for pod in PODS if pod != "y/c"))
    text = difference(compile_policies(few), compile_policies(snapshot("n1", [policy])))
    assert text.splitlines() == [
        f"add element ip harness-policy ingress-x/p/0 {{ {address('y/c')} }}",
        f"add element ip6 harness-policy ingress-x/p/0 {{ {address('y/c', 'IPv6')} }}",
    ]


@pytest.mark.parametrize(
    ("block", "inside", "outside"),
    [
        ({"cidr": "10.2.0.2/24"}, ["10.2.0.1", "10.2.0.3"], ["10.3.0.1"]),
        ({"cidr": "10.2.0.2/31"}, ["10.2.0.2", "10.2.0.3"], ["10.2.0.1"]),
        ({"cidr": "0.0.0.0/0", "except": ["10.2.0.0/24", "10.2.0.2/32"]}, ["10.3.0.1"], ["10.2.0.1", "10.2.0.2"]),
        ({"cidr": "10.2.0.0/24", "except": ["10.2.0.0/24"]}, [], ["10.2.0.1"]),
    ],
)
def test_blocks(block: dict[str, Any], inside: list[str], outside: list[str]) -> None:
    """Host bits are ignored, exceptions may nest, touch the edges or take everything (POL-259 to POL-272)."""
    policy = policy_object(
        "x", {"podSelector": {"matchLabels": {"pod": "a"}}, "ingress": [{"from": [{"ipBlock": block}]}]}
    )
    state = snapshot("n1", [policy])
    for source, wanted in [*((one, Verdict.ACCEPT) for one in inside), *((one, Verdict.DROP) for one in outside)]:
        assert verdict(state, Packet(source, address("x/a"), "tcp", 80)) is wanted, source
    assert verdict(state, Packet("fd00:2::1", address("x/a", "IPv6"), "tcp", 80)) is Verdict.DROP


def test_a_named_egress_port_needs_a_pod() -> None:
    """An address outside the cluster has no port names (POL-344); a pod inside the block has (4.5)."""
    policy = policy_object(
        "x",
        {
            "podSelector": {"matchLabels": {"pod": "a"}},
            "policyTypes": ["Egress"],
            "egress": [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"port": "serve-80-tcp"}]}],
        },
    )
    state = snapshot("n1", [policy])
    assert verdict(state, Packet(address("x/a"), OUTSIDE, "tcp", 80)) is Verdict.DROP
    assert verdict(state, Packet(address("x/a"), address("y/b"), "tcp", 80)) is Verdict.ACCEPT
    assert verdict(state, Packet(address("x/a"), address("y/b"), "tcp", 81)) is Verdict.DROP


def test_a_sidecars_port_name_counts() -> None:
    """Restartable init containers declare ports as well, ordinary init containers do not (POL-329)."""
    policy = policy_object("x", {"podSelector": {}, "ingress": [{"ports": [{"port": "side"}]}]})
    port = {"name": "side", "containerPort": 80, "protocol": "TCP"}
    for restart, wanted in (("Always", Verdict.ACCEPT), (None, Verdict.DROP)):
        init = [{"name": "i", "ports": [port], **({"restartPolicy": restart} if restart else {})}]
        state = replace(snapshot("n1", [policy]), pods=(_changed("x/a", spec={"initContainers": init}),))
        assert verdict(state, Packet(address("y/a"), address("x/a"), "tcp", 80)) is wanted


def test_a_rule_without_ports_admits_other_protocols_too() -> None:
    """No port list restricts nothing, not even to the three protocols; a port list does."""
    open_rule = policy_object("x", {"podSelector": {}, "ingress": [{}]})
    assert verdict(snapshot("n1", [open_rule]), Packet(address("y/a"), address("x/a"), "icmp")) is Verdict.ACCEPT
    tcp_rule = policy_object("x", {"podSelector": {}, "ingress": [{"ports": [{"protocol": "TCP"}]}]})
    assert verdict(snapshot("n1", [tcp_rule]), Packet(address("y/a"), address("x/a"), "icmp")) is Verdict.DROP


def test_overlapping_ranges_become_one() -> None:
    """nft refuses overlapping intervals, so they are merged first."""
    assert merged([(79, 82), (81, 1000), (1002, 1003), (1001, 1001), (1023, 1025)]) == ((79, 1003), (1023, 1025))


def test_an_unknown_operator_selects_nobody() -> None:
    """An error in a selector must not open anything (catalogue fault 97)."""
    assert not selects({"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1"]}]}, {"a": "2"})


def test_types_are_taken_as_stated_or_derived() -> None:
    """policyTypes wins; without it egress counts only when there is an egress rule."""
    assert types_of({"policyTypes": ["Egress"], "ingress": [{}]}) == {"Egress"}
    assert types_of({"egress": []}) == {"Ingress"}
    assert types_of({"egress": [{}]}) == {"Ingress", "Egress"}
