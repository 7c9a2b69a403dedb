"""Reading what clients send: kinds are checked, unknown fields found, values brought into the form the server stores.

A real server decodes into Go structs and encodes them again; what that does to a JSON object is done here from the
schema: nulls and empty optional values vanish, always-written ones appear, numbers and quantities get one spelling.
"""

from __future__ import annotations

import json
from typing import Any

from harness.embedded.store import errors
from harness.embedded.store.clone import clone
from harness.embedded.store.quantity import canonical
from harness.embedded.store.resources import Resource
from harness.embedded.store.schema import Field, Type, schema_for

Object = dict[str, Any]
_JSON_NAMES: tuple[tuple[type, str], ...] = (
    (bool, "bool"),
    (str, "string"),
    (int, "number"),
    (float, "number"),
    (list, "array"),
    (dict, "object"),
)
_GO_NAMES = {"bool": "bool", "int32": "int32", "int64": "int64", "string": "string", "number": "float64"}


class WrongTypeError(Exception):
    """A JSON value where the schema has another sort."""


class Reader:
    """One pass over one object; collects the unknown fields it drops."""

    def __init__(self) -> None:
        self.unknown: list[str] = []

    def read(self, value: Any, kind: Type, path: str) -> Any:
        """The value as the server would store it. Raises WrongTypeError."""
        match kind.form:
            case "struct":
                return self._struct(value, kind, path)
            case "list":
                return self._list(value, kind, path)
            case "map":
                return self._map(value, kind, path)
            case _:
                return _scalar(value, kind.name, path)

    def _struct(self, value: Any, kind: Type, path: str) -> Object:
        if not isinstance(value, dict):
            raise WrongTypeError(_unmarshal(value, path, kind.name))
        out: Object = {}
        for name, item in value.items():
            entry = kind.fields.get(name)
            where = f"{path}.{name}" if path else name
            if entry is None:
                self.unknown.append(where)
            elif item is not None:
                read = self.read(item, entry.type, where)
                if read or _kept_when_empty(entry):
                    out[name] = read
        for entry in _always(kind):
            if entry.name not in out:
                out[entry.name] = zero(entry)
        return out

    def _list(self, value: Any, kind: Type, path: str) -> list[Any]:
        element = kind.element
        if not isinstance(value, list) or element is None:
            raise WrongTypeError(_unmarshal(value, path, "[]" + (element.name if element else "")))
        return [self.read(item, element, f"{path}[{index}]") for index, item in enumerate(value)]

    def _map(self, value: Any, kind: Type, path: str) -> Object:
        element = kind.element
        if not isinstance(value, dict) or element is None:
            raise WrongTypeError(_unmarshal(value, path, "map[string]" + (element.name if element else "")))
        empty = "" if element.form == "scalar" else {}
        return {
            name: self.read(empty if item is None else item, element, f"{path}.{name}") for name, item in value.items()
        }


_ALWAYS: dict[int, tuple[Field, ...]] = {}


def _always(kind: Type) -> tuple[Field, ...]:
    """The always-written fields of a struct."""
    found = _ALWAYS.get(id(kind))
    if found is None:
        found = _ALWAYS[id(kind)] = tuple(entry for entry in kind.fields.values() if entry.always)
    return found


def _kept_when_empty(entry: Field) -> bool:
    form, name = entry.type.form, entry.type.name
    return entry.pointer or entry.always or form == "struct" or name in ("intstr", "quantity", "object")


def zero(entry: Field) -> Any:
    """What stands for an always-written field that has no value."""
    kind = entry.type
    if kind.form in ("list", "map") or entry.pointer or kind.name in ("time", "microtime"):
        return None
    if kind.form == "struct":
        return {inner.name: zero(inner) for inner in _always(kind)}
    return {"bool": False, "int32": 0, "int64": 0, "intstr": 0, "number": 0, "quantity": "0"}.get(kind.name, "")


def _scalar(value: Any, name: str, path: str) -> Any:
    match name:
        case "bool":
            right = isinstance(value, bool)
        case "int32" | "int64":
            right = isinstance(value, int) and not isinstance(value, bool)
        case "number":
            right = isinstance(value, int | float) and not isinstance(value, bool)
        case "quantity":
            return _quantity(value, path)
        case "intstr":
            right = isinstance(value, int | str) and not isinstance(value, bool)
        case "object":
            return clone(value)
        case _:
            right = isinstance(value, str)
    if not right:
        raise WrongTypeError(_unmarshal(value, path, _GO_NAMES.get(name, name)))
    return value


def _quantity(value: Any, path: str) -> str:
    try:
        return canonical(str(value))
    except ValueError as error:
        raise WrongTypeError(
            f"quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$' ({path})"
        ) from error


def _unmarshal(value: Any, path: str, wanted: str) -> str:
    got = next((name for sort, name in _JSON_NAMES if isinstance(value, sort)), "value")
    where = "".join(part.split("[")[0] + "." for part in path.split(".")).rstrip(".")
    return f"json: cannot unmarshal {got} into Go struct field {where} of type {wanted}"


def schema_of(resource: Resource) -> Type:
    """The schema of a resource's kind. Every served kind has one."""
    found = schema_for(resource.group, resource.version, resource.kind)
    if found is None:
        raise errors.unknown_resource()
    return found


def check_kind(resource: Resource, obj: Object) -> None:
    """Refuse an object of another kind or version (both may be left out)."""
    kind = obj.get("kind") or resource.kind
    version = obj.get("apiVersion") or resource.api_version
    if kind == resource.kind and version == resource.api_version:
        return
    if kind != resource.kind and schema_for(*_split(version), kind) is not None:
        raise errors.bad_request(
            f'{kind} in version "{version.rpartition("/")[2]}" cannot be handled as a {resource.kind}: '
            f"converting ({_go(version, kind)}) to ({_internal(resource)}): unknown conversion"
        )
    raise errors.bad_request(
        f"the API version in the data ({version}) does not match the expected API version ({resource.api_version})"
        if kind == resource.kind
        else f'no kind "{kind}" is registered for version "{version}" in scheme "pkg/api/legacyscheme/scheme.go:30"'
    )


def _split(version: str) -> tuple[str, str]:
    group, _, number = version.rpartition("/")
    return group, number


def _go(version: str, kind: str) -> str:
    return f"{version.rpartition('/')[2]}.{kind}"


def _internal(resource: Resource) -> str:
    return f"{resource.group.split('.')[0] or 'core'}.{resource.kind}"


def normalize(resource: Resource, obj: Object, *, validation: str = "Ignore") -> tuple[Object, list[str]]:
    """The object as stored, and warnings. Raises ApiError 400 for wrong sorts, and for unknown fields when Strict."""
    reader = Reader()
    read = read_checked(reader, resource, obj)
    read["kind"] = resource.kind
    read["apiVersion"] = resource.api_version
    unknown = [f'unknown field "{field}"' for field in reader.unknown]
    if unknown and validation == "Strict":
        raise errors.bad_request(_cannot_handle(resource, f"strict decoding error: {', '.join(unknown)}"))
    return read, unknown if validation == "Warn" else []


def normalize_patched(resource: Resource, obj: Object, patch: Any, *, validation: str) -> tuple[Object, list[str]]:
    """As `normalize`, for the outcome of a patch: unknown fields are blamed on the patch. Raises ApiError 400, 422."""
    read, unknown = normalize(resource, obj, validation="Warn")
    if unknown and validation == "Strict":
        message = f"Invalid value: {json.dumps(json.dumps(patch))}: strict decoding error: {', '.join(unknown)}"
        raise errors.invalid("", "", "", [("FieldValueInvalid", message, "patch")])
    return read, unknown if validation == "Warn" else []


def read_checked(reader: Reader, resource: Resource, obj: Object) -> Object:
    """One object through a reader. Raises ApiError 400 for wrong sorts."""
    try:
        read: Object = reader.read(obj, schema_of(resource), "")
    except WrongTypeError as problem:
        raise errors.bad_request(_cannot_handle(resource, str(problem))) from problem
    return read


def _cannot_handle(resource: Resource, problem: str) -> str:
    return f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: {problem}'


def empty_object(resource: Resource) -> Object:
    """What an object of this kind looks like before anything is set."""
    read: Object = Reader().read({}, schema_of(resource), "")
    return read
