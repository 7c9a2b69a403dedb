"""Label and field selectors in their text form, as list and watch take them.

Grammar: k8s.io/apimachinery/pkg/labels (Parse) and pkg/fields. Selectors inside objects (`matchLabels`) are not here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.embedded.store.errors import bad_request

_TOKEN = re.compile(r"\s*(?:(==|!=|=|!|,|\(|\)|<|>)|([^\s,()=!<>]+))")


@dataclass(frozen=True)
class Requirement:
    """One term of a label selector."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a label set satisfies this term."""
        value = labels.get(self.key)
        match self.operator:
            case "exists":
                return value is not None
            case "absent":
                return value is None
            case "in":
                return value is not None and value in self.values
            case "notin":
                return value is None or value not in self.values
            case _:
                return self._compares(value)

    def _compares(self, value: str | None) -> bool:
        (bound,) = self.values
        if value is None or not value.lstrip("-").isdigit():
            return False
        return int(value) > int(bound) if self.operator == "gt" else int(value) < int(bound)


class _Tokens:
    """The words and signs of a selector, read from the left."""

    def __init__(self, text: str) -> None:
        self._items: list[tuple[str, str]] = []
        position = 0
        text = text.rstrip()
        while position < len(text):
            found = _TOKEN.match(text, position)
            if found is None:
                raise bad_request(f"unable to parse requirement: found {text[position:]!r}")
            sign, word = found.groups()
            self._items.append(("sign", sign) if sign else ("word", word))
            position = found.end()
        self._items.append(("end", ""))
        self._at = 0

    def peek(self) -> tuple[str, str]:
        return self._items[self._at]

    def take(self) -> tuple[str, str]:
        item = self._items[self._at]
        self._at = min(self._at + 1, len(self._items) - 1)
        return item


def parse_labels(text: str) -> tuple[Requirement, ...]:
    """Read a label selector; the empty text selects everything. Raises ApiError 400."""
    if not text.strip():
        return ()
    tokens = _Tokens(text)
    terms: list[Requirement] = []
    while True:
        terms.append(_term(tokens))
        kind, sign = tokens.take()
        if kind == "end":
            return tuple(terms)
        if sign != ",":
            raise bad_request(f"unable to parse requirement: found '{sign}', expected: ',' or 'end of string'")
        if tokens.peek()[0] == "end":
            raise bad_request("unable to parse requirement: found '', expected: identifier after ','")


def _term(tokens: _Tokens) -> Requirement:
    kind, text = tokens.take()
    if (kind, text) == ("sign", "!"):
        return Requirement(_word(tokens, "identifier"), "absent")
    if kind != "word":
        raise bad_request(f"unable to parse requirement: found '{text}', expected: !, identifier, or 'end of string'")
    key = text
    kind, text = tokens.peek()
    if kind == "end" or text == ",":
        return Requirement(key, "exists")
    tokens.take()
    if text in ("=", "=="):
        return Requirement(key, "in", frozenset((_value(tokens),)))
    if text == "!=":
        return Requirement(key, "notin", frozenset((_value(tokens),)))
    if text in (">", "<"):
        return Requirement(key, "gt" if text == ">" else "lt", frozenset((_whole_number(_word(tokens, "identifier")),)))
    if kind == "word" and text in ("in", "notin"):
        return Requirement(key, text, _values(tokens))
    raise bad_request(f"unable to parse requirement: found '{text}', expected: in, notin, =, ==, !=, gt, lt")


def _word(tokens: _Tokens, wanted: str) -> str:
    kind, text = tokens.take()
    if kind != "word":
        raise bad_request(f"unable to parse requirement: found '{text}', expected: {wanted}")
    return text


def _value(tokens: _Tokens) -> str:
    """The value after `=`; it may be empty."""
    kind, text = tokens.peek()
    if kind == "end" or text == ",":
        return ""
    return _word(tokens, "identifier")


def _values(tokens: _Tokens) -> frozenset[str]:
    kind, text = tokens.take()
    if text != "(" or kind != "sign":
        raise bad_request(f"unable to parse requirement: found '{text}' expected: '('")
    values: set[str] = set()
    while True:
        kind, text = tokens.peek()
        if kind == "word":
            values.add(text)
            tokens.take()
        elif text in (",", ")"):
            values.add("")
        kind, text = tokens.take()
        if text == ")":
            return frozenset(values)
        if text != ",":
            raise bad_request(f"unable to parse requirement: found '{text}', expected: ',', or ')'")


def _whole_number(text: str) -> str:
    if not text.lstrip("-").isdigit():
        raise bad_request(
            f"values[0][gt]: Invalid value: \"{text}\": for 'Gt', 'Lt' operators, the value must be an integer"
        )
    return text


_EVERYWHERE: Mapping[str, Callable[[dict[str, Any]], str]] = {
    "metadata.name": lambda obj: str(obj["metadata"].get("name", "")),
    "metadata.namespace": lambda obj: str(obj["metadata"].get("namespace", "")),
}


def _path(*keys: str, default: str = "") -> Callable[[dict[str, Any]], str]:
    """A reader of one scalar deep in an object, written as the API writes it in a selector."""

    def read(obj: dict[str, Any]) -> str:
        value: Any = obj
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        if value is None:
            return default
        return str(value).lower() if isinstance(value, bool) else str(value)

    return read


def _involved(*names: str) -> dict[str, Callable[[dict[str, Any]], str]]:
    return {f"involvedObject.{name}": _path("involvedObject", name) for name in names}


_PER_KIND: Mapping[str, Mapping[str, Callable[[dict[str, Any]], str]]] = {
    "Pod": {
        "spec.nodeName": _path("spec", "nodeName"),
        "spec.restartPolicy": _path("spec", "restartPolicy"),
        "spec.schedulerName": _path("spec", "schedulerName"),
        "spec.serviceAccountName": _path("spec", "serviceAccountName"),
        "spec.hostNetwork": _path("spec", "hostNetwork", default="false"),
        "status.phase": _path("status", "phase"),
        "status.podIP": _path("status", "podIP"),
        "status.nominatedNodeName": _path("status", "nominatedNodeName"),
    },
    "Service": {"spec.clusterIP": _path("spec", "clusterIP"), "spec.type": _path("spec", "type")},
    "Namespace": {"status.phase": _path("status", "phase")},
    "Node": {"spec.unschedulable": _path("spec", "unschedulable", default="false")},
    "Secret": {"type": _path("type")},
    "ReplicaSet": {"status.replicas": _path("status", "replicas", default="0")},
    "Event": {
        **_involved("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"),
        "reason": _path("reason"),
        "reportingComponent": _path("reportingComponent"),
        "source": _path("source", "component"),
        "type": _path("type"),
    },
}


@dataclass(frozen=True)
class FieldTerm:
    """One term of a field selector."""

    read: Callable[[dict[str, Any]], str]
    value: str
    equal: bool


def parse_fields(text: str, kind: str) -> tuple[FieldTerm, ...]:
    """Read a field selector for a kind; only the fields the real server indexes are known. Raises ApiError 400."""
    terms = []
    for part in (piece for piece in text.split(",") if piece):
        sign = next((sign for sign in ("!=", "==", "=") if sign in part), None)
        if sign is None:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        field, _, value = part.partition(sign)
        read = _EVERYWHERE.get(field) or _PER_KIND.get(kind, {}).get(field)
        if read is None:
            raise bad_request(f"field label not supported: {field}")
        terms.append(FieldTerm(read, value, sign != "!="))
    return tuple(terms)


@dataclass(frozen=True)
class Filter:
    """What a list or a watch wants to see: namespace, labels, fields."""

    namespace: str | None = None
    labels: tuple[Requirement, ...] = ()
    fields: tuple[FieldTerm, ...] = ()

    def matches(self, obj: dict[str, Any]) -> bool:
        """Whether an object is wanted."""
        metadata = obj["metadata"]
        if self.namespace is not None and metadata.get("namespace") != self.namespace:
            return False
        if self.labels:
            labels = metadata.get("labels") or {}
            if not all(term.matches(labels) for term in self.labels):
                return False
        return all((term.read(obj) == term.value) is term.equal for term in self.fields)


def make_filter(kind: str, namespace: str | None, label_selector: str, field_selector: str) -> Filter:
    """Read both selectors. Raises ApiError 400."""
    return Filter(namespace, parse_labels(label_selector), parse_fields(field_selector, kind))
