"""Subresources that do something to their object rather than being a part of it: scale, binding, eviction, token.

`scale` is a view (autoscaling/v1) of a workload's replicas; the others are orders.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from harness.effects.clock import rfc3339
from harness.embedded.apiserver import objects
from harness.embedded.apiserver.call import Call
from harness.embedded.apiserver.replies import answer
from harness.embedded.store.errors import bad_request, conflict, invalid
from harness.embedded.store.patches import PatchKind

TOKEN_SECONDS = 3600
"""Stated lifetime of a requested token when the client names none."""


async def scale(call: Call) -> web.Response:
    """Read or change the number of replicas."""
    store = call.server.store
    workload = store.get(call.resource, call.name, namespace=call.namespace)
    if call.verb == "get":
        return answer(_scale_of(workload))
    wished = await _wished_scale(call, workload)
    changed = store.patch(
        call.resource,
        call.name,
        {"spec": {"replicas": wished}},
        namespace=call.namespace,
        kind=PatchKind.MERGE,
        subresource="scale",
        manager=call.manager,
        dry_run=call.dry_run,
    )
    return answer(_scale_of(changed))


async def _wished_scale(call: Call, workload: dict[str, Any]) -> int:
    if call.verb == "update":
        body = await call.body()
    else:
        objects.patch_kind(call)
        body = await objects.patch_body(call)
    if not isinstance(body, dict):
        raise bad_request("a change of scale is an object with spec.replicas")
    version = (body.get("metadata") or {}).get("resourceVersion")
    if version and version != workload["metadata"]["resourceVersion"]:
        raise conflict(call.resource, call.name)
    replicas = (body.get("spec") or {}).get("replicas", 0)
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise bad_request(f"spec.replicas is not a whole number: {replicas!r}")
    if replicas < 0:
        problem = f"Invalid value: {replicas}: must be greater than or equal to 0"
        raise invalid("Scale", "autoscaling", call.name, [("FieldValueInvalid", problem, "spec.replicas")])
    return replicas


def _scale_of(workload: dict[str, Any]) -> dict[str, Any]:
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    spec = workload["spec"]
    labels = (spec.get("selector") or {}).get("matchLabels") or {}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: workload["metadata"][key] for key in kept if key in workload["metadata"]},
        "spec": {"replicas": spec.get("replicas", 1)},
        "status": {
            "replicas": (workload.get("status") or {}).get("replicas", 0),
            "selector": ",".join(f"{key}={value}" for key, value in sorted(labels.items())),
        },
    }


async def bind(call: Call) -> web.Response:
    """Give a pod to a node (what a scheduler does)."""
    body = await call.body()
    node = ((body or {}).get("target") or {}).get("name")
    if not node:
        raise bad_request("a binding needs the name of its target")
    call.server.store.patch(
        call.resource,
        call.name,
        {"spec": {"nodeName": node}},
        namespace=call.namespace,
        kind=PatchKind.MERGE,
        subresource="binding",
        manager=call.manager,
        dry_run=call.dry_run,
    )
    return answer(_success(201), code=201)


async def evict(call: Call) -> web.Response:
    """Delete a pod on somebody's behalf. There are no disruption budgets here, so nothing stands against it."""
    body = await call.body() or {}
    call.server.store.delete(
        call.resource,
        call.name,
        namespace=call.namespace,
        options=body.get("deleteOptions") or {},
        dry_run=call.dry_run,
    )
    return answer(_success(201), code=201)


async def request_token(call: Call) -> web.Response:
    """A bearer token for a service account. Its time is stated and not enforced: tokens die with the cluster."""
    call.server.store.get(call.resource, call.name, namespace=call.namespace)
    body = await call.body() or {}
    spec = body.get("spec") or {}
    seconds = spec.get("expirationSeconds") or TOKEN_SECONDS
    now = call.server.clock.wall()
    made = {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"name": call.name, "namespace": call.namespace, "creationTimestamp": rfc3339(now)},
        "spec": {**spec, "expirationSeconds": seconds},
        "status": {
            "token": call.server.auth.token_for(call.namespace or "", call.name),
            "expirationTimestamp": rfc3339(now + seconds),
        },
    }
    return answer(made, code=201)


def _success(code: int) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": code}
