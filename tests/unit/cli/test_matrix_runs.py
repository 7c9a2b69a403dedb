"""How a run of a matrix ended, told by its column; and the exit code of them all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli import matrix_runs
from harness.cli.combinations import Combination
from harness.cli.matrix_runs import Ended, code_of, column, last_words, problem
from harness.report.comparison.values import Run
from harness.report.record import RunRecord, TestRecord

COMBINATION = Combination("calico", "calico", ("--cni", "calico"), {"cni": "calico"})


def record(*verdicts: str) -> RunRecord:
    """A run whose tests came to these."""
    tests = tuple(TestRecord(f"t::{n}", (f"A-{n}",), "", verdict) for n, verdict in enumerate(verdicts))
    return RunRecord("abc", "2026-01-01T00:00:00Z", 1.0, {}, tests)


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("x\nERROR: image kindest/node:v1.30.0 cannot be had\n\n", "image kindest/node:v1.30.0 cannot be had"),
        (
            "ERROR: usage: pytest [options] [file_or_dir]\n__main__.py: error: unrecognized arguments: --bogus\n"
            "  inifile: x\n  rootdir: y\n",
            "unrecognized arguments: --bogus",
        ),
        ("=== refused ===\nDocker is not running\n=== 3 errors in 1s ===\n", "Docker is not running"),
        ("a\nINTERNALERROR> Traceback\nINTERNALERROR> KeyError: 'x'\nmore\n", "INTERNALERROR> KeyError: 'x'"),
        ("..\n!!!!!! KeyboardInterrupt !!!!!!\nx.py:3: KeyboardInterrupt\n=== 2 passed ===\n", "KeyboardInterrupt"),
        ("one\n\x1b[31mtwo\x1b[0m\n \n", "two"),
        ("", "it printed nothing"),
    ],
)
def test_the_last_words_say_why(output: str, words: str) -> None:
    """An error that was named outranks the lines that follow it."""
    assert last_words(output) == words


@pytest.mark.parametrize(
    ("ended", "found", "said"),
    [
        (Ended(0, "fine"), record("PASS"), ""),
        (Ended(1, ""), record("PASS", "FAIL"), ""),
        (Ended(3, ""), record("UNKNOWN"), ""),
        (Ended(None), None, "not run: the matrix was interrupted before its turn"),
        (Ended(2, "!! KeyboardInterrupt !!"), record("PASS"), "interrupted after 1 tests: KeyboardInterrupt"),
        (Ended(2, "ERROR suites/a.py - boom"), None, "interrupted before its first test: suites/a.py - boom"),
        (Ended(4, "ERROR: no cluster"), None, "did not come up: no cluster"),
        (Ended(5, "no tests ran"), None, "nothing was selected: no tests ran"),
        (Ended(-9, "..."), None, "crashed: ended by signal 9: ..."),
        (Ended(-9, "..."), record("PASS"), "crashed: ended by signal 9: ..."),
        (Ended(0, "bye"), None, "ended with exit code 0, without a record: bye"),
        (
            Ended(3, "INTERNALERROR> x"),
            record("PASS"),
            "ended with exit code 3, its tests amount to 0: INTERNALERROR> x",
        ),
        (Ended(1, "1 failed"), record("PASS"), "ended with exit code 1, its tests amount to 0: 1 failed"),
    ],
)
def test_a_run_that_did_not_go_well_says_so(ended: Ended, found: RunRecord | None, said: str) -> None:
    """Refused, interrupted, crashed, without a record, or with one that does not explain the exit code."""
    assert problem(ended, found) == said


def test_a_column_has_the_record_the_place_and_the_command(tmp_path: Path) -> None:
    """And a record that is only half there is a problem, not a result."""
    (tmp_path / "run.json").write_text(json.dumps(record("PASS").as_dict()))
    told = column(COMBINATION, Ended(0), tmp_path, command="harness run")
    assert (told.record, told.problem, told.place, told.command) == (record("PASS"), "", str(tmp_path), "harness run")
    (tmp_path / "run.json").write_text("{")
    told = column(COMBINATION, Ended(0), tmp_path, command="harness run")
    assert told.record is None
    assert "not JSON" in told.problem


def test_a_combination_that_cannot_be_is_a_column() -> None:
    """With its facts and the reason, and no exit code."""
    told = matrix_runs.refused(Combination("x", "x", (), {"cni": "calico"}, "it does not do that"))
    assert (told.problem, told.code, told.facts["cni"]) == ("cannot be: it does not do that", None, "calico")


def ran(code: int | None, *verdicts: str, problem: str = "") -> Run:
    """A column."""
    return Run("x", record=record(*verdicts) if verdicts else None, code=code, problem=problem)


@pytest.mark.parametrize(
    ("runs", "code"),
    [
        ([ran(0, "PASS"), ran(0, "PASS")], 0),
        ([ran(0, "PASS"), ran(3, "UNKNOWN"), ran(1, "FAIL")], 1),
        ([ran(0, "PASS"), ran(3, "UNKNOWN")], 3),
        ([ran(0, "PASS"), ran(4, problem="did not come up")], 3),
        ([ran(0, "PASS"), ran(-9, problem="crashed")], 3),
        ([ran(0, "PASS"), ran(2, "FAIL", problem="interrupted")], 1),
        ([ran(0, "PASS"), ran(2, "PASS", problem="interrupted")], 3),
        ([ran(0, "PASS"), ran(5, problem="nothing")], 3),
        ([ran(0, "PASS"), ran(1, "PASS", problem="others failed")], 1),
        ([ran(0, problem="without a record")], 3),
        ([ran(0, "PASS"), ran(None, problem="cannot be")], 0),
        ([ran(4), ran(4), ran(None)], 4),
        ([ran(None)], 4),
        ([ran(5), ran(5)], 5),
    ],
)
def test_the_exit_code_is_the_worst_of_the_runs(runs: list[Run], code: int) -> None:
    """Broken before unknown before all holds; refused only when all were; a combination that cannot be says nothing."""
    assert code_of(runs, interrupted=False) == code
    assert code_of(runs, interrupted=True) == 2
