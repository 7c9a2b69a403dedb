"""Small texts in table cells: label sets, selectors, shortened lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

NONE = "<none>"
SHOWN = 3
"""Entries of a long list that are shown before "more"."""


def labels(values: Mapping[str, str] | None) -> str:
    """A label set."""
    return ",".join(f"{key}={value}" for key, value in sorted((values or {}).items())) or NONE


def selector(value: Mapping[str, Any] | None) -> str:
    """A LabelSelector, in the grammar of the command line."""
    terms = [(key, f"{key}={one}") for key, one in ((value or {}).get("matchLabels") or {}).items()]
    for term in (value or {}).get("matchExpressions") or []:
        key, among = term["key"], ",".join(sorted(term.get("values") or []))
        match term.get("operator"):
            case "In":
                terms.append((key, f"{key} in ({among})"))
            case "NotIn":
                terms.append((key, f"{key} notin ({among})"))
            case "Exists":
                terms.append((key, key))
            case _:
                terms.append((key, f"!{key}"))
    return ",".join(text for _, text in sorted(terms)) or NONE


def few(entries: Sequence[str]) -> str:
    """The first entries of a list, and how many more there are."""
    shown = ",".join(entries[:SHOWN])
    return f"{shown} + {len(entries) - SHOWN} more..." if len(entries) > SHOWN else shown
