"""Copying JSON-like values fast. Not a general deep copy: dictionaries, lists and scalars only."""

from __future__ import annotations

from typing import Any


def clone(value: Any) -> Any:
    """A copy that shares no dictionary and no list with the original."""
    if isinstance(value, dict):
        return {key: (clone(item) if isinstance(item, dict | list) else item) for key, item in value.items()}
    if isinstance(value, list):
        return [clone(item) if isinstance(item, dict | list) else item for item in value]
    return value
