"""What the benches share: a row of numbers, a clock, and a worker's arena outside pytest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.effects.clock import RealClock
from harness.kube.client import Kube
from harness.model.waits import Waits
from harness.oracle.policy import Lane
from harness.probe import archive
from harness.probe.pool import Pool
from harness.suite.arena import WorkerArena
from harness.world.manifests import Agent
from harness.world.ownership import Owner

CLOCK = RealClock()
LANES = (Lane(80, "TCP"), Lane(81, "TCP"), Lane(80, "UDP"), Lane(81, "UDP"))


@dataclass(frozen=True)
class Row:
    """One number, beside what it must and should be. `more` says that more is better."""

    what: str
    must: float
    aim: float
    measured: float
    unit: str = "s"
    more: bool = False

    @property
    def kept(self) -> bool:
        """Whether it is as it must be."""
        return self.measured >= self.must if self.more else self.measured <= self.must

    def __str__(self) -> str:
        sign = "≥" if self.more else "≤"
        limits = f"{sign} {self.must:g} {self.unit}", f"{sign} {self.aim:g} {self.unit}"
        reached = "" if self.kept else "   MISSED"
        return f"{self.what:62} | {limits[0]:>11} | {limits[1]:>12} | {self.measured:>9,.3g} {self.unit}{reached}"


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = CLOCK.now()
    work()
    return CLOCK.now() - began


def worker(kube: Kube, *, image: str = "python:3") -> WorkerArena:
    """A worker's arena, not yet made."""
    agent = Agent(
        archive=archive.archive(),
        image=image,
        serve=archive.serve_command,
        name=archive.ARCHIVE_NAME,
        mount=archive.MOUNT,
        container=archive.CONTAINER,
        ready_path=archive.READY_PATH,
        fields=archive.FIELD_ENVIRONMENT,
    )
    return WorkerArena(kube, Owner("bench"), agent, pool=Pool(kube), waits=Waits())
