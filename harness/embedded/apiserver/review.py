"""SelfSubjectAccessReview: what may I do? Answered from the same table that decides."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from harness.effects.clock import rfc3339
from harness.embedded.apiserver import access, objects
from harness.embedded.apiserver.address import Attributes
from harness.embedded.apiserver.call import Call
from harness.embedded.apiserver.replies import answer
from harness.embedded.store.errors import invalid


async def review(call: Call) -> web.Response:
    """Say whether the caller may do what he asks about."""
    body = await objects.decoded(call)
    spec = body.get("spec") or {}
    asked = _asked(spec)
    rule = access.granted_by(call.user, asked)
    status = {"allowed": rule is not None, "reason": f'allowed by rule "{rule.name}"' if rule else ""}
    made = {
        "kind": "SelfSubjectAccessReview",
        "apiVersion": "authorization.k8s.io/v1",
        "metadata": {**(body.get("metadata") or {}), "managedFields": [_owner(call, spec)]},
        "spec": spec,
        "status": {key: value for key, value in status.items() if value != ""},
    }
    return answer(made, code=201)


def _asked(spec: dict[str, Any]) -> Attributes:
    """The question. Raises ApiError 422 unless exactly one of its two forms is there."""
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if (resource is None) == (path is None):
        problem = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        cause = ("FieldValueInvalid", f"Invalid value: null: {problem}", "spec.resourceAttributes")
        raise invalid("SelfSubjectAccessReview", "authorization.k8s.io", "", [cause])
    if resource is None:
        return Attributes(verb=(path or {}).get("verb", ""), path=(path or {}).get("path", ""))
    return Attributes(
        verb=resource.get("verb", ""),
        group=resource.get("group", ""),
        resource=resource.get("resource", "") or "*",
        subresource=resource.get("subresource", ""),
        namespace=resource.get("namespace", ""),
        name=resource.get("name", ""),
    )


def _owner(call: Call, spec: dict[str, Any]) -> dict[str, Any]:
    """Who set which fields: a review is answered with its ownership, as any created object is."""
    return {
        "manager": call.manager,
        "operation": "Update",
        "apiVersion": "authorization.k8s.io/v1",
        "time": rfc3339(call.server.clock.wall()),
        "fieldsType": "FieldsV1",
        "fieldsV1": {
            "f:spec": {
                f"f:{name}": {".": {}, **{f"f:{key}": {} for key in sorted(value)}}
                for name, value in spec.items()
                if isinstance(value, dict)
            }
        },
    }
