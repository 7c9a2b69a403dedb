"""Reading Services and EndpointSlices: what a proxy serves, which endpoints belong to which port."""

from __future__ import annotations

from typing import Any

import pytest

from harness.embedded.kubeproxy.conntrack import Flow, removal, stale_flows, udp_front_ends
from harness.embedded.kubeproxy.health import Health, health_ports
from harness.embedded.kubeproxy.model import Snapshot, is_served, service_ports
from harness.embedded.nft.ruleset import Family
from tests.unit.embedded.kubeproxy.service_flows import NODE_ADDRESSES, service, slices


def snapshot(services: list[dict[str, Any]], items: list[dict[str, Any]], **changes: Any) -> Snapshot:
    return Snapshot("n1", NODE_ADDRESSES["n1"], (), services=tuple(services), slices=tuple(items), **changes)


@pytest.mark.parametrize(
    ("changes", "labels", "served"),
    [
        ({}, {}, True),
        ({"type": "ExternalName", "clusterIP": ""}, {}, False),
        ({"clusterIP": "None"}, {}, False),
        ({}, {"service.kubernetes.io/headless": ""}, True),
        ({}, {"service.kubernetes.io/service-proxy-name": "x"}, False),
    ],
)
def test_who_is_served(changes: dict[str, Any], labels: dict[str, str], served: bool) -> None:
    """Headless Services, aliases and those of another proxy are left alone."""
    one = service("s", 1, **changes)
    one["metadata"]["labels"] = labels
    assert is_served(one) is served


def test_endpoints_are_matched_by_port_name_and_protocol() -> None:
    """A slice's port of another name or protocol is no port of the Service (SVC-123)."""
    one = service("s", 1, ports=[{"name": "http", "port": 80, "protocol": "TCP"}])
    for items, wanted in (
        (slices("s", "a", port_name="http"), 1),
        (slices("s", "a", port_name="other"), 0),
        (slices("s", "a", port_name="http", protocols=("UDP",)), 0),
    ):
        [port] = service_ports(snapshot([one], items), Family.IPV4)
        assert len(port.endpoints) == wanted


def test_slices_of_one_service_are_merged_and_duplicates_counted_once() -> None:
    """Of two entries for one address the useful one counts, whichever comes first (EPS-023)."""
    ready, leaving = slices("s", "a")[0], slices("s", "a", conditions={"ready": False, "terminating": True})[0]
    for items in ([ready, leaving], [leaving, ready]):
        [port] = service_ports(snapshot([service("s", 1)], [*items, *slices("s", "b")]), Family.IPV4)
        assert [one.is_ready for one in port.endpoints] == [True, True]


def test_conditions_that_are_not_said() -> None:
    """A missing ready means ready, a missing serving means as ready (SVC-124)."""
    items = slices("s", "a")
    items[0]["endpoints"][0]["conditions"] = {}
    items[1]["endpoints"][0]["conditions"] = {"ready": False}
    [four] = service_ports(snapshot([service("s", 1)], items), Family.IPV4)
    [six] = service_ports(snapshot([service("s", 1)], items), Family.IPV6)
    assert (four.endpoints[0].is_ready, four.endpoints[0].is_serving) == (True, True)
    assert (six.endpoints[0].is_ready, six.endpoints[0].is_serving) == (False, False)


def test_slices_without_a_service_or_for_no_proxy_are_ignored() -> None:
    """A slice says whose it is; with the headless label it is nobody's."""
    strange, headless = slices("s", "a")[:1], slices("s", "b")[:1]
    strange[0]["metadata"]["labels"] = {}
    headless[0]["metadata"]["labels"]["service.kubernetes.io/headless"] = ""
    [port] = service_ports(snapshot([service("s", 1)], [*strange, *headless]), Family.IPV4)
    assert port.endpoints == ()


def test_ip_modes() -> None:
    """Only balancer addresses that mean the Service itself are captured (SVC-243, SVC-244)."""
    ingress = [
        {"ip": "1.1.1.1"},
        {"ip": "1.1.1.2", "ipMode": "VIP"},
        {"ip": "1.1.1.3", "ipMode": "Proxy"},
        {"hostname": "h"},
    ]
    one = service("s", 1, type="LoadBalancer", status={"loadBalancer": {"ingress": ingress}})
    [port] = service_ports(snapshot([one], []), Family.IPV4)
    assert port.balancer_ips == ("1.1.1.1", "1.1.1.2")


def test_affinity_seconds() -> None:
    """0 without affinity, three hours when nothing is said, else what is said (SVC-085)."""
    said = {"clientIP": {"timeoutSeconds": 10}}
    for changes, wanted in (
        ({}, 0),
        ({"sessionAffinity": "ClientIP"}, 10800),
        ({"sessionAffinity": "ClientIP", "sessionAffinityConfig": said}, 10),
    ):
        [port] = service_ports(snapshot([service("s", 1, **changes)], []), Family.IPV4)
        assert port.affinity_seconds == wanted


LISTING = """\
udp      17 29 src=10.244.0.10 dst=10.96.0.1 sport=4000 dport=80 src=10.244.0.11 dst=10.244.0.10 sport=8080 dport=4000 mark=0 use=1
udp      17 29 src=10.244.0.10 dst=10.96.0.1 sport=4001 dport=80 src=10.244.1.10 dst=10.244.0.10 sport=8080 dport=4001 mark=0 use=1
udp      17 29 src=10.244.0.10 dst=10.96.0.1 sport=4002 dport=80 [UNREPLIED] src=10.96.0.1 dst=10.244.0.10 sport=80 dport=4002 use=1
udp      17 29 src=10.244.0.10 dst=10.96.0.9 sport=4003 dport=80 src=10.244.0.99 dst=10.244.0.10 sport=8080 dport=4003 use=1
udp      17 29 src=10.244.0.10 dst=172.18.0.2 sport=4004 dport=30053 src=10.244.0.11 dst=10.244.0.10 sport=9 dport=4004 use=1
unknown  2 500 src=0.0.0.0 dst=224.0.0.1 [UNREPLIED] src=224.0.0.1 dst=0.0.0.0 use=1
"""  # noqa: E501


def test_stale_udp_flows() -> None:
    """Entries of our front ends that lead elsewhere than to who serves, port included; nobody else's (SVC-208)."""
    one = service("s", 1, type="NodePort", ports=[{"port": 80, "protocol": "UDP", "nodePort": 30053}])
    front_ends = udp_front_ends(snapshot([one], slices("s", "b", protocols=("UDP",))))
    assert front_ends[NODE_ADDRESSES["n1"][0], 30053] == {("10.244.0.11", 8080)}
    assert stale_flows(LISTING, front_ends) == [
        Flow(("10.96.0.1", 80), ("10.244.1.10", 8080)),
        Flow(("10.96.0.1", 80), ("10.96.0.1", 80)),
        Flow(("172.18.0.2", 30053), ("10.244.0.11", 9)),
    ]


def test_no_endpoint_makes_every_flow_stale() -> None:
    """Scaled to zero, all entries of the Service go (SVC-206)."""
    one = service("s", 1, ports=[{"port": 80, "protocol": "UDP"}])
    assert len(stale_flows(LISTING, udp_front_ends(snapshot([one], [])))) == 3


def test_tcp_is_not_cleaned() -> None:
    """TCP connections end by themselves."""
    assert udp_front_ends(snapshot([service("s", 1)], slices("s", "b"))) == {}


def test_removal_names_both_ends() -> None:
    """One command removes the flow of every client, and of no other backend."""
    command = removal(Flow(("fd00::1", 53), ("fd00::2", 5353)))
    assert command[:6] == ["conntrack", "-D", "-f", "ipv6", "-p", "udp"]
    assert command[6:] == [
        "--orig-dst",
        "fd00::1",
        "--orig-port-dst",
        "53",
        "--reply-src",
        "fd00::2",
        "--reply-port-src",
        "5353",
    ]


def balancer(**changes: Any) -> dict[str, Any]:
    fields = {"type": "LoadBalancer", "externalTrafficPolicy": "Local", "healthCheckNodePort": 31000, **changes}
    return service("s", 1, **fields)


def test_health_counts_local_ready_endpoints() -> None:
    """A dual-stack pod counts once, terminating ones not at all, other nodes' neither (SVC-182, SVC-183)."""
    assert health_ports(snapshot([balancer()], slices("s", "abc"))) == {31000: Health("s", "s", 2)}
    leaving = slices("s", "ab", conditions={"ready": False, "terminating": True})
    assert health_ports(snapshot([balancer()], leaving)) == {31000: Health("s", "s", 0)}


@pytest.mark.parametrize(
    "changes", [{"externalTrafficPolicy": "Cluster"}, {"type": "NodePort"}, {"healthCheckNodePort": 0}]
)
def test_no_health_port_without_local_balancer(changes: dict[str, Any]) -> None:
    """The port exists for balancers with policy Local only (SVC-185)."""
    assert health_ports(snapshot([balancer(**changes)], slices("s", "a"))) == {}


@pytest.mark.parametrize(("count", "status"), [(2, b"HTTP/1.1 200 OK"), (0, b"HTTP/1.1 503 Service Unavailable")])
def test_health_answer(count: int, status: bytes) -> None:
    """Status, weight and body as kube-proxy writes them."""
    head, _, body = Health("ns", "svc", count).response("/").partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0] == status
    assert f"X-Load-Balancing-Endpoint-Weight: {count}".encode() in head
    assert b'"service": {"namespace": "ns", "name": "svc"}' in body
    assert f'"localEndpoints": {count}'.encode() in body
