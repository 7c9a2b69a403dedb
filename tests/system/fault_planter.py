"""A pytest plugin for a run of the suites (`-p tests.system.fault_planter`): each test of the fault table, repeatedly.

Before, during and after its fault: as it stands, with the fault planted for the namespaces of this worker's own arena,
and with the fault gone. Rows that need the same fault in the same scope share one planting: all of them before, all of
them during, all of them after. A promise that held during the fault is asked once again, the fault longer in force: on
a busy machine it may have been asked too early. Faults of two workers never meet, unless their scope is the whole
cluster; those take the writer's side of the run's lock. The suites themselves know nothing of this.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from harness.effects.clock import RealClock
from harness.kube.client import Kube
from harness.model.judgement import Broken
from harness.plugin.session import WORKER
from harness.suite.arena import WorkerArena
from harness.suite.facts import ClusterFacts
from harness.suite.faults import planted
from tests.system.fault_row import Row, Scope, plantings
from tests.system.fault_table import ROWS

PHASES = ("before", "during", "again", "after")
STANDING = ("during", "again")
"""Phases in which the fault is there; for the others nobody has to make room."""
PATIENCE = 3.0
"""Seconds until a broken promise counts as broken: ten times what the embedded cluster needs to follow a change."""
PROGRAMS = ("dns_program", "service_program", "policy_live", "endpoints_program", "pod_network")
"""The waits that a fault makes last to their end."""
IMPATIENT = {**dict.fromkeys(PROGRAMS, PATIENCE), "denied_retry_timeout": 1.0, "spacing": 0.2}
"""Looks are spaced a little, too: what is broken is looked at until the patience is over, by all workers at once."""
NOTICE = 1.5
"""Seconds from the planting until the first promise is asked: all workers keep the machine busy."""
SLOWEST = "netpol/test_tables.py"
"""Tests of which one takes minutes while its fault stands: each of its tables waits until it is sure."""
LONG_NOTICE = 5.0
"""Seconds a fault has been there when a promise that held is asked again."""

PLANTING = {place: number for number, places in enumerate(plantings(ROWS)) for place in places}
"""By row, which planting is its own."""

_caught: set[int] = set()
"""Rows whose promise was broken in the phase `during`, in this process."""


class Standing:
    """The fault that stands in this worker's arena, for all rows of one planting, until another is wanted, or none."""

    def __init__(self) -> None:
        self._planting: int | None = None
        self._since = 0.0
        self._held = contextlib.ExitStack()
        self._clock = RealClock()

    def want(self, planting: int, fault: contextlib.AbstractContextManager[str]) -> None:
        """Have this planting's fault, and no other."""
        if planting != self._planting:
            self.lift()
            self._held.enter_context(fault)
            self._planting, self._since = planting, self._clock.now()

    def ripen(self, seconds: float) -> None:
        """Wait until it has been standing for so long."""
        self._clock.sleep(max(0.0, self._since + seconds - self._clock.now()))

    def lift(self) -> None:
        """Take it away."""
        self._planting = None
        self._held.close()


@pytest.fixture(scope="session")
def planted_fault(kube: Kube) -> Iterator[Standing]:  # ends before its client does
    """This worker's."""
    made = Standing()
    yield made
    made.lift()


def _rows(function: str) -> list[tuple[int, Row]]:
    """Rows whose test is this function, whatever its parameters, with their places in the table."""
    return [(place, row) for place, row in enumerate(ROWS) if row.test.partition("[")[0] == function]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Choose from the table."""
    parser.addoption("--fault", action="append", default=[], metavar="ID", help="only rows of this fault; repeatable")
    parser.addoption("--row", action="append", type=int, default=[], metavar="N", help="only this row; repeatable")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test of the table is there once for each of its faults and phases; what does not belong goes later."""
    function = metafunc.definition.nodeid.removeprefix("suites/")
    wanted = [(place, phase) for place, _ in _rows(function) for phase in PHASES]
    if wanted:
        metafunc.parametrize(
            "fault_phase", wanted, ids=[f"@{place}:{phase}@" for place, phase in wanted], indirect=True
        )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None, None, None]:
    """Keep the tests of the table, each fault's in order; the slowest, of policies, come first.

    Whatever is asked while nobody else is, for its own or its fault's sake, comes last: all would wait with it for the
    slowest table, which comes first.
    """
    yield  # the suites' own plugin puts who is alone last: a row would be asked after its fault before it was planted
    chosen = config.getoption("--fault") or {row.fault for row in ROWS}
    places = config.getoption("--row") or range(len(ROWS))
    kept: list[tuple[int, int, int, pytest.Item]] = []
    alone: set[int] = set()
    for item in items:
        callspec = getattr(item, "callspec", None)
        place, phase = callspec.params.get("fault_phase", (None, "")) if callspec else (None, "")
        if place not in places or ROWS[place].fault not in chosen:
            continue
        if plain(item.nodeid) == f"suites/{ROWS[place].test}":
            if ROWS[place].scope is Scope.EVERYWHERE and phase in STANDING:
                item.add_marker(pytest.mark.exclusive)
            if item.get_closest_marker("exclusive") is not None:
                alone.add(PLANTING[place])
            kept.append((PLANTING[place], PHASES.index(phase), place, item))
    tables = {PLANTING[place] for place, row in enumerate(ROWS) if row.test.startswith(SLOWEST)}
    kept.sort(key=lambda each: (each[0] in alone, each[0] not in tables, -each[0], *each[1:3]))
    items[:] = [item for *_, item in kept]


class RowScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """One worker for all rows of a planting, in order."""

    def _split_scope(self, nodeid: str) -> str:
        place, _ = told(nodeid) or (-1, "")
        return str(PLANTING.get(place, -1))


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> RowScheduling:
    """With several workers, plantings go to them whole; the plugin's own way would part their phases.

    In their order: by size, as xdist would have it, faults of the whole cluster would make everybody wait for the
    slowest table.
    """
    config.option.loadscopereorder = False
    return RowScheduling(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """What was caught is not asked again: skipped before anybody's turn is waited for, which costs all workers."""
    place = told(item.nodeid)
    if place is not None and place[1] == "again" and place[0] in _caught:
        pytest.skip("the promise was broken at once")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note what was caught: what was UNKNOWN is asked again."""
    report = yield
    place = told(item.nodeid)
    broken = call.excinfo is not None and isinstance(call.excinfo.value, Broken)
    if place is not None and place[1] == "during" and broken:
        _caught.add(place[0])
    return report


def plain(name: str) -> str:
    """A test's name as the suites know it."""
    function, bracket, rest = name.partition("[")
    parts = [part for part in rest.rpartition("]")[0].split("@") if not part.endswith(PHASES)]
    case = "".join(parts).strip("-")
    return f"{function}[{case}]" if bracket and case else function


def told(name: str) -> tuple[int, str] | None:
    """Which row and phase a test of such a run belongs to."""
    for part in name.split("@"):
        place, _, phase = part.partition(":")
        if place.isdigit() and phase in PHASES:
            return int(place), phase
    return None


@pytest.fixture(autouse=True)
def fault_phase(
    request: pytest.FixtureRequest,
    pytestconfig: pytest.Config,
    kube: Kube,
    cluster: ClusterFacts,
    worker_arena: WorkerArena,
    planted_fault: Standing,
    turn: None,  # an exclusive one is alone before the fault is there
) -> Iterator[None]:
    """Have the row's fault when the arena stands, and be impatient then."""
    place, phase = request.param
    if phase in {"before", "after"}:
        planted_fault.lift()
        yield
        return
    session = pytestconfig.stash[WORKER]
    usual = session.options
    session.options = replace(usual, waits=usual.waits.override(IMPATIENT))
    worker_arena.waits = session.options.waits
    try:
        planted_fault.want(PLANTING[place], plant(kube, ROWS[place], worker_arena, cluster))
        if phase == "again":
            planted_fault.ripen(LONG_NOTICE)
        yield
    finally:
        if ROWS[place].scope is Scope.EVERYWHERE:
            planted_fault.lift()
        session.options, worker_arena.waits = usual, usual.waits


def plant(kube: Kube, row: Row, arena: WorkerArena, cluster: ClusterFacts) -> contextlib.AbstractContextManager[str]:
    """The row's fault in its scope."""
    spaces = () if row.scope is Scope.EVERYWHERE else tuple(arena.namespaces.values())
    nodes = (cluster.node_names[-1],) if row.scope is Scope.NODE else ()
    return planted(kube, row.fault, params=row.params, namespaces=spaces, nodes=nodes, notice=NOTICE)
