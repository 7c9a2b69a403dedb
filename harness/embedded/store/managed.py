"""Who set which field: keeping metadata.managedFields, and server-side apply with its conflicts (KEP-555).

Pure: objects and entries in, objects and entries out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from harness.embedded.store import errors
from harness.embedded.store.fieldsets import (
    FieldSet,
    compare,
    decode,
    encode,
    fields_of,
    merge,
    shown,
    without,
)
from harness.embedded.store.schema import Type

Object = dict[str, Any]

_UNTRACKED: frozenset[tuple[str, ...]] = frozenset(
    [("f:apiVersion",), ("f:kind",), ("f:metadata",)]
    + [
        ("f:metadata", f"f:{name}")
        for name in (
            "name",
            "namespace",
            "creationTimestamp",
            "selfLink",
            "uid",
            "clusterName",
            "deletionGracePeriodSeconds",
            "deletionTimestamp",
            "generation",
            "managedFields",
            "resourceVersion",
        )
    ]
)
BEFORE_FIRST_APPLY = "before-first-apply"
"""The manager that owns what an object without managedFields had when it was first applied."""
MANAGER_LIMIT = 10
"""Update managers kept apart; the oldest beyond that share one entry, as on the real server."""


@dataclass(frozen=True)
class Manager:
    """Who acts, how, and on which version and subresource."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""

    def described(self) -> str:
        """As conflicts name a manager."""
        text = json.dumps(self.name)
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        return text if self.operation == "Apply" else f"{text} using {self.api_version}"


@dataclass
class Owners:
    """The decoded managedFields of one object."""

    fields: dict[Manager, FieldSet] = field(default_factory=dict)
    times: dict[Manager, str] = field(default_factory=dict)

    @classmethod
    def of(cls, obj: Object) -> Owners:
        """Read an object's entries."""
        owners = cls()
        for entry in obj["metadata"].get("managedFields") or ():
            manager = Manager(
                entry.get("manager", ""),
                entry.get("operation", "Update"),
                entry.get("apiVersion", ""),
                entry.get("subresource", ""),
            )
            owners.fields[manager] = decode(entry.get("fieldsV1") or {})
            owners.times[manager] = entry.get("time", "")
        return owners

    def entries(self) -> list[Object]:
        """As managedFields holds them: applied first, then by time and name."""
        order = sorted(
            (manager for manager in self.fields if self.fields[manager]),
            key=lambda manager: (
                manager.operation,
                self.times.get(manager, ""),
                manager.name,
                manager.api_version,
                manager.subresource,
            ),
        )
        return [self._entry(manager) for manager in order]

    def _entry(self, manager: Manager) -> Object:
        entry = {
            "manager": manager.name,
            "operation": manager.operation,
            "apiVersion": manager.api_version,
            "time": self.times.get(manager, ""),
            "fieldsType": "FieldsV1",
            "fieldsV1": encode(self.fields[manager]),
        }
        if manager.subresource:
            entry["subresource"] = manager.subresource
        if not entry["time"]:
            del entry["time"]
        return entry

    def release(self, taken: FieldSet, *, but: Manager | None = None) -> None:
        """Take fields away from everybody else."""
        for manager, owned in self.fields.items():
            if manager != but:
                self.fields[manager] = owned - taken

    def limit(self) -> None:
        """Fold the oldest update managers into one entry when there are too many."""
        updates = [manager for manager in self.fields if manager.operation == "Update" and self.fields[manager]]
        if len(updates) <= MANAGER_LIMIT:
            return
        updates.sort(key=lambda manager: (self.times.get(manager, ""), manager.name))
        for old in updates[: len(updates) - MANAGER_LIMIT + 1]:
            ancient = Manager("ancient-changes", "Update", old.api_version, old.subresource)
            if old != ancient:
                self.fields[ancient] = self.fields.get(ancient, set()) | self.fields.pop(old)
                self.times[ancient] = self.times.pop(old, "")


def ignored_prefix(subresource: str) -> tuple[str, ...]:
    """The part of an object that a request to this (sub)resource cannot set."""
    return ("f:spec",) if subresource == "status" else ("f:status",)


def _trackable(fields: Iterable[tuple[str, ...]], subresource: str) -> FieldSet:
    prefix = ignored_prefix(subresource)
    return {path for path in fields if path[:1] != prefix and path not in _UNTRACKED}


def _bare(obj: Object) -> Object:
    """The object without its managedFields."""
    if "managedFields" not in obj["metadata"]:
        return obj
    return {**obj, "metadata": {key: value for key, value in obj["metadata"].items() if key != "managedFields"}}


def track_update(live: Object, new: Object, kind: Type, manager: Manager, now: str) -> list[Object]:
    """The managedFields after a create (live: the empty object) or an update."""
    difference = compare(_bare(live), _bare(new), kind)
    set_now = _trackable(difference.added | difference.modified, manager.subresource)
    removed = _trackable(difference.removed, manager.subresource)
    if not set_now and not removed:
        return list(live["metadata"].get("managedFields") or ())
    owners = Owners.of(live)
    owners.release(set_now | removed)
    if set_now:
        owners.fields[manager] = owners.fields.get(manager, set()) | set_now
        owners.times[manager] = now
        owners.limit()
    return owners.entries()


@dataclass(frozen=True)
class Applied:
    """The outcome of an apply: the merged object (not defaulted) and its managedFields."""

    object: Object
    entries: list[Object]


def apply(live: Object, config: Object, kind: Type, manager: Manager, *, force: bool, now: str) -> Applied:
    """Merge a configuration into an object. Raises ApiError 409 when it would change others' fields, unless forced."""
    owners = _known_owners(live, kind, manager, now)
    bare = _bare(live)
    merged = merge(bare, config, kind)
    wanted = _trackable(fields_of(config, kind), manager.subresource)
    before = owners.fields.get(manager, set())
    owners.fields[manager] = wanted
    merged = _pruned(merged, kind, owners, before)
    difference = compare(bare, merged, kind)
    changed = _trackable(difference.added | difference.modified, manager.subresource)
    conflicts = _conflicts(owners, manager, changed)
    if conflicts and not force:
        raise errors.apply_conflict(conflicts)
    removed = _trackable(difference.removed, manager.subresource)
    owners.release(changed | removed, but=manager)
    if changed or removed or before != wanted:
        owners.times[manager] = now
    return Applied(merged, owners.entries())


def _known_owners(live: Object, kind: Type, manager: Manager, now: str) -> Owners:
    """Owners of an object; what nobody is known to own belongs to `before-first-apply`."""
    owners = Owners.of(live)
    if owners.fields or not live["metadata"].get("uid"):
        return owners
    first = Manager(BEFORE_FIRST_APPLY, "Update", manager.api_version)
    owned = _trackable(compare({"metadata": {}}, live, kind).added, "")
    if owned:
        owners.fields[first] = owned
        owners.times[first] = now
    return owners


def _pruned(merged: Object, kind: Type, owners: Owners, before: FieldSet) -> Object:
    """Without what this manager applied last time, does not mention now, and nobody else owns."""
    owned: FieldSet = set().union(*owners.fields.values())
    gone = {path for path in before - owned if not _holds(path, owned)}
    if not gone:
        return merged
    kept: Object = without(merged, kind, gone) or {}
    return kept


def _holds(path: tuple[str, ...], owned: FieldSet) -> bool:
    """Whether something owned lies under a path."""
    size = len(path)
    return any(other[:size] == path for other in owned)


def _conflicts(owners: Owners, manager: Manager, changed: FieldSet) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for other, owned in owners.fields.items():
        if other != manager:
            found.extend((other.described(), shown(path)) for path in sorted(owned & changed))
    return found
