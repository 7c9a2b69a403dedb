"""A little API for reconcile functions: objects in dictionaries, changes applied at once, no defaulting."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.embedded.controllers.changes import Change, Collect, Create, Delete, Finalize, Patch, Update
from harness.embedded.controllers.snapshot import Snapshot

Obj = dict[str, Any]
NOW = 1_800_000_000.0
NODES = ("n1", "n2", "n3")
READY = {"type": "Ready", "status": "True", "lastTransitionTime": "2027-01-15T08:00:00Z"}


class World:
    """Objects and the shortest ways to make them."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[tuple[str, str], Obj]] = {}
        self.now = NOW
        self._numbers: Iterator[int] = itertools.count(1)

    def add(self, resource: str, name: str, *, namespace: str = "x", **fields: Any) -> Obj:
        """Put an object there."""
        meta = {"name": name, "uid": f"uid-{next(self._numbers)}", "creationTimestamp": "2027-01-15T08:00:00Z"}
        if namespace:
            meta["namespace"] = namespace
        meta |= fields.pop("metadata", {})
        obj = {"metadata": meta, **fields}
        self.objects.setdefault(resource, {})[namespace, name] = obj
        return obj

    def nodes(self, *names: str, zone: str = "") -> None:
        """Ready nodes."""
        for name in names or NODES:
            labels = {"kubernetes.io/hostname": name} | ({"topology.kubernetes.io/zone": zone} if zone else {})
            status = {"conditions": [{"type": "Ready", "status": "True"}]}
            self.add("nodes", name, namespace="", metadata={"labels": labels}, spec={}, status=status)

    def pod(
        self,
        name: str,
        *,
        ips: tuple[str, ...] = ("10.244.0.1",),
        ready: bool = True,
        node: str = "n1",
        labels: Obj | None = None,
        namespace: str = "x",
        leaving: bool = False,
        owner: str = "",
        **spec: Any,
    ) -> Obj:
        """A pod; ready, on n1, labelled app=web, `phase` Running unless said otherwise. The rest is its spec."""
        phase = spec.pop("phase", "Running")
        meta: Obj = {"labels": {"app": "web"} if labels is None else labels}
        if leaving:
            meta["deletionTimestamp"] = "2027-01-15T08:00:00Z"
        if owner:
            meta["ownerReferences"] = [
                {"kind": "ReplicaSet", "apiVersion": "apps/v1", "uid": owner, "controller": True}
            ]
        status: Obj = {"phase": phase, "podIPs": [{"ip": ip} for ip in ips]}
        status["conditions"] = [READY | {"status": "True" if ready else "False"}]
        return self.add(
            "pods", name, namespace=namespace, metadata=meta, spec={"nodeName": node, **spec}, status=status
        )

    def service(self, name: str = "web", *, namespace: str = "x", labels: Obj | None = None, **spec: Any) -> Obj:
        """A Service that selects app=web on port 80→8080."""
        base: Obj = {
            "type": "ClusterIP",
            "clusterIP": "10.96.0.7",
            "ipFamilies": ["IPv4"],
            "selector": {"app": "web"},
            "ports": [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": 8080}],
        }
        return self.add("services", name, namespace=namespace, metadata={"labels": labels or {}}, spec=base | spec)

    def fault(self, fault: str, *, namespaces: tuple[str, ...] = (), **params: Any) -> None:
        """Plant a fault."""
        spec = {"id": fault, "namespaces": list(namespaces), "params": params}
        self.add("faults.faults.harness.dev", fault.replace("/", "-").lower(), namespace="", spec=spec)

    def heal(self) -> None:
        """Remove every fault."""
        self.objects.pop("faults.faults.harness.dev", None)

    def all(self, resource: str) -> list[Obj]:
        """The objects of a resource."""
        return list(self.objects.get(resource, {}).values())

    def snapshot(self) -> Snapshot:
        """What a controller sees: copies, because tests alter objects in place and caches never do."""
        objects = {resource: list(items.values()) for resource, items in self.objects.items()}
        return Snapshot(copy.deepcopy(objects), now=self.now)

    def run(self, *reconciles: Callable[[Snapshot], list[Change]], steps: int = 50) -> int:
        """Reconcile until nobody wants anything; how many rounds that took."""
        for step in range(steps):
            if not sum([self.step(reconcile) for reconcile in reconciles]):
                return step
        raise AssertionError(f"still changing after {steps} rounds")

    def step(self, reconcile: Callable[[Snapshot], list[Change]]) -> int:
        """One look and its changes; how many there were."""
        changes = reconcile(self.snapshot())
        for change in changes:
            self.apply(change)
        return len(changes)

    def apply(self, change: Change) -> None:
        """Carry a change out."""
        match change:
            case Create(resource, obj):
                meta = obj["metadata"]
                name = meta.get("name") or f"{meta['generateName']}{next(self._numbers)}"
                fields = {k: v for k, v in obj.items() if k != "metadata"}
                self.add(resource, name, namespace=meta.get("namespace", ""), metadata={**meta, "name": name}, **fields)
            case Update(resource, obj, _):
                self.objects[resource][_key(obj)] = obj
            case Patch(resource, namespace, name, body, _):
                place = self.objects[resource]
                place[namespace, name] = _merged(place[namespace, name], body)
            case Delete(resource, namespace, name, _, _):
                del self.objects[resource][namespace, name]
            case Collect(deletion, _):
                self.apply(deletion)
            case Finalize(name, _):
                del self.objects["namespaces"]["", name]


def _key(obj: Obj) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _merged(old: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    merged = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), value)
    return merged


@pytest.fixture
def world() -> World:
    """An empty cluster."""
    return World()
