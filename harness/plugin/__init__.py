"""The pytest side: options, fixtures, outcomes, workers. Loaded by entry point, silent until a test uses a fixture.

Hooks only; what they do is in the modules beside. The fixtures are `cluster`, `kube`, `arena`, `outside`, `deploy` and
`check`.
"""

from __future__ import annotations

import gc
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from harness.plugin import known, options, order, outcomes
from harness.plugin.fixtures import (
    arena,
    check,
    cluster,
    deploy,
    kube,
    last_change,
    outside,
    turn,
    worker_arena,
    worker_outside,
)
from harness.plugin.hooks import Controller, Recorder
from harness.plugin.owner import tell_selected, tie_to
from harness.plugin.session import APART, PASSED, RUN, SETTLED, WORKER, RunSession, WorkerSession
from harness.world.ownership import Owner

__all__ = [
    "arena",
    "check",
    "cluster",
    "deploy",
    "kube",
    "last_change",
    "outside",
    "turn",
    "worker_arena",
    "worker_outside",
]

MARKS = (
    "requirement(*ids, needs=(), promise=''): the requirements of the catalogue that this test decides",
    "waits(seconds, why): the test waits so long for the cluster, so it is begun before others",
    "exclusive: the test changes what others stand on and runs alone",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare our options."""
    options.add(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Begin the run, or join it when this process is an xdist worker."""
    for mark in MARKS:
        config.addinivalue_line("markers", mark)
    told = getattr(config, "workerinput", {}).get("harness")
    if told is not None:
        owner = Owner(told["run"], config.workerinput["workerid"])  # type: ignore[attr-defined]  # xdist adds it
        session = WorkerSession(options.read(config), owner, Path(told["directory"]), told["invitation"])
        config.stash[WORKER] = session
        tie_to(told["invitation"])
    elif not hasattr(config, "workerinput"):
        run = RunSession(config)
        config.stash[RUN] = run
        config.stash[WORKER] = run.worker()
        config.pluginmanager.register(Recorder(run), "harness.recorder")
        if config.pluginmanager.hasplugin("xdist"):
            config.pluginmanager.register(Controller(run), "harness.controller")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """A worker tells which tests are ours before xdist tells what it collected: then the report begins."""
    if any(map(outcomes.ours, session.items)):
        # Modules and tests live as long as the process: who looks for garbage, pytest at its end five times, need not
        # go through them.
        gc.freeze()
    told = getattr(session.config, "workerinput", {}).get("harness")
    if told is not None and not session.config.option.collectonly:
        ours = {item.nodeid: outcomes.about(item) for item in session.items if outcomes.ours(item)}
        tell_selected(told["invitation"], ours)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say at once what the run is about."""
    run = config.stash.get(RUN, None)
    return f"harness: {run.headline}" if run is not None else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Arrange the tests that are left after everybody else's choice, and tell who hands them out."""
    items[:] = order.arranged(items)
    if hasattr(config, "workerinput") and any(map(outcomes.ours, items)):
        session = config.stash[WORKER]
        order.Plan.of(items, run=session.owner.run).write(session.directory)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Give a phase of one of our tests its verdict."""
    report = yield
    if report.when == "call":
        item.stash[PASSED] = report.passed
    if outcomes.ours(item):
        outcomes.stamp(item, report, call.excinfo.value if call.excinfo else None)
        if settled := item.stash.get(SETTLED, None):
            setattr(report, "harness_settled", settled)  # noqa: B010  # pytest's type does not know it
        if report.when == "call" and (apart := item.stash.get(APART, None)):
            setattr(report, "harness_apart", apart)  # noqa: B010  # likewise
        if outcomes.failed(report):
            known.excuse(report, item.config.stash[WORKER].broken)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """What does not apply is skipped with its reason."""
    try:
        yield
    except Exception as error:
        outcomes.skip_not_applicable(item, error)
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """What does not apply is skipped with its reason, also when a fixture finds out."""
    try:
        yield
    except Exception as error:
        outcomes.skip_not_applicable(item, error)
        raise


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: Any) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """UNKNOWN has a letter and a colour of its own."""
    told = outcomes.read(report)
    if told is not None and told["verdict"] == outcomes.UNKNOWN:
        return "unknown", "U", ("UNKNOWN", {"yellow": True})
    return None
