"""Sets of fields, as managedFields holds them (FieldsV1), and comparing objects field by field.

A path is a tuple of FieldsV1 elements: `f:name`, `k:{…}` for an item of a keyed list, `v:…` for a member of a set.
Follows the behaviour of structured-merge-diff: what counts as one field, what as many.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from harness.embedded.store.schema import Type

Path = tuple[str, ...]
FieldSet = set[Path]


def encode(fields: FieldSet) -> dict[str, Any]:
    """FieldsV1: a tree whose members are leaves, or have a "." beside their children."""
    root: dict[str, Any] = {}
    for path in sorted(fields):
        node = root
        for element in path:
            node = node.setdefault(element, {})
        node["."] = {}
    return _without_lonely_dots(root)


def _without_lonely_dots(node: dict[str, Any]) -> dict[str, Any]:
    return {
        key: {} if child.keys() == {"."} or not child else _without_lonely_dots(child) for key, child in node.items()
    }


def decode(tree: dict[str, Any]) -> FieldSet:
    """The set a FieldsV1 tree stands for."""
    found: FieldSet = set()
    _collect(tree, (), found)
    return found


def _collect(node: dict[str, Any], path: Path, found: FieldSet) -> None:
    for key, child in node.items():
        if key == ".":
            found.add(path)
        elif child:
            _collect(child, (*path, key), found)
        else:
            found.add((*path, key))


def shown(path: Path) -> str:
    """A path as conflicts show it: `.spec.ports[port=80,protocol="TCP"].nodePort`."""
    parts = []
    for element in path:
        sort, _, rest = element.partition(":")
        if sort == "f":
            parts.append(f".{rest}")
        elif sort == "k":
            keys = json.loads(rest)
            parts.append("[" + ",".join(f"{key}={_compact(value)}" for key, value in sorted(keys.items())) + "]")
        else:
            parts.append(f"[={rest}]")
    return "".join(parts)


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def element_of(item: Any, kind: Type) -> str:
    """The path element of an item of a keyed list or of a set."""
    if kind.is_set:
        return f"v:{_compact(item)}"
    keys = {}
    fields = kind.element.fields if kind.element else {}
    for key in sorted(kind.keys):
        value = item.get(key)
        if value is None and key in fields:
            value = fields[key].default
        if value is not None:
            keys[key] = value
    return f"k:{_compact(keys)}"


def by_element(items: list[Any] | None, kind: Type) -> dict[str, Any]:
    """The items of a keyed list or set by their path elements; of doubles the first is kept."""
    found: dict[str, Any] = {}
    for item in items or ():
        found.setdefault(element_of(item, kind), item)
    return found


def child_type(kind: Type, name: str) -> Type | None:
    """The type behind a key of a struct or map."""
    if kind.form == "struct":
        entry = kind.fields.get(name)
        return entry.type if entry else None
    return kind.element


def fields_of(value: Any, kind: Type, path: Path = ()) -> FieldSet:
    """The fields an applied configuration mentions."""
    found: FieldSet = set()
    _mention(value, kind, path, found)
    return found


def _mention(value: Any, kind: Type | None, path: Path, found: FieldSet) -> None:
    if kind is None or kind.atomic or kind.form == "scalar":
        found.add(path)
    elif kind.form == "list":
        if kind.element is not None:
            for element, item in by_element(value, kind).items():
                _mention(item, kind.element, (*path, element), found)
                found.add((*path, element))
    else:
        for name, item in (value or {}).items():
            inner = (*path, f"f:{name}")
            _mention(item, child_type(kind, name), inner, found)
            if item is None or item == {} or kind.form == "map":
                found.add(inner)


@dataclass
class Difference:
    """What a change did."""

    added: FieldSet = field(default_factory=set)
    modified: FieldSet = field(default_factory=set)
    removed: FieldSet = field(default_factory=set)


_ABSENT: Any = object()


def compare(old: Any, new: Any, kind: Type) -> Difference:
    """The fields that differ between two objects of a type."""
    difference = Difference()
    _compare(old, new, kind, (), difference)
    return difference


def _compare(old: Any, new: Any, kind: Type | None, path: Path, out: Difference) -> None:
    if old is new:
        return
    if kind is None or kind.form == "scalar" or kind.atomic or (_is_empty(old) and _is_empty(new)):
        _leaf(old, new, path, out)
        return
    if kind.form == "list":
        _compare_items(by_element(_or_none(old), kind), by_element(_or_none(new), kind), kind, path, out)
    else:
        _compare_fields(_or_none(old) or {}, _or_none(new) or {}, kind, path, out)
    if old is _ABSENT:
        out.added.add(path)
    elif new is _ABSENT:
        out.removed.add(path)


def _leaf(old: Any, new: Any, path: Path, out: Difference) -> None:
    if old is _ABSENT:
        out.added.add(path)
    elif new is _ABSENT:
        out.removed.add(path)
    elif old != new:
        out.modified.add(path)


def _or_none(value: Any) -> Any:
    return None if value is _ABSENT else value


def _is_empty(value: Any) -> bool:
    return value is _ABSENT or not value


def _compare_items(old: dict[str, Any], new: dict[str, Any], kind: Type, path: Path, out: Difference) -> None:
    for element in {**old, **new}:
        _compare(old.get(element, _ABSENT), new.get(element, _ABSENT), kind.element, (*path, element), out)


def _compare_fields(old: dict[str, Any], new: dict[str, Any], kind: Type, path: Path, out: Difference) -> None:
    for name, item in new.items():
        before = old.get(name, _ABSENT)
        if before is not item:
            _compare(before, item, child_type(kind, name), (*path, f"f:{name}"), out)
    for name, item in old.items():
        if name not in new:
            _compare(item, _ABSENT, child_type(kind, name), (*path, f"f:{name}"), out)


def without(value: Any, kind: Type, fields: FieldSet) -> Any:
    """The value less these fields; what becomes empty by it vanishes."""
    tree = encode(fields)
    return _strip(value, kind, tree) if tree else value


def _strip(value: Any, kind: Type | None, tree: dict[str, Any]) -> Any:
    if kind is None or kind.atomic or value is None:
        return value
    if kind.form == "list" and isinstance(value, list):
        kept_items = [
            _strip(item, kind.element, tree.get(element_of(item, kind), {}))
            for item in value
            if not _is_member(tree, element_of(item, kind))
        ]
        return kept_items or None
    if not isinstance(value, dict):
        return value
    kept: dict[str, Any] = {}
    for name, item in value.items():
        branch = f"f:{name}"
        if _is_member(tree, branch):
            continue
        kept[name] = _strip(item, child_type(kind, name), tree[branch]) if branch in tree else item
    return kept or None


def _is_member(tree: dict[str, Any], element: str) -> bool:
    child = tree.get(element)
    return child is not None and (not child or "." in child)


def merge(live: Any, config: Any, kind: Type | None) -> Any:
    """What a live value becomes when a configuration is applied over it."""
    if config is None or kind is None or kind.atomic or kind.form == "scalar" or live is None:
        return config
    if kind.form == "list":
        return _merge_items(live, config, kind)
    merged = dict(live)
    for name, item in config.items():
        merged[name] = merge(live.get(name), item, child_type(kind, name))
    return merged


def _merge_items(live: list[Any], config: list[Any], kind: Type) -> list[Any]:
    """Shared items in the configuration's order, the others where they stood."""
    old, new = by_element(live, kind), by_element(config, kind)
    out: list[Any] = []
    pending = iter(new)
    placed: set[str] = set()

    def place_until(stop: str) -> None:
        for element in pending:
            placed.add(element)
            out.append(merge(old.get(element), new[element], kind.element))
            if element == stop:
                return

    for element, item in old.items():
        if element not in new:
            out.append(item)
        elif element not in placed:
            place_until(element)
    place_until("")
    return out
