"""The store: create, read, update, patch, delete and watch with the semantics of a Kubernetes API server.

Synchronous and single-threaded: it lives in one event loop, and every call is one transaction. Returned objects are
snapshots shared with everybody else: never change them, `clone` them first. What comes in is copied.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Sequence
from typing import Any

from harness.effects.clock import Clock, RealClock, rfc3339
from harness.embedded.store import decode, deletion, errors, identity, managed, metadata, patches
from harness.embedded.store.allocation import Claim, ServiceAddresses
from harness.embedded.store.fields import Faults
from harness.embedded.store.kinds import pods, strategy_for
from harness.embedded.store.log import WatchStream
from harness.embedded.store.patches import PatchKind
from harness.embedded.store.resources import Resource, by_name
from harness.embedded.store.selectors import make_filter
from harness.embedded.store.storage import Listing, Storage
from harness.embedded.store.subresources import settle_subresource

__all__ = ["Listing", "Object", "Store"]

Object = dict[str, Any]
Objects = list[Object]
Texts = list[str]
Body = bytes | Object | list[Any]
SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
SUFFIX_LENGTH = 5
NAME_ATTEMPTS = 8
LONGEST_GENERATED = 63


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
        self._random = random.Random(seed)  # noqa: S311 - names and addresses, nothing secret
        self._storage = Storage()
        self._addresses = ServiceAddresses(families, service_cidrs, node_port_range, self._random)

    @property
    def resource_version(self) -> str:
        """The version of the latest change."""
        return str(self._storage.version)

    @property
    def families(self) -> tuple[str, ...]:
        """The IP families of the cluster, the default one first."""
        return self._addresses.families

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

    def create(
        self,
        resource: Resource | str,
        obj: Object,
        *,
        namespace: str | None = None,
        manager: str = "",
        dry_run: bool = False,
        validation: str = "Warn",
        warnings: Texts | None = None,
    ) -> Object:
        """Create an object. `validation` is what becomes of unknown fields: Ignore, Warn (told in `warnings`), Strict.
        Raises ApiError."""
        resource = _resource(resource)
        decode.check_kind(resource, obj)
        new, told = decode.normalize(resource, obj, validation=validation)
        if warnings is not None:
            warnings.extend(told)
        identity.settle_namespace(resource, new, namespace)
        strategy_for(resource).default(new)
        who = self._manager(resource, manager)
        entries = managed.track_update(decode.empty_object(resource), new, decode.schema_of(resource), who, self._now())
        return self._create(resource, new, entries, dry_run=dry_run)

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
        warnings: Texts | None = None,
    ) -> Object:
        """Replace an object, or with a subresource ("status", "finalize") that part of it. Raises ApiError."""
        resource = _resource(resource)
        decode.check_kind(resource, obj)
        new, told = decode.normalize(resource, obj, validation=validation)
        if warnings is not None:
            warnings.extend(told)
        identity.settle_name(new, name)
        identity.settle_namespace(resource, new, namespace)
        old = self._storage.find(resource, new["metadata"].get("namespace"), name)
        if old is None:
            return self._create_by_update(resource, new, manager, subresource, dry_run=dry_run)
        needed = not strategy_for(resource).unconditional_update
        identity.check_version(resource, new, old, needed=needed)
        return self._change(
            resource, new, old, self._manager(resource, manager, subresource=subresource), dry_run=dry_run
        )

    def patch(
        self,
        resource: Resource | str,
        name: str,
        body: Body,
        *,
        namespace: str | None = None,
        kind: PatchKind = PatchKind.MERGE,
        subresource: str = "",
        manager: str = "",
        force: bool = False,
        dry_run: bool = False,
        validation: str = "Warn",
        warnings: Texts | None = None,
    ) -> Object:
        """Change an object by a patch; an apply creates it when it is not there. Raises ApiError."""
        resource = _resource(resource)
        decoded = _decoded(body)
        if kind is PatchKind.APPLY:
            who = self._manager(resource, manager, operation="Apply", subresource=subresource)
            return self._apply(resource, name, decoded, namespace, who, force=force, dry_run=dry_run)
        old = self.get(resource, name, namespace=namespace)
        match kind:
            case PatchKind.JSON:
                patched = patches.json_patch(old, decoded)
            case PatchKind.STRATEGIC:
                patched = patches.strategic_merge(old, decoded, decode.schema_of(resource))
            case _:
                patched = patches.merge_patch(old, decoded)
        decode.check_kind(resource, patched)
        new, told = decode.normalize_patched(resource, patched, decoded, validation=validation)
        if warnings is not None:
            warnings.extend(told)
        identity.settle_name(new, name)
        identity.settle_namespace(resource, new, namespace)
        identity.check_version(resource, new, old, needed=False)
        return self._change(
            resource, new, old, self._manager(resource, manager, subresource=subresource), dry_run=dry_run
        )

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
                last = self._remove(resource, last)
        if plan.removed and not strategy_for(resource).returns_deleted:
            details = errors.resource_details(resource, name)
            details["uid"] = old["metadata"]["uid"]
            return {
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details
            }  # fmt: skip
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

    # The ways of a write

    def _manager(
        self, resource: Resource, name: str, *, operation: str = "Update", subresource: str = ""
    ) -> managed.Manager:
        return managed.Manager(name or "unknown", operation, resource.api_version, subresource)

    def _now(self) -> str:
        return rfc3339(self.clock.wall())

    def _create(self, resource: Resource, new: Object, entries: Sequence[Object], *, dry_run: bool) -> Object:
        """From a defaulted object to a stored one."""
        place = new["metadata"]
        namespace = place.get("namespace")
        identity.check_namespace(
            resource, new, self._storage.find(identity.NAMESPACES, namespace=None, name=namespace or "")
        )
        if place.get("resourceVersion"):
            raise errors.failure(500, "", "resourceVersion should not be set on objects to be created")
        if resource.kind == "Pod":
            self._admit_pod(resource, new)
        self._name(resource, new)
        for field in ("deletionTimestamp", "deletionGracePeriodSeconds", "generation", "selfLink", "managedFields"):
            place.pop(field, None)
        place["uid"] = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        place["creationTimestamp"] = self._now()
        if resource.generation:
            place["generation"] = 1
        if entries:
            place["managedFields"] = list(entries)
        strategy = strategy_for(resource)
        strategy.prepare(new)
        claim = self._addresses.create(new) if resource.kind == "Service" else None
        try:
            self._validate(resource, new, None)
            if self._storage.find(resource, namespace, place["name"]) is not None:
                raise errors.already_exists(resource, place["name"])
        except errors.ApiError:
            _undo(claim)
            raise
        if not resource.has("get"):
            return new
        if dry_run:
            _undo(claim)
            return new
        self._storage.put(resource, new, None)
        return new

    def _create_by_update(
        self, resource: Resource, new: Object, manager: str, subresource: str, *, dry_run: bool
    ) -> Object:
        """An update of what is not there: for a few kinds that makes it."""
        place = new["metadata"]
        if subresource or place.get("resourceVersion") or not strategy_for(resource).create_on_update:
            raise errors.not_found(resource, place["name"])
        return self.create(resource, new, manager=manager, dry_run=dry_run)

    def _change(
        self,
        resource: Resource,
        new: Object,
        old: Object,
        manager: managed.Manager,
        *,
        dry_run: bool,
        entries: Objects | None = None,
    ) -> Object:
        """From a normalized change to a stored one. `entries` are the managedFields where apply has made them."""
        strategy = strategy_for(resource)
        if entries is None:
            strategy.default(new)
            entries = self._tracked(resource, new, old, manager)
        if entries:
            new["metadata"]["managedFields"] = entries
        else:
            new["metadata"].pop("managedFields", None)
        identity.keep_system_metadata(new, old)
        claim = None
        if manager.subresource:
            new = settle_subresource(resource, new, old, manager.subresource, self._now())
        elif resource.kind == "Service":
            claim = self._addresses.update(new, old)
        try:
            if not manager.subresource:
                if "status" in old:
                    new["status"] = old["status"]
                strategy.prepare_update(new, old)
            self._validate(resource, new, old, subresource=manager.subresource)
        except errors.ApiError:
            _undo(claim)
            raise
        return self._store_change(resource, new, old, claim, dry_run=dry_run, subresource=manager.subresource)

    def _store_change(
        self,
        resource: Resource,
        new: Object,
        old: Object,
        claim: Claim | None,
        *,
        dry_run: bool,
        subresource: str,
    ) -> Object:
        if identity.is_same(new, old):
            _undo(claim)
            return old
        if resource.generation and subresource != "binding" and _wishes(resource, new) != _wishes(resource, old):
            new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
        if dry_run:
            _undo(claim)
            return new
        if claim is not None:
            claim.settle()
        self._storage.put(resource, new, old)
        return self._remove(resource, new) if deletion.is_finished(resource, new) else new

    def _tracked(self, resource: Resource, new: Object, old: Object, manager: managed.Manager) -> Objects:
        """The managedFields after an update; a client that sends one empty entry wipes them."""
        if new["metadata"].get("managedFields") == [{}]:
            return []
        before: Objects = list(old["metadata"].get("managedFields") or ())
        if not before:
            return []
        return managed.track_update(old, new, decode.schema_of(resource), manager, self._now())

    def _apply(
        self,
        resource: Resource,
        name: str,
        config: Any,
        namespace: str | None,
        manager: managed.Manager,
        *,
        force: bool,
        dry_run: bool,
    ) -> Object:
        """Server-side apply."""
        config = self._applicable(resource, name, config, namespace)
        old = self._storage.find(resource, config["metadata"].get("namespace"), name)
        live = decode.empty_object(resource) if old is None else old
        if old is None and manager.subresource:
            raise errors.not_found(resource, name)
        applied = managed.apply(live, config, decode.schema_of(resource), manager, force=force, now=self._now())
        new, _ = decode.normalize(resource, applied.object)
        identity.settle_namespace(resource, new, namespace)
        strategy_for(resource).default(new)
        if old is None:
            return self._create(resource, new, applied.entries, dry_run=dry_run)
        identity.check_version(resource, new, old, needed=False)
        return self._change(resource, new, old, manager, dry_run=dry_run, entries=applied.entries)

    def _applicable(self, resource: Resource, name: str, body: Any, namespace: str | None) -> Object:
        """An applied configuration, checked. Raises ApiError."""
        if not isinstance(body, dict) or not body.get("kind") or not body.get("apiVersion"):
            raise errors.bad_request("invalid object type: an applied configuration needs apiVersion and kind")
        decode.check_kind(resource, body)
        config: Object = {**body, "metadata": dict(body.get("metadata") or {})}
        identity.settle_name(config, name)
        identity.settle_namespace(resource, config, namespace)
        if config["metadata"].get("managedFields"):
            raise errors.bad_request("metadata.managedFields must be nil")
        reader = decode.Reader()
        decode.read_checked(reader, resource, config)
        if reader.unknown:
            where = f"{namespace or ''}/{name}; {resource.group}/{resource.version}, Kind={resource.kind}"
            problem = f".{reader.unknown[0]}: field not declared in schema"
            raise errors.failure(500, "", f"failed to create typed patch object ({where}): {problem}")
        return config

    def _admit_pod(self, resource: Resource, pod: Object) -> None:
        """What admission adds to a pod. The default account may come a moment after its namespace: a real server
        waits for it, this one goes ahead; any other account has to exist."""
        place = pod["metadata"]
        wanted = pod["spec"].get("serviceAccountName") or "default"
        account = self._storage.find(by_name("serviceaccounts"), place["namespace"], wanted)
        if account is None and wanted != "default":
            raise errors.forbidden(
                resource,
                place.get("name", ""),
                f'error looking up service account {place["namespace"]}/{wanted}: serviceaccount "{wanted}" not found',
            )
        pods.admit(pod, account, self._suffix())

    def _name(self, resource: Resource, new: Object) -> None:
        """Make a name from generateName, one that is free."""
        place = new["metadata"]
        if place.get("name") or not place.get("generateName"):
            return
        prefix = place["generateName"][: LONGEST_GENERATED - SUFFIX_LENGTH]
        for _ in range(NAME_ATTEMPTS):
            place["name"] = prefix + self._suffix()
            if self._storage.find(resource, place.get("namespace"), place["name"]) is None:
                return

    def _suffix(self) -> str:
        return "".join(self._random.choices(SUFFIX_LETTERS, k=SUFFIX_LENGTH))

    def _validate(self, resource: Resource, new: Object, old: Object | None, *, subresource: str = "") -> None:
        strategy = strategy_for(resource)
        faults = Faults()
        if old is not None:
            metadata.validate_update(new, old, faults)
        if resource.has("get"):
            metadata.validate(new, faults, name_rule=strategy.name_rule)
        if not subresource:
            if old is not None:
                strategy.validate_update(new, old, faults)
            strategy.validate(new, faults)
        faults.raise_if_any(resource, new["metadata"].get("name", ""))

    def _remove(self, resource: Resource, last: Object) -> Object:
        if resource.kind == "Service":
            self._addresses.release(last)
        return self._storage.remove(resource, last)


def _undo(claim: Claim | None) -> None:
    if claim is not None:
        claim.undo()


def _wishes(resource: Resource, obj: Object) -> Object:
    """What a change of bumps the generation: everything that is neither metadata nor status."""
    wished = {field: value for field, value in obj.items() if field not in ("metadata", "status")}
    if strategy_for(resource).wishes_in_annotations:
        wished["annotations"] = obj["metadata"].get("annotations")
    return wished


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
