"""Patch types of the API: JSON patch (RFC 6902), merge patch (RFC 7386), strategic merge patch.

Bodies are applied to copies; nothing here knows the store. Server-side apply is in `managed`.
"""

from __future__ import annotations

import enum
from typing import Any

from harness.embedded.store import errors
from harness.embedded.store.clone import clone
from harness.embedded.store.strategic import strategic_merge

__all__ = ["CONTENT_TYPES", "PatchKind", "json_patch", "merge_patch", "strategic_merge"]


class PatchKind(enum.StrEnum):
    """How a patch body is to be read."""

    JSON = "json"
    MERGE = "merge"
    STRATEGIC = "strategic"
    APPLY = "apply"


CONTENT_TYPES = {
    "application/json-patch+json": PatchKind.JSON,
    "application/merge-patch+json": PatchKind.MERGE,
    "application/strategic-merge-patch+json": PatchKind.STRATEGIC,
    "application/apply-patch+yaml": PatchKind.APPLY,
}
"""Patch media types to kinds."""


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7386: objects merge, null removes, anything else replaces. The target is not changed."""
    if not isinstance(patch, dict):
        return clone(patch)
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def json_patch(target: Any, operations: Any) -> Any:
    """RFC 6902. Raises ApiError 400 for a malformed patch and 422 for one that cannot be carried out."""
    if not isinstance(operations, list) or not all(isinstance(step, dict) for step in operations):
        raise errors.bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    document = clone(target)
    for step in operations:
        try:
            document = _carry_out(document, step)
        except (KeyError, IndexError, ValueError, TypeError) as problem:
            raise errors.unprocessable() from problem
    return document


def _carry_out(document: Any, step: dict[str, Any]) -> Any:
    path = _pointer(step["path"])
    match step["op"]:
        case "add":
            return _added(document, path, clone(step["value"]))
        case "remove":
            return _removed(document, path)
        case "replace":
            _look_up(document, path)
            return _replaced(document, path, clone(step["value"]))
        case "move":
            source = _pointer(step["from"])
            value = _look_up(document, source)
            return _added(_removed(document, source), path, value)
        case "copy":
            return _added(document, path, clone(_look_up(document, _pointer(step["from"]))))
        case "test":
            if _found(document, path) != step.get("value"):
                raise ValueError(step["path"])
            return document
        case other:
            raise ValueError(other)


def _pointer(text: str) -> list[str]:
    if not text:
        return []
    if not text.startswith("/"):
        raise ValueError(text)
    return [part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/")]


def _look_up(document: Any, path: list[str]) -> Any:
    for part in path:
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


def _found(document: Any, path: list[str]) -> Any:
    """The value, or None where there is none: a test for null holds for a missing member."""
    try:
        return _look_up(document, path)
    except KeyError:
        return None


def _added(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent, last = _look_up(document, path[:-1]), path[-1]
    if not isinstance(parent, list):
        parent[last] = value
        return document
    index = len(parent) if last == "-" else int(last)
    if not 0 <= index <= len(parent):
        raise IndexError(last)
    parent.insert(index, value)
    return document


def _removed(document: Any, path: list[str]) -> Any:
    parent, last = _look_up(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        del parent[int(last)]
    else:
        del parent[last]
    return document


def _replaced(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent, last = _look_up(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        parent[int(last)] = value
    else:
        parent[last] = value
    return document
