"""The rows of the design's numbers that need a real cluster: `make bench KUBECONFIG=file CONTEXT=name`.

Only namespaces of ours are touched, and removed at the end. Beside our own table stands what a peer pays that starts a
process in a pod for every probe.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from harness.clusters.kubeconfig import KubeconfigCluster
from harness.effects.run import run
from harness.kube.client import Kube
from harness.model.outcome import Seen
from harness.model.refs import Family
from harness.model.waits import Waits
from harness.probe.asks import Hostname
from harness.suite.arena import Arena, WorkerArena
from harness.suite.facts import ClusterFacts
from harness.suite.flows import open_table
from harness.world import manifests, tenancy
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


class Asked:
    """How many probes were made."""

    def __init__(self) -> None:
        self.count = 0

    def note(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """These as well."""
        self.count += sum(1 for _ in rows)


def rows(kubeconfig: Path | None, context: str | None, *, image: str) -> Iterator[Row]:
    """Every row, as it is measured. Raises ClusterError when the kubeconfig leads nowhere."""
    access = KubeconfigCluster(path=kubeconfig, context=context).create()
    with closing(Kube.connect(access.kubeconfig, context=access.context)) as kube:
        base = worker(kube, image=image)
        try:
            yield _arena(kube, base)
            yield _by_exec(base, kubeconfig, context)
            asked = Asked()
            leased = Arena(base, case="bench", log=asked.note)
            yield from _tables(leased, kube, asked)
            leased.close()
        finally:
            # Whoever measures next is to find a cluster at rest.
            base.remove()
            tenancy.await_gone(kube, base.namespaces.values(), waits=base.waits)


def _arena(kube: Kube, base: WorkerArena) -> Row:
    nodes = ClusterFacts(kube, kind="kubeconfig").node_names

    def make() -> None:
        base.create(nodes)
        told = base.pool.ask_many({pod.key: [Hostname()] for pod in base.pods.values()})
        must_be_reached("an agent for each pod", [result for results in told.values() for result in results])

    return Row("one arena (9 pods, agents attached), real cluster", 20, 10, seconds(make))


def _tables(leased: Arena, kube: Kube, asked: Asked) -> Iterator[Row]:
    family = ClusterFacts(kube, kind="kubeconfig").families[0]
    yield from _table(leased, family, asked, "full 9x9 table, 4 lanes (324 probes), no policy")
    _enforce(leased, family)
    yield from _table(leased, family, asked, "same, a policy admits each of them")


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


def _table(leased: Arena, family: Family, asked: Asked, what: str) -> Iterator[Row]:
    """A whole table as suites ask it: what was silent in the burst is asked again alone, in the time that is told."""
    took, lost = [], 0
    before = asked.count
    for _ in range(TABLES):
        began = CLOCK.now()
        _, saw = open_table(leased, lanes=LANES, family=family)
        took.append(CLOCK.now() - began)
        lost += sum(seen is not Seen.REACHED for seen in saw.values())
    again = asked.count - before - TABLES * len(leased.table) ** 2 * len(LANES)
    yield Row(what, 1.0, 0.4, statistics.median(took))
    yield Row(f"the slowest of {TABLES} such tables", NO_LIMIT, NO_LIMIT, max(took))
    yield Row("cells of all of them asked again", NO_LIMIT, NO_LIMIT, again, unit="")
    yield Row("cells of all of them lost to load", 0, 0, lost, unit="")


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
    return Row(f"the table by an exec each, from {EXECS}", NO_LIMIT, NO_LIMIT, seconds(several) * share)
