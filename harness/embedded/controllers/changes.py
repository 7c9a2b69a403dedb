"""What a controller wants done, as values, and the one place that does it.

`reconcile(snapshot)` functions return these; only `carry_out` touches the API.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.embedded.api.interface import Api
from harness.embedded.controllers.snapshot import Obj
from harness.embedded.store.errors import ApiError


@dataclass(frozen=True)
class Create:
    """Make an object; its namespace is in its metadata."""

    resource: str
    obj: Obj


@dataclass(frozen=True)
class Update:
    """Replace an object; the resourceVersion in it guards against writing over news."""

    resource: str
    obj: Obj
    subresource: str = ""


@dataclass(frozen=True)
class Patch:
    """Merge-patch an object or one of its subresources."""

    resource: str
    namespace: str
    name: str
    body: Obj
    subresource: str = ""


@dataclass(frozen=True)
class Delete:
    """Delete the object that has this uid, and no later one of the same name."""

    resource: str
    namespace: str
    name: str
    uid: str
    grace: int | None = None


@dataclass(frozen=True)
class Collect:
    """Delete what has no owner any more, once the API itself confirms that none of them is there."""

    deletion: Delete
    owners: tuple[tuple[str, str, str, str], ...]
    """Resource, namespace, name and uid of each."""


@dataclass(frozen=True)
class Finalize:
    """Let an empty namespace go, once the API itself confirms that it is empty."""

    name: str
    content: tuple[str, ...]


Change = Create | Update | Patch | Delete | Collect | Finalize


async def carry_out(api: Api, change: Change) -> Obj | None:
    """Do it; the object as the API then has it, or None where there is none. Raises ApiError."""
    match change:
        case Create(resource, obj):
            return await api.create(resource, obj, namespace=obj["metadata"].get("namespace"))
        case Update(resource, obj, subresource):
            return await api.update(resource, obj, subresource=subresource)
        case Patch(resource, namespace, name, body, subresource):
            return await api.patch(resource, name, body, namespace=namespace or None, subresource=subresource)
        case Delete(resource, namespace, name, uid, grace):
            await api.delete(resource, name, namespace=namespace or None, grace=grace, uid=uid or None)
            return None
        case Collect(deletion, owners):
            if not [owner for owner in owners if await _exists(api, *owner)]:
                await carry_out(api, deletion)
            return None
        case Finalize(name, content):
            return await _finalize(api, name, content)


async def _exists(api: Api, resource: str, namespace: str, name: str, uid: str) -> bool:
    try:
        found = await api.get(resource, name, namespace=namespace or None)
    except ApiError as error:
        if error.code == 404:
            return False
        raise
    return bool(found["metadata"]["uid"] == uid)


async def _finalize(api: Api, name: str, content: tuple[str, ...]) -> Obj | None:
    for resource in content:
        items, _ = await api.list(resource, namespace=name)
        if items:
            return None
    namespace = await api.get("namespaces", name)
    finalizers = [f for f in (namespace.get("spec") or {}).get("finalizers") or () if f != "kubernetes"]
    namespace["spec"] = {**(namespace.get("spec") or {}), "finalizers": finalizers}
    return await api.update("namespaces", namespace, subresource="finalize")


def delete(resource: str, obj: Obj, *, grace: int | None = None) -> Delete:
    """The deletion of exactly this object."""
    meta = obj["metadata"]
    return Delete(resource, meta.get("namespace") or "", meta["name"], meta["uid"], grace)


def patch_status(resource: str, obj: Obj, status: dict[str, Any]) -> Patch:
    """A merge patch of this object's status."""
    meta = obj["metadata"]
    return Patch(resource, meta.get("namespace") or "", meta["name"], {"status": status}, "status")
