"""The DNS fixture of a worker: one namespace with a Service of every kind, asked by many tests and changed by none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.suite import ClusterFacts, Family, WorkerArena
from suites.dns.zone import ZoneNames, objects, pods


@pytest.fixture(scope="session")
def zone(worker_arena: WorkerArena, cluster: ClusterFacts) -> Iterator[ZoneNames]:
    """Services and pods in the arena's namespace `n`, all settled in the API."""
    worker_arena.add_namespace("n")
    worker_arena.add_pods(pods(cluster.node_names))
    space = worker_arena.namespaces["n"]
    worker_arena.add_objects(
        objects(space, zone=cluster.zone, primary=cluster.families[0], dual="dual" in cluster.features), "n"
    )
    yield ZoneNames(worker_arena, cluster, space, Family.V4 if "v4" in cluster.features else Family.V6)
