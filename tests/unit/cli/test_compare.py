"""`harness compare`: exit code 1 when something got worse, saying what; one line for what cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli import code_of, showing
from harness.report.record import RunRecord, TestRecord


def written(home: Path, name: str, **verdicts: str) -> str:
    """A report directory with these verdicts by id."""
    tests = tuple(TestRecord(f"t::{id_}", (id_.replace("_", "-"),), "", each, "why") for id_, each in verdicts.items())
    run = RunRecord(name, "2026-01-01T00:00:00Z", 1.0, {"kubernetes": name}, tests)
    (home / name).mkdir()
    (home / name / "run.json").write_text(json.dumps(run.as_dict()))
    return str(home / name)


def test_the_same_is_exit_code_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also when something got better."""
    old = written(tmp_path, "v1.35", SVC_001="PASS", SVC_002="FAIL")
    new = written(tmp_path, "v1.36", SVC_001="PASS", SVC_002="PASS")
    assert code_of(["compare", old, new]) == 0
    told = capsys.readouterr().out
    assert "A  v1.35" in told
    assert told.endswith("nothing is worse than in A\n")


def test_worse_is_exit_code_1_and_says_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each promise that got worse with its reason, and in one line those that are not asked any more."""
    old = written(tmp_path, "v1.35", SVC_001="PASS", SVC_002="PASS", SVC_003="PASS", SVC_004="PASS")
    new = written(tmp_path, "v1.36", SVC_001="FAIL", SVC_002="SKIP")
    assert code_of(["compare", f"{old}/run.json", new]) == 1
    told = capsys.readouterr().out.splitlines()
    assert told[-4:] == [
        "worse in B: SVC-001 PASS → FAIL: why",
        "worse in B: SVC-002 PASS → SKIP: why",
        "not asked any more in B: SVC-003 SVC-004",
        "4 verdicts are worse than in A",
    ]


def test_what_was_not_asked_before_is_told_and_not_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A promise that only the second run asked, and that does not hold, is named in the last lines."""
    old = written(tmp_path, "v1.35", SVC_001="PASS")
    new = written(tmp_path, "v1.36", SVC_001="PASS", SVC_002="FAIL")
    assert code_of(["compare", old, new]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "broken or unknown in B and not asked in A: SVC-002",
        "nothing is worse than in A",
    ]


def test_pages_are_written_where_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Into new folders too; where that cannot be, one line."""
    old, new = (written(tmp_path, name, SVC_001="PASS") for name in ("a1", "a2"))
    page, text = tmp_path / "out/c.html", tmp_path / "out/c.md"
    assert code_of(["compare", old, new, "--html", str(page), "--markdown", str(text)]) == 0
    assert page.read_text().startswith("<!doctype html>")
    assert text.read_text().startswith("# Comparison of 2 runs")
    capsys.readouterr()
    assert code_of(["compare", old, new, "--html", f"{old}/run.json/x"]) == 4
    assert capsys.readouterr().err.startswith("harness: cannot write ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name at least two runs"),
        (["{run}"], "name at least two runs"),
        (["{run}", "/nowhere"], "/nowhere: No such file or directory"),
        (["{run}", "{broken}"], "not JSON"),
        (["{home}", "{run}"], "name those"),
        (["{run}", "{run}", "--bogus"], "No such option"),
        (["{run}", "{run}", "--html", "x", "--markdown", "x"], "--html and --markdown both name x"),
        (["{run}", "x" * 300], "File name too long"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_4(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """What is wrong and what to name instead."""
    run = written(tmp_path, "one", SVC_001="PASS")
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    places = {"run": run, "broken": broken, "home": tmp_path}
    assert code_of(["compare", *(each.format(**places) for each in arguments)]) == 4
    told = capsys.readouterr()
    assert said in told.err
    assert len(told.err.splitlines()) == 1
    assert told.out == ""


def test_a_reader_that_goes_away_costs_no_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`harness compare A B --html c.html | head` writes the page all the same."""

    def closed(_: object) -> None:
        raise RuntimeError("nobody reads")

    old, new = (written(tmp_path, name, SVC_001="PASS") for name in ("a1", "a2"))
    monkeypatch.setattr(showing, "show", closed)
    with pytest.raises(RuntimeError):
        code_of(["compare", old, new, "--html", str(tmp_path / "c.html")])
    assert (tmp_path / "c.html").exists()
