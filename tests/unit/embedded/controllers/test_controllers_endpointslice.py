"""The EndpointSlice controller: what real slices look like, and which faults bend them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.embedded.controllers.backends import TRIGGER
from harness.embedded.controllers.endpointslice import MAX_ENDPOINTS, RESOURCE, SliceController

RECORDING = json.loads((Path(__file__).parents[3] / "recordings" / "dns.json").read_text())


def settle(world: Any, controller: SliceController | None = None) -> list[dict[str, Any]]:
    world.run((controller or SliceController()).reconcile)
    return world.all(RESOURCE)


def endpoints(world: Any) -> list[dict[str, Any]]:
    return [e for item in world.all(RESOURCE) for e in item["endpoints"] or ()]


def test_a_ready_pod_stands_in_a_labelled_and_owned_slice(world: Any) -> None:
    """A selected pod appears with address, conditions, node and reference in a slice that names its Service."""
    world.nodes()
    service = world.service()
    pod = world.pod("a")
    (item,) = settle(world)
    assert item["metadata"]["labels"] == {
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        "kubernetes.io/service-name": "web",
    }
    assert item["metadata"]["ownerReferences"][0]["uid"] == service["metadata"]["uid"]
    assert item["addressType"] == "IPv4"
    assert item["ports"] == [{"name": "http", "protocol": "TCP", "port": 8080}]
    assert item["endpoints"] == [
        {
            "addresses": ["10.244.0.1"],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "targetRef": {"kind": "Pod", "namespace": "x", "name": "a", "uid": pod["metadata"]["uid"]},
            "nodeName": "n1",
        }
    ]


@pytest.mark.parametrize(
    ("ready", "leaving", "published", "expected"),
    [
        (False, False, False, (False, False, False)),
        (True, False, False, (True, True, False)),
        (True, True, False, (False, True, True)),
        (False, True, False, (False, False, True)),
        (False, False, True, (True, False, False)),
        (False, True, True, (True, False, True)),
    ],
)
def test_conditions_follow_the_pod(
    world: Any, ready: bool, leaving: bool, published: bool, expected: tuple[bool, ...]
) -> None:
    """serving is the pod's readiness, terminating its deletion, ready both together unless all are published."""
    world.nodes()
    world.service(publishNotReadyAddresses=published)
    world.pod("a", ready=ready, leaving=leaving)
    settle(world)
    (endpoint,) = endpoints(world)
    assert tuple(endpoint["conditions"][c] for c in ("ready", "serving", "terminating")) == expected


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_ended_pods_are_absent(world: Any, phase: str) -> None:
    """A pod that has ended is in no slice, even where not-ready pods are published."""
    world.nodes()
    world.service(publishNotReadyAddresses=True)
    world.pod("a", phase=phase)
    settle(world)
    assert not endpoints(world)


def test_a_pod_without_address_or_node_is_absent(world: Any) -> None:
    """Pods that are not yet anywhere, or on a node that does not exist, do not appear and block nobody."""
    world.nodes()
    world.service()
    world.pod("pending", ips=())
    world.pod("lost", node="gone", ips=("10.244.0.8",))
    world.pod("fine", ips=("10.244.0.9",))
    settle(world)
    assert [e["addresses"] for e in endpoints(world)] == [["10.244.0.9"]]


def test_a_service_without_pods_has_one_empty_slice(world: Any) -> None:
    """A selector that matches nothing leaves one slice with neither endpoints nor ports, as recorded."""
    world.service()
    (item,) = settle(world)
    recorded = next(s for s in RECORDING["state"]["endpointslices"] if s["metadata"]["name"].startswith("hl-empty"))
    assert (item["endpoints"], item["ports"]) == (recorded["endpoints"], recorded["ports"]) == (None, None)


def test_an_empty_slice_is_filled_and_emptied_in_its_place(world: Any) -> None:
    """The one slice of a family keeps its name while ports and endpoints come and go; who left leaves no time."""
    world.nodes()
    world.service()
    controller = SliceController()
    (empty,) = settle(world, controller)
    pod = world.pod("a")
    (filled,) = settle(world, controller)
    assert filled["metadata"]["uid"] == empty["metadata"]["uid"]
    assert [port["port"] for port in filled["ports"]] == [8080]
    assert TRIGGER in filled["metadata"]["annotations"]
    pod["metadata"]["labels"] = {"app": "other"}
    (emptied,) = settle(world, controller)
    assert emptied["metadata"]["uid"] == empty["metadata"]["uid"]
    assert (emptied["endpoints"], emptied["ports"]) == (None, None)
    assert TRIGGER not in emptied["metadata"]["annotations"]


@pytest.mark.parametrize("spec", [{"type": "ExternalName"}, {"selector": None}, {"selector": {}}])
def test_services_without_selector_or_addresses_get_no_slices(world: Any, spec: dict[str, Any]) -> None:
    """ExternalName and selector-less Services have no slices of this controller."""
    world.nodes()
    world.pod("a")
    world.service(**spec)
    assert settle(world) == []


def test_a_service_that_becomes_an_alias_leaves_its_slices(world: Any) -> None:
    """As seen of Kubernetes 1.36: they stay, and follow the pods no longer."""
    world.nodes()
    made = world.service()
    world.pod("a")
    controller = SliceController()
    before = settle(world, controller)
    assert len(before) == 1
    made["spec"]["type"] = "ExternalName"
    world.pod("b")
    assert settle(world, controller) == before


def test_named_target_ports_are_resolved_in_each_pod(world: Any) -> None:
    """Pods that resolve a name differently are in different slices; one that lacks the name is without ports."""
    world.nodes()
    world.service(ports=[{"name": "web", "protocol": "TCP", "port": 80, "targetPort": "web"}])
    for index, number in enumerate((8080, 9090, None)):
        ports = [{"name": "web", "containerPort": number, "protocol": "TCP"}] if number else []
        world.pod(f"p{index}", ips=(f"10.244.0.{index + 1}",), containers=[{"name": "c", "ports": ports}])
    slices = settle(world)
    seen = {e["addresses"][0]: s["ports"] and s["ports"][0]["port"] for s in slices for e in s["endpoints"]}
    assert seen == {"10.244.0.1": 8080, "10.244.0.2": 9090, "10.244.0.3": None}


def test_each_family_has_slices_of_its_own(world: Any) -> None:
    """A dual-stack Service has one slice per family, and loses the one whose family it gives up."""
    world.nodes()
    service = world.service(ipFamilies=["IPv4", "IPv6"])
    world.pod("a", ips=("10.244.0.1", "fd00::1"))
    controller = SliceController()
    assert {s["addressType"] for s in settle(world, controller)} == {"IPv4", "IPv6"}
    service["spec"]["ipFamilies"] = ["IPv6"]
    assert {s["addressType"] for s in settle(world, controller)} == {"IPv6"}


def test_no_slice_holds_more_than_a_hundred(world: Any) -> None:
    """250 endpoints make three slices, and a change of one endpoint rewrites only its slice."""
    world.nodes()
    world.service()
    for index in range(250):
        world.pod(f"p{index:03}", ips=(f"10.244.{index // 200}.{index % 200 + 1}",))
    controller = SliceController()
    slices = settle(world, controller)
    assert sorted(len(s["endpoints"]) for s in slices) == [50, 100, 100]
    assert max(len(s["endpoints"]) for s in slices) <= MAX_ENDPOINTS
    world.pod("p007", ips=("10.244.0.8",), ready=False)
    assert world.step(controller.reconcile) <= 2


def test_a_hostname_needs_the_services_own_subdomain(world: Any) -> None:
    """hostname is set only where spec.subdomain names this very Service."""
    world.nodes()
    world.service("web")
    world.service("other")
    world.pod("a", hostname="h", subdomain="web")
    names = {
        s["metadata"]["labels"]["kubernetes.io/service-name"]: s["endpoints"][0].get("hostname") for s in settle(world)
    }
    assert names == {"web": "h", "other": None}


def test_labels_follow_the_service_except_reserved_ones(world: Any) -> None:
    """Labels are copied and removed with the Service's; headless ones carry their mark."""
    world.nodes()
    world.pod("a")
    service = world.service(clusterIP="None", labels={"team": "a", "kubernetes.io/service-name": "liar"})
    controller = SliceController()
    (item,) = settle(world, controller)
    assert item["metadata"]["labels"]["service.kubernetes.io/headless"] == ""
    assert item["metadata"]["labels"]["kubernetes.io/service-name"] == "web"
    assert item["metadata"]["labels"]["team"] == "a"
    service["metadata"]["labels"] = {}
    (item,) = settle(world, controller)
    assert "team" not in item["metadata"]["labels"]


def test_deleted_and_edited_slices_come_back(world: Any) -> None:
    """What somebody deletes or edits by hand is put right again."""
    world.nodes()
    world.service()
    world.pod("a")
    controller = SliceController()
    settle(world, controller)
    world.objects[RESOURCE].clear()
    (item,) = settle(world, controller)
    item["ports"][0]["port"] = 1
    item["endpoints"][0]["conditions"]["ready"] = False
    (item,) = settle(world, controller)
    assert item["ports"][0]["port"] == 8080
    assert item["endpoints"][0]["conditions"]["ready"] is True


def test_slices_of_others_are_left_alone(world: Any) -> None:
    """A slice somebody else manages for the same Service is neither changed nor removed."""
    world.nodes()
    world.service()
    world.add(
        RESOURCE, "mine", metadata={"labels": {"kubernetes.io/service-name": "web"}}, addressType="IPv4", endpoints=[]
    )
    settle(world)
    assert (("x", "mine")) in world.objects[RESOURCE]


@pytest.mark.parametrize(
    ("wish", "hints"),
    [
        ("PreferClose", {"forZones": [{"name": "z1"}]}),
        ("PreferSameNode", {"forZones": [{"name": "z1"}], "forNodes": [{"name": "n1"}]}),
        (None, None),
    ],
)
def test_traffic_distribution_becomes_hints(world: Any, wish: str | None, hints: dict[str, Any] | None) -> None:
    """A wish for near endpoints is written as hints of zone and node."""
    world.nodes(zone="z1")
    world.service(trafficDistribution=wish)
    world.pod("a")
    settle(world)
    (endpoint,) = endpoints(world)
    assert endpoint.get("hints") == hints
    assert endpoint["zone"] == "z1"


def test_new_services_wait(world: Any) -> None:
    """services/F87: Services made while it lasts get no slices; those that have some keep them."""
    world.nodes()
    world.service()
    world.pod("a")
    controller = SliceController()
    settle(world, controller)
    world.fault("services/F87")
    world.service("late")
    (item,) = settle(world, controller)
    assert item["metadata"]["labels"]["kubernetes.io/service-name"] == "web"


def test_hints_left_out(world: Any) -> None:
    """services/F85: endpoints get no hints, whatever the Service wishes."""
    world.nodes(zone="z1")
    world.service(trafficDistribution="PreferClose")
    world.pod("a")
    world.fault("services/F85")
    settle(world)
    (endpoint,) = endpoints(world)
    assert "hints" not in endpoint


def test_the_recorded_slices_are_reproduced(world: Any) -> None:
    """From the recorded Services and pods come the endpoints, ports and labels of the recorded slices."""
    state = RECORDING["state"]
    world.nodes("lab-control-plane", "lab-worker", "lab-worker2")
    manifests = {m["metadata"]["name"]: m for m in RECORDING["manifests"] if m["kind"] == "Pod"}
    for pod in state["pods"]:
        if pod["name"] in manifests:
            ips = tuple(entry["ip"] for entry in pod["podIPs"])
            spec = manifests[pod["name"]]["spec"]
            made = world.pod(
                pod["name"],
                ips=ips,
                ready=pod["ready"] == "True",
                node=pod["node"],
                labels=pod["labels"],
                namespace="rec-dns",
                **spec,
            )
            made["spec"]["nodeName"] = pod["node"]
    for service in state["services"]:
        world.objects.setdefault("services", {})["rec-dns", service["metadata"]["name"]] = service
    settle(world)
    assert _shape(world.all(RESOURCE)) == _shape(
        s for s in state["endpointslices"] if "ownerReferences" in s["metadata"]
    )


def _shape(slices: Any) -> list[Any]:
    shapes = []
    for item in slices:
        members = sorted(
            (
                e["addresses"][0],
                sorted(e["conditions"].items()),
                e.get("hostname"),
                e["nodeName"],
                e["targetRef"]["name"],
            )
            for e in item["endpoints"] or ()
        )
        ports = [(p["name"], p["protocol"], p["port"]) for p in item["ports"] or ()]
        shapes.append((sorted(item["metadata"]["labels"].items()), item["addressType"], sorted(ports), members))
    return sorted(shapes, key=str)


# Planted faults -----------------------------------------------------------------------------------------------------


def test_f35_terminating_pods_vanish(world: Any) -> None:
    """services/F35: a terminating pod is no endpoint any more, where it is planted."""
    world.nodes()
    for namespace in ("x", "y"):
        world.service(namespace=namespace)
        world.pod("a", leaving=True, namespace=namespace)
    world.fault("services/F35", namespaces=("x",))
    settle(world)
    assert [e["targetRef"]["namespace"] for e in endpoints(world)] == ["y"]


def test_f38_ended_pods_stay(world: Any) -> None:
    """services/F38: pods that have ended are published."""
    world.nodes()
    world.service()
    world.pod("a", phase="Succeeded")
    world.fault("services/F38")
    settle(world)
    assert len(endpoints(world)) == 1


def test_f59_a_stuck_cache_shows_old_pods_until_it_is_healed(world: Any) -> None:
    """services/F59: pods made after the fault do not appear while it lasts, and do afterwards."""
    world.nodes()
    world.service()
    world.pod("a")
    controller = SliceController()
    world.add("namespaces", "x", namespace="")
    world.fault("services/F59", namespaces=("x",))
    settle(world, controller)
    world.pod("b", ips=("10.244.0.2",))
    settle(world, controller)
    assert len(endpoints(world)) == 1
    world.heal()
    settle(world, controller)
    assert len(endpoints(world)) == 2


def test_f60_a_lost_slice_stays_lost_but_new_services_work(world: Any) -> None:
    """services/F60: a deleted slice is not made again; Services made meanwhile get theirs."""
    world.nodes()
    world.service()
    world.pod("a")
    controller = SliceController()
    settle(world, controller)
    settle(world, controller)
    world.fault("services/F60")
    world.objects[RESOURCE].clear()
    assert settle(world, controller) == []
    world.service("new")
    assert len(settle(world, controller)) == 1
    world.heal()
    assert len(settle(world, controller)) == 2


def test_f60_edits_may_stay_too(world: Any) -> None:
    """services/F60 with `edits`: what somebody wrote into a slice is not taken back before the fault is gone."""
    world.nodes()
    world.service()
    world.pod("a")
    controller = SliceController()
    settle(world, controller)
    settle(world, controller)
    world.fault("services/F60", edits=True)
    world.all(RESOURCE)[0]["endpoints"] = None
    (edited,) = settle(world, controller)
    assert not edited["endpoints"]
    world.heal()
    (mended,) = settle(world, controller)
    assert mended["endpoints"]


def test_f95_slices_do_not_say_when(world: Any) -> None:
    """services/F95: no time of what brought them about stands on them."""
    world.nodes()
    world.service()
    world.pod("a")
    world.fault("services/F95")
    (item,) = settle(world)
    assert "endpoints.kubernetes.io/last-change-trigger-time" not in item["metadata"]["annotations"]


def test_f96_labels_are_left_out(world: Any) -> None:
    """services/F96: neither the Service's labels nor that it is headless stand on its slices."""
    world.nodes()
    world.service(labels={"team": "blue"}, clusterIP="None")
    world.pod("a")
    world.fault("services/F96")
    (item,) = settle(world)
    assert set(item["metadata"]["labels"]) == {
        "endpointslice.kubernetes.io/managed-by",
        "kubernetes.io/service-name",
    }


def test_f99_unready_pods_are_not_published(world: Any) -> None:
    """services/F99: publishNotReadyAddresses changes nothing about a pod that is not ready."""
    world.nodes()
    world.service(publishNotReadyAddresses=True)
    world.pod("a", ready=False)
    world.fault("services/F99")
    settle(world)
    (endpoint,) = endpoints(world)
    assert endpoint["conditions"]["ready"] is False


def test_f63_an_external_name_gets_endpoints(world: Any) -> None:
    """services/F63: a selector on an ExternalName makes slices; without the fault they follow nobody."""
    world.nodes()
    world.service(type="ExternalName", externalName="a.example")
    world.pod("a")
    controller = SliceController()
    world.fault("services/F63")
    (made,) = settle(world, controller)
    world.heal()
    world.pod("b")
    assert settle(world, controller) == [made]


def test_f70_the_first_pod_decides_the_port(world: Any) -> None:
    """services/F70: one pod's number for a named port is given for all."""
    world.nodes()
    world.service(ports=[{"name": "web", "protocol": "TCP", "port": 80, "targetPort": "web"}])
    for index, number in enumerate((8080, 9090)):
        ports = [{"name": "web", "containerPort": number}]
        world.pod(f"p{index}", ips=(f"10.244.0.{index + 1}",), containers=[{"name": "c", "ports": ports}])
    world.fault("services/F70")
    (item,) = settle(world)
    assert (item["ports"][0]["port"], len(item["endpoints"])) == (8080, 2)


# Settled namespaces -------------------------------------------------------------------------------------------------


def test_a_settled_namespace_is_looked_at_again_when_anything_changes(world: Any) -> None:
    """Pods, Services, slices, faults and node labels each make a settled namespace be worked out anew."""
    world.nodes()
    world.service()
    pod = world.pod("a")
    controller = SliceController()
    for change in (
        lambda: pod["status"]["conditions"][0].update(status="False"),
        lambda: world.service("more"),
        lambda: world.objects[RESOURCE].clear(),
        lambda: world.objects["nodes"]["", "n1"]["metadata"]["labels"].update({"topology.kubernetes.io/zone": "z"}),
        lambda: world.fault("services/F70"),
    ):
        settle(world, controller)
        assert controller.reconcile(world.snapshot()) == []
        before = controller._settled._seen["x"]
        change()
        settle(world, controller)
        assert controller._settled._seen["x"] != before
