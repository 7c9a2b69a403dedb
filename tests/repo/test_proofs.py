"""Every test of the suites is proved by a planted fault, and rows that can share a planting do."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from harness.cli.collecting import collect
from tests.repo.sources import ROOT
from tests.system.fault_row import Row, Scope, plantings
from tests.system.fault_table import ROWS

REMEDY = "name it in a row of tests/system/fault_table*.py with a planted fault that it catches (see CONTRIBUTING.md)"


def complaints(tests: Sequence[str], proved: Sequence[str], unproved: Sequence[str]) -> list[str]:
    """What is wrong, a line each: tests without a proof that were not let off, and names of nothing."""
    there, caught, let_off = set(tests), set(proved), set(unproved)
    return [
        *(f"{test} is proved by no planted fault: {REMEDY}" for test in sorted(there - caught - let_off)),
        *(f"{test} is proved by now: take it out of tests/repo/ratchet.yaml" for test in sorted(caught & let_off)),
        *(f"{test} is no test of the suites: take it out of ratchet.yaml" for test in sorted(let_off - there)),
        *(f"{test} is no test of the suites: take its row out of the table" for test in sorted(caught - there)),
    ]


def test_every_test_of_the_suites_is_proved_by_a_planted_fault() -> None:
    """A new test comes with a fault that it catches; the few that have none are listed, and become fewer."""
    unproved = yaml.safe_load((ROOT / "tests/repo/ratchet.yaml").read_text())["unproved"]
    found = complaints([case.name for case in collect()], [f"suites/{row.test}" for row in ROWS], unproved)
    assert not found, "\n".join(found)


def test_what_lacks_a_proof_is_told_with_the_remedy() -> None:
    """A line for each test without a proof, each that has one by now, and each name of nothing."""
    assert not complaints(["a", "b"], ["a"], ["b"])
    found = complaints(["a", "b", "c"], ["a", "gone"], ["a", "b", "lost"])
    assert [line.split(" is ")[0] for line in found] == ["c", "a", "lost", "gone"]
    assert found[0] == f"c is proved by no planted fault: {REMEDY}"


def row(fault: str, *, scope: Scope = Scope.ARENA, over_time: bool = False, **params: object) -> Row:
    return Row(fault=fault, test="t", ids=(), layer="l", scope=scope, over_time=over_time, params=params)


def test_rows_of_the_same_fault_in_the_same_scope_share_a_planting() -> None:
    """Parameters and scope part plantings, faults over time stand alone, and none is shared by too many."""
    rows = [
        row("f"),
        row("g"),
        row("f"),
        row("f", scope=Scope.NODE),
        row("f", all=True),
        row("g", over_time=True),
        row("g", over_time=True),
    ]
    assert plantings(rows) == [[0, 2], [1], [3], [4], [5], [6]]
    assert plantings([row("f")] * 5, most=2) == [[0, 1], [2, 3], [4]]
