"""EndpointSlices as the layer below names and Services: held against the pods before anything above them is judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.expect import Symptom
from harness.oracle.endpointslices import judge_slices
from harness.oracle.mirroring import judge_mirror
from harness.oracle.snapshot import Snapshot
from harness.suite.arena import Arena
from harness.suite.check import Findings

KINDS = ("services", "pods", "endpointslices.discovery.k8s.io")
"""What the slices of a Service follow from, all of it in the Service's namespace."""


def slice_findings(arena: Arena, name: str, *, namespace: str = "x") -> Findings:
    """One look at the EndpointSlices of a Service, against its pods."""
    space = arena.namespace(namespace)
    snapshot = arena.read([*((kind, space) for kind in KINDS), ("nodes", None)])
    return slices_judged(snapshot, snapshot.service(space, name)) or Findings()


def mirror_findings(arena: Arena, name: str, *, namespace: str = "x") -> Findings:
    """One look at the slices that mirror the Endpoints of a Service, against those Endpoints."""
    space = arena.namespace(namespace)
    endpoints = arena.kube.find("endpoints", name, namespace=space)
    service = arena.kube.find("services", name, namespace=space)
    labels = f"kubernetes.io/service-name={name}"
    slices = arena.kube.list("endpointslices.discovery.k8s.io", namespace=space, labels=labels).items
    found = judge_mirror(endpoints, service, slices)
    return Findings(
        tuple(found),
        frozenset({Symptom.SLICES_WRONG} if found else ()),
        asked=f"the API for Endpoints and EndpointSlices of {space}/{name}",
        repeat=f"kubectl -n {space} get endpoints,endpointslices -l {labels} -o yaml",
    )


def slices_judged(snapshot: Snapshot, service: Mapping[str, Any]) -> Findings | None:
    """What is wrong with a Service's slices; None when nothing is."""
    found = judge_slices(snapshot, service)
    if not found:
        return None
    space, name = service["metadata"]["namespace"], service["metadata"]["name"]
    return Findings(
        tuple(found),
        frozenset({Symptom.SLICES_WRONG}),
        asked=f"the API for EndpointSlices of {space}/{name}",
        evidence=tuple(slices_text(snapshot, service)),
        repeat=f"kubectl -n {space} get endpointslices -l kubernetes.io/service-name={name} -o yaml",
    )


def slices_text(snapshot: Snapshot, service: Mapping[str, Any]) -> list[str]:
    """What the slices of a Service say, a line for each endpoint."""
    lines = ["endpoints in the API:"]
    for each in snapshot.slices_of(service["metadata"]["namespace"], service["metadata"]["name"]):
        for endpoint in each.get("endpoints") or ():
            said = {key: value for key, value in (endpoint.get("conditions") or {}).items() if value is not None}
            lines.append(f"  {', '.join(endpoint['addresses'])} on {endpoint.get('nodeName')} {said}")
    return lines
