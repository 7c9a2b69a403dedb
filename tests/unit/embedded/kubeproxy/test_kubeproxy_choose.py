"""Which endpoints take part: readiness, termination, locality, hints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from harness.embedded.kubeproxy.choose import choose
from harness.embedded.kubeproxy.model import Endpoint, ServicePort

STATES = {
    "ready": (True, True, False),
    "leaving": (False, True, True),
    "unready": (False, False, False),
    "gone": (False, False, True),
}


def endpoint(name: str, state: str = "ready", *, local: bool = False, nodes: str = "", zones: str = "") -> Endpoint:
    is_ready, is_serving, is_terminating = STATES[state]
    hints = frozenset(nodes.split()), frozenset(zones.split())
    return Endpoint(name, 80, local, is_ready, is_serving, is_terminating, *hints)


def port(*endpoints: Endpoint, **changes: Any) -> ServicePort:
    fields: Mapping[str, Any] = {
        "is_internal_local": False, "is_external_local": False, "is_external": False, **changes,
    }  # fmt: skip
    return ServicePort("ns", "svc", "", "tcp", 80, 0, ("10.96.0.1",), (), (), (), 0, endpoints=endpoints, **fields)


def names(endpoints: tuple[Endpoint, ...]) -> str:
    return " ".join(one.address for one in endpoints)


@pytest.mark.parametrize(
    ("endpoints", "cluster"),
    [
        ((), ""),
        ((endpoint("a"), endpoint("b")), "a b"),
        ((endpoint("a"), endpoint("b", "unready")), "a"),
        ((endpoint("a"), endpoint("b", "leaving")), "a"),
        ((endpoint("a", "unready"), endpoint("b", "leaving")), "b"),
        ((endpoint("a", "gone"), endpoint("b", "unready")), ""),
        ((endpoint("a", nodes="n1"), endpoint("b", nodes="n2")), "a"),
        ((endpoint("a", nodes="n3"), endpoint("b", nodes="n2")), "a b"),
        ((endpoint("a", nodes="n1"), endpoint("b")), "a b"),
        ((endpoint("a", nodes="n1"), endpoint("b", "unready")), "a"),
        ((endpoint("a", zones="z1"), endpoint("b", zones="z1 z2"), endpoint("c", zones="z2")), "a b"),
        ((endpoint("a", zones="z3"), endpoint("b", zones="z2")), "a b"),
        ((endpoint("a", zones="z1", nodes="n2"), endpoint("b", zones="z2", nodes="n1")), "b"),
        ((endpoint("a", zones="z1", nodes="n2"), endpoint("b", zones="z2", nodes="n2")), "a"),
        ((endpoint("a", "leaving", zones="z2"), endpoint("b", "leaving", zones="z1")), "a b"),
    ],
)
def test_cluster_wide(endpoints: tuple[Endpoint, ...], cluster: str) -> None:
    """Ready ones near enough, else those that still serve while they terminate, else nobody."""
    chosen = choose(port(*endpoints), node="n1", zone="z1")
    assert names(chosen.cluster) == cluster
    assert chosen.has_any is bool(cluster)


@pytest.mark.parametrize(
    ("endpoints", "local", "has_any"),
    [
        ((endpoint("a", local=True), endpoint("b")), "a", True),
        ((endpoint("b"),), "", True),
        ((endpoint("a", "leaving", local=True), endpoint("b")), "a", True),
        ((endpoint("a", "leaving", local=True), endpoint("c", local=True)), "c", True),
        ((endpoint("a", "unready", local=True),), "", False),
        ((endpoint("a", local=True, nodes="n2"),), "a", True),
    ],
)
def test_local(endpoints: tuple[Endpoint, ...], local: str, has_any: bool) -> None:
    """Policy Local looks at this node alone and ignores hints; endpoints elsewhere still count as endpoints."""
    chosen = choose(port(*endpoints, is_internal_local=True), node="n1", zone="z1")
    assert (names(chosen.local), chosen.has_any) == (local, has_any)
    assert chosen.cluster == ()


def test_outside_addresses_need_all_endpoints_as_well() -> None:
    """With an outside address even two Local policies leave the cluster's endpoints in play, for local clients."""
    both = port(endpoint("a"), is_internal_local=True, is_external_local=True, is_external=True)
    assert names(choose(both, node="n1", zone="").cluster) == "a"


def test_a_node_without_zone_uses_everybody() -> None:
    """Hints for zones say nothing to a node that is in none."""
    assert (
        names(choose(port(endpoint("a", zones="z1"), endpoint("b", zones="z2")), node="n1", zone="").cluster) == "a b"
    )
