"""What fields the served kinds have: types, list and map semantics, merge keys. Read from the `.txt` tables beside it.

One table per API group (and `meta.txt`). A line without indentation opens a type, an indented one is a field:
`name type flags`. Types: scalars, `[T]` lists, `{T}` maps, `object` (anything), or a type of the same table, of core,
or of meta. Flags: `required`, `map=a,b` (list keyed by these fields), `set`, `atomic`, `merge[=key]` (strategic merge
patch), `retain` (retainKeys), `default=x` (for keys). After a type's name: `atomic`, `kind=<apiVersion>`.

The field tables state facts of the API (Kubernetes v1.36, OpenAPI document); a contract test compares them with the
official client's models.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from importlib import resources as package_files

TABLES = (
    "meta",
    "core",
    "apps",
    "authentication",
    "authorization",
    "autoscaling",
    "batch",
    "coordination",
    "discovery",
    "faults",
    "networking",
    "policy",
)
SCALARS = frozenset(
    ("string", "bool", "int32", "int64", "number", "quantity", "intstr", "time", "microtime", "bytes", "object")
)


@dataclass(eq=False)
class Type:
    """A type of the API. `form` is one of scalar, list, map, struct; identity is the only equality."""

    form: str
    name: str = ""
    """Scalar or struct name."""
    table: str = ""
    """The table a struct stands in."""
    fields: dict[str, Field] = field(default_factory=dict)
    element: Type | None = None
    """Of a list or map."""
    atomic: bool = False
    """Owned and replaced as a whole (lists are, unless keyed or a set)."""
    keys: tuple[str, ...] = ()
    """Of a list of objects keyed by these fields."""
    is_set: bool = False
    api_version: str = ""
    """Of a top-level kind."""


@dataclass(frozen=True, eq=False)
class Field:
    """One field of a struct."""

    name: str
    type: Type
    required: bool = False
    merge: bool = False
    """Strategic merge patch merges this list instead of replacing it."""
    merge_key: str = ""
    retain_keys: bool = False
    default: str | None = None
    pointer: bool = False
    """An explicit zero (0, false, "") differs from absence."""
    always: bool = False
    """Written even when it is empty: null for lists, maps and times, the zero otherwise."""


class _Tables:
    """All tables, parsed once; struct references are resolved on first use of a kind."""

    def __init__(self) -> None:
        self._structs: dict[tuple[str, str], Type] = {}
        self._lines: dict[tuple[str, str], list[str]] = {}
        self._open: set[tuple[str, str]] = set()
        self.kinds: dict[tuple[str, str], tuple[str, str]] = {}
        for table in TABLES:
            self._read(table)

    def _read(self, table: str) -> None:
        text = package_files.files(__package__).joinpath(f"{table}.txt").read_text(encoding="utf-8")
        key = ("", "")
        for line in text.splitlines():
            if line.startswith(" "):
                self._lines[key].append(line)
            elif line:
                name, *flags = line.split()
                key = (table, name)
                self._lines[key] = []
                version = next((flag[5:] for flag in flags if flag.startswith("kind=")), "")
                self._structs[key] = Type(
                    "struct", name=name, table=table, atomic="atomic" in flags, api_version=version
                )
                if version:
                    self.kinds[(version, name)] = key

    def struct(self, table: str, name: str) -> Type:
        """A struct by name, as seen from a table, with its fields."""
        key = next(key for key in ((table, name), ("core", name), ("meta", name)) if key in self._structs)
        found = self._structs[key]
        if key in self._lines:
            lines = self._lines.pop(key)
            for line in lines:
                entry = self._field(key[0], line)
                found.fields[entry.name] = entry
        return found

    def _field(self, table: str, line: str) -> Field:
        name, spelled, *flags = line.split()
        options = dict(flag.partition("=")[::2] for flag in flags)
        keys = tuple(options["map"].split(",")) if "map" in options else ()
        kind = self._type(table, spelled, keys=keys, is_set="set" in options, atomic="atomic" in options)
        return Field(
            name,
            kind,
            required="required" in options,
            merge="merge" in options,
            merge_key=options.get("merge", ""),
            retain_keys="retain" in options,
            default=options.get("default"),
            pointer="ptr" in options,
            always="zero" in options,
        )

    def _type(
        self, table: str, spelled: str, *, keys: tuple[str, ...] = (), is_set: bool = False, atomic: bool = False
    ) -> Type:
        if spelled.startswith("["):
            element = self._type(table, spelled[1:-1])
            return Type("list", element=element, keys=keys, is_set=is_set, atomic=not (keys or is_set))
        if spelled.startswith("{"):
            return Type("map", element=self._type(table, spelled[1:-1]), atomic=atomic)
        if spelled in SCALARS:
            return _scalar(spelled)
        return self.struct(table, spelled)


@functools.cache
def _scalar(name: str) -> Type:
    return Type("scalar", name=name)


@functools.cache
def _tables() -> _Tables:
    return _Tables()


@functools.cache
def schema_for(group: str, version: str, kind: str) -> Type | None:
    """The struct of a top-level kind, or None when it is not served."""
    api_version = f"{group}/{version}" if group else version
    tables = _tables()
    key = tables.kinds.get((api_version, kind))
    return tables.struct(*key) if key else None


@functools.cache
def struct_named(name: str, *, table: str = "core") -> Type:
    """A struct by its name, for example "PodSpec". Raises StopIteration for an unknown one."""
    return _tables().struct(table, name)


def kinds() -> list[tuple[str, str]]:
    """Every top-level kind in the tables, as (apiVersion, kind)."""
    return sorted(_tables().kinds)
