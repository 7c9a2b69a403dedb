"""Label selectors, read as apimachinery's `LabelSelectorAsSelector` reads them. Nothing else.

Source: apimachinery `labels/selector.go`; catalogue POL-151..171.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def matches(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether `labels` satisfy a selector. An empty selector holds for everything; every condition must hold."""
    return why_not(selector, labels) == ""


def why_not(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> str:
    """The first condition that does not hold, as text; empty when all hold."""
    if not selector:
        return ""
    for key, value in (selector.get("matchLabels") or {}).items():
        if key not in labels:
            return f"{key}={value} wanted, no label {key}"
        if labels[key] != value:
            return f"{key}={value} wanted, label is {key}={labels[key]}"
    for expression in selector.get("matchExpressions") or ():
        if not holds(expression, labels):
            return f"{_text(expression)} wanted, " + _has(str(expression["key"]), labels)
    return ""


def holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """One matchExpressions entry. A present key with an empty value is present; an absent key satisfies NotIn."""
    key, operator, values = expression["key"], expression["operator"], expression.get("values") or ()
    match operator:
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            return key not in labels or labels[key] not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    raise ValueError(f"unknown selector operator {operator!r}: the API server would have refused it")


def text(selector: Mapping[str, Any] | None) -> str:
    """A selector in one line, in kubectl's spelling; `{}` for the empty one."""
    if not selector:
        return "{}"
    parts = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    parts += [_text(each) for each in selector.get("matchExpressions") or ()]
    return ",".join(parts) or "{}"


def _text(expression: Mapping[str, Any]) -> str:
    key, operator = str(expression["key"]), str(expression["operator"])
    if operator in {"Exists", "DoesNotExist"}:
        return f"{key} {operator}"
    return f"{key} {operator} ({','.join(expression.get('values') or ())})"


def _has(key: str, labels: Mapping[str, str]) -> str:
    return f"label is {key}={labels[key]}" if key in labels else f"no label {key}"
