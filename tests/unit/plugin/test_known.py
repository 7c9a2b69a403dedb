"""Promises that are known to be broken: FAIL as ever, told as known, and no reason to turn a run red."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest

pytest_plugins = ["pytester"]

SUITE = '''
from harness.suite import Difference, Findings, Unmeasured, requirement
BAD = Findings((Difference("the answer", "42", "43"),))

@requirement("T-1")
def test_known(check):
    """A promise that nobody keeps."""
    check.now(BAD)

@requirement("T-2")
def test_holds(check):
    """A promise that is kept."""
    check.now(Findings())
'''
ONE_MORE = '''
@requirement("T-3")
def test_new(check):
    """A promise that was kept until today."""
    check.now(BAD)
'''
TWO_AT_ONCE = '''
@requirement("T-1", "T-4")
def test_both(check):
    """Two promises of one look."""
    check.now(BAD)
'''
UNMEASURED = '''
@requirement("T-5")
def test_unmeasured(check):
    """A promise nobody could measure."""
    raise Unmeasured("no answer")
'''
KNOWN = "- {what: answers are one too high, link: 'https://example.com/1', ids: [T-1, T-5]}"


def run(pytester: pytest.Pytester, text: str, *args: str) -> tuple[pytest.RunResult, dict[str, Any]]:
    pytester.makepyfile(text)
    (pytester.path / "known.yaml").write_text(KNOWN)
    result = pytester.runpytest("-p", "no:cacheprovider", "--report", "told", "--junitxml", "own.xml", *args)
    return result, json.loads((pytester.path / "told/run.json").read_text())


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_known_deviation_is_broken_and_turns_no_run_red(pytester: pytest.Pytester, workers: str) -> None:
    """FAIL in the record and in words, with what is known of it; expected by pytest, and skipped in both files."""
    result, told = run(pytester, SUITE, "--deviations", "known.yaml", "-n", workers, "-x")
    assert result.ret == 0
    assert told["requirements"] == {"T-1": "FAIL", "T-2": "PASS"}
    result.assert_outcomes(xfailed=1, passed=1)
    result.stdout.fnmatch_lines(
        [
            "2 requirements asked: 1 broken (known: 1), 1 hold",
            "FAIL    T-1  A promise that nobody keeps.",
            "        known: answers are one too high (https://example.com/1)",
        ]
    )
    for file in ("own.xml", "told/junit.xml"):
        (suite,) = ET.parse(pytester.path / file).iter("testsuite")
        assert [suite.get(each) for each in ("failures", "errors", "skipped")] == ["0", "0", "1"], file
    for page in ("report.html", "summary.md", "conformance.yaml"):
        assert "known: answers are one too high" in (pytester.path / "told" / page).read_text(), page


@pytest.mark.parametrize(
    ("more", "code"),
    [
        pytest.param(ONE_MORE, 1, id="another-promise"),
        pytest.param(TWO_AT_ONCE, 1, id="another-promise-of-the-same-test"),
        pytest.param(UNMEASURED, 3, id="what-is-unknown"),
    ],
)
def test_only_what_is_known_is_excused(pytester: pytest.Pytester, more: str, code: int) -> None:
    """Whatever else is broken, or could not be measured, decides the exit code."""
    result, _ = run(pytester, SUITE + more, "--deviations", "known.yaml")
    assert result.ret == code


def test_with_none_nothing_is_excused(pytester: pytest.Pytester) -> None:
    """Who works on the plugin itself wants it red."""
    result, told = run(pytester, SUITE, "--deviations", "none")
    assert result.ret == 1
    assert [test["known"] for test in told["tests"]] == ["", ""]


def test_a_deviation_that_is_gone_is_told(pytester: pytest.Pytester) -> None:
    """Where the promise holds, the list is out of date, and the last lines say so."""
    result, _ = run(pytester, SUITE.replace("check.now(BAD)", "check.now(Findings())"), "--deviations", "known.yaml")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["note: T-1 holds, though it is known not to: answers are one too high *"])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("what: x", "*known.yaml: it is no list of deviations, each with what, link and ids", id="no-list"),
        pytest.param("- {what: x, ids: [T-1]}", "*known.yaml: T-1: a link that shows it is missing*", id="no-link"),
        pytest.param("- {what: x, ids: T-1}", "*known.yaml: ids: 'T-1' is no list of ids", id="no-ids"),
        pytest.param("- {what: x, component: etcd}", "*known.yaml: component: etcd is none of kube-proxy", id="part"),
        pytest.param("- {what: x, kubernetes: new}", "*known.yaml: kubernetes: 'new' is no range*", id="versions"),
        pytest.param("- {who: x}", "*known.yaml: *unexpected keyword argument 'who'", id="strange"),
        pytest.param("{", "*known.yaml: no YAML: *", id="no-yaml"),
        pytest.param(None, "*known.yaml: No such file or directory", id="no-file"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(pytester: pytest.Pytester, text: str | None, why: str) -> None:
    """What is wrong, and where; nothing is asked."""
    pytester.makepyfile(SUITE)
    if text is not None:
        (pytester.path / "known.yaml").write_text(text)
    result = pytester.runpytest("-p", "no:cacheprovider", "--report", "told", "--deviations", "known.yaml")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --deviations {why}"])
    assert not (pytester.path / "told").exists()
