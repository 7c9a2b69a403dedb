"""Reasons in one line: of an explained failure the difference and the layer, of any other text its first line."""

from __future__ import annotations

import pytest

from harness.expect.blame import Symptom
from harness.expect.explain import Failure, render
from harness.model.difference import Difference
from harness.model.outcome import Verdict
from harness.report.comparison.reasons import short


def failure(count: int = 1, *, symptoms: frozenset[Symptom] = frozenset()) -> str:
    """What the harness says of a promise that is broken."""
    rows = tuple(Difference(f"x/a → x/{n}", "reached", "silent", verdict=Verdict.FAIL) for n in range(count))
    return render(Failure("A promise.", ("A-1",), asked="every pair", differences=rows, symptoms=symptoms))


def test_an_explained_failure_is_its_first_difference() -> None:
    """The promise is not said twice; how many more differ is."""
    assert short(failure()) == "x/a → x/0: expected reached, seen silent"
    assert short(failure(3)) == "x/a → x/0: expected reached, seen silent and 2 more"


def test_the_layer_at_fault_is_told() -> None:
    """In the words of the failure, without their explanation."""
    told = short(failure(symptoms=frozenset([next(iter(Symptom))])))
    assert "; layer: " in told
    assert "(" not in told


@pytest.mark.parametrize(
    ("reason", "line"),
    [
        ("needs IPv6", "needs IPv6"),
        ("UNKNOWN: A promise. [A-1]\n  asked: x", "A promise. [A-1]"),
        ("\n\nGET /api: no cluster\nmore", "GET /api: no cluster"),
        ("", "no reason was given"),
        (" \n ", "no reason was given"),
        ("FAIL: p\n\n   expected  seen\n", "p"),
        ("FAIL: p\n\n   expected  seen\n  only one cell\n", "p"),
    ],
)
def test_other_texts_are_their_first_line(reason: str, line: str) -> None:
    """Also a table that is cut off."""
    assert short(reason) == line
