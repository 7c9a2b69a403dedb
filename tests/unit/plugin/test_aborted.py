"""However a run is stopped, it leaves a report that says so; a run that asks nothing, or is refused, leaves none."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.effects.clock import RealClock
from harness.effects.run import start
from harness.report import pages
from harness.report.reading import read
from harness.report.record import State

pytest_plugins = ("pytester",)

SUITE = '''
import os, pathlib, signal, time
from harness.suite import Broken, Findings, requirement

@requirement("T-1")
def test_one(check):
    """A promise that holds."""
    check.now(Findings())

@requirement("T-2")
def test_two(check):
    """A promise that is broken."""
    check.done = True
    raise Broken("FAIL: it is broken")

@requirement("T-3")
def test_three(check):
    """A promise during which the run is stopped."""
    {ending}
    check.now(Findings())

@requirement("T-4")
def test_four(check):
    """A promise that is never come to."""
    check.now(Findings())
'''
WAIT = 'pathlib.Path("here").touch(); time.sleep(60)'
INTERRUPT = "raise KeyboardInterrupt"
NOTHING = "pass"
LIMIT = 240.0
"""Seconds for a run of four tests to come to its third, on a machine with much else to do."""


def told(pytester: pytest.Pytester) -> dict[str, Any]:
    """The record as it lies there."""
    record: dict[str, Any] = json.loads((pytester.path / "told/run.json").read_text())
    return record


def run(pytester: pytest.Pytester, ending: str, *args: str) -> pytest.RunResult:
    """The suite, run in this process."""
    pytester.makepyfile(SUITE.replace("{ending}", ending))
    return pytester.runpytest("-p", "no:cacheprovider", "--report", "told", *args)


def until_there(path: Path) -> None:
    """Wait for a file that the run makes."""
    clock = RealClock()
    deadline = clock.now() + LIMIT
    while not path.exists():
        assert clock.now() < deadline, "the run did not come to its third test"
        clock.sleep(0.05)


@pytest.mark.parametrize("args", [(), ("-n", "1")], ids=["n0", "n1"])
def test_kill_9_leaves_a_report_of_what_came(pytester: pytest.Pytester, args: tuple[str, ...]) -> None:
    """Pages that say the run had not ended are there, and reading them finds every verdict until then."""
    pytester.makepyfile(SUITE.replace("{ending}", WAIT))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--report", "told", *args]
    with (pytester.path / "output").open("wb") as output:
        process = start(command, env=dict(os.environ), stdout=output, stderr=output)
        try:
            until_there(pytester.path / "here")
            going = read(pytester.path / "told")
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    assert going.state is State.UNFINISHED
    assert told(pytester)["state"] == "unfinished"
    assert {path.name for path in (pytester.path / "told").iterdir()} >= set(pages.FILES)
    found = read(pytester.path / "told")
    assert found.state is State.ABORTED
    assert found.requirements() == {"T-1": "PASS", "T-2": "FAIL"}
    assert [name.rpartition("::")[2] for name in found.unreached] == ["test_three", "test_four"]


def test_ctrl_c_is_told_in_the_report(pytester: pytest.Pytester) -> None:
    """Exit code 2, and the record says that it was interrupted and what it did not come to."""
    pytester.makepyfile(SUITE.replace("{ending}", INTERRUPT))
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--report", "told")
    assert result.ret == 2
    record = told(pytester)
    assert (record["state"], record["why"]) == ("aborted", "interrupted")
    assert record["requirements"]["T-2"] == "FAIL"
    assert "T-4" not in record["requirements"]
    result.stdout.fnmatch_lines(["ABORTED after * of 4 tests: interrupted"])


def test_ctrl_c_while_it_clears_up_loses_no_verdict(pytester: pytest.Pytester) -> None:
    """Removing a cluster takes long, and who cannot wait keeps the report."""
    pytester.makeconftest(
        """
from harness.plugin.owner import ClusterOwner

def close(self, close=ClusterOwner.close, calls=[]):
    calls.append(self)
    if len(calls) == 1:
        raise KeyboardInterrupt
    close(self)

ClusterOwner.close = close
"""
    )
    pytester.makepyfile(SUITE.replace("{ending}", NOTHING))
    pytester.runpytest_subprocess("-p", "no:cacheprovider", "--report", "told")
    record = told(pytester)
    assert (record["state"], record["why"][:26]) == ("aborted", "interrupted while it clear")
    assert (record["requirements"]["T-2"], record["requirements"]["T-4"]) == ("FAIL", "PASS")


def test_a_run_that_stops_at_the_first_failure_is_not_whole(pytester: pytest.Pytester) -> None:
    """With -x the record says why pytest stopped, and the exit code stays that of the broken promise."""
    result = run(pytester, NOTHING, "-x")
    assert result.ret == 1
    record = told(pytester)
    assert (record["state"], record["why"]) == ("aborted", "stopping after 1 failures")
    assert len(read(pytester.path / "told").unreached) == 2


@pytest.mark.parametrize("args", [(), ("-n", "2"), ("-k", "one or four")], ids=["n0", "n2", "k"])
def test_a_whole_run_is_complete(pytester: pytest.Pytester, args: tuple[str, ...]) -> None:
    """All that was selected ended; what was not selected is not missed."""
    run(pytester, NOTHING, *args)
    record = told(pytester)
    assert (record["state"], record["why"]) == ("complete", "")
    assert sorted(record["selected"]) == sorted(test["name"] for test in record["tests"])
    assert len(record["selected"]) == (2 if "-k" in args else 4)


def test_the_record_says_how_to_run_it_again(pytester: pytest.Pytester) -> None:
    """The whole command, and for a single test the options that shape the cluster, but no others."""
    run(pytester, NOTHING, "--families", "ipv4", "--wait", "streak=2", "-q")
    asked = told(pytester)["asked"]
    assert asked["command"].startswith("pytest -p no:cacheprovider --report told --families ipv4")
    assert asked["options"] == ["--families=ipv4", "--wait=streak=2"]
    assert asked["runner"] == "pytest"
    assert told(pytester)["versions"].keys() == {"harness", "Python", "pytest", "test machine"}


def test_a_command_of_ours_says_itself_what_it_was(pytester: pytest.Pytester) -> None:
    """`harness run` tells pytest what was typed, and its tests are asked again by it."""
    run(pytester, NOTHING, "--asked-as", "harness run suites/dns")
    asked = told(pytester)["asked"]
    assert (asked["command"], asked["runner"]) == ("harness run suites/dns", "harness run")


def test_a_refused_run_leaves_no_report(pytester: pytest.Pytester) -> None:
    """A cluster that was asked for and cannot be had: exit code 4, and nothing is left behind."""
    result = run(pytester, NOTHING, "--kubeconfig", "/nowhere/config")
    assert result.ret == 4
    assert not (pytester.path / "told").exists()


def test_a_place_that_cannot_be_written_is_refused_in_one_line(pytester: pytest.Pytester) -> None:
    """Before anything is asked: exit code 4, and what to do."""
    (pytester.path / "told").write_text("a file")
    result = run(pytester, NOTHING)
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: --report: *told*"])


@pytest.mark.parametrize("args", [(), ("-n", "2")], ids=["n0", "n2"])
def test_tests_of_others_make_no_report(pytester: pytest.Pytester, args: tuple[str, ...]) -> None:
    """Where nothing of ours is selected nothing is written, with workers as without."""
    pytester.makepyfile("def test_foreign(): pass")
    assert pytester.runpytest("-p", "no:cacheprovider", "--report", "told", *args).ret == 0
    assert not (pytester.path / "told/run.json").exists()


def test_pytest_that_fails_itself_is_told(pytester: pytest.Pytester) -> None:
    """An error of a plugin in the middle is no end of a run."""
    pytester.makeconftest(
        """
        def pytest_runtest_protocol(item):
            if item.name == "test_two":
                raise RuntimeError("a plugin of somebody's")
        """
    )
    assert run(pytester, NOTHING).ret == 3
    assert (told(pytester)["state"], told(pytester)["why"]) == ("aborted", "pytest itself failed")
