"""The store: create, read, update, patch, delete and watch with the semantics of a Kubernetes API server.

Synchronous and single-threaded: it lives in one event loop, and every call is one transaction. Returned objects are
snapshots shared with everybody else: never change them, `clone` them first. What comes in is copied.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any, Unpack

from harness.effects.clock import Clock, RealClock
from harness.embedded.store import decode, deletion, errors, identity, managed, patches
from harness.embedded.store.allocation import ServiceAddresses
from harness.embedded.store.kinds import strategy_for
from harness.embedded.store.log import WatchStream
from harness.embedded.store.patches import PatchKind
from harness.embedded.store.resources import Resource, by_name
from harness.embedded.store.selectors import make_filter
from harness.embedded.store.storage import Listing, Storage
from harness.embedded.store.writing import Write, WriteOptions, Writer

__all__ = ["Listing", "Object", "Store", "WriteOptions"]

Object = dict[str, Any]
Body = bytes | Object | list[Any]


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
        rng = random.Random(seed)  # noqa: S311 - names and addresses, nothing secret
        self._storage = Storage()
        self._addresses = ServiceAddresses(families, service_cidrs, node_port_range, rng)
        self._writer = Writer(self._storage, self._addresses, self.clock, rng)

    @property
    def resource_version(self) -> str:
        """The version of the latest change."""
        return str(self._storage.version)

    @property
    def families(self) -> tuple[str, ...]:
        """The IP families of the cluster, the default one first."""
        return self._addresses.families

    @property
    def service_cidrs(self) -> tuple[str, ...]:
        """The blocks it was made with, one for each family."""
        return self._addresses.cidrs

    def close(self) -> None:
        """End every watch."""
        self._storage.log.close()

    def compact(self, resource: Resource | str) -> None:
        """Forget a resource's past: watches and pages from before are answered with 410."""
        self._storage.log.compact(_resource(resource))

    # Reading

    def get(self, resource: Resource | str, name: str, *, namespace: str | None = None) -> Object:
        """One object. Raises ApiError 404."""
        resource = _resource(resource)
        found = self._storage.find(resource, namespace, name)
        if found is None:
            raise errors.not_found(resource, name)
        return found

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
        """Objects of a namespace, or of all (None). Raises ApiError 400 and 410."""
        resource = _resource(resource)
        wanted = make_filter(resource.kind, namespace, label_selector, field_selector)
        return self._storage.page(resource, wanted, limit=limit, token=continue_)

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
        """Events after `since`; with "" or "0", first every present object as ADDED. Raises ApiError 400 and 410 here,
        not from the stream. The stream ends after `timeout` seconds."""
        resource = _resource(resource)
        wanted = make_filter(resource.kind, namespace, label_selector, field_selector)
        log = self._storage.log
        stream = WatchStream(resource, wanted, bookmarks=bookmarks, timeout=timeout, log=log)
        if since in ("", "0"):
            for obj in self._storage.select(resource, wanted):
                stream.push({"type": "ADDED", "object": obj})
        else:
            for change in log.since(resource, _version(since)):
                stream.offer(change)
        log.attach(stream)
        return stream

    # Writing

    def create(self, resource: Resource | str, obj: Object, **options: Unpack[WriteOptions]) -> Object:
        """Create an object. Raises ApiError."""
        resource, write = _resource(resource), Write(**options)
        new = self._read(resource, obj, write)
        strategy_for(resource).default(new)
        live, kind = decode.empty_object(resource), decode.schema_of(resource)
        entries = managed.track_update(live, new, kind, write.by(resource), self._writer.now())
        return self._writer.create(resource, new, entries, dry_run=write.dry_run)

    def update(self, resource: Resource | str, name: str, obj: Object, **options: Unpack[WriteOptions]) -> Object:
        """Replace an object, or with a subresource ("status", "finalize") that part of it. Raises ApiError."""
        resource, write = _resource(resource), Write(**options)
        new = self._read(resource, obj, write)
        identity.settle_name(new, name)
        strategy = strategy_for(resource)
        old = self._storage.find(resource, new["metadata"].get("namespace"), name)
        if old is not None:
            identity.check_version(resource, new, old, needed=not strategy.unconditional_update)
            return self._writer.update(resource, new, old, write)
        if write.subresource or new["metadata"].get("resourceVersion") or not strategy.create_on_update:
            raise errors.not_found(resource, name)
        return self.create(resource, new, **options)

    def _read(self, resource: Resource, obj: Object, write: Write) -> Object:
        """An object as it will be stored, in its namespace. Raises ApiError."""
        decode.check_kind(resource, obj)
        new, told = decode.normalize(resource, obj, validation=write.validation)
        write.warn(told)
        identity.settle_namespace(resource, new, write.namespace)
        return new

    def patch(
        self,
        resource: Resource | str,
        name: str,
        body: Body,
        *,
        kind: PatchKind = PatchKind.MERGE,
        **options: Unpack[WriteOptions],
    ) -> Object:
        """Change an object by a patch; an apply creates it when it is not there. Raises ApiError."""
        resource, write = _resource(resource), Write(**options)
        decoded = _decoded(body)
        if kind is PatchKind.APPLY:
            return self._writer.apply(resource, name, decoded, write)
        old = self.get(resource, name, namespace=write.namespace)
        match kind:
            case PatchKind.JSON:
                patched = patches.json_patch(old, decoded)
            case PatchKind.STRATEGIC:
                patched = patches.strategic_merge(old, decoded, decode.schema_of(resource))
            case _:
                patched = patches.merge_patch(old, decoded)
        decode.check_kind(resource, patched)
        new, told = decode.normalize_patched(resource, patched, decoded, validation=write.validation)
        write.warn(told)
        identity.settle_name(new, name)
        identity.settle_namespace(resource, new, write.namespace)
        identity.check_version(resource, new, old, needed=False)
        return self._writer.update(resource, new, old, write)

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
        options = options or {}
        deletion.check_preconditions(resource, old, options)
        plan = deletion.plan(resource, old, options, self.clock.wall())
        last = old if plan.marked is None else plan.marked
        if not dry_run:
            if plan.marked is not None:
                self._storage.put(resource, plan.marked, old)
            if plan.removed:
                last = self._writer.remove(resource, last)
        if plan.removed and not strategy_for(resource).returns_deleted:
            details = errors.resource_details(resource, name)
            details["uid"] = old["metadata"]["uid"]
            return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        return last

    def delete_collection(
        self,
        resource: Resource | str,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        options: Object | None = None,
        dry_run: bool = False,
    ) -> Listing:
        """Delete every selected object; answers with what was there."""
        resource = _resource(resource)
        found = self.list(resource, namespace=namespace, label_selector=label_selector, field_selector=field_selector)
        for obj in found.items:
            place = obj["metadata"]
            self.delete(resource, place["name"], namespace=place.get("namespace"), options=options, dry_run=dry_run)
        return Listing(found.items, self.resource_version)


def _resource(resource: Resource | str) -> Resource:
    return by_name(resource) if isinstance(resource, str) else resource


def _version(text: str) -> int:
    if not text.isdigit():
        raise errors.bad_request(f'strconv.ParseUint: parsing "{text}": invalid syntax')
    return int(text)


def _decoded(body: Body) -> Any:
    if not isinstance(body, bytes):
        return body
    try:
        return json.loads(body)
    except ValueError as problem:
        raise errors.bad_request(f"error decoding patch: {problem}") from problem
