"""Loops of looks inside the pod: until a streak of good ones, or a whole window of good ones.

Looks start every `spacing` seconds whether or not earlier ones have ended, and are judged in the order they started:
a look that is still silent is not overtaken by one that was quick.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import Any

from .loop import FOREVER, Loop, Signal, Task
from .outcome import UNMEASURED, Entry

TOLD = 20
"""Looks told in the trail."""

Asker = Callable[[dict[str, Any]], Coroutine[Any, Any, Entry]]


def is_good(conditions: dict[str, Any], look: Entry) -> bool:
    """Whether every given condition holds of a look."""
    if look["seen"] not in conditions["seen"]:
        return False
    answer = look.get("answer") or {}
    details = look.get("details") or {}
    told = {
        "pods": f"{answer.get('namespace')}/{answer.get('pod')}",
        "saw": str(answer.get("saw", "")).rpartition(":")[0].strip("[]"),
        "status": look.get("http", {}).get("status"),
    }
    if any(told[name] not in conditions[name] for name in told if name in conditions):
        return False
    if "rcode" in conditions and details.get("rcode") != conditions["rcode"]:
        return False
    found = sorted(look.get("addresses") or details.get("addresses") or [])
    return bool("addresses" not in conditions or found == conditions["addresses"])


class Tally:
    """What a loop has seen, in the order its looks started."""

    def __init__(self, good: dict[str, Any], began: float) -> None:
        self._conditions = good
        self._order: list[Entry | None] = []
        self._judged = 0
        self._last_start: float | None = None
        self.began = began
        self.good = self.bad = self.unmeasured = 0
        self.streak = 0
        self.first_good: float | None = None
        self.streak_began: float | None = None
        self.longest_gap = 0.0
        self.trail: list[Entry] = []
        self.last: Entry | None = None

    def start(self, moment: float) -> int:
        """A look starts; its place."""
        if self._last_start is not None:
            self.longest_gap = max(self.longest_gap, moment - self._last_start)
        self._last_start = moment
        self._order.append(None)
        return len(self._order) - 1

    def end(self, place: int, look: Entry) -> list[Entry]:
        """A look ends; those that can be judged now, oldest first."""
        self._order[place] = look
        ready: list[Entry] = []
        while self._judged < len(self._order) and (oldest := self._order[self._judged]) is not None:
            ready.append(oldest)
            self._order[self._judged] = {}
            self._judged += 1
        return ready

    def judge(self, look: Entry) -> str:
        """One of good, bad, unmeasured; everything is counted."""
        self.last = look
        if is_good(self._conditions, look):
            self.good += 1
            self.first_good = look["at"] if self.first_good is None else self.first_good
            self.streak_began = look["at"] if self.streak == 0 else self.streak_began
            self.streak += 1
            return "good"
        self.streak, self.streak_began = 0, None
        if look["seen"] == UNMEASURED:
            self.unmeasured += 1
            return "unmeasured"
        self.bad += 1
        return "bad"

    def tell(self, look: Entry) -> None:
        """Put a look into the trail while there is room."""
        if len(self.trail) < TOLD:
            self.trail.append(look)

    def report(self, outcome: str) -> Entry:
        """The loop's entry: the last look with the loop's own account."""
        last = self.last or {"seen": UNMEASURED, "ms": 0.0, "error": "no look was finished"}
        looks = self.good + self.bad + self.unmeasured
        names = ("good", "bad", "unmeasured", "first_good", "streak_began", "trail")
        loop = {"outcome": outcome, "looks": looks, **{name: getattr(self, name) for name in names}}
        loop |= {"started": self.began, "ended": time.monotonic(), "longest_gap": round(self.longest_gap, 4)}
        return {**last, "at": self.began, "loop": loop}


async def until(loop: Loop, spec: dict[str, Any], asker: Asker) -> Entry:
    """Repeat until a streak of good looks, at most for a time."""
    tally = Tally(spec["good"], time.monotonic())
    recent: list[str] = []
    shown = [""]

    def enough(look: Entry) -> bool:
        kind = tally.judge(look)
        recent.append(kind)
        del recent[: -spec["streak"]]
        if (change := kind + look["seen"]) != shown[0]:
            shown[0] = change
            tally.tell(look)
        return bool(tally.streak >= spec["streak"])

    reached = await _look_on(loop, spec, asker, tally, spec["within"], enough)
    outcome = "good" if reached else "bad" if "bad" in recent else "unknown"
    return tally.report(outcome)


async def hold(loop: Loop, spec: dict[str, Any], asker: Asker) -> Entry:
    """Repeat for a whole window; every look has to be good."""
    tally = Tally(spec["good"], time.monotonic())

    def never_enough(look: Entry) -> bool:
        if tally.judge(look) != "good":
            tally.tell(look)
        return False

    await _look_on(loop, spec, asker, tally, spec["for"], never_enough)
    outcome = "bad" if tally.bad else "unknown" if tally.unmeasured or not tally.good else "good"
    return tally.report(outcome)


class _Flight:
    """Looks of one loop that are under way, and the news that there is nothing more to wait for."""

    def __init__(self, loop: Loop, tally: Tally, enough: Callable[[Entry], bool]) -> None:
        self._loop = loop
        self._tally = tally
        self._enough = enough
        self._flying: dict[int, Task] = {}
        self.reached = False
        self.closing = False
        self.over = Signal(loop)

    def launch(self, asker: Asker, ask: dict[str, Any]) -> None:
        """Start a look."""
        place = self._tally.start(time.monotonic())
        task = self._loop.spawn(asker(ask))
        if task.done:
            self._land(place, task)
            return
        self._flying[place] = task
        task.watchers.append(lambda done: self._land(place, done))

    def close(self) -> None:
        """No more looks: over as soon as those under way have landed."""
        self.closing = True
        if not self._flying:
            self.over.set()

    def abandon(self) -> None:
        """End what is still under way; nobody looks at it any more."""
        self.closing = self.reached = True
        for task in list(self._flying.values()):
            task.cancel()

    def _land(self, place: int, task: Task) -> None:
        self._flying.pop(place, None)
        if self.reached:
            return
        look = task.result if isinstance(task.result, dict) else _broken(task.result, self._tally.began)
        for one in self._tally.end(place, look):
            if self.reached:
                break  # started after the looks that were enough: no part of the story
            self.reached = self._enough(one)
        if self.reached or (self.closing and not self._flying):
            self.over.set()


async def _look_on(
    loop: Loop, spec: dict[str, Any], asker: Asker, tally: Tally, window: float, enough: Callable[[Entry], bool]
) -> bool:
    """Start looks until the window is over or `enough` says so; then wait for those under way."""
    flight = _Flight(loop, tally, enough)
    end, due = tally.began + window, tally.began
    try:
        while not flight.reached and due <= end:
            flight.launch(asker, spec["ask"])
            due = max(due + spec["spacing"], time.monotonic())
            await flight.over.wait(due)
        if not flight.reached:
            flight.close()
            await flight.over.wait(FOREVER)
        return flight.reached
    finally:
        flight.abandon()


def _broken(problem: object, began: float) -> Entry:
    return {"seen": UNMEASURED, "ms": 0.0, "at": began, "error": f"the look broke: {problem}"}
