"""What the benches share: a row of numbers, a clock, and a worker's arena outside pytest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import isfinite

from harness.effects.clock import RealClock
from harness.kube.client import Kube
from harness.model.outcome import Seen
from harness.model.refs import Family
from harness.model.waits import Waits
from harness.oracle.policy import Lane
from harness.probe.pool import Pool
from harness.probe.results import Result
from harness.suite.arena import Arena, WorkerArena, packed_agent
from harness.suite.flows import all_pairs
from harness.world.ownership import Owner, new_run_id

CLOCK = RealClock()
LANES = (Lane(80, "TCP"), Lane(81, "TCP"), Lane(80, "UDP"), Lane(81, "UDP"))


class NotMeasuredError(Exception):
    """What was to be timed did not happen: what is lost takes no time, and must not count as fast."""


@dataclass(frozen=True)
class Row:
    """One number, beside what it must and should be. `more` says that more is better.

    Of work that ended badly (not `good`) the number says nothing, whatever it is.
    """

    what: str
    must: float
    aim: float
    measured: float
    unit: str = "s"
    more: bool = False
    good: bool = True

    @property
    def kept(self) -> bool:
        """Whether it is as it must be."""
        return self.good and (self.measured >= self.must if self.more else self.measured <= self.must)

    def __str__(self) -> str:
        sign = "≥" if self.more else "≤"
        limits = [f"{sign} {each:g} {self.unit}" if isfinite(each) else "none" for each in (self.must, self.aim)]
        reached = "" if self.kept else "   MISSED"
        return f"{self.what:62} | {limits[0]:>11} | {limits[1]:>12} | {self.measured:>9,.3g} {self.unit}{reached}"


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = CLOCK.now()
    work()
    return CLOCK.now() - began


def must_be_reached(what: str, results: Iterable[Result]) -> None:
    """Raises NotMeasuredError unless there are results, and all of them are answers."""
    seen = Counter(result.seen for result in results)
    if set(seen) != {Seen.REACHED}:
        told = ", ".join(f"{count} {each.name}" for each, count in seen.items()) or "nothing"
        raise NotMeasuredError(f"{what}: not all is REACHED: {told}")


def between_pods(leased: Arena, family: Family, lanes: Sequence[Lane]) -> list[Seen]:
    """Ask every pair on these lanes; what different pods saw of each other (a pod always reaches itself)."""
    results = all_pairs(leased, lanes=lanes, family=family)
    return [each.seen for cell, each in results.items() if cell.source != cell.destination]


def until(leased: Arena, family: Family, *, reached: bool) -> bool:
    """Look until every pair of different pods is reached, or none; whether it came to that in a policy's time."""
    deadline = CLOCK.now() + Waits().policy_live
    while True:
        seen = set(between_pods(leased, family, LANES))
        if seen == {Seen.REACHED} if reached else seen and Seen.REACHED not in seen:
            return True
        if CLOCK.now() >= deadline:
            return False


def worker(kube: Kube, *, image: str = "python:3") -> WorkerArena:
    """A worker's arena, not yet made."""
    agent = packed_agent(image)
    return WorkerArena(kube, Owner(new_run_id()), agent, pool=Pool(kube), waits=Waits())
