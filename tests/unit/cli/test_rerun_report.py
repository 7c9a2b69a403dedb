"""`harness rerun` selects exactly what failed; `harness report` makes pages anew; both take the last report unasked."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.cli import code_of
from harness.effects.clock import FakeClock
from harness.report import journal, pages
from harness.report.record import Asked, RunRecord, State, TestRecord

TESTS = (
    TestRecord("suites/dns/test_names.py::test_names[a/b]", ("DNS-001",), "One.", "PASS"),
    TestRecord("suites/dns/test_names.py::test_names[c d]", ("DNS-002",), "Two.", "FAIL", "why"),
    TestRecord("own/test_shop.py::test_shop", (), "Three.", "UNKNOWN", "lost"),
    TestRecord("suites/dns/test_names.py::test_names[e]", ("DNS-003",), "Four.", "SKIP", "no IPv6"),
)
RUN = RunRecord(
    "abc",
    "2026-01-01T00:00:00Z",
    1.0,
    {"kind": "kind"},
    TESTS,
    selected=(*(test.name for test in TESTS), "suites/dns/test_names.py::test_names[late]"),
    state=State.ABORTED,
    why="interrupted",
    asked=Asked("pytest x", "pytest", ("--cluster=kind", "--cni=calico"), "/there"),
)
DNS = Path(__file__).parents[3] / "suites/dns/test_names.py"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory in which runs have left reports; the last of them is the one above."""
    monkeypatch.chdir(tmp_path)
    keep(tmp_path / "reports/20260101T000000-aaa", replace(RUN, tests=TESTS[:1]))
    keep(tmp_path / "reports/20260102T000000-aaa", RUN)
    return tmp_path


def keep(directory: Path, run: RunRecord) -> None:
    """Leave a record there."""
    directory.mkdir(parents=True)
    (directory / "run.json").write_text(json.dumps(run.as_dict()))


@pytest.fixture
def became(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What the process would have become."""
    told: list[list[str]] = []

    def execv(path: str, command: Sequence[str]) -> None:
        assert path == sys.executable
        told.append(list(command[3:]))

    monkeypatch.setattr("os.execv", execv)
    return told


def test_what_failed_is_asked_again_and_nothing_else(place: Path, became: list[list[str]]) -> None:
    """FAIL and UNKNOWN of the last report, with the cluster's options, wherever their tests lie."""
    code_of(["rerun", "--failed", "-n", "2"])
    (command,) = became
    assert command[2:] == [
        f"{DNS}::test_names[c d]",
        "/there/own/test_shop.py::test_shop",
        "--cluster=kind",
        "--cni=calico",
        "-n",
        "2",
    ]
    assert command[:2] == ["--asked-as", "harness rerun --failed reports/20260102T000000-aaa -n 2"]


def test_what_an_aborted_run_did_not_come_to_is_asked(place: Path, became: list[list[str]]) -> None:
    """Of the report that is named, alone or beside what failed."""
    code_of(["rerun", "--unfinished", "reports/20260102T000000-aaa"])
    code_of(["rerun", "--unfinished", "--failed", "reports/20260102T000000-aaa"])
    late = f"{DNS}::test_names[late]"
    assert [each[2:4] for each in became] == [
        [late, "--cluster=kind"],
        [f"{DNS}::test_names[c d]", "/there/own/test_shop.py::test_shop"],
    ]
    assert late in became[1]


@pytest.mark.parametrize("given", [["--cluster", "embedded"], ["--context=staging"], ["--kubeconfig", "f"]])
def test_another_cluster_replaces_the_runs_own(place: Path, became: list[list[str]], given: list[str]) -> None:
    """With a cluster of the user's nothing of the earlier one is kept."""
    code_of(["rerun", "--failed", *given])
    assert "--cni=calico" not in became[0]
    assert became[0][-len(given) :] == given


@pytest.mark.parametrize(
    ("run", "code", "said"),
    [
        (replace(RUN, tests=TESTS[:1], selected=(), state=State.COMPLETE), 0, "nothing was broken or unknown"),
        (replace(RUN, tests=(), selected=(), state=State.COMPLETE), 5, "there is nothing to ask again"),
        (replace(RUN, tests=TESTS[:1]), 5, "4 tests were never come to: add --unfinished"),
    ],
)
def test_nothing_failed_is_said(
    place: Path, became: list[list[str]], capsys: pytest.CaptureFixture[str], run: RunRecord, code: int, said: str
) -> None:
    """0 where every promise that was asked holds, 5 where the report cannot say so; nothing is run."""
    keep(place / "reports/20260103T000000-aaa", run)
    assert code_of(["rerun", "--failed"]) == code
    assert said in capsys.readouterr().out
    assert became == []


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["rerun"], "say what to ask again: --failed, --unfinished, or both"),
        (["rerun", "--failed", "nowhere"], "nowhere: No such file"),
        (["report", "nowhere"], "nowhere: No such file"),
        (["report", "--markdown", "--into", "x"], "leave out --into"),
        (["report", "--into", "reports/20260102T000000-aaa/run.json"], "is a file"),
        (["report", "--into", "reports/20260102T000000-aaa/run.json/x"], "cannot write into"),
    ],
)
def test_bad_input_is_one_line(place: Path, capsys: pytest.CaptureFixture[str], args: list[str], said: str) -> None:
    """Exit code 4, what is wrong and where."""
    assert code_of(args) == 4
    told = capsys.readouterr()
    assert said in told.err
    assert told.err.count("\n") == 1


def test_without_reports_both_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nothing was run there is no last report."""
    monkeypatch.chdir(tmp_path)
    for args in (["rerun", "--failed"], ["report"]):
        assert code_of(args) == 4
        assert "no report of a run in ./reports" in capsys.readouterr().err


def test_a_report_is_made_anew(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every page beside the record, or where it is told to; what the run came to is printed."""
    assert code_of(["report"]) == 0
    directory = place / "reports/20260102T000000-aaa"
    assert {path.name for path in directory.iterdir()} == {"run.json", *pages.FILES}
    assert "ABORTED after 4 of 5 tests: interrupted" in capsys.readouterr().out
    assert code_of(["report", "reports/20260101T000000-aaa/run.json", "--into", "elsewhere"]) == 0
    assert {path.name for path in (place / "elsewhere").iterdir()} == {"run.json", *pages.FILES}


def test_the_summary_alone_is_printed(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For a CI's step summary, and nothing is written."""
    assert code_of(["report", "--markdown"]) == 0
    assert capsys.readouterr().out.startswith("# ABORTED after 4 of 5 tests")
    assert [path.name for path in (place / "reports/20260102T000000-aaa").iterdir()] == ["run.json"]


def test_a_killed_run_becomes_an_aborted_report(place: Path) -> None:
    """Of a run that could say nothing any more, the journal has what came; the record says aborted from then on."""
    directory = place / "reports/20260102T000000-aaa"
    (directory / "run.json").write_text(json.dumps(replace(RUN, tests=(), state=State.UNFINISHED).as_dict()))
    kept = journal.Journal(directory, clock=FakeClock())
    kept.test(TESTS[1], at=7.0)
    assert code_of(["report"]) == 4  # it goes on
    kept.close()
    assert code_of(["report"]) == 0
    read: dict[str, Any] = json.loads((directory / "run.json").read_text())
    assert (read["state"], read["requirements"], read["seconds"]) == ("aborted", {"DNS-002": "FAIL"}, 7.0)
