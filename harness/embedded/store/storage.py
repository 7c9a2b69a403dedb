"""Where objects lie: by resource, namespace and name, with a log of every change. No rules here.

The log makes the recent past readable: a list that is fetched in pages shows the state of its first page throughout.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from harness.embedded.store import errors
from harness.embedded.store.log import Change, WatchLog
from harness.embedded.store.resources import Resource
from harness.embedded.store.selectors import Filter

Object = dict[str, Any]
Key = tuple[str, str]
TOKEN_VERSION = "meta.k8s.io/v1"  # noqa: S105 - the format's name, not a secret
EXPIRED_PAGE = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter."
)


@dataclass(frozen=True)
class Listing:
    """A page of a list, sorted by namespace and name. `continue_` is empty on the last page."""

    items: list[Object]
    resource_version: str
    continue_: str = ""
    remaining: int | None = None


class Storage:
    """The objects and their history."""

    def __init__(self) -> None:
        self.log = WatchLog()
        self._objects: dict[Resource, dict[str, dict[str, Object]]] = {}

    @property
    def version(self) -> int:
        """The version of the latest change."""
        return self.log.version

    def find(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        """One object, or None."""
        return self._objects.get(resource, {}).get(namespace or "", {}).get(name)

    def put(self, resource: Resource, new: Object, old: Object | None) -> None:
        """Store an object as the next version, and tell."""
        metadata = new["metadata"]
        version = self.version + 1
        metadata["resourceVersion"] = str(version)
        space = self._objects.setdefault(resource, {}).setdefault(metadata.get("namespace") or "", {})
        space[metadata["name"]] = new
        self.log.append(resource, Change(version, "MODIFIED" if old else "ADDED", new, old))

    def remove(self, resource: Resource, old: Object) -> Object:
        """Remove an object; returns its last state, with the version of its removal."""
        version = self.version + 1
        metadata = {**old["metadata"], "resourceVersion": str(version)}
        space = self._objects[resource][metadata.get("namespace") or ""]
        del space[metadata["name"]]
        gone = {**old, "metadata": metadata}
        self.log.append(resource, Change(version, "DELETED", gone, old))
        return gone

    def select(self, resource: Resource, wanted: Filter) -> list[Object]:
        """Every present object that is wanted, sorted."""
        spaces = self._objects.get(resource, {})
        chosen = sorted(spaces) if wanted.namespace is None else [wanted.namespace]
        return [obj for space in chosen for _, obj in sorted(spaces.get(space, {}).items()) if wanted.matches(obj)]

    def select_at(self, resource: Resource, wanted: Filter, version: int) -> list[Object]:
        """As `select`, as of an earlier version. Raises ApiError 410 when that is forgotten."""
        everything = Filter()
        state = {_key(obj): obj for obj in self.select(resource, everything)}
        try:
            later = list(self.log.since(resource, version))
        except errors.ApiError as problem:
            raise errors.expired(EXPIRED_PAGE) from problem
        for change in reversed(later):
            if change.before is None:
                state.pop(_key(change.object), None)
            else:
                state[_key(change.object)] = change.before
        return [obj for _, obj in sorted(state.items()) if wanted.matches(obj)]

    def page(self, resource: Resource, wanted: Filter, *, limit: int, token: str) -> Listing:
        """A whole list, or the page of at most `limit` objects that the token continues."""
        if token:
            version, start = _read_token(token)
            items = [obj for obj in self.select_at(resource, wanted, version) if _key(obj) > start]
        else:
            version = self.version
            items = self.select(resource, wanted)
        if not 0 < limit < len(items):
            return Listing(items, str(version))
        shown, rest = items[:limit], len(items) - limit
        remaining = None if wanted.labels or wanted.fields else rest
        return Listing(shown, str(version), _token(version, _key(shown[-1])), remaining)


def _key(obj: Object) -> Key:
    metadata = obj["metadata"]
    return metadata.get("namespace") or "", metadata["name"]


def _token(version: int, last: Key) -> str:
    body = {"v": TOKEN_VERSION, "rv": version, "start": "/".join(last) + "\0"}
    return base64.urlsafe_b64encode(json.dumps(body, separators=(",", ":")).encode()).decode().rstrip("=")


def _read_token(token: str) -> tuple[int, Key]:
    try:
        body = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, _, name = str(body["start"]).rstrip("\0").rpartition("/")
        return int(body["rv"]), (namespace, name)
    except (ValueError, KeyError, TypeError, binascii.Error) as problem:
        raise errors.bad_request("continue key is not valid: illegal base64 data or encoding") from problem
