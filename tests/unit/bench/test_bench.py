"""The benches cannot be fooled: what was lost, refused or never enforced is no number; bad options are one line."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

import tests.bench.__main__ as bench
from harness.kube.errors import KubeError
from harness.model.outcome import Seen
from harness.model.refs import Family, NamespacedName
from harness.probe.asks import Ready
from harness.probe.results import Result
from tests.bench import measure, real
from tests.bench.measure import NotMeasuredError, Row, must_be_reached


def results(*seen: Seen) -> list[Result]:
    """Results of a pod that was asked."""
    return [Result(Ready(ready=True), "x/a", each) for each in seen]


@pytest.mark.parametrize(
    ("row", "kept"),
    [
        (Row("a", 5, 2, 4), True),
        (Row("a", 5, 2, 6), False),
        (Row("a", 5, 2, 1, good=False), False),
        (Row("a", 5, 2, float("nan")), False),
        (Row("a", 5, 9, 6, more=True), True),
        (Row("a", 5, 9, 6, more=True, good=False), False),
    ],
)
def test_a_row_is_kept_only_when_its_work_went_well(row: Row, kept: bool) -> None:
    """A number of work that ended badly is missed, however small it is."""
    assert row.kept is kept
    assert ("MISSED" in str(row)) is not kept


def test_a_row_without_a_limit_says_none() -> None:
    """Infinity is no number to be held to."""
    row = Row("a", float("inf"), float("inf"), 54)
    assert row.kept
    assert "inf" not in str(row)
    assert str(row).count("none") == 2


@pytest.mark.parametrize("seen", [(), (Seen.UNMEASURED,), (Seen.REACHED, Seen.SILENT)])
def test_what_was_not_reached_is_not_timed(seen: tuple[Seen, ...]) -> None:
    """No result at all, lost ones, or some that are silent."""
    must_be_reached("all of it", results(Seen.REACHED, Seen.REACHED))
    with pytest.raises(NotMeasuredError):
        must_be_reached("all of it", results(*seen))


def test_asks_that_were_lost_are_no_rate() -> None:
    """A stream that closes at once answers everything with UNMEASURED in no time: that is zero a second."""
    for seen in (Seen.REACHED, Seen.UNMEASURED):
        pool = SimpleNamespace(ask=lambda _, asks, timeout, seen=seen: results(*[seen] * len(asks)))
        rate = bench._rate(SimpleNamespace(pool=pool), NamespacedName("x", "a"), Ready(ready=True), count=50)
        assert (rate > 0) is (seen is Seen.REACHED)


@pytest.mark.parametrize(("code", "kept"), [(0, True), (4, False), (1, False)])
def test_suites_that_ended_badly_are_not_fast(monkeypatch: pytest.MonkeyPatch, code: int, kept: bool) -> None:
    """Refused in a second, all suites would be the fastest ever, and their worker the smallest."""
    command = [sys.executable, "-c", f"raise SystemExit({code})"]
    monkeypatch.setattr(bench, "suite_command", lambda *_: command)
    assert [row.kept for row in bench.suites()] == [kept, kept]


def test_memory_is_that_of_the_process_alone() -> None:
    """However large the process that starts it."""
    ballast = bytearray(200 * 2**20)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.2)"]) as small:
        assert 1 < bench.peak(small) < 100
    del ballast


class Policies:
    """An arena that notes which policies are applied."""

    def __init__(self) -> None:
        self.applied: list[bool] = []

    def apply(self, policy: dict[str, Any], *, namespace: str) -> None:
        """Whether it admits anybody."""
        self.applied.append("ingress" in policy["spec"])


@pytest.mark.parametrize(
    ("seen", "raises"),
    [
        ([{Seen.SILENT}, {Seen.REACHED}], None),
        ([{Seen.SILENT, Seen.REACHED}, {Seen.SILENT}, {Seen.SILENT}, {Seen.REACHED}], None),
        ([{Seen.REACHED}], "denies every pair"),
        ([set()], "denies every pair"),
        ([{Seen.REFUSED}, {Seen.REFUSED}], "admits every pair"),
    ],
)
def test_a_policy_is_in_force_before_its_table_is_timed(
    monkeypatch: pytest.MonkeyPatch, seen: list[set[Seen]], raises: str | None
) -> None:
    """It is seen to deny, and then to admit; on a cluster that does not enforce it there is no row."""
    told, ticks = iter(seen), iter(range(1000))
    last = seen[-1]
    monkeypatch.setattr(measure, "between_pods", lambda *_: next(told, last))
    monkeypatch.setattr(measure, "CLOCK", SimpleNamespace(now=lambda: 10.0 * next(ticks)))
    arena: Any = Policies()
    if raises is None:
        real._enforce(arena, Family.V4)
        assert arena.applied == [False] * 3 + [True] * 3
        return
    with pytest.raises(NotMeasuredError, match=raises):
        real._enforce(arena, Family.V4)


def test_a_table_is_timed_with_what_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells that a burst lost are counted, and the time for asking them again; what stays lost is missed."""
    asked = real.Asked()
    cells = [dict.fromkeys(range(324), Seen.REACHED), {**dict.fromkeys(range(323), Seen.REACHED), 323: Seen.SILENT}]
    looks = itertools.count()

    def look(*_: object, **__: object) -> tuple[None, dict[int, Seen]]:
        last = next(looks) == real.TABLES - 1
        asked.note([{}] * (324 + 2 * last))
        return None, cells[last]

    ticks = itertools.accumulate(0.1 if number % 2 else 9 for number in itertools.count())
    monkeypatch.setattr(real, "open_table", look)
    monkeypatch.setattr(real, "CLOCK", SimpleNamespace(now=lambda: next(ticks)))
    arena: Any = SimpleNamespace(table=tuple("abcdefghi"))
    median, slowest, again, lost = real._table(arena, Family.V4, asked, "a table")
    assert median.measured == pytest.approx(0.1)
    assert slowest.measured == pytest.approx(0.1)
    assert again.measured == 2
    assert (lost.measured, lost.kept) == (1, False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--cni", "calico"], "unrecognized arguments: --cni calico"),
        (["--cluster", "kind"], "invalid choice: 'kind'"),
        (["--cluster", "embedded", "--context", "a"], "an embedded one by neither"),
        (["--cluster", "kubeconfig"], "named by --kubeconfig or --context"),
        (["--context", "a", "--short"], "--short leaves out rows of embedded clusters"),
        (["--agent-image", "x"], "--agent-image is for an existing cluster"),
        (["--kubeconfig", "/nowhere"], "/nowhere: No such file or directory"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_4(capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    """What would be ignored is refused, before anything is measured."""
    assert bench.main(words) == 4
    told = capsys.readouterr().err
    assert said in told
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize("problem", [NotMeasuredError("nothing\nat all"), KubeError("the API is gone")])
def test_what_could_not_be_measured_is_exit_code_3(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], problem: Exception
) -> None:
    """After the rows before it; one line, no traceback."""

    def rows(_: object) -> Iterator[Row]:
        yield Row("first", 5, 2, 1)
        raise problem

    monkeypatch.setattr(bench, "rows", rows)
    assert bench.main([]) == 3
    told = capsys.readouterr()
    assert "first" in told.out
    assert told.err == f"not measured: {' '.join(str(problem).split())}\n"
