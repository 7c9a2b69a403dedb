"""Mirrors Endpoints that somebody writes for a Service without a selector into EndpointSlices (KEP-752).

One set of slices per family and set of ports, of at most 1,000 addresses of each subset. Not mirrored: what says so by
its label, what leader election keeps there, and Endpoints without such a Service.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from harness.embedded.controllers import faults
from harness.embedded.controllers.changes import Change, Create, Update, delete
from harness.embedded.controllers.snapshot import Obj, Snapshot, controlled_by, is_leaving

READS = ("services", "endpoints", "namespaces", "endpointslices.discovery.k8s.io", faults.RESOURCE)
RESOURCE = "endpointslices.discovery.k8s.io"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
MANAGER = "endpointslicemirroring-controller.k8s.io"
SERVICE_NAME = "kubernetes.io/service-name"
SKIP = "endpointslice.kubernetes.io/skip-mirror"
LEADER = "control-plane.alpha.kubernetes.io/leader"
NOT_COPIED = ("endpoints.kubernetes.io/last-change-trigger-time", "kubectl.kubernetes.io/last-applied-configuration")
MAX_ADDRESSES = 1000
"""Of each subset; the rest is left out."""

Port = tuple[str, str, int, str]
Group = tuple[str, tuple[Port, ...]]
"""Family and ports: what a slice has one of."""


def reconcile(snapshot: Snapshot) -> list[Change]:
    """Slices to make, to mend and to remove."""
    changes: list[Change] = []
    mirrored: dict[tuple[str, str], list[Obj]] = defaultdict(list)
    for item in snapshot.all(RESOURCE):
        labels = item["metadata"].get("labels") or {}
        if labels.get(MANAGED_BY) == MANAGER and not is_leaving(item):
            mirrored[item["metadata"]["namespace"], labels.get(SERVICE_NAME, "")].append(item)
    for endpoints in snapshot.all("endpoints"):
        place = (endpoints["metadata"]["namespace"], endpoints["metadata"]["name"])
        if faults.mirror_is_stuck(snapshot, place[0]):
            mirrored.pop(place, None)
        elif _is_mirrored(endpoints, snapshot.get("services", place[1], namespace=place[0])):
            changes += _mirror(endpoints, mirrored.pop(place, []))
    return changes + [delete(RESOURCE, item) for items in mirrored.values() for item in items]


def _is_mirrored(endpoints: Obj, service: Obj | None) -> bool:
    meta = endpoints["metadata"]
    if service is None or service["spec"].get("selector") or is_leaving(endpoints):
        return False
    skipped = str((meta.get("labels") or {}).get(SKIP, "")).lower() in ("true", "t", "1")
    return not skipped and LEADER not in (meta.get("annotations") or {})


def _mirror(endpoints: Obj, existing: Sequence[Obj]) -> list[Change]:
    wanted = _wanted(endpoints)
    have = {_group(item): item for item in existing}
    changes: list[Change] = [delete(RESOURCE, item) for group, item in have.items() if group not in wanted]
    changes += [delete(RESOURCE, item) for item in existing if have[_group(item)] is not item]
    for group, addresses in wanted.items():
        item = have.get(group)
        if item is None:
            changes.append(Create(RESOURCE, _slice(endpoints, group, addresses)))
        elif not _is_right(item, endpoints, addresses):
            told = {"labels": _labels(endpoints), "annotations": _annotations(endpoints)}
            changes.append(Update(RESOURCE, item | {"metadata": item["metadata"] | told, "endpoints": addresses}))
    return changes


def _is_right(item: Obj, endpoints: Obj, addresses: list[Obj]) -> bool:
    meta = item["metadata"]
    told = (meta.get("labels") or {}) == _labels(endpoints) and (meta.get("annotations") or {}) == _annotations(
        endpoints
    )
    return told and (item.get("endpoints") or []) == addresses


def _wanted(endpoints: Obj) -> Mapping[Group, list[Obj]]:
    """What each group of slices should hold. Subsets with the same ports are one."""
    wanted: dict[Group, list[Obj]] = defaultdict(list)
    for subset in endpoints.get("subsets") or ():
        ports = _ports(subset.get("ports") or ())
        both = [(a, True) for a in subset.get("addresses") or ()] + [
            (a, False) for a in subset.get("notReadyAddresses") or ()
        ]
        for address, ready in both[:MAX_ADDRESSES]:
            endpoint = _endpoint(address, ready=ready)
            place = wanted["IPv6" if ":" in address["ip"] else "IPv4", ports]
            if endpoint not in place:
                place.append(endpoint)
    return wanted


def _ports(ports: Iterable[Obj]) -> tuple[Port, ...]:
    return tuple(
        (p.get("name") or "", p.get("protocol") or "TCP", int(p.get("port") or 0), p.get("appProtocol") or "")
        for p in ports
    )


def _group(item: Obj) -> Group:
    return item["addressType"], _ports(item.get("ports") or ())


def _endpoint(address: Obj, *, ready: bool) -> Obj:
    endpoint: Obj = {"addresses": [address["ip"]], "conditions": {"ready": ready}}
    return endpoint | {field: address[field] for field in ("hostname", "nodeName", "targetRef") if address.get(field)}


def _labels(endpoints: Obj) -> dict[str, str]:
    meta = endpoints["metadata"]
    return {**(meta.get("labels") or {}), MANAGED_BY: MANAGER, SERVICE_NAME: meta["name"]}


def _annotations(endpoints: Obj) -> dict[str, str]:
    found = endpoints["metadata"].get("annotations") or {}
    return {name: value for name, value in found.items() if name not in NOT_COPIED}


def _slice(endpoints: Obj, group: Group, addresses: list[Obj]) -> Obj:
    family, ports = group
    meta = endpoints["metadata"]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "generateName": f"{meta['name']}-",
            "namespace": meta["namespace"],
            "labels": _labels(endpoints),
            "annotations": _annotations(endpoints),
            "ownerReferences": controlled_by(endpoints, kind="Endpoints", api_version="v1"),
        },
        "addressType": family,
        "endpoints": addresses,
        "ports": [
            {"name": name, "protocol": protocol, "port": number} | ({"appProtocol": app} if app else {})
            for name, protocol, number, app in ports
        ],
    }
