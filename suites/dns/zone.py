"""The DNS fixture as data: Services and pods of every kind that has names, and the names themselves.

Names of Services follow the fixture list of the DNS catalogue (section 0.4).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.suite import ClusterFacts, Family, PodShape, WorkerArena, endpointslice, service

HOST_LONG = "h" * 63
"""A headless Service, and a host of it, with names of the greatest length."""
OUTSIDE = {Family.V4: "192.0.2.77", Family.V6: "2001:db8::77"}
"""An external address of nobody."""
BALANCER = {Family.V4: "192.0.2.99", Family.V6: "2001:db8::99"}
"""What a load balancer of nobody says its address is."""
LONG = "s" * 63
"""A Service name of the greatest length."""

HTTP = {"name": "http", "port": 80, "targetPort": 80}
SIP = {"name": "sip", "port": 5060, "targetPort": 81, "protocol": "UDP"}
BIG, HUGE = 150, 1200
"""Endpoints of `hl-big`, more than a slice holds, and of `hl-huge`, more than Endpoints may have."""
TEST_NET = ("192.0.2.7", "192.0.2.8")
"""Addresses of nobody (RFC 5737), for slices written by hand."""


def pods(nodes: Sequence[str]) -> dict[str, PodShape]:
    """Pods behind the Services: two ready with host names, two never ready, one without a host name."""
    at = [nodes[index % len(nodes)] for index in range(4)]

    def named(host: str, subdomain: str) -> dict[str, Any]:
        return {"hostname": host, "subdomain": subdomain}

    return {
        "n/hl-0": PodShape(labels={"app": "hl"}, node=at[0], spec=named("hl-0", "hl")),
        "n/hl-1": PodShape(labels={"app": "hl"}, node=at[1], spec=named("hl-1", "hl")),
        "n/un-0": PodShape(
            labels={"app": "hl", "state": "unready"},
            node=at[2],
            readiness=True,
            start_unready=True,
            spec=named("un-0", "hl"),
        ),
        "n/pub-0": PodShape(
            labels={"app": "hl", "state": "unready"},
            node=at[3],
            readiness=True,
            start_unready=True,
            spec=named("pub-0", "hl-pub"),
        ),
        "n/anon": PodShape(labels={"app": "anon"}, node=at[3]),
    }


def crowd(count: int, family: Family) -> list[str]:
    """Many addresses of nobody (RFC 2544, RFC 3849)."""
    if family is Family.V6:
        return [f"2001:db8:1::{number:x}" for number in range(1, count + 1)]
    return [f"198.18.{number // 250}.{number % 250 + 1}" for number in range(count)]


def crowded(name: str, count: int, family: Family) -> list[dict[str, Any]]:
    """A headless Service with many endpoints."""
    single = {"clusterIP": "None", "ipFamilyPolicy": "SingleStack", "ipFamilies": [str(family)], "ports": [HTTP]}
    addresses, made = crowd(count, family), [service(name, single)]
    for start in range(0, count, 100):
        part = addresses[start : start + 100]
        made.append(endpointslice(f"{name}-{start}", service=name, addresses=part, ports={"http": 80}))
    return made


def twins(family: Family) -> list[dict[str, Any]]:
    """Services of the same names as in the fixture, in another namespace."""
    address = TEST_NET[0] if family is Family.V4 else "2001:db8::7"
    single = {"ipFamilyPolicy": "SingleStack", "ipFamilies": [str(family)]}
    return [
        service("cip", {"ports": [HTTP]}),
        service("hl", {"clusterIP": "None", "ports": [HTTP], **single}),
        endpointslice("hl-0", service="hl", addresses=[address], ports={"http": 80}),
    ]


def objects(space: str, *, zone: str, primary: Family, dual: bool) -> list[dict[str, Any]]:
    """The Services, and slices for those without a selector."""
    hl, headless = {"app": "hl"}, {"clusterIP": "None"}
    families: dict[str, Any] = {"ipFamilyPolicy": "PreferDualStack"} if dual else {}
    single: dict[str, Any] = {"ipFamilyPolicy": "SingleStack", "ipFamilies": [str(primary)]}
    specs: dict[str, Mapping[str, Any]] = {
        "cip": {"selector": hl, "ports": [HTTP, SIP], **single},
        "cip-twin": {
            "selector": hl,
            "ports": [HTTP],
            "sessionAffinity": "ClientIP",
            "internalTrafficPolicy": "Local",
            **single,
        },
        "cip-both": {"selector": hl, "ports": [HTTP], **families},
        "cip-unnamed": {"selector": hl, "ports": [{"port": 80}]},
        "cip-noep": {"selector": {"app": "nobody"}, "ports": [HTTP]},
        "cip-unready": {"selector": {"state": "unready"}, "ports": [HTTP]},
        "cip-noselector": {"ports": [HTTP]},
        "cip-map": {"selector": hl, "ports": [{"name": "http", "port": 8080, "targetPort": 80}]},
        "cip-sctp": {"selector": hl, "ports": [{"name": "s", "port": 9, "protocol": "SCTP"}]},
        "np": {"type": "NodePort", "selector": hl, "externalTrafficPolicy": "Local", "ports": [HTTP]},
        "pod": {"selector": hl, "ports": [HTTP]},
        "svc": {"selector": hl, "ports": [HTTP]},
        LONG: {"selector": hl, "ports": [HTTP]},
        "hl": {"selector": hl, "ports": [HTTP, SIP], **headless, **families},
        "hl-pub": {"selector": hl, "ports": [HTTP], "publishNotReadyAddresses": True, **headless, **families},
        "hl-empty": {"selector": {"app": "nobody"}, "ports": [HTTP], **headless},
        "hl-allunready": {"selector": {"state": "unready"}, "ports": [HTTP], **headless},
        "hl-anon": {"selector": {"app": "anon"}, "ports": [HTTP], **headless, **families},
        "hl-map": {"selector": hl, "ports": [{"name": "http", "port": 8080, "targetPort": 80}], **headless, **families},
        "hl-noport": {"selector": hl, **headless, **families},
        "hl-unnamed": {"selector": hl, "ports": [{"port": 80}], **headless, **families},
        "hl-slice": {"ports": [HTTP], "trafficDistribution": "PreferClose", **headless, **single},
        "ext": {"type": "ExternalName", "externalName": "target.example.test", "ports": [HTTP]},
        "ext-dot": {"type": "ExternalName", "externalName": "target.example.test."},
        "ext-in": {"type": "ExternalName", "externalName": f"cip.{space}.svc.{zone}"},
        "ext-hl": {"type": "ExternalName", "externalName": f"hl.{space}.svc.{zone}"},
    }
    specs |= _odd_services(primary, dual=dual) | _aliases(space, zone)
    made = [service(name, spec) for name, spec in specs.items()]
    tolerant = service("hl-anno", {"selector": {"state": "unready"}, "ports": [HTTP], **headless})
    tolerant["metadata"]["annotations"] = {"service.alpha.kubernetes.io/tolerate-unready-endpoints": "true"}
    made.append(tolerant)
    addresses = TEST_NET if primary is Family.V4 else ("2001:db8::7", "2001:db8::8")
    for number, address in enumerate(addresses):
        made.append(
            endpointslice(
                f"hl-slice-{number}", service="hl-slice", addresses=[address], ports={"http": 80}, ready=number == 0
            )
        )
    return made + _odd_slices(addresses[0])


def _odd_services(primary: Family, *, dual: bool) -> dict[str, Mapping[str, Any]]:
    """Services with outside addresses, with shared and longest host names, and of the second family alone."""
    hl, headless = {"selector": {"app": "hl"}, "ports": [HTTP]}, {"ports": [HTTP], "clusterIP": "None"}
    single: dict[str, Any] = {"ipFamilyPolicy": "SingleStack", "ipFamilies": [str(primary)]}
    nobodys = {"loadBalancerClass": "harness.test/nobody", "allocateLoadBalancerNodePorts": False}
    second = {"cip-second": {**hl, **single, "ipFamilies": [str(_other(primary))]}}
    return {
        "hl-same": {**headless, **single},
        HOST_LONG: {**headless, **single},
        "hl-pubun": {**headless, "selector": {"state": "unready"}, "publishNotReadyAddresses": True},
        "extip": {**hl, "externalIPs": [OUTSIDE[primary]], **single},
        "lb": {**hl, "type": "LoadBalancer", **nobodys, **single},
        **(second if dual else {}),
    }


def _other(family: Family) -> Family:
    return Family.V6 if family is Family.V4 else Family.V4


def _aliases(space: str, zone: str) -> dict[str, Mapping[str, Any]]:
    """ExternalName Services that lead far, nowhere, in circles, or have odd targets."""
    below = f"{space}.svc.{zone}"
    targets = {
        "ext-chain": f"ext-in.{below}",
        "ext-nope": f"nope.{below}",
        "ext-self": f"ext-self.{below}",
        "ext-ping": f"ext-pong.{below}",
        "ext-pong": f"ext-ping.{below}",
        "ext-single": "single",
        "ext-long": ".".join(["l" * 63] * 3 + ["l" * 61]),
    }
    return {name: {"type": "ExternalName", "externalName": target} for name, target in targets.items()}


def _odd_slices(address: str) -> list[dict[str, Any]]:
    """Slices that share host names and addresses, are named otherwise than their Service, or not labelled at all."""
    stem = address.rpartition("." if "." in address else ":")
    others = [f"{stem[0]}{stem[1]}{number}" for number in (21, 22, 23)]
    twice = endpointslice("named-otherwise", service="hl-slice", addresses=[address, others[2]], ports={"http": 80})
    twice["endpoints"][0] |= {"hints": {"forZones": [{"name": "elsewhere"}]}, "nodeName": "no-such-node"}
    unlabelled = endpointslice("hl-slice-unlabelled", service="", addresses=[others[0]], ports={"http": 80})
    unlabelled["metadata"].pop("labels")
    same = endpointslice("hl-same", service="hl-same", addresses=others[:2], ports={"http": 80})
    longest = endpointslice("longest", service=HOST_LONG, addresses=others[:1], ports={"http": 80})
    for endpoint in same["endpoints"]:
        endpoint["hostname"] = "same"
    longest["endpoints"][0]["hostname"] = HOST_LONG
    return [twice, unlabelled, same, longest]


@dataclass(frozen=True)
class ZoneNames:
    """Names in the fixture, absolute."""

    base: WorkerArena
    cluster: ClusterFacts
    space: str
    family: Family

    def __call__(self, shorthand: str) -> str:
        """A name from its shorthand: `cip` below our namespace, `=x` below the zone, `PTR cip` reverse.

        `PTR hl-0` is the reverse name of a pod's address, `PTR cip-both#1` of a Service's second one, `IP hl-0` a pod's
        dashed address, `!x` is written out. `{n}` stands for our namespace, `{k}`, `{m}`, `{y}` for others, `{dns}` for
        the cluster's DNS Service; `UP` before anything makes it upper case.
        """
        if shorthand.startswith("UP "):
            return self(shorthand[3:]).upper()
        if shorthand.startswith("PTR "):
            name, _, index = shorthand[4:].partition("#")
            return self.reverse(self.address(name, int(index or 0)))
        if shorthand.startswith("!"):
            return self._filled(shorthand[1:])
        if "IP " in shorthand:
            before, _, rest = shorthand.partition("IP ")
            pod, dot, below = rest.partition(".")
            dashed = self.address(pod).replace(".", "-").replace(":", "-")
            shorthand = f"{before}{dashed}{dot}{below}"
        if shorthand.startswith("="):
            labels = self._filled(shorthand[1:])
            return f"{labels}.{self.cluster.zone}." if labels else f"{self.cluster.zone}."
        return f"{shorthand}.{self.space}.svc.{self.cluster.zone}."

    def _filled(self, text: str) -> str:
        dns = self.cluster.dns_service["metadata"]["name"] if "{dns}" in text else ""
        for letter in "kmny":
            text = text.replace(f"{{{letter}}}", self.base.namespaces.get(letter, ""))
        return text.replace("{dns}", dns)

    def address(self, name: str, index: int = 0) -> str:
        """An address of a Service, by default its first, or of a pod of the fixture; `index` 1: its second family's."""
        if f"n/{name}" in self.base.pods:
            return self.base.pods[f"n/{name}"].address(_other(self.family) if index else self.family)
        found = self.base.kube.get("services", name, namespace=self.space)
        return str(found["spec"]["clusterIPs"][index])

    def reverse(self, address: str) -> str:
        """The reverse name of an address."""
        return ipaddress.ip_address(address).reverse_pointer + "."
