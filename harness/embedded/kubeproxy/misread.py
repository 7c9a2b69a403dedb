"""What a proxy with certain faults takes Services and slices for. Pure; without faults everything is as it is.

The rules of such a proxy are right for what it believes, so the compiler knows nothing of this: it is given other
objects. Originals are shared with everybody else and stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from harness.embedded.kubeproxy import faults
from harness.embedded.kubeproxy.faults import Broken
from harness.embedded.kubeproxy.model import HEADLESS, OTHER_PROXY, SERVICE_OF_SLICE, Object, Snapshot

Endpoints = list[Object]


def misread(snapshot: Snapshot) -> Snapshot:
    """The same moment in the eyes of this node's proxy."""
    if not snapshot.faults:
        return snapshot
    broken = Broken(snapshot.faults, node=snapshot.node)
    kept = [one for one in snapshot.services if not broken.here(faults.UNPROGRAMMED, _space(one))]
    sticky = {_key(one) for one in kept if one["spec"].get("sessionAffinity") == "ClientIP"}
    slices = [_slice(one, broken, sticky) for one in _first_only(snapshot.slices, broken)]
    return replace(snapshot, services=tuple(_service(one, broken) for one in kept), slices=tuple(slices))


def _space(obj: Object) -> str:
    return str(obj["metadata"].get("namespace", ""))


def _key(service: Object) -> tuple[str, str]:
    return _space(service), str(service["metadata"]["name"])


def _of(one: Object) -> tuple[str, str]:
    """The Service of a slice."""
    return _space(one), str((one["metadata"].get("labels") or {}).get(SERVICE_OF_SLICE, ""))


def _service(service: Object, broken: Broken) -> Object:
    space = _space(service)
    metadata, spec, status = service["metadata"], service["spec"], service.get("status") or {}
    if broken.here(faults.POLICY_IGNORED, space):
        policies = {key: "Cluster" for key in ("internalTrafficPolicy", "externalTrafficPolicy") if spec.get(key)}
        spec = {**spec, **policies}
    if broken.here(faults.RANGES_IGNORED, space):
        spec = {key: value for key, value in spec.items() if key != "loadBalancerSourceRanges"}
    if broken.here(faults.AFFINITY_IGNORED, space):
        spec = {**spec, "sessionAffinity": "None"}
    if broken.here(faults.LABELS_IGNORED, space):
        metadata = _without(metadata, OTHER_PROXY)
    if broken.here(faults.MODE_IGNORED, space):
        ingress = (status.get("loadBalancer") or {}).get("ingress") or ()
        status = {"loadBalancer": {"ingress": [{**entry, "ipMode": "VIP"} for entry in ingress]}}
    return {**service, "metadata": metadata, "spec": spec, "status": status}


def _first_only(slices: tuple[Object, ...], broken: Broken) -> list[Object]:
    """services/F82: of several slices of one Service and family the first one counts."""
    seen: set[tuple[tuple[str, str], str]] = set()
    kept = []
    for one in sorted(slices, key=lambda each: str(each["metadata"]["name"])):
        place = (_of(one), str(one.get("addressType")))
        if place not in seen or not broken.here(faults.FIRST_SLICE, _space(one)):
            kept.append(one)
        seen.add(place)
    return kept


def _slice(one: Object, broken: Broken, sticky: set[tuple[str, str]]) -> Object:
    changed: Endpoints = list(one.get("endpoints") or ())
    space = _space(one)
    if _of(one) in sticky and broken.here(faults.STICKS_TO_UNREADY, space):
        changed = [_with(each, ready=True) for each in changed]
    if broken.here(faults.TERMINATING_PREFERRED, space):
        changed = [_with(each, ready=bool(_conditions(each).get("serving", True))) for each in changed]
    if broken.here(faults.NO_FALLBACK, space):
        changed = [each for each in changed if not _conditions(each).get("terminating")]
    hints = broken.params(faults.HINTS, space)
    if hints is not None:
        changed = (_always_hinted if hints.get("always") else _unhinted)(changed)
    metadata = one["metadata"]
    if broken.here(faults.LABELS_IGNORED, space):
        metadata = _without(metadata, HEADLESS)
    return {**one, "metadata": metadata, "endpoints": changed}


def _without(metadata: Object, label: str) -> Object:
    return {**metadata, "labels": {key: each for key, each in (metadata.get("labels") or {}).items() if key != label}}


def _conditions(endpoint: Object) -> Mapping[str, Any]:
    found: Mapping[str, Any] = endpoint.get("conditions") or {}
    return found


def _with(endpoint: Object, **conditions: bool) -> Object:
    return {**endpoint, "conditions": {**_conditions(endpoint), **conditions}}


def _unhinted(endpoints: Endpoints) -> Endpoints:
    return [{key: value for key, value in each.items() if key != "hints"} for each in endpoints]


def _always_hinted(endpoints: Endpoints) -> Endpoints:
    """As if every endpoint had to have hints: those that have none are left out, unless none has any."""
    hinted: Callable[[Object], bool] = lambda each: bool(each.get("hints"))  # noqa: E731  # used twice
    return list(filter(hinted, endpoints)) if any(map(hinted, endpoints)) else endpoints
