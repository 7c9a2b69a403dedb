"""The DNS fixture as data: Services and pods of every kind that has names, and the names themselves.

Names of Services follow the fixture list of the DNS catalogue (section 0.4).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.suite import ClusterFacts, Family, PodShape, WorkerArena, endpointslice, service

LONG = "s" * 63
"""A Service name of the greatest length."""

HTTP = {"name": "http", "port": 80, "targetPort": 80}
SIP = {"name": "sip", "port": 5060, "targetPort": 81, "protocol": "UDP"}
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
        "hl-slice": {"ports": [HTTP], **headless, **single},
        "ext": {"type": "ExternalName", "externalName": "target.example.test", "ports": [HTTP]},
        "ext-dot": {"type": "ExternalName", "externalName": "target.example.test."},
        "ext-in": {"type": "ExternalName", "externalName": f"cip.{space}.svc.{zone}"},
        "ext-hl": {"type": "ExternalName", "externalName": f"hl.{space}.svc.{zone}"},
    }
    made = [service(name, spec) for name, spec in specs.items()]
    addresses = TEST_NET if primary is Family.V4 else ("2001:db8::7", "2001:db8::8")
    for number, address in enumerate(addresses):
        made.append(
            endpointslice(
                f"hl-slice-{number}", service="hl-slice", addresses=[address], ports={"http": 80}, ready=number == 0
            )
        )
    return made


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
        dashed address. `{n}` stands for our namespace, `{dns}` for the cluster's DNS Service.
        """
        if shorthand.startswith("PTR "):
            name, _, index = shorthand[4:].partition("#")
            return self.reverse(self.address(name, int(index or 0)))
        if shorthand.startswith("="):
            dns = self.cluster.dns_service["metadata"]["name"] if "{dns}" in shorthand else ""
            labels = shorthand[1:].replace("{n}", self.space).replace("{dns}", dns)
            return f"{labels}.{self.cluster.zone}." if labels else f"{self.cluster.zone}."
        if "IP " in shorthand:
            before, _, rest = shorthand.partition("IP ")
            pod, dot, below = rest.partition(".")
            dashed = self.address(pod).replace(".", "-").replace(":", "-")
            shorthand = f"{before}{dashed}{dot}{below}"
        return f"{shorthand}.{self.space}.svc.{self.cluster.zone}."

    def address(self, name: str, index: int = 0) -> str:
        """An address of a Service, by default its first, or of a pod of the fixture."""
        if f"n/{name}" in self.base.pods:
            return self.base.pods[f"n/{name}"].address(self.family)
        found = self.base.kube.get("services", name, namespace=self.space)
        return str(found["spec"]["clusterIPs"][index])

    def reverse(self, address: str) -> str:
        """The reverse name of an address."""
        return ipaddress.ip_address(address).reverse_pointer + "."
