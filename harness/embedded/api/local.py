"""The API of a component that lives in the store's own process: direct calls, the caller's name as field manager."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from harness.embedded.store.clone import clone
from harness.embedded.store.objects import Store
from harness.embedded.store.patches import PatchKind

Object = dict[str, Any]


class LocalApi:
    """`Api` over a `Store`. `component` is what managedFields shows as manager."""

    def __init__(self, store: Store, component: str) -> None:
        self._store = store
        self._component = component

    async def list(
        self, resource: str, *, namespace: str | None = None, label_selector: str = ""
    ) -> tuple[list[Object], str]:
        """Shared, read-only objects and the list's resourceVersion."""
        listing = self._store.list(resource, namespace=namespace, label_selector=label_selector)
        return listing.items, listing.resource_version

    async def get(self, resource: str, name: str, *, namespace: str | None = None) -> Object:
        """One object, the caller's own copy."""
        return _own(self._store.get(resource, name, namespace=namespace))

    async def create(self, resource: str, obj: Object, *, namespace: str | None = None) -> Object:
        """Create; returns the caller's own copy."""
        return _own(self._store.create(resource, obj, namespace=namespace, manager=self._component))

    async def update(self, resource: str, obj: Object, *, subresource: str = "") -> Object:
        """Replace the object named in its metadata."""
        metadata = obj["metadata"]
        return _own(
            self._store.update(
                resource,
                metadata["name"],
                obj,
                namespace=metadata.get("namespace"),
                subresource=subresource,
                manager=self._component,
            )
        )

    async def patch(
        self, resource: str, name: str, patch: Object, *, namespace: str | None = None, subresource: str = ""
    ) -> Object:
        """Merge-patch."""
        return _own(
            self._store.patch(
                resource,
                name,
                patch,
                namespace=namespace,
                kind=PatchKind.MERGE,
                subresource=subresource,
                manager=self._component,
            )
        )

    async def delete(
        self,
        resource: str,
        name: str,
        *,
        namespace: str | None = None,
        grace: int | None = None,
        uid: str | None = None,
    ) -> None:
        """Delete, optionally only the object with that uid."""
        options: Object = {}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        self._store.delete(resource, name, namespace=namespace, options=options)

    def watch(self, resource: str, *, since: str) -> AsyncIterator[Object]:
        """Events after `since`; the objects are shared and read-only."""
        return self._store.watch(resource, since=since)


def _own(obj: Object) -> Object:
    copied: Object = clone(obj)
    return copied
