"""The fixtures: `cluster`, `kube`, `arena`, `outside`, `deploy`, `check`. Session-wide things belong to a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from harness.clusters.outside import Door, door_of
from harness.clusters.provider import ClusterError
from harness.effects.clock import RealClock
from harness.kube.client import Kube
from harness.model.capability import Fact
from harness.model.judgement import Unmeasured
from harness.plugin import outcomes
from harness.plugin.session import APART, PASSED, SETTLED, WORKER, WorkerSession
from harness.probe.pool import Pool
from harness.suite import detection
from harness.suite.arena import Arena, ArenaPod, WorkerArena, packed_agent
from harness.suite.check import Check, LastChange
from harness.suite.facts import ClusterFacts
from harness.suite.outside import Outside, way_out


def connect(session: WorkerSession) -> Kube:
    """A client of the run's cluster. Raises Unmeasured when it was refused; the run's exit code says so too."""
    try:
        access = session.access
    except ClusterError as refusal:
        raise Unmeasured(str(refusal)) from refusal
    return Kube.connect(access.kubeconfig, context=access.context, run=session.owner.run)


@pytest.fixture(scope="session")
def kube(pytestconfig: pytest.Config) -> Iterator[Kube]:
    """The Kubernetes API of the cluster under test, in dictionaries."""
    client = connect(pytestconfig.stash[WORKER])
    yield client
    client.close()


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config, kube: Kube) -> ClusterFacts:
    """What the cluster has: nodes, families, its DNS."""
    session = pytestconfig.stash[WORKER]
    return ClusterFacts(
        kube, kind=session.access.kind, known=session.known, declared=session.declared, notes=session.access.notes
    )


def wanted(items: Iterable[pytest.Item]) -> set[str]:
    """What some of these tests need."""
    return {
        need for item in items for mark in item.iter_markers("requirement") for need in mark.kwargs.get("needs", ())
    }


@pytest.fixture(scope="session")
def worker_arena(
    request: pytest.FixtureRequest, pytestconfig: pytest.Config, kube: Kube, cluster: ClusterFacts
) -> Iterator[WorkerArena]:
    """Nine pods of this worker's own, made when first needed."""
    session = pytestconfig.stash[WORKER]
    agent = packed_agent(session.options.image)
    base = WorkerArena(kube, session.owner, agent, pool=Pool(kube), waits=session.options.waits)
    if "lb" in wanted(request.session.items):
        cluster.ask_for_loadbalancer(session.owner.run, timeout=session.options.waits.loadbalancer_address)
    try:
        with session.turns.shared():  # not while somebody breaks what it stands on
            base.create(cluster.node_names)
        cluster.find_zone(base.search_list())
        cluster.probes["network-policy"] = lambda: detection.policies_enforced(base)
        cluster.probes["hostnet"] = lambda: detection.node_pods_admitted(base)
        cluster.probes["dns-version"] = lambda: detection.dns_version(base, lambda: cluster.dns_server)
        cluster.fact("dns-version")  # no test needs it: it explains results, and is told in the report
        yield base
    finally:
        # What ends with its cluster is not taken out of it pod by pod: that took ten seconds on a kind cluster.
        (base.close if session.access.temporary else base.remove)()
        session.probes.close()


@pytest.fixture(scope="session")
def worker_outside(pytestconfig: pytest.Config, cluster: ClusterFacts, worker_arena: WorkerArena) -> Outside:
    """This worker's place outside the cluster; entered when first needed."""
    session = pytestconfig.stash[WORKER]

    def way() -> Door | Fact:
        access = session.access
        return way_out(door_of(access.kubeconfig, access.context), cluster.fact("node-network"))

    outside = Outside(worker_arena.pool, session.owner.worker, way=way)
    cluster.probes["np-x"] = lambda: outside.fact(cluster.node_addresses)
    return outside


@pytest.fixture
def last_change() -> LastChange:
    """When the test last changed something in the cluster."""
    return LastChange(RealClock())


@pytest.fixture
def turn(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> Iterator[None]:
    """A turn on the cluster: beside others, or alone for a test marked `exclusive`."""
    turns = pytestconfig.stash[WORKER].turns
    alone = request.node.get_closest_marker("exclusive") is not None
    with turns.exclusive() if alone else turns.shared():
        yield


@pytest.fixture
def arena(
    request: pytest.FixtureRequest,
    pytestconfig: pytest.Config,
    cluster: ClusterFacts,
    worker_arena: WorkerArena,
    worker_outside: Outside,  # noqa: ARG001  # tells whether there is one
    last_change: LastChange,
    turn: None,  # noqa: ARG001  # held while the test runs
) -> Iterator[Arena]:
    """The arena for one test; what the test adds is removed when it ends."""
    for mark in request.node.iter_markers("requirement"):
        cluster.must_have(mark.kwargs.get("needs", ()))
    worker_arena.pay_debts()
    log = pytestconfig.stash[WORKER].probes.write
    leased = Arena(worker_arena, case=request.node.nodeid, log=log, changed=last_change.note)
    try:
        yield leased
    finally:
        leased.close()


@pytest.fixture
def outside(arena: Arena, cluster: ClusterFacts, worker_outside: Outside) -> ArenaPod:
    """The place outside the cluster, asked as `arena.ask("outside", …)`; for tests that need `np-x`."""
    place = worker_outside.pod(cluster.node_addresses)
    arena.admit(place)
    return place


@pytest.fixture
def deploy(arena: Arena) -> Callable[..., list[dict[str, Any]]]:
    """Apply objects into the arena: `deploy(service, policy, namespace="x")`; removed when the test ends."""
    return arena.apply


@pytest.fixture
def check(request: pytest.FixtureRequest, pytestconfig: pytest.Config, last_change: LastChange) -> Iterator[Check]:
    """Judges the test's promise; a test that asks for it and never judges is an error."""
    item: Any = request.node
    waits = pytestconfig.stash[WORKER].options.waits
    judge = Check(
        promise=outcomes.promise_of(item),
        ids=outcomes.ids_of(item),
        clock=RealClock(),
        waits=waits,
        change=last_change,
    )
    item.stash[SETTLED], item.stash[APART] = judge.settled, judge.apart
    yield judge
    if not judge.done and item.stash.get(PASSED, False):
        raise judge.unknown("the test ended without judging anything")
