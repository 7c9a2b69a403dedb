"""Looks after ServiceCIDRs (networking.k8s.io/v1, KEP-1880): a range is Ready, and stays until nothing of it is in use.

The addresses' own entries are the store's business, which makes and removes them with their Services.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from harness.effects.clock import rfc3339
from harness.embedded.controllers.changes import Change, Patch, patch_status
from harness.embedded.controllers.snapshot import Obj, Snapshot, is_leaving

READS = ("servicecidrs.networking.k8s.io", "ipaddresses.networking.k8s.io")
RANGES = "servicecidrs.networking.k8s.io"
ADDRESSES = "ipaddresses.networking.k8s.io"
FINALIZER = "networking.k8s.io/service-cidr-finalizer"
IN_USE = "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR"


def reconcile(snapshot: Snapshot) -> list[Change]:
    """Finalizers and conditions."""
    changes: list[Change] = []
    for item in snapshot.all(RANGES):
        changes += _leaving(item, snapshot) if is_leaving(item) else _standing(item, snapshot.now)
    return changes


def _standing(item: Obj, now: float) -> list[Change]:
    changes: list[Change] = []
    finalizers = item["metadata"].get("finalizers") or []
    if FINALIZER not in finalizers:
        body = {"metadata": {"finalizers": [*finalizers, FINALIZER]}}
        changes.append(Patch(RANGES, "", item["metadata"]["name"], body))
    ready = {"status": "True", "reason": "", "message": "Kubernetes Service CIDR is ready"}
    return changes + _condition(item, ready, now)


def _leaving(item: Obj, snapshot: Snapshot) -> list[Change]:
    others = [other for other in snapshot.all(RANGES) if other is not item and not is_leaving(other)]
    held = [
        each["metadata"]["name"]
        for each in snapshot.all(ADDRESSES)
        if _covers(item, each) and not any(_covers(other, each) for other in others)
    ]
    if held:
        return _condition(item, {"status": "False", "reason": "Terminating", "message": IN_USE}, snapshot.now)
    rest = [each for each in item["metadata"].get("finalizers") or () if each != FINALIZER]
    if rest == (item["metadata"].get("finalizers") or []):
        return []
    return [Patch(RANGES, "", item["metadata"]["name"], {"metadata": {"finalizers": rest or None}})]


def _covers(item: Obj, address: Obj) -> bool:
    found = ipaddress.ip_address(address["metadata"]["name"])
    return any(found in ipaddress.ip_network(cidr, strict=False) for cidr in _cidrs(item))


def _cidrs(item: Obj) -> Iterable[str]:
    return item["spec"].get("cidrs") or ()


def _condition(item: Obj, ready: Obj, now: float) -> list[Change]:
    conditions: list[Obj] = (item.get("status") or {}).get("conditions") or []
    before: Obj = next((c for c in conditions if c["type"] == "Ready"), {})
    if all(before.get(field) == value for field, value in ready.items()):
        return []
    since = before.get("lastTransitionTime") if before.get("status") == ready["status"] else None
    condition = {"type": "Ready", **ready, "lastTransitionTime": since or rfc3339(now)}
    return [patch_status(RANGES, item, {"conditions": [condition]})]
