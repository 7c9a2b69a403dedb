"""Tables: the columns kubectl prints, made on the server as meta/v1 Table asks for it.

Which columns a kind has stands in `columns`; how long ago something was, and the shape of a table, stand here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from harness.embedded.apiserver import columns
from harness.embedded.store.resources import Resource


@dataclass(frozen=True)
class Row:
    """One object's cells."""

    cells: list[Any]
    object: dict[str, Any]


@dataclass(frozen=True)
class Made:
    """A table: headings and rows."""

    columns: list[dict[str, Any]]
    rows: list[Row]


def make(resource: Resource, items: Iterable[dict[str, Any]], *, now: float) -> Made:
    """The table of some objects of a resource."""
    chosen = columns.of(resource.kind)
    headings = [
        {
            "name": column.name,
            "type": column.type,
            "format": column.format,
            "description": column.description,
            "priority": 1 if column.wide else 0,
        }
        for column in chosen
    ]
    return Made(headings, [Row([column.read(item, now) for column in chosen], item) for item in items])
