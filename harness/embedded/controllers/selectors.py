"""Label and node selectors as controllers use them (API conventions, "labels and selectors"; core/v1 NodeSelector).

The selector text of list requests is the store's business; these are the structured forms inside objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Labels = Mapping[str, str]


def matches(selector: Mapping[str, Any] | None, labels: Labels) -> bool:
    """Whether a LabelSelector admits the labels. None admits nothing, an empty selector everything."""
    if selector is None:
        return False
    if not has_all(selector.get("matchLabels") or {}, labels):
        return False
    return all(_admits(term, labels) for term in selector.get("matchExpressions") or ())


def has_all(wanted: Labels, labels: Labels) -> bool:
    """Whether every wanted label is there with its value (the map form of Services and ReplicationControllers)."""
    return all(labels.get(name) == value for name, value in wanted.items())


def node_matches(term: Mapping[str, Any], node: Mapping[str, Any]) -> bool:
    """Whether one NodeSelectorTerm admits the node. An empty term admits none."""
    expressions = term.get("matchExpressions") or ()
    fields = term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    labels = node["metadata"].get("labels") or {}
    named = {"metadata.name": node["metadata"]["name"]}
    return all(_admits(e, labels) for e in expressions) and all(_admits(f, named) for f in fields)


def _admits(term: Mapping[str, Any], labels: Labels) -> bool:
    have = labels.get(term["key"])
    values = term.get("values") or ()
    match term["operator"]:
        case "In":
            return have in values
        case "NotIn":
            return have not in values
        case "Exists":
            return have is not None
        case "DoesNotExist":
            return have is None
        case "Gt":
            return _number(have) is not None and _ordered(values, have) < 0
        case "Lt":
            return _number(have) is not None and _ordered(values, have) > 0
    return False


def _number(text: str | None) -> int | None:
    try:
        return None if text is None else int(text)
    except ValueError:
        return None


def _ordered(values: Any, have: str | None) -> int:
    """The sign of (wanted - had); 0 when either is not a number, which satisfies neither Gt nor Lt."""
    wanted, had = _number(values[0] if values else None), _number(have)
    if wanted is None or had is None:
        return 0
    return (wanted > had) - (wanted < had)
