"""Which test comes when, and on which worker: what waits longest first, what has to be alone last, modules together.

A test that sits out a cache or a time-out costs a worker and no work. Begun first it overlaps with everything else;
begun last, the whole run waits for it. Tests that run alone come last, one after the other: in the middle, each of them
would make every worker wait for the slowest of the others.

With xdist's own load scheduling a worker is given a quarter of its share at once: four tests of half a minute in one
module stand in line behind each other while other workers run out of tests, and a fixture that many tests of a module
share is made by every worker. `Handout` gives a worker one test to run and one to be next, and lets it stay in the
modules it has begun while there is work in them. Tests that ask nothing of a cluster are left to xdist's own way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScheduling

from harness.effects.files import write_atomic

FILE = ".order.json"


@dataclass(frozen=True)
class Plan:
    """What the workers' collections have in common, told to the process that hands tests out."""

    run: str
    waiting: int
    """So many tests at the beginning mostly wait."""
    alone: int
    """So many tests at the end run alone."""

    @classmethod
    def of(cls, items: Sequence[pytest.Item], *, run: str) -> Plan:
        """The plan of tests that are arranged already."""
        waiting = sum(waits(item) > 0 and not is_alone(item) for item in items)
        return cls(run, waiting, sum(map(is_alone, items)))

    def write(self, directory: Path) -> None:
        """Tell it; every worker tells the same."""
        write_atomic(directory / FILE, json.dumps(asdict(self)).encode())

    @classmethod
    def read(cls, directory: Path, *, run: str) -> Plan | None:
        """What the workers of this run told, if they did."""
        try:
            plan = cls(**json.loads((directory / FILE).read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return plan if plan.run == run else None


def arranged(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """The same tests: those that wait first, those that run alone last, all others in the order they had."""
    return sorted(items, key=lambda item: (is_alone(item), -waits(item)))


def waits(item: pytest.Item) -> float:
    """How long a test says that it waits, in seconds."""
    return max((float(mark.args[0]) for mark in item.iter_markers("waits")), default=0.0)


def is_alone(item: pytest.Item) -> bool:
    """Whether no other test runs beside it."""
    return item.get_closest_marker("exclusive") is not None


class Handout(LoadScheduling):  # type: ignore[misc]  # xdist has no types
    """Xdist's load scheduling, with a choice of which test a worker is given next."""

    def __init__(self, config: pytest.Config, log: Any, *, plan: Callable[[], Plan | None]) -> None:
        super().__init__(config, log)
        self._read_plan = plan
        self._plan: Plan | None = None
        self._begun: dict[Any, list[str]] = {}
        """The modules of each worker, the newest last."""

    def schedule(self) -> None:
        """Begin, once every worker has told what it collected."""
        self._plan = self._plan or self._read_plan()
        if self._plan is not None:
            self.maxschedchunk = 1
        super().schedule()

    def _send_tests(self, node: Any, num: int) -> None:
        if self._plan is None:
            super()._send_tests(node, num)
            return
        chosen: list[int] = []
        for _ in range(min(num, len(self.pending))):
            index = self._next(node, self._plan, given=[*self.node2pending[node], *chosen])
            self.pending.remove(index)
            chosen.append(index)
            if index >= self._plan.waiting:
                self._begin(node, self._module(index))
        if chosen:
            self.node2pending[node].extend(chosen)
            node.send_runtest_some(chosen)

    def _next(self, node: Any, plan: Plan, *, given: Sequence[int]) -> int:
        """The test for a worker that has been given these and has not ended them.

        One at a time of those that wait: the next begins elsewhere, or when this one is over.
        """
        waiting: list[int] = [index for index in self.pending if index < plan.waiting]
        if waiting and not any(index < plan.waiting for index in given):
            return waiting[0]
        last = len(self.collection) - plan.alone
        if others := [index for index in self.pending if plan.waiting <= index < last]:
            return self._of_best_module(node, others)
        left: list[int] = waiting or self.pending
        return left[0]

    def _of_best_module(self, node: Any, pending: Sequence[int]) -> int:
        """The first test of a module: one this worker has begun, one that nobody has, the one with most left to do."""
        there: dict[str, list[int]] = {}
        for index in pending:
            there.setdefault(self._module(index), []).append(index)
        mine = [module for module in reversed(self._begun.get(node, [])) if module in there]
        begun = {module for modules in self._begun.values() for module in modules}
        fresh = [module for module in there if module not in begun]
        longest = max(there, key=lambda module: len(there[module]))
        return there[[*mine, *fresh, longest][0]][0]

    def _begin(self, node: Any, module: str) -> None:
        modules = self._begun.setdefault(node, [])
        if module in modules:
            modules.remove(module)
        modules.append(module)

    def _module(self, index: int) -> str:
        return str(self.collection[index]).partition("::")[0]
