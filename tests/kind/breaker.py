"""A pytest plugin for a run of the suites (`-p tests.kind.breaker --break NAME`): on a broken kind cluster.

The cluster is broken when the arena stands, and mended when the run ends. The suites know nothing of this.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.kube.client import Kube
from harness.suite.arena import WorkerArena
from harness.suite.facts import ClusterFacts
from tests.kind.breakages import BREAKAGES, Ground


def pytest_addoption(parser: pytest.Parser) -> None:
    """What to break."""
    parser.addoption("--break", dest="harness_break", choices=sorted(BREAKAGES), required=True)


@pytest.fixture(scope="session", autouse=True)
def broken(pytestconfig: pytest.Config, kube: Kube, cluster: ClusterFacts, worker_arena: WorkerArena) -> Iterator[None]:
    """Break what was asked for, while all tests run."""
    ground = Ground.of(kube, worker_arena, cluster.families)
    with BREAKAGES[pytestconfig.getoption("harness_break")](ground):
        yield
