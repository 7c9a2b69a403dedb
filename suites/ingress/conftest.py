"""What tests of Ingress share: everything that stands, made once for each worker and changed by none."""

from __future__ import annotations

import pytest

from harness.suite import ClusterFacts, Controller, WorkerArena
from suites.ingress import ground

PATIENCE = 30.0
"""Seconds until a cluster whose controller gives an Ingress no address counts as one that has none."""


@pytest.fixture(scope="session")
def standing(worker_arena: WorkerArena, cluster: ClusterFacts) -> ground.Ground:
    """Services and Ingresses in the arena's namespace x, and where the controller is reached."""
    cluster.must_have(["ing"])
    space, name = worker_arena.namespaces["x"], cluster.ingress_class
    objects = ground.standing(name, space)
    worker_arena.add_objects(objects, "x")
    addresses, outside = cluster.await_ingress(
        "prefix-root-0", namespace=space, patience=PATIENCE, timeout=worker_arena.waits.loadbalancer_address
    )
    return ground.Ground(Controller(name, tuple(addresses), outside), space, ground.secrets(objects, space))
