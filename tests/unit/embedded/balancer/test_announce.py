"""Which node takes a balancer's address, and what its neighbours are told."""

from __future__ import annotations

from typing import Any

import pytest

from harness.embedded.balancer.announce import changes, ways
from harness.embedded.netns.fabric import plan_nodes

NODES = plan_nodes(("n1", "n2", "n3"), ("IPv4", "IPv6"))
OWN = {node.name: node.addresses for node in NODES}
V4, V6 = "172.18.255.200", "fc00:f853:ccd:e793:ffff::1"


def balanced(*addresses: str, **spec: Any) -> dict[str, Any]:
    ingress = [{"ip": each} for each in addresses]
    return {
        "metadata": {"namespace": "x", "name": "s"},
        "spec": {"type": "LoadBalancer", **spec},
        "status": {"loadBalancer": {"ingress": ingress}},
    }


def behind(*nodes: str, ready: bool = True) -> dict[str, Any]:
    labels = {"kubernetes.io/service-name": "s"}
    endpoints = [{"addresses": ["10.0.0.1"], "nodeName": each, "conditions": {"ready": ready}} for each in nodes]
    return {"metadata": {"namespace": "x", "name": "s-1", "labels": labels}, "endpoints": endpoints}


def test_an_address_leads_to_a_node_of_its_family() -> None:
    """Each address of a Service has one node, by its address of the same family."""
    found = ways([balanced(V4, V6)], [behind("n2")], NODES)
    assert found[V4] in {own[0] for own in OWN.values()}
    assert found[V6] in {own[1] for own in OWN.values()}


@pytest.mark.parametrize("name", ["n1", "n2", "n3"])
def test_local_leads_to_a_node_with_a_ready_endpoint(name: str) -> None:
    """With externalTrafficPolicy Local no other node would serve it."""
    assert ways([balanced(V4, externalTrafficPolicy="Local")], [behind(name)], NODES) == {V4: OWN[name][0]}


def test_nobody_ready_is_no_way() -> None:
    """An address behind which nobody is ready leads nowhere, nor does one of a Service that is no balancer's."""
    assert ways([balanced(V4)], [], NODES) == {}
    assert ways([balanced(V4)], [behind("n1", ready=False)], NODES) == {}
    assert ways([balanced(V4, type="NodePort")], [behind("n1")], NODES) == {}


def test_only_what_changed_is_told() -> None:
    """A lost address is taken back, a moved one is set again, the others are left alone."""
    known = {"a": "n1", V4: "n1", V6: "n1"}
    assert changes(known, {V4: "n1", V6: "n2"}) == ["route delete a/32", f"route replace {V6}/128 via n2"]
