"""The rows of the design's numbers that need a real cluster: `make bench KUBECONFIG=file CONTEXT=name`.

Only namespaces of ours are touched, and removed at the end. Beside our own table stands what a peer pays that starts a
process in a pod for every probe.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from harness.clusters.kubeconfig import KubeconfigCluster
from harness.effects.run import run
from harness.kube.client import Kube
from harness.model.outcome import Seen
from harness.model.refs import Family
from harness.model.waits import Waits
from harness.probe.asks import Hostname
from harness.suite.arena import Arena, WorkerArena
from harness.suite.facts import ClusterFacts
from harness.suite.flows import all_pairs
from harness.world import manifests
from tests.bench.measure import CLOCK, LANES, NotMeasuredError, Row, must_be_reached, seconds, until, worker

TABLES = 9
NO_LIMIT = float("inf")
EXECS = 24
"""Probes that are made by an exec each; a table has 324."""

IN_FLIGHT = 4
"""Execs at once: more of them only wait for each other on two cores."""

CONNECT = "import socket; socket.create_connection(('{host}', 80), 2)"
NOBODY = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
EVERYBODY = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}], "egress": [{}]}
"""A policy that isolates every pod and admits everything: an agent decides each first packet, and lets it pass."""


def rows(kubeconfig: Path | None, context: str | None, *, image: str) -> Iterator[Row]:
    """Every row, as it is measured. Raises ClusterError when the kubeconfig leads nowhere."""
    access = KubeconfigCluster(path=kubeconfig, context=context).create()
    with closing(Kube.connect(access.kubeconfig, context=access.context)) as kube:
        base = worker(kube, image=image)
        try:
            yield _arena(kube, base)
            yield _by_exec(base, kubeconfig, context)
            leased = Arena(base, case="bench", log=lambda rows: None)
            yield from _tables(leased, kube)
            leased.close()
        finally:
            base.remove()


def _arena(kube: Kube, base: WorkerArena) -> Row:
    nodes = ClusterFacts(kube, kind="kubeconfig").node_names

    def make() -> None:
        base.create(nodes)
        told = base.pool.ask_many({pod.key: [Hostname()] for pod in base.pods.values()})
        must_be_reached("an agent for each pod", [result for results in told.values() for result in results])

    return Row("one arena (9 pods, agents attached), real cluster", 20, 10, seconds(make))


def _tables(leased: Arena, kube: Kube) -> Iterator[Row]:
    family = ClusterFacts(kube, kind="kubeconfig").families[0]
    took, lost = _table(leased, family)
    yield Row("full 9x9 table, 4 lanes (324 probes), no policy", 1.0, 0.4, took)
    yield Row(f"cells of {TABLES} such tables lost to load", 0, 0, lost, unit="")
    _enforce(leased, family)
    took, lost = _table(leased, family)
    yield Row("same, a policy admits each of them", 1.0, 0.4, took)
    yield Row(f"cells of {TABLES} such tables lost to load", 0, 0, lost, unit="")


def _enforce(leased: Arena, family: Family) -> None:
    """A policy that isolates every pod and admits everything, in force: first it admits nothing, and that is seen.

    Raises NotMeasuredError on a cluster that does not enforce policies: a table there would be the one without.
    """
    for spec, reached in ((NOBODY, False), (EVERYBODY, True)):
        for letter in ("x", "y", "z"):
            leased.apply(manifests.policy("everybody", spec), namespace=letter)
        if not until(leased, family, reached=reached):
            denied = "admits every pair does not" if reached else "denies every pair does not"
            raise NotMeasuredError(f"tables with a policy: one that {denied} take effect on this cluster")


def _table(leased: Arena, family: Family) -> tuple[float, int]:
    """Median seconds of a whole table, and the cells of all of them that were open and not reached."""
    took, lost = [], 0
    for _ in range(TABLES):
        began = CLOCK.now()
        results = all_pairs(leased, lanes=LANES, family=family)
        took.append(CLOCK.now() - began)
        lost += sum(result.seen is not Seen.REACHED for result in results.values())
    return statistics.median(took), lost


def _by_exec(base: WorkerArena, kubeconfig: Path | None, context: str | None) -> Row:
    """What the table takes with a `kubectl exec` for each probe, from a part of it."""
    chosen = [*(["--kubeconfig", str(kubeconfig)] if kubeconfig else []), *(["--context", context] if context else [])]
    one, other = base.pods["x/a"], base.pods["y/b"]
    script = CONNECT.format(host=other.address())
    command = ["kubectl", *chosen, "-n", one.namespace, "exec", one.name, "--", "python3", "-c", script]

    def several() -> None:
        with ThreadPoolExecutor(IN_FLIGHT) as lanes:
            list(lanes.map(lambda _: run(command, timeout=Waits().pod_ready), range(EXECS)))

    share = len(base.table) ** 2 * len(LANES) / EXECS
    return Row(f"the table by an exec each, from {EXECS} (no limit set)", NO_LIMIT, NO_LIMIT, seconds(several) * share)
