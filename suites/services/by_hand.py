"""Services whose endpoints the test writes itself: no pod has to start, end or turn unready for a proxy to follow.

Backends are arena pods, whichever they are; what slices say of them (readiness, place, hints) is the test's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.suite import Arena, Check, Dial, Family, services_findings

HTTP = {"name": "http", "port": 80, "targetPort": 80}
DATAGRAM = {"name": "udp", "port": 80, "protocol": "UDP", "targetPort": 80}
LEAVING = {"ready": False, "serving": True, "terminating": True}
"""Conditions of a pod that is being deleted and still serves."""
GONE_QUIET = {"ready": False, "serving": False, "terminating": True}
"""Conditions of a pod that is being deleted and serves no longer."""
UNREADY = {"ready": False, "serving": False, "terminating": False}
NOBODYS = "example.com/nobody"
"""A loadBalancerClass that no implementation serves: its status is the test's to write."""


def endpoint(arena: Arena, ref: str, family: Family, **said: Any) -> dict[str, Any]:
    """An arena pod as an endpoint: ready, unless `conditions` say otherwise; `hints` as in the API."""
    pod = arena.pods[ref]
    conditions = said.pop("conditions", {"ready": True})
    return {"addresses": [pod.address(family)], "nodeName": pod.node, "conditions": conditions, **said}


def slice_of(
    service: str,
    endpoints: Sequence[Mapping[str, Any]],
    *,
    number: int = 1,
    ports: Sequence[Mapping[str, Any]] = ({"name": "http", "port": 80, "protocol": "TCP"},),
    family: Family,
) -> dict[str, Any]:
    """One slice of a Service without selector."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": f"{service}-{number}", "labels": {"kubernetes.io/service-name": service}},
        "addressType": str(family),
        "endpoints": list(endpoints),
        "ports": [dict(port) for port in ports],
    }


def to_zone(*zones: str) -> dict[str, Any]:
    """Hints for zones."""
    return {"hints": {"forZones": [{"name": each} for each in zones]}}


def to_node(node: str) -> dict[str, Any]:
    """Hints for a node."""
    return {"hints": {"forNodes": [{"name": node}]}}


def delivered(arena: Arena, check: Check, what: str, wanted: Mapping[str, Sequence[Dial]]) -> None:
    """Wait until these Services, by name, deliver as their objects say to those who dial them."""
    check.eventually(what, lambda: services_findings(arena, wanted), within=check.waits.service_program)
