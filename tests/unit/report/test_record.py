"""Records: the worst test decides a requirement, and the exit code says what is known."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import pytest

from harness.report.record import ORDER, VERSION, RunRecord, TestRecord, exit_code


def test(verdict: str, *ids: str, name: str = "t") -> TestRecord:
    """A test's record."""
    return TestRecord(name, ids or ("A-1",), "A promise.", verdict)


test.__test__ = False  # type: ignore[attr-defined]  # a maker, not a test


def run_of(*tests: TestRecord) -> RunRecord:
    """A run of these tests."""
    return RunRecord("abc", "2024-01-01T00:00:00Z", 1.0, {"kind": "embedded"}, tests)


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([], 5),
        (["PASS"], 0),
        (["SKIP"], 0),
        (["PASS", "SKIP"], 0),
        (["PASS", "UNKNOWN"], 3),
        (["SKIP", "UNKNOWN"], 3),
        (["UNKNOWN", "FAIL"], 1),
        (["PASS", "FAIL", "SKIP"], 1),
    ],
)
def test_exit_codes(verdicts: list[str], code: int) -> None:
    """Broken before unknown before fine; nothing asked is a code of its own."""
    for order in itertools.permutations(verdicts):
        assert exit_code(test(verdict) for verdict in order) == code


@pytest.mark.parametrize(("one", "two"), list(itertools.combinations(ORDER, 2)))
def test_the_worst_test_decides_a_requirement(one: str, two: str) -> None:
    """Of two verdicts on one requirement the one that must be seen is its own, in whatever order they came."""
    for first, second in ((one, two), (two, one)):
        assert run_of(test(first), test(second)).requirements() == {"A-1": two}


def test_a_test_decides_all_its_requirements() -> None:
    """Every id of a test gets its verdict, and the tally counts requirements, not tests."""
    run = run_of(test("PASS", "A-1", "A-2"), test("FAIL", "A-2", "A-3"))
    assert run.requirements() == {"A-1": "PASS", "A-2": "FAIL", "A-3": "FAIL"}
    assert run.tally() == {"FAIL": 2, "UNKNOWN": 0, "PASS": 1, "SKIP": 0}


def test_requirements_judged_apart_have_their_own_verdicts() -> None:
    """Where a test judged requirements one by one, each has its own verdict and the rest the test's."""
    record = TestRecord("t", ("A-1", "A-2", "A-3"), "p", "FAIL", apart={"A-1": "PASS", "A-2": "UNKNOWN"})
    assert run_of(record).requirements() == {"A-1": "PASS", "A-2": "UNKNOWN", "A-3": "FAIL"}
    assert record.with_verdict("FAIL") == ("A-3",)


def test_each_requirement_has_its_part_of_the_reason() -> None:
    """Of a reason that tells of several requirements, each gets what is said of it; of others, the whole."""
    one, two = "FAIL: One. [A-1]\n  seen this", "UNKNOWN: Two. [A-2]\n  lost that"
    record = TestRecord(
        "t", ("A-1", "A-2", "A-3"), "p", "FAIL", f"{one}\n\n{two}", apart={"A-1": "FAIL", "A-2": "UNKNOWN"}
    )
    assert record.about("A-1").reason == one
    assert record.about("A-2").reason == two
    assert record.about("A-3").reason == record.reason
    assert replace(record, apart={"A-1": "PASS"}).about("A-1").reason == ""


def test_the_record_is_json_with_a_version() -> None:
    """What is written can be read back and says its version."""
    told = json.loads(json.dumps(run_of(test("PASS")).as_dict()))
    assert told["version"] == VERSION
    assert told["tests"][0]["verdict"] == "PASS"
    assert told["requirements"] == {"A-1": "PASS"}
