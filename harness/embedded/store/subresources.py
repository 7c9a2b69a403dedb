"""What a request to a subresource may change, and what it leaves as it was."""

from __future__ import annotations

from typing import Any

from harness.embedded.store import errors
from harness.embedded.store.clone import clone
from harness.embedded.store.resources import Resource

Object = dict[str, Any]


def settle_subresource(resource: Resource, new: Object, old: Object, subresource: str, now: str) -> Object:
    """The object after a request to a subresource: only its part of `new`. Raises ApiError 404 for an unknown one."""
    if resource.subresource(subresource) is None:
        raise errors.unknown_resource()
    match subresource:
        case "status":
            return _with_status(resource, new, old)
        case "finalize":
            return {**old, "metadata": new["metadata"], "spec": new["spec"]}
        case "scale":
            spec = {**old["spec"], "replicas": new["spec"].get("replicas", 0)}
            return {**old, "metadata": {**old["metadata"], "managedFields": _entries(new)}, "spec": spec}
        case "binding":
            return _bound(resource, new, old, now)
        case _:
            raise errors.method_not_allowed()


def _entries(new: Object) -> list[Object]:
    return list(new["metadata"].get("managedFields") or ())


def _with_status(resource: Resource, new: Object, old: Object) -> Object:
    """Status from the request; metadata too, save what belongs to the main resource."""
    metadata = new["metadata"]
    for field in ("ownerReferences", "finalizers"):
        if field in old["metadata"]:
            metadata[field] = old["metadata"][field]
        else:
            metadata.pop(field, None)
    status = new["status"]
    if resource.kind == "Pod":
        status.setdefault("qosClass", old["status"].get("qosClass", "BestEffort"))
    return {**old, "metadata": metadata, "status": status}


def _bound(resource: Resource, new: Object, old: Object, now: str) -> Object:
    """A pod given to a node. Raises ApiError 409 when it is taken or leaving."""
    name, node = old["metadata"]["name"], new["spec"].get("nodeName", "")
    if old["metadata"].get("deletionTimestamp"):
        raise errors.conflict(resource, name, f"pod {name} is being deleted, cannot be assigned to a host")
    if old["spec"].get("nodeName"):
        raise errors.conflict(resource, name, f'pod {name} is already assigned to node "{old["spec"]["nodeName"]}"')
    if old["spec"].get("schedulingGates"):
        raise errors.conflict(resource, name, f"pod {name} has non-empty .spec.schedulingGates")
    status: Object = clone(old["status"])
    others = [entry for entry in status.get("conditions") or () if entry.get("type") != "PodScheduled"]
    scheduled = {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": now}
    status["conditions"] = [*others, scheduled]
    return {**old, "metadata": dict(old["metadata"]), "spec": {**old["spec"], "nodeName": node}, "status": status}
