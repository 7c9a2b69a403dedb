"""Loops of looks in the pod: streaks, windows, order, and what could not be measured.

Time here moves only when the loop waits, so that a window has all its looks however busy the machine is.
"""

from __future__ import annotations

import select
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from harness.agent import loop as loop_module
from harness.agent import repeat as repeat_module
from harness.agent.loop import Loop
from harness.agent.outcome import REACHED, REFUSED, SILENT, UNMEASURED
from harness.agent.repeat import TOLD, Tally, hold, is_good, until

GOOD = {"seen": [REACHED]}


def look(seen: str, at: float = 0.0, **fields: Any) -> dict[str, Any]:
    return {"seen": seen, "ms": 0.1, "at": at, **fields}


ANSWER = {"namespace": "x", "pod": "a", "saw": "[fd00::7]:4711"}


@pytest.mark.parametrize(
    ("conditions", "found", "good"),
    [
        ({"seen": [REACHED]}, look(REACHED), True),
        ({"seen": [REACHED]}, look(REFUSED), False),
        ({"seen": [REFUSED, SILENT]}, look(SILENT), True),
        ({"seen": [REFUSED, SILENT]}, look(UNMEASURED), False),
        ({"seen": [REACHED], "pods": ["x/a"]}, look(REACHED, answer=ANSWER), True),
        ({"seen": [REACHED], "pods": ["x/b"]}, look(REACHED, answer=ANSWER), False),
        ({"seen": [REACHED], "pods": ["x/a"]}, look(REACHED), False),
        ({"seen": [REACHED], "saw": ["fd00::7"]}, look(REACHED, answer=ANSWER), True),
        ({"seen": [REACHED], "saw": ["10.0.0.1"]}, look(REACHED, answer=ANSWER), False),
        ({"seen": [REACHED], "status": [200, 201]}, look(REACHED, http={"status": 201}), True),
        ({"seen": [REACHED], "status": [200]}, look(REACHED, http={"status": 503}), False),
        ({"seen": [REACHED], "status": [200]}, look(REACHED), False),
        ({"seen": [REACHED], "rcode": 3}, look(REACHED, details={"rcode": 3}), True),
        ({"seen": [REACHED], "rcode": 0}, look(REACHED, details={"rcode": 3}), False),
        ({"seen": [REACHED], "rcode": 0}, look(REACHED), False),
        ({"seen": [REACHED], "addresses": ["1", "2"]}, look(REACHED, details={"addresses": ["2", "1"]}), True),
        ({"seen": [REACHED], "addresses": ["1", "2"]}, look(REACHED, addresses=["2", "1"]), True),
        ({"seen": [REACHED], "addresses": ["1"]}, look(REACHED, addresses=["1", "2"]), False),
        ({"seen": [REACHED], "addresses": []}, look(REACHED), True),
        ({"seen": [REACHED], "addresses": []}, look(REACHED, addresses=["1"]), False),
    ],
)
def test_a_look_is_good_when_every_condition_holds(
    conditions: dict[str, Any], found: dict[str, Any], good: bool
) -> None:
    """Each condition can spoil a look, and only those that were given count."""
    assert is_good(conditions, found) is good


def test_looks_are_judged_in_the_order_they_started() -> None:
    """A quick look waits for the slower one before it."""
    tally = Tally(GOOD, 0.0)
    first, second, third = (tally.start(moment) for moment in (0.0, 0.1, 0.3))
    assert tally.end(second, look(REACHED, 0.1)) == []
    assert [one["at"] for one in tally.end(first, look(SILENT, 0.0))] == [0.0, 0.1]
    assert [one["at"] for one in tally.end(third, look(REACHED, 0.3))] == [0.3]
    assert tally.longest_gap == pytest.approx(0.2)


def test_a_bad_look_resets_the_streak() -> None:
    """A streak is counted anew after anything that is not good, and remembers where it began."""
    tally = Tally(GOOD, 0.0)
    for at, seen in enumerate([REACHED, REACHED, REFUSED, REACHED, UNMEASURED, REACHED, REACHED]):
        tally.judge(look(seen, float(at)))
    assert (tally.good, tally.bad, tally.unmeasured) == (5, 1, 1)
    assert (tally.streak, tally.streak_began, tally.first_good) == (2, 5.0, 0.0)


def test_the_trail_has_a_limit() -> None:
    """Thousands of bad looks do not make a report of megabytes."""
    tally = Tally(GOOD, 0.0)
    for _ in range(TOLD * 3):
        tally.tell(look(SILENT))
    assert len(tally.report("bad")["loop"]["trail"]) == TOLD


def test_a_loop_without_a_look_is_told() -> None:
    """Nothing seen is UNMEASURED with a reason, not an empty success."""
    report = Tally(GOOD, 0.0).report("unknown")
    assert report["seen"] == UNMEASURED
    assert report["loop"]["looks"] == 0


class Time:
    """The machine's clock and its epoll in one: waiting for a deadline is over at once, at that deadline."""

    def __init__(self) -> None:
        self._now, self._epoll = 0.0, select.epoll()

    def monotonic(self) -> float:
        return self._now

    def poll(self, timeout: float, most: int) -> list[tuple[int, int]]:
        assert timeout >= 0, "the loop would wait for ever"
        found = self._epoll.poll(0, most)
        if not found:
            self._now += timeout
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._epoll, name)


class Script:
    """An asker that answers from a list, then repeats the last answer; each look may take some time."""

    def __init__(self, loop: Loop, *answers: str, takes: float = 0.0) -> None:
        self._loop = loop
        self._answers = list(answers)
        self._takes = takes
        self.asked = 0

    async def __call__(self, ask: dict[str, Any]) -> dict[str, Any]:
        self.asked += 1
        seen = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        at = loop_module.time.monotonic()
        if self._takes:
            await self._loop.sleep_until(at + self._takes)
        if seen == "broken":
            raise RuntimeError("the look broke")
        return look(seen, at)


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loop]:
    time = Time()
    for module in (loop_module, repeat_module):
        monkeypatch.setattr(module, "time", time)
    epoll = SimpleNamespace(epoll=lambda: time, EPOLLIN=select.EPOLLIN, EPOLLONESHOT=select.EPOLLONESHOT)
    monkeypatch.setattr(loop_module, "select", epoll)
    loop = Loop()
    loop.on_error = lambda problem: None
    yield loop
    loop.shut()


def run(loop: Loop, coro: Any) -> dict[str, Any]:
    task = loop.spawn(coro, lambda _: loop.stop())
    if not task.done:
        loop.run()
    result: dict[str, Any] = task.result
    return result


def test_until_stops_at_its_streak(loop: Loop) -> None:
    """Two bad, then three good: five looks and no more."""
    script = Script(loop, REFUSED, REFUSED, REACHED)
    spec = {"ask": {}, "good": GOOD, "streak": 3, "within": 5, "spacing": 0.001}
    report = run(loop, until(loop, spec, script))
    assert (report["loop"]["outcome"], script.asked) == ("good", 5)
    assert [one["seen"] for one in report["loop"]["trail"]] == [REFUSED, REACHED]


@pytest.mark.parametrize(
    ("answer", "outcome"), [(REFUSED, "bad"), (UNMEASURED, "unknown"), ("broken", "unknown")], ids=str
)
def test_until_in_vain(loop: Loop, answer: str, outcome: str) -> None:
    """Without a streak the outcome is bad if looks were bad, unknown if they could not be measured."""
    spec = {"ask": {}, "good": GOOD, "streak": 3, "within": 0.02, "spacing": 0.002}
    assert run(loop, until(loop, spec, Script(loop, answer)))["loop"]["outcome"] == outcome


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ((REACHED,), "good"),
        ((REACHED, REFUSED, REACHED), "bad"),
        ((REACHED, UNMEASURED, REACHED), "unknown"),
        ((UNMEASURED, REFUSED, REACHED), "bad"),
        ((UNMEASURED,), "unknown"),
    ],
)
def test_hold_judges_the_whole_window(loop: Loop, answers: tuple[str, ...], outcome: str) -> None:
    """One bad look is bad, one that could not be measured is unknown, and bad is worse."""
    spec = {"ask": {}, "good": GOOD, "for": 0.02, "spacing": 0.002}
    report = run(loop, hold(loop, spec, Script(loop, *answers)))
    assert report["loop"]["outcome"] == outcome
    assert report["loop"]["looks"] >= 10
    assert report["loop"]["ended"] - report["loop"]["started"] >= 0.018


def test_looks_overlap(loop: Loop) -> None:
    """A look that takes ten spacings does not make the window a tenth as dense."""
    script = Script(loop, REACHED, takes=0.03)
    run(loop, hold(loop, {"ask": {}, "good": GOOD, "for": 0.03, "spacing": 0.003}, script))
    assert script.asked >= 10


def test_looks_in_flight_count(loop: Loop) -> None:
    """A look that started inside the window and ends after it is part of it."""
    script = Script(loop, REACHED, SILENT, takes=0.02)
    report = run(loop, hold(loop, {"ask": {}, "good": GOOD, "for": 0.005, "spacing": 0.004}, script))
    assert report["loop"]["outcome"] == "bad"
    assert report["loop"]["looks"] == script.asked
