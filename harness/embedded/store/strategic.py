"""Strategic merge patch: lists merge by the keys that the schema declares, and directives steer the merge.

Follows k8s.io/apimachinery/pkg/util/strategicpatch as documented in "Update API Objects in Place Using kubectl patch".
"""

from __future__ import annotations

from typing import Any

from harness.embedded.store import errors
from harness.embedded.store.clone import clone
from harness.embedded.store.fieldsets import child_type
from harness.embedded.store.schema import Field, Type

DIRECTIVE = "$patch"
RETAIN = "$retainKeys"
DELETE_FROM = "$deleteFromPrimitiveList/"
ORDER = "$setElementOrder/"


def strategic_merge(target: dict[str, Any], patch: Any, kind: Type | None) -> dict[str, Any]:
    """The target with the patch merged into it; the target is not changed. Raises ApiError 400."""
    if not isinstance(patch, dict):
        raise errors.bad_request("a strategic merge patch must be an object")
    match patch.get(DIRECTIVE):
        case None | "merge":
            pass
        case "replace":
            return {key: clone(value) for key, value in patch.items() if key != DIRECTIVE}
        case "delete":
            return {}
        case other:
            raise errors.bad_request(f"Unknown patch type found: {other}")
    merged = dict(target)
    if RETAIN in patch:
        merged = {key: value for key, value in merged.items() if key in patch[RETAIN]}
    for key, value in patch.items():
        if not key.startswith("$"):
            _merge_key(merged, key, value, kind, patch)
        elif key.startswith(DELETE_FROM):
            name = key[len(DELETE_FROM) :]
            merged[name] = [item for item in merged.get(name) or () if item not in value]
    _order_untouched(merged, patch, kind)
    return merged


def _merge_key(merged: dict[str, Any], key: str, value: Any, kind: Type | None, patch: dict[str, Any]) -> None:
    if value is None:
        merged.pop(key, None)
        return
    entry = kind.fields.get(key) if kind is not None and kind.form == "struct" else None
    inner = child_type(kind, key) if kind is not None else None
    before = merged.get(key)
    if isinstance(value, dict):
        merged[key] = strategic_merge(before if isinstance(before, dict) else {}, value, inner)
    elif isinstance(value, list) and entry is not None and entry.merge:
        merged[key] = _merge_list(before or [], value, entry, patch.get(ORDER + key))
    else:
        merged[key] = clone(value)


def _merge_list(before: list[Any], patch: list[Any], entry: Field, order: list[Any] | None) -> list[Any]:
    if any(isinstance(item, dict) and item.get(DIRECTIVE) == "replace" for item in patch):
        return [clone(item) for item in patch if not (isinstance(item, dict) and item.get(DIRECTIVE) == "replace")]
    keyed = bool(entry.merge_key)
    old = {_identity(item, entry, keyed=keyed): item for item in before}
    merged = dict(old)
    touched: list[Any] = []
    for item in patch:
        identity = _identity(item, entry, keyed=keyed)
        if keyed and item.get(DIRECTIVE) == "delete":
            merged.pop(identity, None)
            continue
        touched.append(identity)
        if keyed:
            merged[identity] = strategic_merge(merged.get(identity, {}), item, entry.type.element)
        else:
            merged[identity] = item
    if order is not None:
        touched = [_identity(item, entry, keyed=keyed) for item in order]
    return _in_order(merged, [identity for identity in touched if identity in merged], list(old))


def _identity(item: Any, entry: Field, *, keyed: bool) -> Any:
    if not keyed:
        return item
    if not isinstance(item, dict) or entry.merge_key not in item:
        raise errors.bad_request(f"map: {item} does not contain declared merge key: {entry.merge_key}")
    return item[entry.merge_key]


def _in_order(merged: dict[Any, Any], touched: list[Any], live: list[Any]) -> list[Any]:
    """Touched items in the patch's order; each other one before the first touched one that followed it live."""
    place = {identity: index for index, identity in enumerate(live)}
    result = list(dict.fromkeys(touched))
    start = 0
    for identity in (identity for identity in live if identity in merged and identity not in set(touched)):
        position = next(
            (index for index in range(start, len(result)) if place.get(result[index], -1) > place[identity]),
            len(result),
        )
        result.insert(position, identity)
        start = position + 1
    return [merged[identity] for identity in result]


def _order_untouched(merged: dict[str, Any], patch: dict[str, Any], kind: Type | None) -> None:
    """An order directive for a list that the patch does not otherwise touch."""
    for key, order in patch.items():
        name = key[len(ORDER) :]
        if not key.startswith(ORDER) or name in patch or not merged.get(name) or kind is None:
            continue
        entry = kind.fields.get(name)
        if entry is None or not entry.merge:
            continue
        keyed = bool(entry.merge_key)
        items = {_identity(item, entry, keyed=keyed): item for item in merged[name]}
        wanted = [_identity(item, entry, keyed=keyed) for item in order]
        merged[name] = _in_order(items, [identity for identity in wanted if identity in items], list(items))
