"""What a controller sees: the API's objects at one moment, indexed on demand. A value; it asks nobody.

Objects are the raw dictionaries of the API and are shared: whoever wants to change one makes a copy.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Obj = dict[str, Any]
Key = tuple[str, str]
"""Namespace ("" for cluster-scoped objects) and name."""


def key(obj: Mapping[str, Any]) -> Key:
    """The namespace and name of an object."""
    meta = obj["metadata"]
    return meta.get("namespace") or "", meta["name"]


@dataclass(frozen=True)
class Snapshot:
    """Objects by resource (named as in `kubectl`), and the moment they were looked at."""

    objects: Mapping[str, Sequence[Obj]]
    now: float = 0.0
    """Seconds since the epoch."""

    def all(self, resource: str) -> Sequence[Obj]:
        """Every object of a resource."""
        return self.objects.get(resource, ())

    def get(self, resource: str, name: str, *, namespace: str = "") -> Obj | None:
        """One object, or None."""
        return self._by_key[resource].get((namespace, name))

    def in_namespace(self, resource: str, namespace: str) -> Sequence[Obj]:
        """The objects of a resource in one namespace."""
        return self._by_namespace[resource].get(namespace, ())

    def namespaces_of(self, resource: str) -> Iterable[str]:
        """The namespaces that have objects of a resource."""
        return self._by_namespace[resource].keys()

    def owned_by(self, resource: str, uid: str) -> Sequence[Obj]:
        """The objects of a resource whose controller is the object with this uid."""
        return self._by_owner[resource].get(uid, ())

    @cached_property
    def _by_key(self) -> Mapping[str, Mapping[Key, Obj]]:
        return _Lazy(self.objects, lambda items: {key(o): o for o in items})

    @cached_property
    def _by_namespace(self) -> Mapping[str, Mapping[str, Sequence[Obj]]]:
        return _Lazy(self.objects, lambda items: _grouped(items, lambda o: o["metadata"].get("namespace") or ""))

    @cached_property
    def _by_owner(self) -> Mapping[str, Mapping[str, Sequence[Obj]]]:
        return _Lazy(self.objects, lambda items: _grouped(items, controller_uid))


class _Lazy(dict[str, Any]):
    """An index per resource, made when first asked for."""

    def __init__(self, objects: Mapping[str, Sequence[Obj]], make: Any) -> None:
        super().__init__()
        self._objects = objects
        self._make = make

    def __missing__(self, resource: str) -> Any:
        self[resource] = index = self._make(self._objects.get(resource, ()))
        return index


def _grouped(items: Iterable[Obj], of: Any) -> dict[str, list[Obj]]:
    groups: dict[str, list[Obj]] = defaultdict(list)
    for item in items:
        groups[of(item)].append(item)
    return groups


def controller_uid(obj: Mapping[str, Any]) -> str:
    """The uid of the owner that controls this object, or ""."""
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            return str(owner["uid"])
    return ""


def controlled_by(owner: Obj, *, kind: str, api_version: str) -> list[Obj]:
    """The `ownerReferences` of an object that `owner` controls."""
    return [
        {
            "apiVersion": api_version,
            "kind": kind,
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]


def is_leaving(obj: Mapping[str, Any]) -> bool:
    """Whether deletion of the object has begun."""
    return bool(obj["metadata"].get("deletionTimestamp"))
