"""Several phases of one test, and tests that end in the middle of one."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest

pytest_plugins = ("pytester",)

SUITE = '''
import os
import pytest
from harness.suite import Difference, Findings, Unmeasured, requirement

@pytest.fixture
def sticky():
    yield
    raise Unmeasured("could not be taken back")

@requirement("T-1")
def test_broken(check, sticky):
    """A promise that is broken."""
    check.now(Findings((Difference("the answer", "yes", "no"),)))

@requirement("T-2")
def test_holds(check, sticky):
    """A promise that holds."""
    check.now(Findings())
'''
APART = '''
import pytest
from harness.suite import Difference, Findings, Unmeasured, requirement

BAD = Findings((Difference("the answer", "yes", "no"),))
SAYS = {"T-1": "One.", "T-2": "Two."}

@pytest.fixture
def sticky():
    yield
    raise Unmeasured("could not be taken back")

@requirement("T-1", "T-2")
def test_each(check):
    """Two promises."""
    check.each({"T-1": BAD, "T-2": Findings()}, promises=SAYS)

@requirement("T-3", "T-4")
def test_left_behind(check, sticky):
    """Two promises on spoilt ground."""
    check.each({"T-3": BAD, "T-4": Findings()}, promises={"T-3": "Three.", "T-4": "Four."})

@requirement("T-5", "T-6")
def test_not_all(check):
    """Two promises of which one is forgotten."""
    check.each({"T-5": Findings()}, promises={"T-5": "Five."})
'''
CRASH = '''
import os
from harness.suite import requirement

@requirement("T-8")
def test_crash(check):
    """A promise whose worker dies."""
    os._exit(7)
'''
CRASH_IN_SETUP = '''
import os
import pytest
from harness.suite import requirement

@pytest.fixture
def deadly():
    os._exit(7)

@requirement("T-9", promise="What a worker dies for before it is asked.")
def test_crash(check, deadly):
    """Not reached."""
'''


def run(pytester: pytest.Pytester, text: str, *args: str) -> tuple[pytest.RunResult, dict[str, Any]]:
    pytester.makepyfile(text)
    result = pytester.runpytest("-p", "no:cacheprovider", "--report", "told", *args)
    return result, json.loads((pytester.path / "told/run.json").read_text())


def test_what_is_left_behind_does_not_hide_a_broken_promise(pytester: pytest.Pytester) -> None:
    """A test that fails and cannot be cleaned up after has failed; both reasons are told, and the exit code is 1."""
    result, told = run(pytester, SUITE, "--junitxml", "own.xml")
    assert result.ret == 1
    assert told["requirements"] == {"T-1": "FAIL", "T-2": "UNKNOWN"}
    (reason,) = [test["reason"] for test in told["tests"] if test["ids"] == ["T-1"]]
    assert "the answer" in reason
    assert "could not be taken back" in reason


@pytest.mark.parametrize("workers", ["0", "1"])
def test_requirements_of_one_test_have_verdicts_of_their_own(pytester: pytest.Pytester, workers: str) -> None:
    """What one look broke is told apart from what it kept, with workers too; what troubled the end is everybody's."""
    result, told = run(pytester, APART, "-n", workers)
    assert result.ret == 1
    verdicts = {"T-1": "FAIL", "T-2": "PASS", "T-3": "FAIL", "T-4": "UNKNOWN", "T-5": "UNKNOWN", "T-6": "UNKNOWN"}
    assert told["requirements"] == verdicts
    result.stdout.fnmatch_lines(["FAIL    T-1  Two promises."])


def test_pytests_own_file_says_the_same(pytester: pytest.Pytester) -> None:
    """There, too, the broken promise stays a failure, and what could not be cleaned up after is an error."""
    run(pytester, SUITE, "--junitxml", "own.xml")
    told: dict[str, set[str]] = {}
    for case in ET.parse(pytester.path / "own.xml").iter("testcase"):
        told.setdefault(str(case.get("name")), set()).update(each.tag for each in case)
    assert told["test_broken"] >= {"failure"}
    assert told["test_holds"] >= {"error"}


@pytest.mark.parametrize(
    ("text", "id_", "promise"),
    [
        pytest.param(CRASH, "T-8", "A promise whose worker dies.", id="in-the-test"),
        pytest.param(CRASH_IN_SETUP, "T-9", "What a worker dies for before it is asked.", id="in-its-setup"),
    ],
)
def test_a_crashed_worker_keeps_the_requirement_unknown(
    pytester: pytest.Pytester, text: str, id_: str, promise: str
) -> None:
    """What the dead worker was asking, or about to ask, is UNKNOWN, not forgotten."""
    result, told = run(pytester, text, "-n", "1")
    assert result.ret == 3
    assert told["requirements"] == {id_: "UNKNOWN"}
    assert told["tests"][0]["promise"] == promise
