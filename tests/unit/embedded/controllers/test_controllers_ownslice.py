"""The slice of the API server's own Service."""

from __future__ import annotations

from typing import Any

from harness.embedded.controllers.ownslice import FORMER, RESOURCE, reconcile

OWN = {"addresses": ["172.18.0.2", "172.18.0.3"], "conditions": {"ready": True}}


def own(world: Any, *endpoints: dict[str, Any]) -> None:
    """The API server's Endpoints, and a slice."""
    subsets = [{"addresses": [{"ip": address} for address in OWN["addresses"]], "ports": [{"port": 6443}]}]
    world.add("endpoints", "kubernetes", namespace="default", subsets=subsets)
    world.add(RESOURCE, "kubernetes", namespace="default", endpoints=list(endpoints))


def test_it_says_what_the_endpoints_say(world: Any) -> None:
    """Addresses that differ are mended; a slice that is right is left alone."""
    own(world, {"addresses": ["172.18.0.9"], "conditions": {"ready": True}})
    world.run(reconcile)
    assert world.all(RESOURCE)[0]["endpoints"] == [OWN]
    assert reconcile(world.snapshot()) == []


def test_without_a_slice_nothing_is_made(world: Any) -> None:
    """What the API server has not published is nobody else's to publish."""
    assert reconcile(world.snapshot()) == []


def test_f97_a_former_server_stays(world: Any) -> None:
    """services/F97: one that is no more stands in the slice, not ready, as long as the fault does."""
    own(world, OWN)
    world.fault("services/F97")
    world.run(reconcile)
    assert world.all(RESOURCE)[0]["endpoints"] == [OWN, FORMER]
    world.heal()
    world.run(reconcile)
    assert world.all(RESOURCE)[0]["endpoints"] == [OWN]
