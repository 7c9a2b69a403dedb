"""Mirrored slices: made, followed, removed; and what is not mirrored."""

from __future__ import annotations

from typing import Any

import pytest

from harness.embedded.controllers import mirroring

HTTP = {"name": "http", "port": 80, "protocol": "TCP"}


def write(world: Any, *, labels: Any = None, annotations: Any = None, subsets: Any = None, service: bool = True) -> Any:
    """Endpoints by hand, and the Service they are for."""
    if service:
        world.add("services", "db", spec={"type": "ClusterIP", "ports": [{"port": 80}]})
    metadata = {"labels": labels or {}, "annotations": annotations or {}}
    found = subsets if subsets is not None else [{"addresses": [{"ip": "192.0.2.1"}], "ports": [HTTP]}]
    return world.add("endpoints", "db", metadata=metadata, subsets=found)


def mirrored(world: Any) -> list[Any]:
    world.run(mirroring.reconcile)
    return world.all("endpointslices.discovery.k8s.io")


def rows(world: Any) -> list[tuple[Any, ...]]:
    """Family, address, readiness and ports of everything mirrored."""
    return sorted(
        (item["addressType"], e["addresses"][0], e["conditions"]["ready"], *(p["port"] for p in item["ports"]))
        for item in mirrored(world)
        for e in item["endpoints"]
    )


def test_endpoints_by_hand_become_a_slice(world: Any) -> None:
    """Addresses and ports, the marks of the mirroring controller, and the Endpoints as owner."""
    made = write(world, labels={"team": "blue"}, annotations={"note": "x"})
    (item,) = mirrored(world)
    assert item["metadata"]["labels"] == {
        "team": "blue",
        "kubernetes.io/service-name": "db",
        "endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io",
    }
    assert item["metadata"]["annotations"] == {"note": "x"}
    assert item["metadata"]["ownerReferences"][0]["uid"] == made["metadata"]["uid"]
    assert rows(world) == [("IPv4", "192.0.2.1", True, 80)]


def test_changes_are_followed(world: Any) -> None:
    """A new address is mirrored in the same slice, and one that is not ready is said not to be."""
    write(world)
    (before,) = mirrored(world)
    subset = world.all("endpoints")[0]["subsets"][0]
    subset |= {"addresses": [{"ip": "192.0.2.2"}], "notReadyAddresses": [{"ip": "192.0.2.3"}]}
    assert rows(world) == [("IPv4", "192.0.2.2", True, 80), ("IPv4", "192.0.2.3", False, 80)]
    assert mirrored(world)[0]["metadata"]["uid"] == before["metadata"]["uid"]


def test_deletion_is_followed(world: Any) -> None:
    """Without Endpoints there is no slice."""
    write(world)
    assert mirrored(world)
    world.objects["endpoints"].clear()
    assert not mirrored(world)


def test_a_deleted_slice_returns(world: Any) -> None:
    """What somebody takes away is made again."""
    write(world)
    mirrored(world)
    world.objects["endpointslices.discovery.k8s.io"].clear()
    assert len(mirrored(world)) == 1


def test_subsets_become_slices_by_their_ports(world: Any) -> None:
    """One address with two sets of ports stands in two slices; equal sets of ports share one."""
    one, other = ({"addresses": [{"ip": "192.0.2.1"}], "ports": [HTTP | {"port": port}]} for port in (80, 81))
    write(world, subsets=[one, other, {"addresses": [{"ip": "192.0.2.2"}], "ports": [HTTP]}])
    assert rows(world) == [
        ("IPv4", "192.0.2.1", True, 80),
        ("IPv4", "192.0.2.1", True, 81),
        ("IPv4", "192.0.2.2", True, 80),
    ]
    assert len(mirrored(world)) == 2


def test_families_have_slices_of_their_own(world: Any) -> None:
    """IPv4 and IPv6 addresses of one subset part."""
    write(world, subsets=[{"addresses": [{"ip": "192.0.2.1"}, {"ip": "2001:db8::1"}], "ports": [HTTP]}])
    assert sorted(item["addressType"] for item in mirrored(world)) == ["IPv4", "IPv6"]


def test_what_an_address_says_is_kept(world: Any) -> None:
    """Host name, node and target come along."""
    target = {"kind": "Pod", "name": "p", "namespace": "x", "uid": "u"}
    address = {"ip": "192.0.2.1", "hostname": "h", "nodeName": "n1", "targetRef": target}
    write(world, subsets=[{"addresses": [address], "ports": [HTTP]}])
    endpoint = mirrored(world)[0]["endpoints"][0]
    assert (endpoint["hostname"], endpoint["nodeName"], endpoint["targetRef"]) == ("h", "n1", target)


def test_a_subset_is_cut_at_a_thousand(world: Any) -> None:
    """The rest of a larger one is left out."""
    many = [{"ip": f"192.0.{number // 250}.{number % 250}"} for number in range(1003)]
    write(world, subsets=[{"addresses": many, "ports": [HTTP]}])
    assert len(mirrored(world)[0]["endpoints"]) == 1000


@pytest.mark.parametrize(
    "fields",
    [
        {"labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}},
        {"annotations": {"control-plane.alpha.kubernetes.io/leader": "{}"}},
        {"service": False},
        {"subsets": []},
    ],
    ids=["skipped", "leader", "no-service", "empty"],
)
def test_what_is_not_mirrored(world: Any, fields: Any) -> None:
    """Label, leader election, no Service, no subsets: no slice."""
    write(world, **fields)
    assert not mirrored(world)


def test_a_service_with_a_selector_is_not_mirrored(world: Any) -> None:
    """Its slices are another controller's; what was mirrored before goes."""
    write(world)
    assert mirrored(world)
    world.all("services")[0]["spec"]["selector"] = {"app": "db"}
    assert not mirrored(world)


def test_annotations_of_others_stay_behind(world: Any) -> None:
    """The trigger time and kubectl's memory are not copied."""
    told = {
        "endpoints.kubernetes.io/last-change-trigger-time": "t",
        "kubectl.kubernetes.io/last-applied-configuration": "c",
    }
    write(world, annotations={**told, "note": "x"})
    assert mirrored(world)[0]["metadata"]["annotations"] == {"note": "x"}


def test_slices_of_others_are_left_alone(world: Any) -> None:
    """What the mirroring controller has not made it does not touch."""
    world.add("endpointslices.discovery.k8s.io", "own", metadata={"labels": {"kubernetes.io/service-name": "db"}})
    write(world, labels={"endpointslice.kubernetes.io/skip-mirror": "true"})
    assert [item["metadata"]["name"] for item in mirrored(world)] == ["own"]


def test_a_stuck_controller_follows_nothing(world: Any) -> None:
    """services/F59: neither changes nor deletions nor new Endpoints are seen, until it is healed."""
    write(world)
    before = rows(world)
    world.fault("services/F59", namespaces=("x",))
    world.all("endpoints")[0]["subsets"][0]["addresses"] = [{"ip": "192.0.2.9"}]
    assert rows(world) == before
    world.heal()
    assert rows(world) == [("IPv4", "192.0.2.9", True, 80)]
