"""Requests about Services and slices that the API server refuses or completes: what is asked, what has to come back.

Data only. Values written `=name:path` are read from a Service the case made, so that nothing is picked by chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.suite import Filled

PRESENT, ABSENT = Filled.YES, Filled.NO
NOBODYS = "example.com/nobody"
"""A loadBalancerClass that no implementation serves: the Service stays as the test makes it."""
ELSEWHERE = "192.0.2.10"
"""A documentation address (RFC 5737): in no cluster's ranges."""
HTTP = {"port": 80}
BALANCED: Mapping[str, Any] = {"type": "LoadBalancer", "loadBalancerClass": NOBODYS, "ports": [HTTP]}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request: a new Service of this spec, or with `of` a change to one of the case's own."""

    spec: Mapping[str, Any] = field(default_factory=dict)
    status: Mapping[str, Any] = field(default_factory=dict)
    """A change to the status instead of the spec."""
    of: str = ""
    name: str = "tried"
    refused: str = ""
    """The field a refusal has to name; otherwise the request has to be accepted."""
    gives: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the object that would be stored."""
    real: bool = False
    """Whether it is not for show: newer servers look at their allocations only then."""

    def __str__(self) -> str:
        told = f"status {dict(self.status)}" if self.status else str(dict(self.spec))
        return f"{f'change of {self.of}' if self.of else 'new Service'} {told}"


@dataclass(frozen=True, kw_only=True)
class RequestCase:
    """Requests that decide some requirements, and the Services they need."""

    name: str
    ids: Sequence[str]
    promise: str
    asked: Sequence[Asked]
    made: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    needs: Sequence[str] = ()


def refused(where: str, of: str = "", **spec: Any) -> Asked:
    """A request that has to be refused for a field."""
    return Asked(spec=spec, of=of, refused=where)


def unallocated(where: str, **spec: Any) -> Asked:
    """A request for something that cannot be had, which has to be refused."""
    return Asked(spec=spec, refused=where, real=True)


def gives(fields: Mapping[str, Any], of: str = "", **spec: Any) -> Asked:
    """A request that has to be accepted, with these fields of the outcome."""
    return Asked(spec=spec, of=of, gives=fields)


def _affinity(seconds: int) -> dict[str, Any]:
    return {"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": seconds}}}


def _ingress(**entry: str) -> dict[str, Any]:
    return {"loadBalancer": {"ingress": [entry]}}


CASES = (
    RequestCase(
        name="defaults",
        ids=("SVC-270",),
        promise="What a Service leaves out is filled in with the documented defaults.",
        asked=(
            gives(
                {
                    "spec.type": "ClusterIP",
                    "spec.sessionAffinity": "None",
                    "spec.internalTrafficPolicy": "Cluster",
                    "spec.externalTrafficPolicy": ABSENT,
                    "spec.ports.0.protocol": "TCP",
                    "spec.ports.0.targetPort": 80,
                    "spec.clusterIP": PRESENT,
                },
                ports=[HTTP],
            ),
            gives(
                {"spec.externalTrafficPolicy": "Cluster", "spec.ports.0.nodePort": PRESENT},
                type="NodePort",
                ports=[HTTP],
            ),
            gives({"spec.allocateLoadBalancerNodePorts": True, "spec.ports.0.nodePort": PRESENT}, **BALANCED),
        ),
    ),
    RequestCase(
        name="affinity",
        ids=("SVC-085",),
        promise="Affinity lasts 10800 s unless said otherwise, and 1 to 86400 s may be said.",
        asked=(
            gives(
                {"spec.sessionAffinityConfig.clientIP.timeoutSeconds": 10800},
                sessionAffinity="ClientIP",
                ports=[HTTP],
            ),
            gives({}, ports=[HTTP], **_affinity(1)),
            gives({}, ports=[HTTP], **_affinity(86400)),
            refused("spec.sessionAffinityConfig", ports=[HTTP], **_affinity(0)),
            refused("spec.sessionAffinityConfig", ports=[HTTP], **_affinity(86401)),
        ),
    ),
    RequestCase(
        name="traffic-distribution",
        ids=("SVC-101",),
        promise="A trafficDistribution that nobody knows is refused.",
        asked=(
            gives({"spec.trafficDistribution": "PreferClose"}, trafficDistribution="PreferClose", ports=[HTTP]),
            refused("spec.trafficDistribution", trafficDistribution="Nearby", ports=[HTTP]),
        ),
    ),
    RequestCase(
        name="external-name",
        ids=("SVC-127",),
        promise="An externalName has to be a DNS name; what looks like an address counts as a name.",
        asked=(
            gives({}, type="ExternalName", externalName="a.b."),
            gives({}, type="ExternalName", externalName="1.2.3.4"),
            refused("spec.externalName", type="ExternalName", externalName="a_b"),
            refused("spec.externalName", type="ExternalName"),
        ),
    ),
    RequestCase(
        name="nodeports-kept",
        ids=("SVC-238", "SVC-239"),
        promise="Without allocateLoadBalancerNodePorts there are none until it is set; unsetting it takes none away.",
        made={"with": BALANCED, "without": {**BALANCED, "allocateLoadBalancerNodePorts": False}},
        asked=(
            gives({"spec.ports.0.nodePort": ABSENT}, "without", publishNotReadyAddresses=True),
            gives({"spec.ports.0.nodePort": PRESENT}, "without", allocateLoadBalancerNodePorts=True),
            gives(
                {"spec.ports.0.nodePort": "=with:spec.ports.0.nodePort"}, "with", allocateLoadBalancerNodePorts=False
            ),
        ),
    ),
    RequestCase(
        name="loadbalancer-class",
        ids=("SVC-241",),
        promise="A loadBalancerClass cannot change while the Service is a LoadBalancer, and goes when it is none.",
        made={"svc": BALANCED},
        asked=(
            refused("spec.loadBalancerClass", "svc", loadBalancerClass="example.com/other"),
            gives({"spec.loadBalancerClass": ABSENT}, "svc", type="ClusterIP"),
        ),
    ),
    RequestCase(
        name="ip-mode",
        ids=("SVC-245",),
        promise="ipMode goes with an address, is VIP unless said otherwise, and hostnames are no addresses.",
        made={"svc": BALANCED},
        asked=(
            Asked(of="svc", status=_ingress(ip="203.0.113.9"), gives={"status.loadBalancer.ingress.0.ipMode": "VIP"}),
            Asked(of="svc", status=_ingress(ip="203.0.113.9", ipMode="Proxy")),
            Asked(
                of="svc",
                status=_ingress(ip="203.0.113.9", ipMode="Other"),
                refused="status.loadBalancer.ingress[0].ipMode",
            ),
            Asked(
                of="svc",
                status=_ingress(hostname="lb.example.com", ipMode="VIP"),
                refused="status.loadBalancer.ingress[0].ipMode",
            ),
            Asked(
                of="svc",
                status=_ingress(hostname="203.0.113.9"),
                refused="status.loadBalancer.ingress[0].hostname",
            ),
        ),
    ),
    RequestCase(
        name="leaving-loadbalancer",
        ids=("SVC-267", "SVC-268"),
        promise="What only a LoadBalancer, or only policy Local, can have goes when the Service is that no longer.",
        made={"svc": {**BALANCED, "externalTrafficPolicy": "Local"}},
        asked=(
            gives({"spec.healthCheckNodePort": PRESENT}, "svc", publishNotReadyAddresses=True),
            gives({"spec.healthCheckNodePort": ABSENT}, "svc", externalTrafficPolicy="Cluster"),
            gives(
                {
                    "spec.healthCheckNodePort": ABSENT,
                    "spec.externalTrafficPolicy": ABSENT,
                    "spec.loadBalancerClass": ABSENT,
                    "spec.allocateLoadBalancerNodePorts": ABSENT,
                    "spec.ports.0.nodePort": ABSENT,
                },
                "svc",
                type="ClusterIP",
            ),
        ),
    ),
    RequestCase(
        name="headless-stays",
        ids=("SVC-269",),
        promise="A headless Service cannot be given an address later.",
        # Without a selector it would be dual-stack on a cluster of one family, and refused for that when it changes.
        made={"svc": {"clusterIP": "None", "selector": {"app": "nobody"}, "ports": [HTTP]}},
        asked=(refused("spec.clusterIP", "svc", clusterIP=ELSEWHERE, clusterIPs=[ELSEWHERE]),),
    ),
    RequestCase(
        name="clusterip-taken",
        ids=("SVC-273", "SVC-274", "SVC-275"),
        promise="A clusterIP that is taken or lies in no range is refused, and none can be changed.",
        made={"svc": {"ports": [HTTP]}},
        asked=(
            unallocated("spec.clusterIP", clusterIP="=svc:spec.clusterIP", ports=[HTTP]),
            unallocated("spec.clusterIP", clusterIP=ELSEWHERE, ports=[HTTP]),
            refused("spec.clusterIP", "svc", clusterIP=ELSEWHERE, clusterIPs=[ELSEWHERE]),
        ),
    ),
    RequestCase(
        name="nodeport-taken",
        ids=("SVC-280", "SVC-281", "SVC-282"),
        promise="A nodePort that is taken, out of range, or on a ClusterIP Service is refused.",
        made={"svc": {"type": "NodePort", "ports": [HTTP]}},
        asked=(
            unallocated(
                "spec.ports[0].nodePort",
                type="NodePort",
                ports=[{"port": 80, "nodePort": "=svc:spec.ports.0.nodePort"}],
            ),
            unallocated("spec.ports[0].nodePort", type="NodePort", ports=[{"port": 80, "nodePort": 1}]),
            unallocated("spec.ports[0].nodePort", type="NodePort", ports=[{"port": 80, "nodePort": 65535}]),
            refused("spec.ports[0].nodePort", ports=[{"port": 80, "nodePort": 30080}]),
        ),
    ),
    RequestCase(
        name="one-number",
        ids=("SVC-283", "SVC-284"),
        promise="Two protocols may share port and nodePort; one protocol cannot have a number twice, nor lack names.",
        made={"svc": {"type": "NodePort", "ports": [{"name": "a", "port": 53}]}},
        asked=(
            gives(
                {"spec.ports.1.nodePort": "=svc:spec.ports.0.nodePort"},
                "svc",
                ports=[
                    {"name": "a", "port": 53, "nodePort": "=svc:spec.ports.0.nodePort"},
                    {"name": "b", "port": 53, "protocol": "UDP", "nodePort": "=svc:spec.ports.0.nodePort"},
                ],
            ),
            refused(
                "spec.ports",  # an allocator that speaks first says no number
                "svc",
                ports=[
                    {"name": "a", "port": 53, "nodePort": "=svc:spec.ports.0.nodePort"},
                    {"name": "b", "port": 54, "nodePort": "=svc:spec.ports.0.nodePort"},
                ],
            ),
            refused("spec.ports[1]", ports=[{"name": "a", "port": 80}, {"name": "b", "port": 80}]),
            refused("spec.ports[0].name", ports=[{"port": 80}, {"port": 81}]),
            refused("spec.ports[1].name", ports=[{"name": "a", "port": 80}, {"name": "a", "port": 81}]),
        ),
    ),
    RequestCase(
        name="health-check-node-port",
        ids=("SVC-285",),
        promise="Only a LoadBalancer with policy Local has a healthCheckNodePort, and cannot change it.",
        made={"svc": {**BALANCED, "externalTrafficPolicy": "Local"}},
        asked=(
            refused("spec.healthCheckNodePort", healthCheckNodePort=30080, ports=[HTTP]),
            refused("spec.healthCheckNodePort", healthCheckNodePort=30080, **BALANCED),
            refused("spec.healthCheckNodePort", "svc", healthCheckNodePort=80),
        ),
    ),
    RequestCase(
        name="external-fields",
        ids=("SVC-286",),
        promise="Fields about traffic from outside are refused where nothing comes from outside.",
        asked=(
            refused("spec.externalTrafficPolicy", externalTrafficPolicy="Local", ports=[HTTP]),
            refused("spec.loadBalancerSourceRanges", loadBalancerSourceRanges=["10.0.0.0/8"], ports=[HTTP]),
            refused("spec.loadBalancerClass", loadBalancerClass=NOBODYS, ports=[HTTP]),
            refused("spec.allocateLoadBalancerNodePorts", allocateLoadBalancerNodePorts=True, ports=[HTTP]),
        ),
    ),
    RequestCase(
        name="external-name-has-no-address",
        ids=("SVC-287",),
        promise="An ExternalName Service has no address or family, and a headless one is no NodePort or LoadBalancer.",
        asked=(
            refused("spec.clusterIP", type="ExternalName", externalName="a.b", clusterIP=ELSEWHERE),
            refused("spec.ipFamilies", type="ExternalName", externalName="a.b", ipFamilies=["IPv4"]),
            refused("spec.clusterIP", type="NodePort", clusterIP="None", ports=[HTTP]),
            refused("spec.clusterIP", clusterIP="None", **BALANCED),
        ),
    ),
    RequestCase(
        name="families-change",
        ids=("SVC-288", "SVC-300"),
        promise="A Service has one family unless it asks for two; the first stays, the second may come and go.",
        made={
            "one": {"ports": [HTTP]},
            "two": {"ipFamilyPolicy": "RequireDualStack", "ports": [HTTP]},
        },
        needs=("dual",),
        asked=(
            gives({"spec.ipFamilyPolicy": "SingleStack", "spec.clusterIPs.1": ABSENT}, ports=[HTTP]),
            gives({"spec.clusterIPs.1": PRESENT}, "one", ipFamilyPolicy="RequireDualStack"),
            gives({"spec.clusterIPs.1": ABSENT, "spec.ipFamilies.1": ABSENT}, "two", ipFamilyPolicy="SingleStack"),
            refused("spec.clusterIP", "two", ipFamilies=["=two:spec.ipFamilies.1", "=two:spec.ipFamilies.0"]),
        ),
    ),
    RequestCase(
        name="malformed",
        ids=("SVC-290",),
        promise="Names, ports and protocols that cannot be are refused.",
        asked=(
            Asked(spec={"ports": [HTTP]}, name="UPPER", refused="metadata.name"),
            refused("spec.ports[0].port", ports=[{"port": 65536}]),
            refused("spec.ports[0].port", ports=[{"port": 0}]),
            refused("spec.ports[0].protocol", ports=[{"port": 80, "protocol": "ICMP"}]),
            refused("spec.ports[0].targetPort", ports=[{"port": 80, "targetPort": "abcdefghijklmnop"}]),
            refused("spec.ports[0].targetPort", ports=[{"port": 80, "targetPort": "Upper"}]),
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class SliceCase:
    """EndpointSlices tried for show: what is said of it, what differs from an empty slice, the field a refusal names
    (empty: taken)."""

    name: str
    ids: Sequence[str]
    promise: str
    asked: Sequence[tuple[str, Mapping[str, Any], str]]


def _endpoints(*addresses: str, family: str = "IPv4", **fields: Any) -> dict[str, Any]:
    return {"addressType": family, "endpoints": [{"addresses": [each], **fields} for each in addresses]}


SLICE_CASES = (
    SliceCase(
        name="addresses-of-nobody",
        ids=("SVC-125",),
        promise="Loopback, link-local and unspecified addresses are no endpoints.",
        asked=(
            ("a routable address", _endpoints(ELSEWHERE), ""),
            ("127.0.0.1", _endpoints("127.0.0.1"), "endpoints[0].addresses"),
            ("169.254.1.1", _endpoints("169.254.1.1"), "endpoints[0].addresses"),
            ("0.0.0.0", _endpoints("0.0.0.0"), "endpoints[0].addresses"),  # not bound: to be refused
            ("::1", _endpoints("::1", family="IPv6"), "endpoints[0].addresses"),
            ("fe80::1", _endpoints("fe80::1", family="IPv6"), "endpoints[0].addresses"),
        ),
    ),
    SliceCase(
        name="limits",
        ids=("EPS-027",),
        promise="Slices have limits, and one address family.",
        asked=(
            ("1001 endpoints", _endpoints(*(f"10.1.{n // 250}.{n % 250 + 1}" for n in range(1001))), "endpoints"),
            (
                "an endpoint with 101 addresses",
                {"endpoints": [{"addresses": [f"10.1.1.{n + 1}" for n in range(101)]}]},
                "endpoints[0].addresses",
            ),
            (
                "two ports of one name",
                {"ports": [{"name": "a", "port": 80}, {"name": "a", "port": 81}]},
                "ports[1].name",
            ),
            ("an IPv6 address among IPv4", _endpoints("2001:db8::1"), "endpoints[0].addresses"),
            (
                "nine zone hints",
                _endpoints(ELSEWHERE, hints={"forZones": [{"name": f"z{n}"} for n in range(9)]}),
                "endpoints[0].hints.forZones",
            ),
        ),
    ),
)
