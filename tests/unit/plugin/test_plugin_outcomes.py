"""UNKNOWN as an outcome of its own: letters, exit codes, reports, with and without xdist, and nobody else disturbed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

pytest_plugins = ("pytester",)

HEAD = """
import os
import pytest
from harness.suite import Broken, Difference, Findings, NotApplicable, Unmeasured, requirement
"""
HOLDS = '''
@requirement("T-1")
def test_holds(check):
    """A promise that holds."""
    check.now(Findings())
'''
BROKEN = '''
@requirement("T-2")
def test_broken(check):
    """A promise that is broken."""
    check.now(Findings((Difference("the answer", "yes", "no"),)))
'''
UNKNOWN = '''
@requirement("T-3")
def test_unknown(check):
    """A promise nobody could measure."""
    raise Unmeasured("the stream closed after 3 of 12 answers")
'''
CONFUSED = '''
@requirement("T-4")
def test_confused(check):
    """A test of ours with an error of its own."""
    raise KeyError("no such pod")
'''
LACKING = '''
@requirement("T-5")
def test_lacking(check):
    """A promise about something the cluster has not."""
    raise NotApplicable("needs a dual-stack cluster")
'''
BAD_FIXTURE = '''
@pytest.fixture
def pods():
    raise OSError("no pods today")

@requirement("T-6")
def test_bad_fixture(pods, check):
    """A promise whose pods could not be made."""
    check.now(Findings())
'''
FORGETFUL = '''
@requirement("T-7")
def test_forgetful(check):
    """A test that asks for a judge and never judges."""
'''
CRASH = '''
@requirement("T-8")
def test_crash(check):
    """A promise whose worker dies."""
    os._exit(7)
'''
FOREIGN = '''
def test_foreign():
    """A test that uses nothing of ours."""
    assert os.sep == "?"
'''
UNASKED = '''
@pytest.fixture
def refused(request):
    """Somebody's own fixture, that lets through what we raise."""
    raise NotApplicable("needs a dual-stack cluster")


def test_unasked():
    """A test of somebody's code that uses ours, on no cluster."""
    raise NotApplicable("needs a dual-stack cluster")


def test_refused(refused):
    """The same, by a fixture."""
'''


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Any:
    """Runs a suite made of pieces; what pytest said, and the run's own record."""

    def run(*pieces: str, args: tuple[str, ...] = ()) -> tuple[pytest.RunResult, dict[str, Any]]:
        pytester.makepyfile(HEAD + "".join(pieces))
        result = pytester.runpytest("-p", "no:cacheprovider", "--report", "told", *args)
        file = pytester.path / "told/run.json"
        return result, json.loads(file.read_text()) if file.exists() else {}

    return run


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        ((HOLDS,), 0),
        ((HOLDS, LACKING), 0),
        ((HOLDS, UNKNOWN), 3),
        ((HOLDS, BROKEN, UNKNOWN), 1),
        ((HOLDS, CONFUSED), 3),
        ((HOLDS, BAD_FIXTURE), 3),
        ((HOLDS, FORGETFUL), 3),
        ((HOLDS, FOREIGN), 1),
        ((UNKNOWN, FOREIGN), 1),
    ],
    ids=["holds", "skipped", "unknown", "broken", "confused", "fixture", "forgetful", "foreign", "foreign+unknown"],
)
def test_the_exit_code_says_what_is_known(suite: Any, pieces: tuple[str, ...], code: int) -> None:
    """0 all hold, 1 something is broken, 3 something is unknown and nothing broken."""
    result, _ = suite(*pieces)
    assert result.ret == code


@pytest.mark.parametrize(
    ("pieces", "code"), [((HOLDS, BAD_FIXTURE), 3), ((BROKEN, UNKNOWN), 1)], ids=["fixture", "broken"]
)
def test_the_exit_code_is_the_same_with_workers(suite: Any, pieces: tuple[str, ...], code: int) -> None:
    """What workers found decides the exit code as if there were none."""
    result, _ = suite(*pieces, args=("-n", "2"))
    assert result.ret == code


def test_the_plugin_needs_no_xdist(suite: Any) -> None:
    """Without the xdist plugin the run is recorded all the same."""
    result, told = suite(UNKNOWN, args=("-p", "no:xdist"))
    assert (result.ret, told["requirements"]) == (3, {"T-3": "UNKNOWN"})


def test_unknown_has_a_letter_and_a_count(suite: Any) -> None:
    """An unknown test is U in the terminal and is counted as unknown, neither failed nor passed."""
    result, _ = suite(HOLDS, UNKNOWN, BROKEN)
    result.stdout.fnmatch_lines(["*.UF*"])
    result.stdout.fnmatch_lines(["*1 failed*1 passed*1 unknown*"])


def test_unknown_is_told_in_full(suite: Any) -> None:
    """The terminal shows each unknown test with its whole reason, as pytest does for failures."""
    result, _ = suite(UNKNOWN)
    result.stdout.fnmatch_lines(["*could not be measured*", "*test_unknown*", "*3 of 12 answers*"])


@pytest.mark.parametrize("args", [("-n", "0"), ("-n", "2")], ids=["n0", "n2"])
def test_the_record_has_every_verdict(suite: Any, args: tuple[str, ...]) -> None:
    """run.json gives the verdict of every requirement, also when workers ran the tests."""
    _, told = suite(HOLDS, BROKEN, UNKNOWN, CONFUSED, LACKING, BAD_FIXTURE, FORGETFUL, args=args)
    assert told["requirements"] == {
        "T-1": "PASS",
        "T-2": "FAIL",
        "T-3": "UNKNOWN",
        "T-4": "UNKNOWN",
        "T-5": "SKIP",
        "T-6": "UNKNOWN",
        "T-7": "UNKNOWN",
    }
    assert {test["promise"] for test in told["tests"]} >= {"A promise that holds.", "A promise nobody could measure."}


def test_a_skip_keeps_its_reason(suite: Any) -> None:
    """What does not apply is skipped with the reason, and the record has the reason alone."""
    result, told = suite(LACKING)
    assert result.parseoutcomes() == {"skipped": 1}
    assert [test["reason"] for test in told["tests"]] == ["needs a dual-stack cluster"]


def test_a_worker_that_dies_leaves_an_unknown(suite: Any) -> None:
    """A crashed worker says nothing about the promise: UNKNOWN, and the others are still judged."""
    result, told = suite(HOLDS, CRASH, args=("-n", "2"))
    assert result.ret == 3
    verdicts = {test["name"].rpartition("::")[2]: test["verdict"] for test in told["tests"]}
    assert verdicts == {"test_holds": "PASS", "test_crash": "UNKNOWN"}


def test_a_worker_that_dies_in_somebody_elses_test_is_not_ours(suite: Any) -> None:
    """A crash in a test that asks nothing of a cluster is pytest's own failure, and in no record of ours."""
    result, told = suite("def test_foreign():\n    os._exit(7)\n", args=("-n", "1"))
    assert result.ret == 1
    assert told == {}


def test_nothing_selected_is_five(suite: Any) -> None:
    """Exit code 5 when no test was selected; no report is written."""
    result, told = suite(HOLDS, args=("-k", "nothing_of_that_name"))
    assert (result.ret, told) == (5, {})


def test_foreign_tests_are_left_alone(suite: Any) -> None:
    """A test that uses nothing of ours keeps pytest's outcome and is in no record of ours."""
    result, told = suite(FOREIGN)
    assert result.ret == 1
    assert result.parseoutcomes() == {"failed": 1}
    assert told == {}


def test_a_foreign_test_is_never_skipped_by_us(suite: Any) -> None:
    """What does not apply is a skip of a test that asks a cluster; any other would pass for one that ran."""
    result, told = suite(UNASKED)
    assert result.ret == 1
    assert result.parseoutcomes() == {"failed": 1, "errors": 1}
    assert told == {}


def test_junit_has_unknown_as_error(suite: Any, pytester: pytest.Pytester) -> None:
    """In our JUnit file FAIL is <failure>, UNKNOWN is <error>, SKIP is <skipped>."""
    suite(HOLDS, BROKEN, UNKNOWN, LACKING)
    assert _elements(pytester.path / "told/junit.xml") == {
        "test_holds": set(),
        "test_broken": {"failure"},
        "test_unknown": {"error"},
        "test_lacking": {"skipped"},
    }


@pytest.mark.parametrize("args", [(), ("-n", "2")], ids=["alone", "n2"])
def test_pytests_own_junit_says_the_same(suite: Any, pytester: pytest.Pytester, args: tuple[str, ...]) -> None:
    """With --junitxml an unknown test is an <error> in pytest's own file, and its totals agree."""
    suite(HOLDS, BROKEN, UNKNOWN, CONFUSED, BAD_FIXTURE, LACKING, FOREIGN, args=("--junitxml=own.xml", *args))
    assert _elements(pytester.path / "own.xml") == {
        "test_holds": set(),
        "test_broken": {"failure"},
        "test_unknown": {"error"},
        "test_confused": {"error"},
        "test_bad_fixture": {"error"},
        "test_lacking": {"skipped"},
        "test_foreign": {"failure"},
    }
    totals = ET.parse(pytester.path / "own.xml").getroot().find("testsuite")
    assert totals is not None
    assert (totals.get("failures"), totals.get("errors"), totals.get("skipped")) == ("2", "3", "1")


def test_a_broken_promise_is_a_text_not_a_traceback(suite: Any) -> None:
    """The failure shows the judgement's own words and no line of the harness."""
    result, told = suite(BROKEN)
    assert "Traceback" not in str(result.stdout)
    assert "the answer" in next(test["reason"] for test in told["tests"])
    result.stdout.no_fnmatch_line("*def test_broken*")


def _elements(file: Path) -> dict[str, set[str]]:
    cases = ET.parse(file).getroot().iter("testcase")
    return {str(case.get("name")): {child.tag for child in case} - {"properties"} for case in cases}
