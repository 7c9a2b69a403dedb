"""Collecting what is wrong with an object: field paths and the sentences a real server uses.

Texts follow k8s.io/apimachinery/pkg/util/validation/field as recorded in tests/recordings/api.json.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from harness.embedded.store.errors import ApiError, invalid
from harness.embedded.store.resources import Resource


def shown(value: Any) -> str:
    """A value as it stands in a message: JSON, without spaces."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


class Faults:
    """The problems found in one object, in the order found."""

    def __init__(self) -> None:
        self.causes: list[tuple[str, str, str]] = []

    def __bool__(self) -> bool:
        return bool(self.causes)

    def add(self, reason: str, message: str, field: str) -> None:
        """Any problem."""
        self.causes.append((reason, message, field))

    def invalid(self, field: str, value: Any, problem: str) -> None:
        """A value that breaks a rule."""
        self.add("FieldValueInvalid", f"Invalid value: {shown(value)}: {problem}", field)

    def required(self, field: str, problem: str = "") -> None:
        """A value that is missing."""
        self.add("FieldValueRequired", f"Required value: {problem}" if problem else "Required value", field)

    def forbidden(self, field: str, problem: str) -> None:
        """A value that may not be there."""
        self.add("FieldValueForbidden", f"Forbidden: {problem}", field)

    def duplicate(self, field: str, value: Any) -> None:
        """A value that is there twice."""
        self.add("FieldValueDuplicate", f"Duplicate value: {shown(value)}", field)

    def unsupported(self, field: str, value: Any, supported: Iterable[str]) -> None:
        """A value outside a closed list; the list's order is the real server's."""
        listing = ", ".join(f'"{item}"' for item in supported)
        message = f"Unsupported value: {shown(value)}: supported values: {listing}"
        self.add("FieldValueNotSupported", message, field)

    def too_many(self, field: str, count: int, limit: int) -> None:
        """A list that is too long."""
        self.add("FieldValueTooMany", f"Too many: {count}: must have at most {limit} items", field)

    def too_long(self, field: str, limit: int) -> None:
        """A text that is too long."""
        self.add("FieldValueTooLong", f"Too long: may not be more than {limit} bytes", field)

    def immutable(self, field: str, new: Any, old: Any) -> None:
        """A value that changed and may not."""
        if new != old:
            self.invalid(field, new, "field is immutable")

    def error(self, resource: Resource, name: str) -> ApiError:
        """The refusal for everything found."""
        return invalid(resource.kind, resource.group, name, self.causes)

    def raise_if_any(self, resource: Resource, name: str) -> None:
        """Raise the refusal when something was found."""
        if self.causes:
            raise self.error(resource, name)
