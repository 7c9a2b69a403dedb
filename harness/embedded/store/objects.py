"""The store: create, read, update, patch, delete and watch with the semantics of a Kubernetes API server.

Synchronous and single-threaded: it lives in one event loop, and every call is one transaction. Returned objects are
snapshots shared with everybody else: never change them, `clone` them first. What comes in is copied.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.effects.clock import Clock, RealClock, rfc3339
from harness.embedded.store import errors
from harness.embedded.store.clone import clone
from harness.embedded.store.kinds import strategy_for
from harness.embedded.store.log import Change, WatchLog, WatchStream
from harness.embedded.store.resources import Resource, by_name
from harness.embedded.store.selectors import make_filter

Object = dict[str, Any]


@dataclass(frozen=True)
class Listing:
    """A page of a list, sorted by namespace and name. `continue_` is empty on the last page."""

    items: list[Object]
    resource_version: str
    continue_: str = ""
    remaining: int | None = None


class Store:
    """Every object of the cluster."""

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        families: Sequence[str] = ("IPv4",),
        service_cidrs: Sequence[str] = ("10.96.0.0/16", "fd00:10:96::/112"),
        node_port_range: tuple[int, int] = (30000, 32767),
        seed: int | None = None,
    ) -> None:
        self.clock: Clock = clock or RealClock()
        self.families = tuple(families)
        self.service_cidrs = tuple(service_cidrs)
        self.node_port_range = node_port_range
        self.random = random.Random(seed)
        self._log = WatchLog()
        self._objects: dict[Resource, dict[str, dict[str, Object]]] = {}

    @property
    def resource_version(self) -> str:
        """The version of the latest change."""
        return str(self._log.version)

    def get(self, resource: Resource | str, name: str, *, namespace: str | None = None) -> Object:
        """One object. Raises ApiError 404."""
        resource = _resource(resource)
        found = self._find(resource, namespace, name)
        if found is None:
            raise errors.not_found(resource, name)
        return found

    def _find(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        return self._objects.get(resource, {}).get(namespace or "", {}).get(name)

    def list(
        self,
        resource: Resource | str,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 0,
        continue_: str = "",
    ) -> Listing:
        """Objects of a namespace, or of all (None)."""
        resource = _resource(resource)
        wanted = make_filter(resource.kind, namespace, label_selector, field_selector)
        spaces = self._objects.get(resource, {})
        items = [
            obj
            for space in sorted(spaces)
            if namespace is None or space == namespace
            for _, obj in sorted(spaces[space].items())
            if wanted.matches(obj)
        ]
        _ = limit, continue_
        return Listing(items, self.resource_version)

    def create(
        self,
        resource: Resource | str,
        obj: Object,
        *,
        namespace: str | None = None,
        manager: str = "",
        dry_run: bool = False,
        validation: str = "Warn",
        warnings: list[str] | None = None,
    ) -> Object:
        """Create an object. Raises ApiError."""
        resource = _resource(resource)
        obj = clone(obj)
        obj.setdefault("kind", resource.kind)
        obj.setdefault("apiVersion", resource.api_version)
        metadata = obj.setdefault("metadata", {})
        if resource.namespaced:
            metadata["namespace"] = namespace or metadata.get("namespace") or "default"
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"] + self._suffix()
        metadata["uid"] = str(uuid.UUID(int=self.random.getrandbits(128), version=4))
        metadata["creationTimestamp"] = rfc3339(self.clock.wall())
        strategy_for(resource).default(obj)
        name = metadata["name"]
        if self._find(resource, metadata.get("namespace"), name) is not None:
            raise errors.already_exists(resource, name)
        _ = manager, validation, warnings
        return self._commit(resource, "ADDED", obj, None, dry_run=dry_run)

    def update(
        self,
        resource: Resource | str,
        name: str,
        obj: Object,
        *,
        namespace: str | None = None,
        subresource: str = "",
        manager: str = "",
        dry_run: bool = False,
        validation: str = "Warn",
        warnings: list[str] | None = None,
    ) -> Object:
        """Replace an object (or its status, with subresource "status"). Raises ApiError."""
        resource = _resource(resource)
        namespace = namespace or obj.get("metadata", {}).get("namespace")
        old = self.get(resource, name, namespace=namespace)
        new = clone(obj)
        given = new["metadata"].get("resourceVersion")
        if given and given != old["metadata"]["resourceVersion"]:
            raise errors.conflict(resource, name)
        if subresource == "status":
            new = {**clone(old), "status": new.get("status", {})}
        elif "status" in old and not subresource:
            new["status"] = old["status"]
        for key in ("uid", "creationTimestamp", "deletionTimestamp"):
            if key in old["metadata"]:
                new["metadata"][key] = old["metadata"][key]
        _ = manager, validation, warnings
        return self._commit(resource, "MODIFIED", new, old, dry_run=dry_run)

    def delete(
        self,
        resource: Resource | str,
        name: str,
        *,
        namespace: str | None = None,
        options: Object | None = None,
        dry_run: bool = False,
    ) -> Object:
        """Delete an object, or mark it for deletion; answers as the API server does. Raises ApiError."""
        resource = _resource(resource)
        old = self.get(resource, name, namespace=namespace)
        _ = options
        return self._commit(resource, "DELETED", clone(old), old, dry_run=dry_run)

    def watch(
        self,
        resource: Resource | str,
        *,
        since: str = "",
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        bookmarks: bool = False,
        timeout: float | None = None,
    ) -> WatchStream:
        """Events after `since`; with "" or "0", first every present object as ADDED. Raises ApiError 410 at once."""
        resource = _resource(resource)
        wanted = make_filter(resource.kind, namespace, label_selector, field_selector)
        stream = WatchStream(resource, wanted, bookmarks=bookmarks, timeout=timeout, log=self._log)
        if since in ("", "0"):
            listing = self.list(
                resource, namespace=namespace, label_selector=label_selector, field_selector=field_selector
            )
            for obj in listing.items:
                stream.push({"type": "ADDED", "object": obj})
        else:
            for change in self._log.since(resource, int(since)):
                stream.offer(change)
        self._log.attach(stream)
        return stream

    def _suffix(self) -> str:
        return "".join(self.random.choices("bcdfghjklmnpqrstvwxz2456789", k=5))

    def _commit(self, resource: Resource, kind: str, new: Object, old: Object | None, *, dry_run: bool) -> Object:
        if dry_run:
            return new
        version = self._log.version + 1
        metadata = new["metadata"]
        metadata["resourceVersion"] = str(version)
        space = self._objects.setdefault(resource, {}).setdefault(metadata.get("namespace") or "", {})
        if kind == "DELETED":
            del space[metadata["name"]]
        else:
            space[metadata["name"]] = new
        self._log.append(resource, Change(version, kind, new, old))
        return new


def _resource(resource: Resource | str) -> Resource:
    return by_name(resource) if isinstance(resource, str) else resource
