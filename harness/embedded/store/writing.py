"""From a request's object to a stored one: admission, ownership, preparation, allocation, rules, the write itself.

The store decides what is asked; here it is done, in the order of a real server, with nothing left behind by a refusal.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from harness.effects.clock import Clock, rfc3339
from harness.embedded.store import decode, deletion, errors, identity, managed, metadata, planted
from harness.embedded.store.allocation import Claim, ServiceAddresses
from harness.embedded.store.fields import Faults
from harness.embedded.store.kinds import ingresses, pods, strategy_for
from harness.embedded.store.ledger import Ledger
from harness.embedded.store.resources import Resource, by_name
from harness.embedded.store.selectors import Filter
from harness.embedded.store.storage import Storage
from harness.embedded.store.subresources import settle_subresource

Object = dict[str, Any]
SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
SUFFIX_LENGTH = 5
NAME_ATTEMPTS = 8
LONGEST_GENERATED = 63
SERVICE_ACCOUNTS = by_name("serviceaccounts")
FAULTS = by_name("faults.faults.harness.dev")
INGRESS_CLASSES = by_name("ingressclasses.networking.k8s.io")


class WriteOptions(TypedDict, total=False):
    """What may be said about a write; see `Write`."""

    namespace: str | None
    subresource: str
    manager: str
    dry_run: bool
    validation: str
    warnings: list[str] | None
    force: bool


@dataclass(frozen=True)
class Write:
    """How a write is meant."""

    namespace: str | None = None
    """Of the request; a body may only repeat it."""
    subresource: str = ""
    manager: str = ""
    """Who writes: the field manager."""
    dry_run: bool = False
    validation: str = "Warn"
    """What becomes of unknown fields: Ignore, Warn (told in `warnings`), Strict."""
    warnings: list[str] | None = None
    """Where warnings are put."""
    force: bool = False
    """Whether an apply takes over what others own."""

    def warn(self, told: Sequence[str]) -> None:
        """Tell the client."""
        if self.warnings is not None:
            self.warnings.extend(told)

    def by(self, resource: Resource, operation: str = "Update") -> managed.Manager:
        """The manager entry this write acts under."""
        return managed.Manager(self.manager or "unknown", operation, resource.api_version, self.subresource)


class Writer:
    """Carries out creations and changes."""

    def __init__(self, storage: Storage, addresses: ServiceAddresses, clock: Clock, rng: random.Random) -> None:
        self._storage = storage
        self._addresses = addresses
        self._clock = clock
        self._random = rng
        self._ledger = Ledger(storage, addresses, rng)

    def now(self) -> str:
        """The present moment as objects carry it."""
        return rfc3339(self._clock.wall())

    def create(self, resource: Resource, new: Object, entries: Sequence[Object], *, dry_run: bool) -> Object:
        """From a defaulted object to a stored one."""
        place = new["metadata"]
        namespace = place.get("namespace")
        identity.check_namespace(resource, new, self._storage.find(identity.NAMESPACES, None, namespace or ""))
        if place.get("resourceVersion"):
            raise errors.failure(500, "", "resourceVersion should not be set on objects to be created")
        if resource.kind == "Pod":
            self._admit_pod(resource, new)
        if resource.kind == "Ingress":
            self._admit_ingress(new)
        self._stamp(resource, new, entries)
        strategy_for(resource).prepare(new)
        if resource.kind == "Service":
            self._break(new)
        if resource.kind == "NetworkPolicy" and self._broken(planted.INGRESS_ASSUMED, new) is not None:
            planted.ingress_assumed(new)
        claim = self._addresses.create(new) if resource.kind == "Service" else None
        try:
            self._validate(resource, new, None)
            if self._storage.find(resource, namespace, place["name"]) is not None:
                raise errors.already_exists(resource, place["name"])
        except errors.ApiError:
            _undo(claim)
            raise
        if dry_run or not resource.has("get"):
            _undo(claim)
            return new
        self._ledger.entered(resource, new, None, self.now())
        self._storage.put(resource, new, None)
        return new

    def _broken(self, fault: str, obj: Object) -> Object | None:
        """The parameters of a planted fault that covers this object, or None."""
        there = self._storage.select(FAULTS, Filter())
        return planted.active(there, fault, namespace=obj["metadata"].get("namespace")) if there else None

    def _is_unruled(self, resource: Resource, new: Object) -> bool:
        return resource.kind == "NetworkPolicy" and self._broken(planted.UNRULED, new) is not None

    def _break(self, service: Object) -> None:
        """What planted faults do to a new Service."""
        forgetful = self._broken(planted.FORGETFUL, service)
        if forgetful is not None and not forgetful.get("leak"):
            others = self._storage.select(by_name("services"), Filter(service["metadata"].get("namespace")))
            self._addresses.release(planted.doubled(service, others))
        if self._broken(planted.BARE, service) is not None:
            planted.without_defaults(service)

    def _stamp(self, resource: Resource, new: Object, entries: Sequence[Object]) -> None:
        """Give a new object its system fields, and only those."""
        self._name(resource, new)
        place = new["metadata"]
        for field in ("deletionTimestamp", "deletionGracePeriodSeconds", "generation", "selfLink", "managedFields"):
            place.pop(field, None)
        place["uid"] = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        place["creationTimestamp"] = self.now()
        if resource.generation:
            place["generation"] = 1
        if entries:
            place["managedFields"] = list(entries)

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

    def _admit_pod(self, resource: Resource, pod: Object) -> None:
        """What admission adds to a pod. The default account may come a moment after its namespace: a real server
        waits for it, this one goes ahead; any other account has to exist."""
        place = pod["metadata"]
        wanted = pod["spec"].get("serviceAccountName") or "default"
        account = self._storage.find(SERVICE_ACCOUNTS, place["namespace"], wanted)
        if account is None and wanted != "default":
            raise errors.forbidden(
                resource,
                place.get("name", ""),
                f'error looking up service account {place["namespace"]}/{wanted}: serviceaccount "{wanted}" not found',
            )
        pods.admit(pod, account, self._suffix())

    def _admit_ingress(self, ingress: Object) -> None:
        """The default class."""
        if self._broken(planted.NO_DEFAULT_CLASS, ingress) is None:
            classes = self._storage.select(INGRESS_CLASSES, Filter())
            oldest = self._broken(planted.OLD_DEFAULT_CLASS, ingress) is not None
            ingresses.admit(ingress, classes, oldest=oldest)

    def update(self, resource: Resource, new: Object, old: Object, write: Write) -> Object:
        """From a normalized change to a stored one."""
        strategy_for(resource).default(new)
        entries = self._tracked(resource, new, old, write.by(resource))
        return self._change(resource, new, old, entries, write)

    def _tracked(self, resource: Resource, new: Object, old: Object, manager: managed.Manager) -> list[Object]:
        """The managedFields after an update; a client that sends one empty entry wipes them."""
        if new["metadata"].get("managedFields") == [{}]:
            return []
        before: list[Object] = list(old["metadata"].get("managedFields") or ())
        if not before:
            return []
        return managed.track_update(old, new, decode.schema_of(resource), manager, self.now())

    def apply(self, resource: Resource, name: str, body: Any, write: Write) -> Object:
        """Server-side apply: creates what is not there."""
        config = _applicable(resource, name, body, write.namespace)
        old = self._storage.find(resource, config["metadata"].get("namespace"), name)
        live = decode.empty_object(resource) if old is None else old
        if old is None and write.subresource:
            raise errors.not_found(resource, name)
        manager = write.by(resource, "Apply")
        applied = managed.apply(live, config, decode.schema_of(resource), manager, force=write.force, now=self.now())
        new, _ = decode.normalize(resource, applied.object)
        identity.settle_namespace(resource, new, write.namespace)
        strategy_for(resource).default(new)
        if old is None:
            return self.create(resource, new, applied.entries, dry_run=write.dry_run)
        identity.check_version(resource, new, old, needed=False)
        return self._change(resource, new, old, applied.entries, write)

    def _change(self, resource: Resource, new: Object, old: Object, entries: list[Object], write: Write) -> Object:
        if entries:
            new["metadata"]["managedFields"] = entries
        else:
            new["metadata"].pop("managedFields", None)
        identity.keep_system_metadata(new, old)
        if write.subresource:
            new = settle_subresource(resource, new, old, write.subresource, self.now())
            self._validate(resource, new, old, part=write.subresource)
            return self._store_change(resource, new, old, None, write)
        claim = self._addresses.update(new, old) if resource.kind == "Service" else None
        if claim is not None and self._broken(planted.BARE, new) is not None:
            planted.without_allocated(new)
        if "status" in old:
            new["status"] = old["status"]
        if resource.kind != "Service" or self._broken(planted.LEFTOVERS, new) is None:
            strategy_for(resource).prepare_update(new, old)
        try:
            self._validate(resource, new, old)
        except errors.ApiError:
            _undo(claim)
            raise
        return self._store_change(resource, new, old, claim, write)

    def _store_change(self, resource: Resource, new: Object, old: Object, claim: Claim | None, write: Write) -> Object:
        if identity.is_same(new, old):
            _undo(claim)
            return old
        ages = resource.generation and write.subresource != "binding" and not self._is_unruled(resource, new)
        if ages and _wishes(resource, new) != _wishes(resource, old):
            new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
        if write.dry_run or self._is_forgotten(resource, new, write):
            _undo(claim)
            return new
        if claim is not None:
            claim.settle()
        self._ledger.entered(resource, new, old, self.now())
        self._storage.put(resource, new, old)
        return self.remove(resource, new) if deletion.is_finished(resource, new) else new

    def _is_forgotten(self, resource: Resource, new: Object, write: Write) -> bool:
        """Whether a planted fault keeps a change from being kept."""
        if resource.kind in planted.INGRESS_KINDS:
            return self._broken(planted.OBLIVIOUS, new) is not None
        if (resource.kind, write.subresource) == ("Service", "status"):
            return self._broken(planted.STATUS_LOST, new) is not None
        return resource.kind in planted.UNKEPT_KINDS and self._broken(planted.UNKEPT, new) is not None

    def _validate(self, resource: Resource, new: Object, old: Object | None, *, part: str = "") -> None:
        """Check metadata and the rules of the kind: of the whole object, or of its status. Raises ApiError 422."""
        strategy = strategy_for(resource)
        faults = Faults()
        if resource.kind in planted.UNCHECKED_KINDS and any(
            self._broken(fault, new) is not None for fault in (planted.UNCHECKED, planted.BARE, planted.LEFTOVERS)
        ):
            return
        if resource.kind in planted.INGRESS_KINDS and self._broken(planted.LAWLESS, new) is not None:
            return
        if self._is_unruled(resource, new):
            return
        if old is not None:
            metadata.validate_update(new, old, faults)
        if resource.has("get"):
            metadata.validate(new, faults, name_rule=strategy.name_rule)
        if part == "status":
            strategy.validate_status(new, faults)
        if not part and old is not None:
            strategy.validate_update(new, old, faults)
        if not part:
            strategy.validate(new, faults)
        if old is None:
            strategy.validate_new(new, faults)
        faults.raise_if_any(resource, new["metadata"].get("name", ""))

    def remove(self, resource: Resource, last: Object) -> Object:
        """Take an object out of the store; returns its last state."""
        if not (self._broken(planted.FORGETFUL, last) or {}).get("leak"):
            self._ledger.removed(resource, last)
        gone = self._storage.remove(resource, last)
        self._ledger.mended(resource, gone, self.now())
        return gone


def _applicable(resource: Resource, name: str, body: Any, namespace: str | None) -> Object:
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


def _undo(claim: Claim | None) -> None:
    if claim is not None:
        claim.undo()


def _wishes(resource: Resource, obj: Object) -> Object:
    """What a change of bumps the generation: everything that is neither metadata nor status."""
    wished = {field: value for field, value in obj.items() if field not in ("metadata", "status")}
    if strategy_for(resource).wishes_in_annotations:
        wished["annotations"] = obj["metadata"].get("annotations")
    return wished
