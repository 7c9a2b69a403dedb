"""One table of flows through one node's Service rules: who, where to, and what becomes of it.

It serves two levels: the tracer (test_service_flows.py) and the kernel in scratch namespaces
(tests/system/test_services_rules.py). Written by hand from the catalogue's section 1.2.

Two nodes; rules are those of n1. Pods a and b live on n1, c on n2; x is a machine outside that enters at n1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

FAMILIES = ("IPv4", "IPv6")
NODE_ADDRESSES = {"n1": ("172.18.0.2", "fc00:f853:ccd:e793::2"), "n2": ("172.18.0.3", "fc00:f853:ccd:e793::3")}
OUTSIDE = ("172.18.0.1", "fc00:f853:ccd:e793::1")
POD_CIDRS = {"n1": ("10.244.0.0/24", "fd00:10:244::/64"), "n2": ("10.244.1.0/24", "fd00:10:244:1::/64")}
PODS = {
    "a": ("n1", "10.244.0.10", "fd00:10:244::a"),
    "b": ("n1", "10.244.0.11", "fd00:10:244::b"),
    "c": ("n2", "10.244.1.10", "fd00:10:244:1::a"),
}
SERVICE_CIDRS = ("10.96.0.0/16", "fd00:10:96::/112")
BALANCER = {
    "lb": ("172.18.255.200", "fc00:f853:ccd:e793:ffff::1"),
    "lbp": ("172.18.255.201", "fc00:f853:ccd:e793:ffff::2"),
}
EXTERNAL = ("203.0.113.250", "2001:db8::cb00:71fa")
TARGET_PORT = 8080


def pick(pair: Sequence[str], family: str) -> str:
    """The address of a family out of (IPv4, IPv6)."""
    return pair[FAMILIES.index(family)]


def cluster_ips(number: int) -> list[str]:
    """The ClusterIPs of the Service with this number."""
    return [f"10.96.0.{number}", f"fd00:10:96::{number:x}"]


def service(name: str, number: int, *, ports: Sequence[dict[str, Any]] = (), **spec: Any) -> dict[str, Any]:
    """A dual-stack Service with one TCP port 80, unless said otherwise."""
    ips = cluster_ips(number)
    status = spec.pop("status", {})
    return {
        "metadata": {"namespace": "s", "name": name, "uid": f"uid-{name}", "resourceVersion": "1"},
        "spec": {
            "type": "ClusterIP",
            "clusterIP": ips[0],
            "clusterIPs": ips,
            "ipFamilies": list(FAMILIES),
            "internalTrafficPolicy": "Cluster",
            "sessionAffinity": "None",
            "ports": list(ports) or [{"port": 80, "protocol": "TCP"}],
            **spec,
        },
        "status": status,
    }


def slices(
    name: str,
    pods: str,
    *,
    protocols: Sequence[str] = ("TCP",),
    port_name: str = "",
    conditions: dict[str, bool] | None = None,
    hints: dict[str, dict[str, Any]] | None = None,
) -> list[dict[str, Any]]:
    """One slice per family with these pods (a letter each) at the target port."""
    return [
        {
            "metadata": {
                "namespace": "s",
                "name": f"{name}-{family.lower()}",
                "labels": {"kubernetes.io/service-name": name},
                "resourceVersion": "1",
            },
            "addressType": family,
            "ports": [{"name": port_name, "port": TARGET_PORT, "protocol": protocol} for protocol in protocols],
            "endpoints": [
                {
                    "addresses": [pick(PODS[pod][1:], family)],
                    "nodeName": PODS[pod][0],
                    "conditions": {"ready": True, "serving": True, "terminating": False, **(conditions or {})},
                    **({"hints": hints[pod]} if hints and pod in hints else {}),
                }
                for pod in pods
            ],
        }
        for family in FAMILIES
    ]


def _node_port(number: int) -> list[dict[str, Any]]:
    return [{"port": 80, "protocol": "TCP", "nodePort": number}]


def _ingress(name: str, mode: str) -> dict[str, Any]:
    return {"loadBalancer": {"ingress": [{"ip": one, "ipMode": mode} for one in BALANCER[name]]}}


SERVICES: list[dict[str, Any]] = [
    service(
        "web", 20, ports=[{"name": "t", "port": 80, "protocol": "TCP"}, {"name": "u", "port": 80, "protocol": "UDP"}]
    ),
    service("empty", 21, ports=[{"port": 80, "protocol": "TCP"}]),
    service("empty-udp", 31, ports=[{"port": 80, "protocol": "UDP"}]),
    service("far", 22, internalTrafficPolicy="Local"),
    service("near", 23, internalTrafficPolicy="Local"),
    service("np", 24, type="NodePort", ports=_node_port(30080), externalTrafficPolicy="Cluster"),
    service("npfar", 25, type="NodePort", ports=_node_port(30081), externalTrafficPolicy="Local"),
    service("npnear", 26, type="NodePort", ports=_node_port(30082), externalTrafficPolicy="Local"),
    service("npempty", 27, type="NodePort", ports=_node_port(30083), externalTrafficPolicy="Cluster"),
    service(
        "lb",
        28,
        type="LoadBalancer",
        externalTrafficPolicy="Cluster",
        loadBalancerSourceRanges=["172.18.0.1/32", "fc00:f853:ccd:e793::1/128"],
        status=_ingress("lb", "VIP"),
    ),
    service("lbp", 29, type="LoadBalancer", externalTrafficPolicy="Cluster", status=_ingress("lbp", "Proxy")),
    service("ext", 30, externalIPs=list(EXTERNAL), externalTrafficPolicy="Cluster"),
    service("self", 33),
    service("leaving", 34),
    service("unready", 35),
    service("handed-over", 36),
]
SERVICES[-1]["metadata"]["labels"] = {"service.kubernetes.io/service-proxy-name": "other"}

SLICES: list[dict[str, Any]] = [
    *slices("web", "bc", protocols=("TCP",), port_name="t"),
    *slices("far", "c"),
    *slices("near", "bc"),
    *slices("np", "bc"),
    *slices("npfar", "c"),
    *slices("npnear", "bc"),
    *slices("lb", "bc"),
    *slices("lbp", "bc"),
    *slices("ext", "b"),
    *slices("self", "a"),
    *slices("leaving", "b", conditions={"ready": False, "serving": True, "terminating": True}),
    *slices("unready", "b", conditions={"ready": False, "serving": False}),
    *slices("handed-over", "b"),
]
for _udp in slices("web", "bc", protocols=("UDP",), port_name="u"):
    _udp["metadata"]["name"] += "-udp"
    SLICES.append(_udp)

REFUSED, SILENT, UNTOUCHED = "refused", "silent", "untouched"


@dataclass(frozen=True)
class Flow:
    """A row. `who`: a, x or n1. `to`: a Service, `node` (n1's own address), `lb`, `lbp`, `ext`, or `free` (nobody's
    ClusterIP). `result`: letters of the pods that may answer, or how it fails. `masked`: the server sees a node."""

    who: str
    to: str
    port: int
    result: str
    why: str
    protocol: str = "tcp"
    masked: bool = False
    in_kernel: bool = True

    def destination(self, family: str) -> str:
        """The dialled address."""
        if self.to == "node":
            return pick(NODE_ADDRESSES["n1"], family)
        if self.to in BALANCER:
            return pick(BALANCER[self.to], family)
        if self.to == "ext":
            return pick(EXTERNAL, family)
        if self.to == "free":
            return pick(cluster_ips(99), family)
        found = next(one for one in SERVICES if one["metadata"]["name"] == self.to)
        return pick(found["spec"]["clusterIPs"], family)

    def source(self, family: str) -> str:
        """The client's address."""
        if self.who in PODS:
            return pick(PODS[self.who][1:], family)
        return pick(OUTSIDE if self.who == "x" else NODE_ADDRESSES[self.who], family)


FLOWS: list[Flow] = [
    Flow("a", "web", 80, "bc", "SVC-001, SVC-040: every backend, the client's address kept"),
    Flow("a", "web", 80, "bc", "SVC-002, SVC-014: UDP beside TCP on one port", protocol="udp"),
    Flow("n1", "web", 80, "bc", "SVC-004: a node is a client too"),
    Flow("x", "web", 80, "bc", "SVC-063: routed in from outside", masked=True),
    Flow("a", "web", 81, REFUSED, "SVC-053: a port the Service does not have"),
    Flow("n1", "web", 81, REFUSED, "SVC-053 from the node"),
    Flow("a", "free", 80, SILENT, "SVC-054: a ClusterIP nobody has"),
    Flow("a", "empty", 80, REFUSED, "SVC-048: no endpoints"),
    Flow("n1", "empty", 80, REFUSED, "SVC-048 from the node"),
    Flow("a", "empty-udp", 80, REFUSED, "SVC-049: UDP is told as well", protocol="udp"),
    Flow("a", "unready", 80, REFUSED, "SVC-052: all unready"),
    Flow("a", "leaving", 80, "b", "SVC-149: terminating but serving, and nobody else"),
    Flow("a", "far", 80, SILENT, "SVC-091: internalTrafficPolicy Local, endpoints elsewhere"),
    Flow("a", "near", 80, "b", "SVC-090: internalTrafficPolicy Local"),
    Flow("n1", "near", 80, "b", "SVC-092: the same from the node"),
    Flow("a", "self", 80, "a", "SVC-044: hairpin", masked=True),
    Flow("a", "handed-over", 80, SILENT, "SVC-116: another proxy's Service"),
    Flow("x", "node", 30080, "bc", "SVC-166, SVC-174: node port from outside", masked=True),
    Flow("a", "node", 30080, "bc", "SVC-162: a pod at its own node's port", masked=True),
    Flow("n1", "node", 30080, "bc", "SVC-164: the node at its own port", masked=True),
    Flow("x", "node", 30081, SILENT, "SVC-177: externalTrafficPolicy Local, endpoints elsewhere"),
    Flow("a", "node", 30081, "c", "SVC-178: what starts on the node is let past the policy"),
    Flow("n1", "node", 30081, "c", "SVC-179: the same for the node itself", masked=True),
    Flow("x", "node", 30082, "b", "SVC-175: externalTrafficPolicy Local keeps the client's address"),
    Flow("a", "node", 30082, "bc", "SVC-178: any endpoint for a pod of this node"),
    Flow("x", "node", 30083, REFUSED, "SVC-170: node port without endpoints"),
    Flow("a", "node", 30083, REFUSED, "SVC-170 from a pod"),
    Flow("n1", "node", 30083, REFUSED, "SVC-170 from the node"),
    Flow("x", "lb", 80, "bc", "SVC-221, SVC-230: inside loadBalancerSourceRanges", masked=True),
    Flow("a", "lb", 80, SILENT, "SVC-230: outside loadBalancerSourceRanges"),
    Flow("n1", "lb", 80, SILENT, "SVC-230: the node is outside as well"),
    Flow("a", "lbp", 80, UNTOUCHED, "SVC-244: ipMode Proxy", in_kernel=False),
    Flow("a", "ext", 80, "b", "SVC-128: externalIPs", masked=True),
    Flow("n1", "ext", 80, "b", "SVC-128 from the node", masked=True),
]
