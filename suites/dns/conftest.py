"""The DNS fixture of a worker: one namespace with a Service of every kind, asked by many tests and changed by none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.suite import ClusterFacts, Family, WorkerArena
from suites.dns.zone import BALANCER, BIG, HUGE, ZoneNames, crowded, objects, pods, twins


@pytest.fixture(scope="session")
def zone(worker_arena: WorkerArena, cluster: ClusterFacts) -> Iterator[ZoneNames]:
    """Services and pods in the arena's namespace `n`, all settled in the API."""
    worker_arena.add_namespace("n")
    worker_arena.add_pods(pods(cluster.node_names))
    space = worker_arena.namespaces["n"]
    worker_arena.add_objects(
        objects(space, zone=cluster.zone, primary=cluster.families[0], dual="dual" in cluster.features), "n"
    )
    family = cluster.families[0]
    others = {"m": [*twins(family), *crowded("hl-big", BIG, family)], "k": crowded("hl-huge", HUGE, family)}
    for letter, made in others.items():
        worker_arena.add_namespace(letter)
        worker_arena.add_objects(made, letter)
    ingress = {"status": {"loadBalancer": {"ingress": [{"ip": BALANCER[family]}]}}}
    worker_arena.kube.patch("services", "lb", ingress, namespace=space, subresource="status")
    yield ZoneNames(worker_arena, cluster, space, Family.V4 if "v4" in cluster.features else Family.V6)
