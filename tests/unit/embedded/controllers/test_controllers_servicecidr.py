"""ServiceCIDRs: ready while they stand, and not gone while an address of them is in use."""

from __future__ import annotations

from typing import Any

from harness.embedded.controllers import servicecidr

FINALIZER = "networking.k8s.io/service-cidr-finalizer"


def cidr(world: Any, name: str = "extra", *blocks: str) -> Any:
    return world.add(
        "servicecidrs.networking.k8s.io", name, namespace="", spec={"cidrs": list(blocks or ("10.9.0.0/24",))}
    )


def found(world: Any, name: str = "extra") -> Any:
    world.run(servicecidr.reconcile)
    return world.objects["servicecidrs.networking.k8s.io"]["", name]


def leave(world: Any) -> None:
    found(world)["metadata"]["deletionTimestamp"] = "2027-01-15T08:00:00Z"


def test_a_range_is_ready_and_held(world: Any) -> None:
    """It gets a finalizer and says that it is ready."""
    cidr(world)
    item = found(world)
    assert item["metadata"]["finalizers"] == [FINALIZER]
    (condition,) = item["status"]["conditions"]
    assert (condition["type"], condition["status"]) == ("Ready", "True")


def test_an_unused_range_goes(world: Any) -> None:
    """Without addresses in use the finalizer is taken off."""
    cidr(world)
    leave(world)
    assert "finalizers" not in found(world)["metadata"]


def test_a_used_range_stays(world: Any) -> None:
    """An address of it holds it, and it says so; when the address is gone it may go."""
    cidr(world)
    world.add("ipaddresses.networking.k8s.io", "10.9.0.7", namespace="", spec={})
    leave(world)
    item = found(world)
    assert item["metadata"]["finalizers"] == [FINALIZER]
    assert (item["status"]["conditions"][0]["status"], item["status"]["conditions"][0]["reason"]) == (
        "False",
        "Terminating",
    )
    world.objects["ipaddresses.networking.k8s.io"].clear()
    assert "finalizers" not in found(world)["metadata"]


def test_another_range_over_the_address_sets_it_free(world: Any) -> None:
    """Only a range that nobody else covers is held."""
    cidr(world)
    cidr(world, "wider", "10.0.0.0/8")
    world.add("ipaddresses.networking.k8s.io", "10.9.0.7", namespace="", spec={})
    leave(world)
    assert "finalizers" not in found(world)["metadata"]
