"""Label and field selectors in text form."""

from __future__ import annotations

import pytest

from harness.embedded.store.errors import ApiError
from harness.embedded.store.selectors import make_filter, parse_fields, parse_labels

LABELS = {"app": "web", "tier": "1", "empty": ""}

MATCHES = [
    ("", True),
    ("app=web", True),
    ("app==web", True),
    ("app=db", False),
    ("app!=db", True),
    ("app!=web", False),
    ("missing!=x", True),
    ("app", True),
    ("missing", False),
    ("!missing", True),
    ("!app", False),
    ("app in (web,db)", True),
    ("app in (db)", False),
    ("app notin (db, cache)", True),
    ("missing notin (a)", True),
    ("missing in (a)", False),
    ("empty=", True),
    ("empty in ()", True),
    ("tier>0", True),
    ("tier>1", False),
    ("tier<2", True),
    ("app>0", False),
    ("app=web,tier=1", True),
    ("app=web,tier=2", False),
    (" app = web , !missing ", True),
    ("example.com/x", False),
]


@pytest.mark.parametrize(("text", "wanted"), MATCHES)
def test_a_label_selector_selects_what_its_grammar_says(text: str, wanted: bool) -> None:
    """Every operator of the label selector grammar, on present, absent and empty labels."""
    assert all(term.matches(LABELS) for term in parse_labels(text)) is wanted


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a===b", "unable to parse requirement: found '=', expected: identifier"),
        ("=b", "unable to parse requirement: found '=', expected: !, identifier, or 'end of string'"),
        ("a in b", "unable to parse requirement: found 'b' expected: '('"),
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("a in (b", "unable to parse requirement: found '', expected: ',', or ')'"),
        ("a,", "unable to parse requirement: found '', expected: identifier after ','"),
        ("a=b c", "unable to parse requirement: found 'c', expected: ',' or 'end of string'"),
        ("a>b", "the value must be an integer"),
    ],
)
def test_a_broken_label_selector_is_refused(text: str, problem: str) -> None:
    """What the grammar does not know is a bad request that says where."""
    with pytest.raises(ApiError) as error:
        parse_labels(text)
    assert error.value.code == 400
    assert problem in error.value.message


POD = {
    "metadata": {"name": "p", "namespace": "x"},
    "spec": {"nodeName": "n1", "hostNetwork": True},
    "status": {"phase": "Running"},
}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("metadata.name=p", True),
        ("metadata.name!=p", False),
        ("metadata.namespace==x", True),
        ("spec.nodeName=n1,status.phase=Running", True),
        ("spec.nodeName=n1,status.phase!=Running", False),
        ("spec.hostNetwork=true", True),
        ("status.podIP=", True),
    ],
)
def test_a_field_selector_reads_indexed_fields(text: str, wanted: bool) -> None:
    """The fields that a real server indexes for pods, with all three operators."""
    assert make_filter("Pod", None, "", text).matches(POD) is wanted


@pytest.mark.parametrize(("kind", "text"), [("Pod", "spec.foo=1"), ("Service", "spec.nodeName=n")])
def test_a_field_that_is_not_indexed_is_refused(kind: str, text: str) -> None:
    """Selecting by any other field is a bad request."""
    with pytest.raises(ApiError, match="field label not supported"):
        parse_fields(text, kind)


def test_a_field_selector_without_operator_is_refused() -> None:
    """A bare field is no selector."""
    with pytest.raises(ApiError, match="can't understand"):
        parse_fields("metadata.name", "Pod")


def test_a_namespace_limits_a_filter() -> None:
    """Objects of other namespaces are not wanted."""
    assert make_filter("Pod", "x", "", "").matches(POD)
    assert not make_filter("Pod", "y", "", "").matches(POD)
