"""Keeps the legacy Endpoints objects: one per Service with a selector, primary family only, at most 1000 addresses."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial

from harness.embedded.controllers import faults
from harness.embedded.controllers.backends import (
    TRIGGER,
    Backend,
    Port,
    backends,
    change_time,
    copied_labels,
    is_headless,
    is_selected_service,
    port_objects,
    ports_of,
    stamped,
)
from harness.embedded.controllers.changes import Change, Create, Update, delete
from harness.embedded.controllers.settled import Settled
from harness.embedded.controllers.snapshot import Obj, Snapshot, is_leaving

READS = ("services", "pods", "nodes", "namespaces", "endpoints", faults.RESOURCE)
MANAGED_BY = "endpoints.kubernetes.io/managed-by"
MANAGER = "endpoint-controller"
HEADLESS = "service.kubernetes.io/headless"
OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity"
MAX_ADDRESSES = 1000


@dataclass
class EndpointsController:
    """The reconcile function, with what it and a planted fault remember."""

    _settled: Settled = field(default_factory=partial(Settled, "endpoints"))
    _view: faults.StaleView = field(default_factory=faults.StaleView)

    def reconcile(self, snapshot: Snapshot) -> list[Change]:
        """What is to be written so that every Service with a selector has its Endpoints."""
        snapshot = self._view.apply(snapshot)
        changes: list[Change] = []
        self._settled.keep_only(snapshot.namespaces_of("services"))
        for namespace in snapshot.namespaces_of("services"):
            inputs = self._settled.inputs(snapshot, namespace)
            if not self._settled.knows(namespace, inputs):
                found = _in(namespace, snapshot)
                self._settled.note(namespace, inputs, in_order=not found)
                changes += found
        return changes + _leftovers(snapshot)


def _in(namespace: str, snapshot: Snapshot) -> list[Change]:
    changes: list[Change] = []
    for service in snapshot.in_namespace("services", namespace):
        if is_selected_service(service, snapshot):
            existing = snapshot.get("endpoints", service["metadata"]["name"], namespace=namespace)
            changes += _reconcile_service(service, existing, snapshot)
    return changes


def _leftovers(snapshot: Snapshot) -> list[Change]:
    """Endpoints whose Service is gone or became an ExternalName; without a selector they are the user's to keep."""
    changes: list[Change] = []
    for item in snapshot.all("endpoints"):
        meta = item["metadata"]
        if (meta.get("labels") or {}).get(MANAGED_BY) != MANAGER or is_leaving(item):
            continue
        service = snapshot.get("services", meta["name"], namespace=meta["namespace"])
        alias = service is not None and service["spec"].get("type") == "ExternalName"
        if service is None or (alias and not is_selected_service(service, snapshot)):
            changes.append(delete("endpoints", item))
    return changes


def _reconcile_service(service: Obj, existing: Obj | None, snapshot: Snapshot) -> list[Change]:
    members = sorted(backends(service, snapshot), key=lambda b: str(b.pod["metadata"]["name"]))
    published = bool(service["spec"].get("publishNotReadyAddresses"))
    members = [b for b in members if published or not b.terminating]
    subsets, cut = _subsets(service, members)
    labels = copied_labels(service, (MANAGED_BY, HEADLESS)) | {MANAGED_BY: MANAGER}
    if is_headless(service):
        labels[HEADLESS] = ""
    if existing is not None:
        old = existing["metadata"]
        if (old.get("labels") or {}) == labels and (existing.get("subsets") or []) == subsets:
            return []
    stamp = change_time(service, members, None if existing is None else _known(existing))
    annotations = stamped(None, stamp) | ({OVER_CAPACITY: "truncated"} if cut else {})
    if existing is None:
        meta: Obj = {"name": service["metadata"]["name"], "namespace": service["metadata"]["namespace"]}
        body: Obj = {"apiVersion": "v1", "kind": "Endpoints", "metadata": meta}
    else:
        kept = {k: v for k, v in (old.get("annotations") or {}).items() if k not in (OVER_CAPACITY, TRIGGER)}
        annotations = kept | annotations
        body = dict(existing)
    body["metadata"] = body["metadata"] | {"labels": labels, "annotations": annotations}
    body["subsets"] = subsets or None
    return [Create("endpoints", body) if existing is None else Update("endpoints", body)]


def _known(existing: Obj) -> dict[str, bool]:
    """The published pods by uid, and whether they are ready."""
    return {
        (address.get("targetRef") or {}).get("uid") or "": field == "addresses"
        for subset in existing.get("subsets") or ()
        for field in ("addresses", "notReadyAddresses")
        for address in subset.get(field) or ()
    }


def _subsets(service: Obj, members: list[Backend]) -> tuple[list[Obj], bool]:
    """Addresses grouped by the ports they offer, ready and not; and whether some had to be left out."""
    family = (service["spec"].get("ipFamilies") or ["IPv4"])[0]
    addressed = [(backend, ip) for backend in members if (ip := backend.address(family))]
    addressed.sort(key=lambda pair: not pair[0].ready)
    groups: dict[tuple[Port, ...], dict[bool, list[Obj]]] = defaultdict(lambda: {True: [], False: []})
    portless = is_headless(service) and not service["spec"].get("ports")
    for backend, ip in addressed[:MAX_ADDRESSES]:
        ports = ports_of(service, backend.pod)
        if ports or portless:
            groups[ports][backend.ready].append(_address(backend, ip))
    subsets = []
    for ports in sorted(groups):
        subset: Obj = {}
        for name, ready in (("addresses", True), ("notReadyAddresses", False)):
            if addresses := sorted(groups[ports][ready], key=lambda a: str(a["ip"])):
                subset[name] = addresses
        if ports:
            subset["ports"] = [_named(port) for port in port_objects(ports)]
        subsets.append(subset)
    return subsets, len(addressed) > MAX_ADDRESSES


def _named(port: Obj) -> Obj:
    """A port without a name has no `name` here, unlike in a slice."""
    return {field: value for field, value in port.items() if value != ""}


def _address(backend: Backend, ip: str) -> Obj:
    address: Obj = {"ip": ip}
    if backend.hostname:
        address["hostname"] = backend.hostname
    if node := backend.pod["spec"].get("nodeName"):
        address["nodeName"] = node
    return address | {"targetRef": backend.target}
