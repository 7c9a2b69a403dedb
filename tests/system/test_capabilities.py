"""What packets tell of a cluster that runs: policies that are enforced, and policies that are broken and are not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from harness.clusters.embedded import EmbeddedCluster, Settings, refusal
from harness.clusters.kind.images import AGENT_IMAGE
from harness.kube.client import Kube
from harness.model.capability import State
from harness.model.waits import Waits
from harness.probe.pool import Pool
from harness.suite.arena import WorkerArena, packed_agent
from harness.suite.detection import node_pods_admitted, policies_enforced
from harness.suite.facts import ClusterFacts
from harness.suite.faults import planted
from harness.world.capabilities import Detector, Reads
from harness.world.ownership import Owner

pytestmark = pytest.mark.skipif(refusal() is not None, reason=str(refusal()))

FOLLOWED = 3.0
"""Seconds in which an embedded cluster follows any policy: the test that it does not waits that long."""


@dataclass(frozen=True)
class Standing:
    """A cluster with an arena in it."""

    kube: Kube
    arena: WorkerArena


@pytest.fixture(scope="module")
def standing() -> Iterator[Standing]:
    """An embedded cluster, and nine pods."""
    cluster = EmbeddedCluster(Settings(name="capabilities"))
    agent = packed_agent(AGENT_IMAGE)
    try:
        kube = Kube.connect(cluster.create().kubeconfig)
        arena = WorkerArena(kube, Owner("caps"), agent, pool=Pool(kube), waits=Waits())
        arena.create(ClusterFacts(kube, kind="embedded").node_names)
        yield Standing(kube, arena)
        arena.remove()
        kube.close()
    finally:
        cluster.destroy()


def test_policies_are_enforced(standing: Standing) -> None:
    """A pod is isolated and freed again; no policy is left."""
    assert policies_enforced(standing.arena).state is State.YES
    assert standing.kube.list("networkpolicies.networking.k8s.io").items == []


def test_policies_that_are_not_enforced_are_found_out(standing: Standing) -> None:
    """An agent that does not see whom a policy selects leaves everything open: no, with what was tried."""
    arena = standing.arena
    pod = arena.pods["x/a"]

    def label(value: str) -> None:
        standing.kube.patch("pods", pod.name, {"metadata": {"labels": {"pod": value}}}, namespace=pod.namespace)

    usual, arena.waits = arena.waits, Waits(policy_live=FOLLOWED)
    try:
        label("hidden")
        assert policies_enforced(arena).state is State.NO, "it is not selected: its agent knows its label by now"
        with planted(standing.kube, "policy/61", namespaces=[pod.namespace]):
            label("a")
            found = policies_enforced(arena)
    finally:
        arena.waits = usual
    assert found.state is State.NO
    assert "within 3 s" in found.why
    assert standing.kube.list("networkpolicies.networking.k8s.io").items == []


def test_pods_of_the_nodes_network_are_tried_without_one(standing: Standing) -> None:
    """Admitted in a namespace of their own, in which no pod is made."""
    assert node_pods_admitted(standing.arena).state is State.YES
    assert standing.kube.list("pods", namespace=standing.arena.namespaces["h"]).items == []


def test_the_api_tells_the_rest(standing: Standing) -> None:
    """Of an embedded cluster that is reached as anybody's is: what it has; no address of this machine is dialled."""
    found = Detector(Reads(standing.kube, kind="kubeconfig")).all()
    states = {name: str(fact.state) for name, fact in found.items()}
    assert {name for name, state in states.items() if state == "unknown"} <= {
        "control-plane",
        "service-cidrs",
        "hostnet",
        "np-x",
        "lb",
        "ing",
        "dns-version",
    }
    assert {name: states[name] for name in ("dual", "nodes3", "zones2", "kp", "svccidr-api", "node-network")} == {
        "dual": "yes",
        "nodes3": "yes",
        "zones2": "yes",
        "kp": "no",
        "svccidr-api": "yes",
        "node-network": "no",
    }
    assert found["dns-settings"].value.startswith("pods insecure")
