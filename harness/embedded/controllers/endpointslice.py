"""Keeps the EndpointSlices of Services that have a selector (KEP-752; discovery.k8s.io/v1).

One set of slices per address family and per set of resolved ports, at most 100 endpoints each. What is right stays
where it is: a change of one endpoint rewrites one slice. Slices of other writers are never touched.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

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
from harness.embedded.controllers.changes import Change, Create, Delete, Update, delete
from harness.embedded.controllers.settled import Settled
from harness.embedded.controllers.snapshot import Obj, Snapshot, controlled_by, controller_uid, is_leaving

READS = ("services", "pods", "nodes", "namespaces", "endpointslices.discovery.k8s.io", faults.RESOURCE)
RESOURCE = "endpointslices.discovery.k8s.io"
MAX_ENDPOINTS = 100
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
MANAGER = "endpointslice-controller.k8s.io"
SERVICE_NAME = "kubernetes.io/service-name"
WISH = "trafficDistribution"
HEADLESS = "service.kubernetes.io/headless"

Group = tuple[str, tuple[Port, ...]]
"""Address family and resolved ports: what a slice has one of."""


@dataclass
class SliceController:
    """The reconcile function, with what it and two planted faults remember."""

    _settled: Settled = field(default_factory=partial(Settled, RESOURCE))
    _view: faults.StaleView = field(default_factory=faults.StaleView)
    _published: set[str] = field(default_factory=set)
    """Uids of Services that have had a slice."""

    def reconcile(self, snapshot: Snapshot) -> list[Change]:
        """What is to be written so that every Service has the slices it should."""
        snapshot = self._view.apply(snapshot)
        changes: list[Change] = []
        self._settled.keep_only(snapshot.namespaces_of("services"))
        for namespace in snapshot.namespaces_of("services"):
            inputs = self._settled.inputs(snapshot, namespace)
            if not self._settled.knows(namespace, inputs):
                found = self._in(namespace, snapshot)
                self._settled.note(namespace, inputs, in_order=not found)
                changes += found
        self._published |= {controller_uid(item) for item in snapshot.all(RESOURCE)}
        return changes

    def _in(self, namespace: str, snapshot: Snapshot) -> list[Change]:
        changes: list[Change] = []
        for service in snapshot.in_namespace("services", namespace):
            mine = _mine(service, snapshot)
            if faults.vanished_node_blocks(snapshot, service):
                continue
            if is_selected_service(service, snapshot):
                changes += self._unless_lost(service, snapshot, reconcile_service(service, mine, snapshot))
        return changes

    def _unless_lost(self, service: Obj, snapshot: Snapshot, changes: list[Change]) -> list[Change]:
        known = service["metadata"]["uid"] in self._published
        if not known and faults.new_services_wait(snapshot, service["metadata"]["namespace"]):
            return []
        lost = faults.lost_slices_stay_lost(snapshot, service["metadata"]["namespace"]) if known else None
        if lost is not None:
            ignored = (Create, Update) if lost.get("edits") else (Create,)
            return [change for change in changes if not isinstance(change, ignored)]
        return changes


def _mine(service: Obj, snapshot: Snapshot) -> list[Obj]:
    """The slices of this very Service that this controller wrote."""
    return [
        item
        for item in snapshot.owned_by(RESOURCE, service["metadata"]["uid"])
        if (item["metadata"].get("labels") or {}).get(MANAGED_BY) == MANAGER and not is_leaving(item)
    ]


def reconcile_service(service: Obj, existing: Sequence[Obj], snapshot: Snapshot) -> list[Change]:
    """The changes for one Service with a selector."""
    wanted, members = _wanted(service, snapshot)
    stamp = change_time(service, members, _known(existing) if existing else None)
    if faults.slices_are_silent(snapshot, service["metadata"]["namespace"]):
        stamp = ""
    if faults.labels_are_left_out(snapshot, service["metadata"]["namespace"]):
        service = _unlabelled(service)
    changes: list[Change] = []
    for group in {_group(item): None for item in existing} | dict.fromkeys(wanted):
        have = [item for item in existing if _group(item) == group]
        changes += _fill(service, group, wanted.get(group), have, stamp)
    return _reused(changes, {item["metadata"]["uid"]: item for item in existing})


def _unlabelled(service: Obj) -> Obj:
    """services/F96: the same Service without anything of which its slices' labels speak."""
    meta = {key: value for key, value in service["metadata"].items() if key != "labels"}
    return {**service, "metadata": meta, "spec": {**service["spec"], "clusterIP": "0.0.0.0"}}  # not bound


def _known(existing: Sequence[Obj]) -> dict[str, bool]:
    """The published pods by uid, and whether they are ready."""
    return {
        (endpoint.get("targetRef") or {}).get("uid") or "": bool((endpoint.get("conditions") or {}).get("ready"))
        for item in existing
        for endpoint in item.get("endpoints") or ()
    }


def _reused(changes: list[Change], existing: dict[str, Obj]) -> list[Change]:
    """No slice is deleted while one of its family is made: it is filled anew, in its place."""
    spare = [existing[change.uid] for change in changes if isinstance(change, Delete)]
    result: list[Change] = []
    taken: set[str] = set()
    for change in changes:
        if isinstance(change, Create):
            family = change.obj["addressType"]
            old = next((s for s in spare if s["addressType"] == family and s["metadata"]["uid"] not in taken), None)
            if old is not None:
                taken.add(old["metadata"]["uid"])
                result.append(Update(RESOURCE, _refilled(old, change.obj)))
                continue
        result.append(change)
    return [change for change in result if not (isinstance(change, Delete) and change.uid in taken)]


def _refilled(old: Obj, new: Obj) -> Obj:
    stamp = (new["metadata"].get("annotations") or {}).get(TRIGGER, "")
    annotations = stamped(old["metadata"].get("annotations"), stamp)
    meta = old["metadata"] | {"labels": new["metadata"]["labels"], "annotations": annotations}
    return old | {"metadata": meta, "endpoints": new["endpoints"], "ports": new["ports"]}


def _wanted(service: Obj, snapshot: Snapshot) -> tuple[dict[Group, list[Obj]], list[Backend]]:
    """The endpoints each group of slices should hold. A family without any has one empty group without ports."""
    members = sorted(backends(service, snapshot), key=lambda b: str(b.pod["metadata"]["name"]))
    first: tuple[Port, ...] | None = None
    if members and faults.first_pod_names_the_port(snapshot, service["metadata"]["namespace"]):
        first = ports_of(service, members[0].pod)
    if faults.hints_are_left_out(snapshot, service):
        service = {**service, "spec": {key: value for key, value in service["spec"].items() if key != WISH}}
    wanted: dict[Group, list[Obj]] = defaultdict(list)
    for family in service["spec"].get("ipFamilies") or ["IPv4"]:
        for backend in members:
            if address := backend.address(family):
                ports = ports_of(service, backend.pod) if first is None else first
                wanted[family, ports].append(_endpoint(backend, address, service))
        if not any(group[0] == family for group in wanted):
            wanted[family, ()] = []
    return dict(wanted), members


def _endpoint(backend: Backend, address: str, service: Obj) -> Obj:
    endpoint: Obj = {
        "addresses": [address],
        "conditions": {"ready": backend.ready, "serving": backend.serving, "terminating": backend.terminating},
        "targetRef": backend.target,
    }
    if node := backend.pod["spec"].get("nodeName"):
        endpoint["nodeName"] = node
    if backend.zone:
        endpoint["zone"] = backend.zone
    if backend.hostname:
        endpoint["hostname"] = backend.hostname
    if hints := _hints(backend, service):
        endpoint["hints"] = hints
    return endpoint


def _hints(backend: Backend, service: Obj) -> Obj:
    """Where traffic should come from (`spec.trafficDistribution`, KEP-4444 and KEP-3015)."""
    wish = service["spec"].get(WISH)
    if not wish or not backend.ready:
        return {}
    hints: Obj = {"forZones": [{"name": backend.zone}]} if backend.zone else {}
    node = backend.pod["spec"].get("nodeName")
    if wish == "PreferSameNode" and node:
        hints["forNodes"] = [{"name": node}]
    return hints


def _group(item: Obj) -> Group:
    ports = tuple(
        (p.get("name") or "", p.get("protocol") or "TCP", p.get("port") or 0, p.get("appProtocol") or "")
        for p in item.get("ports") or ()
    )
    return item["addressType"], ports


def _fill(service: Obj, group: Group, wanted: list[Obj] | None, have: list[Obj], stamp: str) -> list[Change]:
    """Spread the wanted endpoints over the slices there are; None means the group should not exist."""
    if wanted is None:
        return [delete(RESOURCE, item) for item in have]
    missing = {endpoint["targetRef"]["uid"]: endpoint for endpoint in wanted}
    kept = [[missing.pop(uid) for uid in _uids(item) if uid in missing] for item in have]
    rest = list(missing.values())
    for endpoints in sorted(kept, key=len, reverse=True):
        room = MAX_ENDPOINTS - len(endpoints)
        endpoints.extend(rest[:room])
        rest = rest[room:]
    changes: list[Change] = []
    empty_may_stay = not wanted
    for item, endpoints in zip(have, kept, strict=True):
        if not endpoints and not empty_may_stay:
            changes.append(delete(RESOURCE, item))
            continue
        empty_may_stay = False
        changes += _update(service, item, endpoints, stamp)
    if not wanted and not have:
        changes.append(_create(service, group, [], stamp))
    for start in range(0, len(rest), MAX_ENDPOINTS):
        changes.append(_create(service, group, rest[start : start + MAX_ENDPOINTS], stamp))
    return changes


def _uids(item: Obj) -> list[str]:
    return [(endpoint.get("targetRef") or {}).get("uid") or "" for endpoint in item.get("endpoints") or ()]


def _update(service: Obj, item: Obj, endpoints: list[Obj], stamp: str) -> list[Change]:
    labels = _labels(service)
    same_labels = (item["metadata"].get("labels") or {}) == labels
    if same_labels and (item.get("endpoints") or []) == endpoints:
        return []
    meta = item["metadata"] | {
        "labels": labels,
        "annotations": stamped(item["metadata"].get("annotations"), stamp),
    }
    return [Update(RESOURCE, item | {"metadata": meta, "endpoints": endpoints or None})]


def _create(service: Obj, group: Group, endpoints: list[Obj], stamp: str) -> Create:
    family, ports = group
    meta = service["metadata"]
    body: dict[str, Any] = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "generateName": f"{meta['name']}-",
            "namespace": meta["namespace"],
            "labels": _labels(service),
            "annotations": stamped(None, stamp),
            "ownerReferences": controlled_by(service, kind="Service", api_version="v1"),
        },
        "addressType": family,
        "endpoints": endpoints or None,
        "ports": port_objects(ports) or None,
    }
    return Create(RESOURCE, body)


def _labels(service: Obj) -> dict[str, str]:
    labels = copied_labels(service, (MANAGED_BY, SERVICE_NAME, HEADLESS))
    labels |= {MANAGED_BY: MANAGER, SERVICE_NAME: service["metadata"]["name"]}
    if is_headless(service):
        labels[HEADLESS] = ""
    return labels
