"""The journal of a run: readable at any moment, locked while it is written, whole lines only."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from harness.effects.clock import FakeClock
from harness.report import journal
from harness.report.reading import KILLED, BadRecordError, read
from harness.report.record import RunRecord, State, TestRecord

HEAD = RunRecord("abc", "2026-01-01T00:00:00Z", 0.0, {}, (), state=State.UNFINISHED, selected=("t.py::a", "t.py::b"))
TEST = TestRecord("t.py::a", ("A-1",), "One.", "PASS", settled={"dns": 0.5})


@pytest.fixture
def written(tmp_path: Path) -> journal.Journal:
    """A journal with a head and a test, and the record it began with."""
    (tmp_path / "run.json").write_text(json.dumps(HEAD.as_dict()))
    made = journal.Journal(tmp_path, clock=FakeClock())
    made.head(HEAD)
    made.test(TEST, at=2.5)
    return made


def test_a_run_that_goes_on_is_told_from_one_that_was_killed(written: journal.Journal, tmp_path: Path) -> None:
    """While its writer lives the run has not ended; afterwards it was aborted, and how far it came is known."""
    found = read(tmp_path)
    assert (found.state, found.tests, found.seconds) == (State.UNFINISHED, (TEST,), 2.5)
    written.close()
    found = read(tmp_path)
    assert (found.state, found.why, found.unreached) == (State.ABORTED, KILLED, ("t.py::b",))


def test_of_a_test_the_last_line_counts(written: journal.Journal, tmp_path: Path) -> None:
    """A later phase may make a test's verdict worse."""
    worse = replace(TEST, verdict="UNKNOWN", reason="the fixture broke")
    written.test(worse, at=3.0)
    assert read(tmp_path).tests == (worse,)


def test_what_is_learned_of_the_cluster_is_kept(written: journal.Journal, tmp_path: Path) -> None:
    """A later head of the same run outranks the record that was written before it."""
    written.head(replace(HEAD, cluster={"kubernetes": "v1.36.0"}))
    assert read(tmp_path).cluster == {"kubernetes": "v1.36.0"}


@pytest.mark.parametrize("end", [b'{"at": 4, "test": {"na', b"\xff\xfe\n", b"[1]\n", b"\n\n"])
def test_half_a_line_is_left_out(written: journal.Journal, tmp_path: Path, end: bytes) -> None:
    """Power may go in the middle of a line: what was whole before is read."""
    written.close()
    with (tmp_path / journal.FILE).open("ab") as file:
        file.write(end)
    assert read(tmp_path).tests == (TEST,)


@pytest.mark.parametrize("content", [None, "", '{"version": 1, "run"'])
def test_without_a_record_the_journal_says_all(written: journal.Journal, tmp_path: Path, content: str | None) -> None:
    """A run that was killed while it wrote its record is read from its journal."""
    written.close()
    (tmp_path / "run.json").unlink()
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    found = read(tmp_path)
    assert (found.state, found.run, found.tests) == (State.ABORTED, "abc", (TEST,))


def test_an_ended_record_is_not_touched_by_a_journal(written: journal.Journal, tmp_path: Path) -> None:
    """What the run said at its end is the last word."""
    whole = replace(HEAD, state=State.COMPLETE, tests=(replace(TEST, verdict="FAIL"),))
    (tmp_path / "run.json").write_text(json.dumps(whole.as_dict()))
    assert read(tmp_path) == whole


def test_a_journal_of_something_else_is_refused(written: journal.Journal, tmp_path: Path) -> None:
    """One line that names the file."""
    written.close()
    with (tmp_path / journal.FILE).open("a") as file:
        file.write('{"test": {"name": "x", "ids": [], "verdict": "MAYBE"}}\n')
    with pytest.raises(BadRecordError, match=r"verdicts\.jsonl: not the journal of a run: verdict 'MAYBE'"):
        read(tmp_path)


def test_two_runs_do_not_write_one_journal(written: journal.Journal, tmp_path: Path) -> None:
    """The second is refused while the first lives, and begins anew where it ended."""
    with pytest.raises(journal.BusyError, match="another run is writing"):
        journal.Journal(tmp_path, clock=FakeClock())
    assert len(journal.rows(tmp_path)) == 2
    written.close()
    journal.Journal(tmp_path, clock=FakeClock()).close()
    assert journal.rows(tmp_path) == []


def test_lines_reach_the_disk_while_the_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forced there at most once a second: a power cut costs no more than that."""
    forced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", forced.append)
    clock = FakeClock()
    made = journal.Journal(tmp_path, clock=clock)
    for at in range(6):
        made.test(TEST, at=at)
        clock.sleep(0.5)
    made.close()
    assert len(forced) == 2
