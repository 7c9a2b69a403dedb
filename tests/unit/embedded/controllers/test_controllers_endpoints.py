"""The legacy Endpoints controller."""

from __future__ import annotations

from typing import Any

from harness.embedded.controllers.backends import TRIGGER
from harness.embedded.controllers.endpoints import MAX_ADDRESSES, EndpointsController


def settle(world: Any, controller: EndpointsController | None = None) -> list[dict[str, Any]]:
    world.run((controller or EndpointsController()).reconcile)
    return world.all("endpoints")


def test_ready_and_unready_pods_stand_apart(world: Any) -> None:
    """Unready pods are in notReadyAddresses; both name pod and node."""
    world.nodes()
    world.service()
    pod = world.pod("a")
    world.pod("b", ips=("10.244.0.2",), ready=False)
    (item,) = settle(world)
    (subset,) = item["subsets"]
    target = {"kind": "Pod", "namespace": "x", "name": "a", "uid": pod["metadata"]["uid"]}
    assert subset["addresses"] == [{"ip": "10.244.0.1", "nodeName": "n1", "targetRef": target}]
    assert [a["ip"] for a in subset["notReadyAddresses"]] == ["10.244.0.2"]
    assert subset["ports"] == [{"name": "http", "protocol": "TCP", "port": 8080}]


def test_published_unready_pods_count_as_ready(world: Any) -> None:
    """publishNotReadyAddresses moves everybody to addresses."""
    world.nodes()
    world.service(publishNotReadyAddresses=True)
    world.pod("b", ready=False)
    (item,) = settle(world)
    assert "notReadyAddresses" not in item["subsets"][0]


def test_terminating_pods_leave(world: Any) -> None:
    """A pod that is going is no address, unlike in slices."""
    world.nodes()
    world.service()
    world.pod("a", leaving=True)
    (item,) = settle(world)
    assert item["subsets"] is None


def test_more_than_a_thousand_addresses_are_cut_and_said_so(world: Any) -> None:
    """The object is cut at 1000 addresses and carries the over-capacity annotation until they fit again."""
    world.nodes()
    world.service()
    for index in range(MAX_ADDRESSES + 5):
        world.pod(f"p{index}", ips=(f"10.{index // 250}.0.{index % 250 + 1}",))
    controller = EndpointsController()
    (item,) = settle(world, controller)
    assert len(item["subsets"][0]["addresses"]) == MAX_ADDRESSES
    assert item["metadata"]["annotations"]["endpoints.kubernetes.io/over-capacity"] == "truncated"
    for index in range(6):
        world.objects["pods"].pop(("x", f"p{index}"))
    (item,) = settle(world, controller)
    assert "endpoints.kubernetes.io/over-capacity" not in item["metadata"]["annotations"]


def test_they_go_with_the_service_and_hand_made_ones_stay(world: Any) -> None:
    """Endpoints of a vanished Service are removed; those that somebody else made are not."""
    world.nodes()
    world.service()
    world.pod("a")
    controller = EndpointsController()
    settle(world, controller)
    world.add("endpoints", "manual")
    world.objects["services"].clear()
    assert [item["metadata"]["name"] for item in settle(world, controller)] == ["manual"]


def test_the_trigger_time_goes_when_the_pods_were_relabelled(world: Any) -> None:
    """Endpoints that vanish because their pods are no longer selected keep no trigger time."""
    world.nodes()
    world.service()
    pod = world.pod("a")
    (item,) = settle(world)
    assert TRIGGER in item["metadata"]["annotations"]
    pod["metadata"]["labels"] = {"app": "other"}
    (item,) = settle(world)
    assert not item["subsets"]
    assert TRIGGER not in item["metadata"]["annotations"]
