"""Label selectors: every operator against every kind of label."""

from __future__ import annotations

from typing import Any

import pytest

from harness.oracle.policy import select

LABELS = {"pod": "a", "empty": "", "example.com/Long_key.name": "v"}


@pytest.mark.parametrize(
    ("operator", "key", "values", "holds"),
    [
        ("In", "pod", ["a"], True),
        ("In", "pod", ["b", "a"], True),
        ("In", "pod", ["A"], False),
        ("In", "pod", ["ab"], False),
        ("In", "gone", [""], False),
        ("In", "empty", [""], True),
        ("NotIn", "pod", ["a"], False),
        ("NotIn", "pod", ["b"], True),
        ("NotIn", "gone", ["a"], True),
        ("NotIn", "empty", [""], False),
        ("Exists", "pod", None, True),
        ("Exists", "empty", None, True),
        ("Exists", "gone", None, False),
        ("DoesNotExist", "pod", None, False),
        ("DoesNotExist", "empty", None, False),
        ("DoesNotExist", "gone", None, True),
    ],
)
def test_an_expression_holds_as_apimachinery_says(operator: str, key: str, values: Any, holds: bool) -> None:
    """Absent keys satisfy NotIn and DoesNotExist only; an empty value is a value."""
    selector = {"matchExpressions": [{"key": key, "operator": operator, "values": values}]}
    assert select.matches(selector, LABELS) is holds
    assert bool(select.why_not(selector, LABELS)) is not holds


@pytest.mark.parametrize("selector", [None, {}, {"matchLabels": {}}, {"matchLabels": None, "matchExpressions": None}])
def test_an_empty_selector_selects_everything(selector: Any) -> None:
    """Left out, empty, or empty inside: everything matches, also what has no labels."""
    assert select.matches(selector, LABELS)
    assert select.matches(selector, {})
    assert select.text(selector) == "{}"


def test_all_conditions_must_hold() -> None:
    """matchLabels and matchExpressions are joined by AND."""
    both = {"matchLabels": {"pod": "a"}, "matchExpressions": [{"key": "gone", "operator": "Exists"}]}
    assert not select.matches(both, LABELS)
    assert select.matches({"matchLabels": {"pod": "a", "empty": ""}}, LABELS)
    assert not select.matches({"matchLabels": {"pod": "a", "gone": ""}}, LABELS)


def test_a_miss_says_what_was_wanted_and_what_is_there() -> None:
    """The first condition that fails is named with the label it met."""
    assert select.why_not({"matchLabels": {"pod": "b"}}, LABELS) == "pod=b wanted, label is pod=a"
    assert select.why_not({"matchLabels": {"gone": "b"}}, LABELS) == "gone=b wanted, no label gone"
    expression = {"matchExpressions": [{"key": "pod", "operator": "NotIn", "values": ["a", "c"]}]}
    assert select.why_not(expression, LABELS) == "pod NotIn (a,c) wanted, label is pod=a"
    exists = {"matchExpressions": [{"key": "gone", "operator": "Exists"}]}
    assert select.why_not(exists, LABELS) == "gone Exists wanted, no label gone"


def test_a_selector_prints_in_one_line() -> None:
    """Labels first, then expressions."""
    selector = {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "c", "operator": "In", "values": ["d"]}]}
    assert select.text(selector) == "a=b,c In (d)"


def test_an_unknown_operator_is_an_error() -> None:
    """What the API server would have refused is not guessed at."""
    with pytest.raises(ValueError, match="Near"):
        select.matches({"matchExpressions": [{"key": "a", "operator": "Near"}]}, LABELS)
