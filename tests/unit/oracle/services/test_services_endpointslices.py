"""EndpointSlices from pods: recorded ones are as expected, and every single field that is wrong is told."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from harness.oracle.endpointslices import compare_endpoints, expected_endpoints, judge_slices, seen_endpoints
from harness.oracle.snapshot import Snapshot, name_of

from ..dns.recorded import pod as flat_pod  # noqa: TID252
from ..dns.recorded import recording  # noqa: TID252
from .cluster import cluster, endpoint, pod, service, slice_of

TERMINATING = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


def recorded_snapshot() -> Snapshot:
    """The recorded state, its pods with the conditions and container ports of their manifests."""
    held = recording("dns.json")
    manifests = {each["metadata"]["name"]: each for each in held["manifests"] if each["kind"] == "Pod"}
    pods = []
    for flat in held["state"]["pods"]:
        made = flat_pod(flat)
        made["status"]["conditions"] = [{"type": "Ready", "status": flat["ready"]}]
        made["spec"]["containers"] = manifests.get(flat["name"], {"spec": {"containers": []}})["spec"]["containers"]
        pods.append(made)
    return Snapshot.of([*held["state"]["services"], *held["state"]["endpointslices"], *pods])


@pytest.mark.parametrize("name", [name_of(each) for each in recording("dns.json")["state"]["services"]])
def test_recorded_slices_are_what_their_pods_call_for(name: str) -> None:
    """A real controller's slices show no difference."""
    snapshot = recorded_snapshot()
    assert [str(each) for each in judge_slices(snapshot, snapshot.service("rec-dns", name))] == []


@pytest.mark.parametrize(
    ("ready", "deleted", "publish", "expected"),
    [
        (False, False, False, (False, False, False)),
        (True, False, False, (True, True, False)),
        (True, True, False, (False, True, True)),
        (False, True, False, (False, False, True)),
        (False, False, True, (True, False, False)),
        (False, True, True, (True, False, True)),
    ],
)
def test_conditions_follow_the_pod(ready: bool, deleted: bool, publish: bool, expected: tuple[bool, ...]) -> None:
    """ready, serving, terminating over a pod's life, with and without publishNotReadyAddresses (EPS-006, 007)."""
    made = pod("e1", ready=ready, metadata=TERMINATING if deleted else {})
    found = expected_endpoints(cluster(made), service(publishNotReadyAddresses=publish))["10.244.0.1"]
    assert (found.ready, found.serving, found.terminating) == expected


def test_an_endpoint_says_everything_about_its_pod() -> None:
    """Address, node, zone, target, hostname, ports (EPS-002, 010, 011, 040)."""
    ports = [{"name": "http", "port": 80, "targetPort": 8080, "appProtocol": "h2c"}]
    made = pod("e1", "C", hostname="h", subdomain="web")
    found = expected_endpoints(cluster(made), service(ports=ports))["10.244.2.1"]
    assert (found.pod, found.uid, found.node, found.zone, found.hostname) == ("x/e1", "uid-e1", "C", "2", "h")
    assert [(each.name, each.protocol, each.number, each.app_protocol) for each in found.ports] == [
        ("http", "TCP", 8080, "h2c")
    ]


@pytest.mark.parametrize("fields", [{"hostname": "h"}, {"subdomain": "web"}, {"hostname": "h", "subdomain": "other"}])
def test_a_hostname_needs_the_services_subdomain(fields: dict[str, str]) -> None:
    """Otherwise the slice says none (EPS-011)."""
    assert expected_endpoints(cluster(pod("e1", **fields)), service())["10.244.0.1"].hostname == ""


def test_only_living_selected_addressed_pods_of_known_nodes_count() -> None:
    """Finished, unlabelled, address-less pods and those of unknown nodes are left out (EPS-009, 021)."""
    pods = [
        pod("e1", phase="Succeeded"),
        pod("e2", phase="Failed"),
        pod("e3", labels={"app": "f"}),
        pod("e4", status={"podIPs": []}),
        pod("e5", nodeName="gone"),
        pod("e6"),
    ]
    assert set(expected_endpoints(cluster(*pods), service())) == {"10.244.0.6"}
    published = expected_endpoints(cluster(*pods), service(publishNotReadyAddresses=True))
    assert set(published) == {"10.244.0.5", "10.244.0.6"}


@pytest.mark.parametrize("spec", [{"selector": None}, {"selector": {}}, {"type": "ExternalName"}])
def test_services_without_selector_have_no_endpoints_of_their_own(spec: dict[str, Any]) -> None:
    """And ExternalName neither, whatever its selector (EPS-018)."""
    made = service(**spec)
    assert expected_endpoints(cluster(pod("e1")), made) == {}
    assert judge_slices(cluster(pod("e1")), made) == []
    assert [each.what for each in judge_slices(cluster(slice_of()), made)] == ["controller slices"]


def test_both_families_have_their_endpoints() -> None:
    """A dual-stack Service has an endpoint per pod and family."""
    made = service(ipFamilies=["IPv6", "IPv4"])
    assert set(expected_endpoints(cluster(pod("e1")), made)) == {"10.244.0.1", "fd00:10:244::1"}


def test_named_targets_are_looked_up_with_their_protocol() -> None:
    """Each pod has its own number, one without the name has no port (SVC-010, 012, 013)."""

    def container(number: int, protocol: str = "TCP") -> list[dict[str, Any]]:
        return [{"name": "c", "ports": [{"name": "dns", "containerPort": number, "protocol": protocol}]}]

    pods = [
        pod("e1", containers=container(53)),
        pod("e2", containers=container(5353)),
        pod("e3", containers=container(53, "UDP")),
    ]
    ports = [{"name": "dns", "port": 53, "targetPort": "dns", "protocol": "TCP"}]
    found = expected_endpoints(cluster(*pods), service(ports=ports))
    assert [[port.number for port in each.ports] for each in found.values()] == [[53], [5353], []]


def test_a_target_defaults_to_the_port() -> None:
    """Also where defaulting has not been applied (SVC-008)."""
    found = expected_endpoints(cluster(pod("e1")), service(ports=[{"port": 8081}]))["10.244.0.1"]
    assert [str(each) for each in found.ports] == ["unnamed 8081/TCP"]


def healthy() -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    return (
        service(labels={"team": "t"}),
        [pod("e1"), pod("e2", "B")],
        slice_of(endpoint("e1"), endpoint("e2", "B"), labels={"team": "t"}),
    )


def test_a_right_slice_shows_no_difference() -> None:
    """The starting point of the faults below."""
    made, pods, right = healthy()
    assert judge_slices(cluster(made, *pods, right), made) == []


def _set(path: str, *, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(thing: dict[str, Any]) -> None:
        *steps, last = path.split("/")
        for step in steps:
            thing = thing[int(step) if step.isdigit() else step]
        thing[last] = to

    return change


FAULTS: dict[str, Callable[[dict[str, Any]], None]] = {
    "ready of 10.244.0.1 (x/e1)": _set("endpoints/0/conditions/ready", to=False),
    "serving of 10.244.0.1 (x/e1)": _set("endpoints/0/conditions/serving", to=False),
    "terminating of 10.244.0.1 (x/e1)": _set("endpoints/0/conditions/terminating", to=True),
    "targetRef of 10.244.0.1 (x/e1)": _set("endpoints/0/targetRef/name", to="e9"),
    "uid of 10.244.0.1 (x/e1)": _set("endpoints/0/targetRef/uid", to="older"),
    "nodeName of 10.244.0.1 (x/e1)": _set("endpoints/0/nodeName", to="B"),
    "zone of 10.244.0.1 (x/e1)": _set("endpoints/0/zone", to="7"),
    "hostname of 10.244.0.1 (x/e1)": _set("endpoints/0/hostname", to="h"),
    "ports of 10.244.0.1 (x/e1)": _set("ports", to=[{"name": "http", "port": 8081, "protocol": "TCP"}]),
    "endpoint 10.244.0.1 (x/e1)": lambda made: made["endpoints"].pop(0),
    "endpoint 10.244.0.9 (x/e9)": lambda made: made["endpoints"].append(endpoint("e9")),
    "endpoint 10.244.0.1": lambda made: made["endpoints"].append(endpoint("e1")),
    "slice web-1 owner": _set("metadata/ownerReferences", to=[]),
    "slice web-1 addressType": _set("addressType", to="IPv6"),
    "slice web-1 label service.kubernetes.io/headless": lambda made: made["metadata"]["labels"].update(
        {"service.kubernetes.io/headless": ""}
    ),
    "slice web-1 label team": lambda made: made["metadata"]["labels"].pop("team"),
    "slice web-1 endpoints": lambda made: made["endpoints"].extend(endpoint(f"e{i + 3}") for i in range(99)),
    "controller slices": lambda made: made["metadata"]["labels"].pop("endpointslice.kubernetes.io/managed-by"),
}


@pytest.mark.parametrize("what", FAULTS)
def test_each_fault_of_a_slice_is_told_by_name(what: str) -> None:
    """The differences name the field, the endpoint and its pod."""
    made, pods, right = healthy()
    wrong = copy.deepcopy(right)
    FAULTS[what](wrong)
    assert what in [each.what for each in judge_slices(cluster(made, *pods, wrong), made)]


def test_a_headless_service_wants_its_label() -> None:
    """The slices of a headless Service carry it (EPS-017)."""
    made = service(clusterIP="None")
    found = judge_slices(cluster(pod("e1"), made, slice_of(endpoint("e1"))), made)
    assert [str(each) for each in found] == [
        "slice web-1 label service.kubernetes.io/headless: expected present, saw missing (EPS-017)"
    ]


def test_an_address_of_the_wrong_family_in_a_slice_is_told() -> None:
    """addressType holds for all addresses of a slice (EPS-022)."""
    made = service(ipFamilies=["IPv4", "IPv6"])
    mixed = slice_of(endpoint("e1"), endpoint("e1", family="IPv6"))
    assert "slice web-1 addresses" in [each.what for each in judge_slices(cluster(pod("e1"), made, mixed), made)]


def test_unset_conditions_and_foreign_targets_are_read_as_the_api_says() -> None:
    """nil ready is ready, nil serving follows ready, a target that is no pod is no pod."""
    plain = {"addresses": ["10.0.0.1"]}
    down = {"addresses": ["10.0.0.2"], "conditions": {"ready": False}, "targetRef": {"kind": "Node", "name": "A"}}
    first, second = seen_endpoints([slice_of(plain, down, ports=[{"name": "any"}])])
    assert (first.ready, first.serving, first.terminating, first.ports) == (True, True, False, frozenset())
    assert (second.ready, second.serving, second.pod) == (False, False, "")


def test_uids_count_only_where_both_sides_know_them() -> None:
    """A snapshot of manifests has none."""
    made = pod("e1")
    del made["metadata"]["uid"]
    want = expected_endpoints(cluster(made), service())
    assert compare_endpoints(want, seen_endpoints([slice_of(endpoint("e1"))])) == []


def test_a_surplus_endpoint_without_pod_is_told() -> None:
    """Somebody wrote an address nobody has."""
    (found,) = compare_endpoints({}, seen_endpoints([slice_of({"addresses": ["10.0.0.1"]})]))
    assert str(found) == "endpoint 10.0.0.1 (no pod): expected absent, saw present (EndpointSlice controller)"


ZONE_1, NODE_A = {"forZones": [{"name": "1"}]}, {"forNodes": [{"name": "A"}]}
HINTS: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    ({}, {}, []),
    ({}, ZONE_1, ["hints for zones"]),
    ({"trafficDistribution": "PreferSameZone"}, ZONE_1, []),
    ({"trafficDistribution": "PreferClose"}, ZONE_1, []),
    ({"trafficDistribution": "PreferClose"}, {}, ["hints for zones"]),
    ({"trafficDistribution": "PreferClose"}, {"forZones": [{"name": "2"}]}, ["hints for zones"]),
    ({"trafficDistribution": "PreferSameZone"}, ZONE_1 | NODE_A, ["hints for nodes"]),
    ({"trafficDistribution": "PreferSameNode"}, NODE_A, []),
    ({"trafficDistribution": "PreferSameNode"}, ZONE_1 | NODE_A, []),
    ({"trafficDistribution": "PreferSameNode"}, ZONE_1, ["hints for nodes"]),
]


@pytest.mark.parametrize(("spec", "hints", "wrong"), HINTS)
def test_hints_are_what_the_distribution_calls_for(
    spec: dict[str, Any], hints: dict[str, Any], wrong: list[str]
) -> None:
    """KEP-4444, KEP-3015: the endpoint's own zone, or its own node; without a wish nothing (SVC-097, 099)."""
    made = service(**spec)
    slices = slice_of(endpoint("e1", "A", **({"hints": hints} if hints else {})))
    found = judge_slices(cluster(made, pod("e1", "A"), slices), made)
    assert [each.what.partition(" of ")[0] for each in found] == wrong


def test_hints_of_the_older_annotation_are_the_controllers_own() -> None:
    """topology-mode distributes zones by a heuristic, which is not ours to predict."""
    made = service()
    made["metadata"]["annotations"] = {"service.kubernetes.io/topology-mode": "Auto"}
    slices = slice_of(endpoint("e1", "A", hints={"forZones": [{"name": "2"}]}))
    assert judge_slices(cluster(made, pod("e1", "A"), slices), made) == []


def test_hints_of_endpoints_that_are_not_ready_do_not_matter() -> None:
    """Nobody goes by them."""
    made = service(trafficDistribution="PreferSameZone")
    waiting = endpoint("e1", "A", ready=False, serving=False, terminating=False)
    assert judge_slices(cluster(made, pod("e1", "A", ready=False), slice_of(waiting)), made) == []
