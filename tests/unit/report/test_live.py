"""The report of a run that goes on: valid from its first second, whole at its end, gone when the run was refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.effects.clock import FakeClock
from harness.report import journal, pages
from harness.report.live import REFRESH, LiveReport
from harness.report.reading import read
from harness.report.record import RunRecord, State, TestRecord

TEST = TestRecord("t.py::a", ("A-1",), "One.", "PASS")
RUN = RunRecord("abc", "2026-01-01T00:00:00Z", 0.0, {}, (), state=State.UNFINISHED, selected=("t.py::a", "t.py::b"))


@pytest.fixture
def clock() -> FakeClock:
    """Time that passes when it is told to."""
    return FakeClock()


@pytest.fixture
def live(tmp_path: Path, clock: FakeClock) -> LiveReport:
    """A report that has begun, in a directory that was not there."""
    made = LiveReport(tmp_path / "reports/one", clock=clock)
    made.begin(RUN)
    return made


def summary(tmp_path: Path) -> str:
    """The first line of the Markdown page."""
    return (tmp_path / "reports/one" / pages.MARKDOWN).read_text().splitlines()[0]


def test_every_page_is_there_before_the_first_test(live: LiveReport, tmp_path: Path) -> None:
    """Each says that the run has not ended, and that nothing was asked."""
    there = {path.name for path in (tmp_path / "reports/one").iterdir()}
    assert there == {"run.json", journal.FILE, *pages.FILES}
    assert summary(tmp_path) == "# UNFINISHED after 0 of 2 tests. no promise was asked"
    assert live.begun


def test_what_is_learned_of_the_cluster_outlives_the_run(live: LiveReport, tmp_path: Path) -> None:
    """Of a run that is killed before its first verdict, its report knows what cluster it had."""
    live.know(replace(RUN, cluster={"kubernetes": "v1.36.0"}))
    assert read(tmp_path / "reports/one").cluster == {"kubernetes": "v1.36.0"}


def test_verdicts_are_kept_at_once_and_pages_every_few_seconds(
    live: LiveReport, tmp_path: Path, clock: FakeClock
) -> None:
    """The journal has a verdict as it comes; the pages follow when their time has come."""
    run = replace(RUN, tests=(TEST,))
    live.note(run, TEST)
    assert read(tmp_path / "reports/one").tests == (TEST,)
    assert "after 0 of 2" in summary(tmp_path)
    clock.sleep(REFRESH)
    live.note(run, TEST)
    assert "after 1 of 2" in summary(tmp_path)


def test_its_end_is_the_whole_report(live: LiveReport, tmp_path: Path) -> None:
    """What the run says at its end is what every page says, and nobody writes there any more."""
    live.end(replace(RUN, tests=(TEST,), state=State.COMPLETE))
    assert summary(tmp_path) == "# 1 promise asked: 1 hold"
    assert read(tmp_path / "reports/one").whole
    assert not journal.is_written(tmp_path / "reports/one")


def test_a_refused_run_leaves_nothing(live: LiveReport, tmp_path: Path) -> None:
    """Files and directories that were made for it go; what others left there stays with its directory."""
    live.withdraw()
    assert list(tmp_path.iterdir()) == []


def test_what_others_left_there_stays(live: LiveReport, tmp_path: Path) -> None:
    """The logs of a cluster that could not be made are worth more than a tidy directory."""
    (tmp_path / "reports/one/cluster").mkdir()
    live.withdraw()
    assert [path.name for path in (tmp_path / "reports/one").iterdir()] == ["cluster"]


def test_an_earlier_run_is_not_mixed_in(tmp_path: Path, clock: FakeClock) -> None:
    """Probes and pages that an earlier run left in the same directory go when a run begins there."""
    (tmp_path / "probes.jsonl").write_text("{}\n")
    (tmp_path / "mine.txt").write_text("stays")
    live = LiveReport(tmp_path, clock=clock)
    live.begin(RUN)
    assert not (tmp_path / "probes.jsonl").exists()
    assert (tmp_path / "mine.txt").exists()
    live.close()


def test_a_full_disk_does_not_stop_the_run(live: LiveReport, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be written is told at the end, and the run goes on."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(journal.Journal, "test", full)
    live.note(RUN, TEST)
    assert "No space left on device" in live.trouble
    live.close()
