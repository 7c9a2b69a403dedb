"""Comparing tables: every combination of want, seen and control, and what is short or too much."""

from __future__ import annotations

import itertools

import pytest

from harness.expect import NeverCheckedError, Pending, compare, compare_sets, judge
from harness.model.difference import Difference, verdict_of
from harness.model.expectation import Want
from harness.model.outcome import Seen, Verdict

PASS, UNKNOWN, FAIL = Verdict.PASS, Verdict.UNKNOWN, Verdict.FAIL
OPEN = Seen.REACHED

JUDGEMENTS = {
    (Want.ALLOW, Seen.REACHED): (PASS, PASS),
    (Want.ALLOW, Seen.REFUSED): (FAIL, FAIL),
    (Want.ALLOW, Seen.SILENT): (FAIL, FAIL),
    (Want.ALLOW, Seen.UNMEASURED): (UNKNOWN, UNKNOWN),
    (Want.ALLOW, Seen.MISSING): (UNKNOWN, UNKNOWN),
    (Want.DENY, Seen.REACHED): (FAIL, FAIL),
    (Want.DENY, Seen.REFUSED): (PASS, UNKNOWN),
    (Want.DENY, Seen.SILENT): (PASS, UNKNOWN),
    (Want.DENY, Seen.UNMEASURED): (UNKNOWN, UNKNOWN),
    (Want.DENY, Seen.MISSING): (UNKNOWN, UNKNOWN),
    **{(Want.UNDEFINED, seen): (PASS, PASS) for seen in Seen},
}
"""Verdict with the positive control reached, and without."""


@pytest.mark.parametrize(("want", "seen"), JUDGEMENTS)
def test_a_cell_is_judged_by_want_seen_and_control(want: Want, seen: Seen) -> None:
    """A denial needs its control, a hole is never a denial, the undefined is not judged."""
    with_control, without = JUDGEMENTS[want, seen]
    assert judge("k", want, seen, OPEN).verdict is with_control
    for control in set(Seen) - {OPEN}:
        assert judge("k", want, seen, control).verdict is without


def test_no_combination_is_left_out() -> None:
    """The table above is the whole cross product."""
    assert JUDGEMENTS.keys() == set(itertools.product(Want, Seen))


def test_a_refusal_is_no_drop_where_a_drop_is_declared() -> None:
    """Drop and reject are different promises."""
    assert judge("k", Want.DENY, Seen.REFUSED, OPEN, refusal_denies=False).verdict is FAIL
    assert judge("k", Want.DENY, Seen.SILENT, OPEN, refusal_denies=False).verdict is PASS


def test_a_missing_cell_is_unknown_and_a_surplus_one_an_error() -> None:
    """Nobody is believed who was not asked; asking what nobody wanted is a fault of the test."""
    want = {"a": Want.ALLOW, "b": Want.DENY}
    assert compare(want, {"a": Seen.REACHED}, control={}).verdict is UNKNOWN
    with pytest.raises(KeyError, match="never expected: \\['c'\\]"):
        compare(want, {"c": Seen.SILENT}, control={})


def test_the_verdict_of_a_table_is_its_worst_cell() -> None:
    """One broken cell breaks it, one unknown cell makes it unknown, nothing judged is unknown."""
    want = dict.fromkeys("abc", Want.ALLOW)
    good = dict.fromkeys("abc", Seen.REACHED)
    assert compare(want, good, control={}).verdict is PASS
    assert compare(want, {**good, "b": Seen.UNMEASURED}, control={}).verdict is UNKNOWN
    assert compare(want, {**good, "b": Seen.UNMEASURED, "c": Seen.SILENT}, control={}).verdict is FAIL
    assert compare({"a": Want.UNDEFINED}, {"a": Seen.SILENT}, control={}).verdict is UNKNOWN


def test_all_differences_are_listed_the_broken_first() -> None:
    """Every cell that did not pass has its line, with its rule and what is missing."""
    want = {"a": Want.DENY, "b": Want.ALLOW, "c": Want.DENY, "d": Want.ALLOW}
    got = {"a": Seen.SILENT, "b": Seen.SILENT, "c": Seen.REACHED, "d": Seen.REACHED}
    comparison = compare(want, got, control={"a": Seen.REFUSED})
    assert comparison.differences(rules={"c": "denied by x/p"}) == [
        Difference("b", "reached", "silent"),
        Difference("c", "denied", "reached", "denied by x/p"),
        Difference("a", "denied", "silent (its positive control: refused)", verdict=UNKNOWN),
    ]


def test_sets_differ_both_ways() -> None:
    """Missing and surplus members are told apart."""
    found = compare_sets("backend", frozenset({"a", "b"}), frozenset({"b", "c"}), rule="r")
    assert [str(each) for each in found] == [
        "backend a: expected present, saw missing (r)",
        "backend c: expected absent, saw present (r)",
    ]
    assert compare_sets("backend", frozenset("a"), frozenset("a")) == []


def test_no_difference_is_a_pass() -> None:
    """Differences carry the verdict of the whole."""
    assert verdict_of([]) is PASS
    assert verdict_of([Difference("a", "b", "c", verdict=UNKNOWN)]) is UNKNOWN
    assert str(Difference("a", "b", "c")) == "a: expected b, saw c"


@pytest.mark.parametrize("value", [Want.ALLOW, Seen.SILENT, PASS])
def test_outcomes_are_no_truth_values(value: object) -> None:
    """`if want:` would read DENY as yes."""
    with pytest.raises(TypeError, match="not a truth value"):
        bool(value)


def test_everything_declared_must_be_checked() -> None:
    """Leaving the context with an unchecked expectation is an error that names it."""
    with (
        pytest.raises(NeverCheckedError, match="1 expectations were declared and never checked: b"),
        Pending() as pending,
    ):
        pending.declare("a", 1)
        pending.declare("b", 2)
        assert pending.check("a") == 1
        assert pending.unchecked() == ["b"]


def test_checked_expectations_leave_quietly() -> None:
    """Checking twice is fine."""
    with Pending[str, int]() as pending:
        pending.declare("a", 1)
        assert pending.check("a") == pending.check("a") == 1


def test_a_failure_on_the_way_is_not_covered() -> None:
    """The first error is the one that tells."""
    with pytest.raises(OSError, match="first"), Pending[str, int]() as pending:
        pending.declare("a", 1)
        raise OSError("first")


def test_expectations_have_one_name_each() -> None:
    """Declaring twice or checking what was never declared are mistakes of the test."""
    pending = Pending[str, int]()
    pending.declare("a", 1)
    with pytest.raises(ValueError, match="declared already"):
        pending.declare("a", 2)
    with pytest.raises(KeyError, match=r"never declared; declared: \['a'\]"):
        pending.check("b")
