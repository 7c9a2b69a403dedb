"""`make bench`: the design's numbers, measured on an embedded cluster, or on the one that a kubeconfig names.

Controllers and agents act without jitter here and nowhere else. A loaded machine shows in every row: run it idle.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

from harness.clusters.embedded import EmbeddedCluster, Settings
from harness.clusters.kind.images import AGENT_IMAGE
from harness.clusters.provider import ClusterError
from harness.effects.run import RunError
from harness.kube.client import Kube
from harness.kube.errors import KubeError
from harness.model.outcome import Seen
from harness.model.refs import Family, NamespacedName
from harness.probe.asks import Ask, Hostname, Ready, Tcp
from harness.probe.results import Result
from harness.suite.arena import Arena, WorkerArena
from harness.suite.facts import ClusterFacts
from harness.world import manifests
from harness.world.deploy import NotReadyError, is_ready
from harness.world.manifests import PodShape
from tests.bench import real
from tests.bench.measure import (
    CLOCK,
    LANES,
    NotMeasuredError,
    Row,
    between_pods,
    must_be_reached,
    seconds,
    until,
    worker,
)

BOOTS, PODS = 5, 30
LONGEST = 60
"""Seconds for that many pods to become Ready, and for that many asks."""
QUIET = Settings(name="bench", jitter=0.0)


def boot() -> Row:
    """From asking for a cluster to all nodes Ready and its DNS answering."""
    took = []
    for _ in range(BOOTS):
        cluster = EmbeddedCluster(QUIET)
        took.append(seconds(cluster.create))
        cluster.destroy()
    return Row("embedded cluster of 3 nodes ready (median of 5 boots)", 5, 2, statistics.median(took))


@contextmanager
def running() -> Iterator[Kube]:
    """A cluster and its client."""
    cluster = EmbeddedCluster(QUIET)
    try:
        with closing(Kube.connect(cluster.create().kubeconfig)) as kube:
            yield kube
    finally:
        cluster.destroy()


def arena(kube: Kube, base: WorkerArena) -> Row:
    """Nine pods from nothing until each agent has answered over its own stream."""
    nodes = ClusterFacts(kube, kind="embedded").node_names

    def make() -> None:
        base.create(nodes)
        told = base.pool.ask_many({pod.key: [Hostname()] for pod in base.pods.values()})
        must_be_reached("an agent for each pod", [result for results in told.values() for result in results])

    return Row("one arena (9 pods, agents attached)", 4, 1.5, seconds(make))


def pods(kube: Kube, base: WorkerArena) -> Row:
    """Thirty pods created side by side; how long each took to be Ready as a watcher sees it."""
    space = base.namespaces["z"]
    since = kube.list("pods", namespace=space).resource_version
    shapes = {f"z/many-{number}": PodShape() for number in range(PODS)}
    began = CLOCK.now()
    base.start(shapes, base.owner.labels())
    ready: dict[str, float] = {}
    for event in kube.watch("pods", since=since, namespace=space, timeout=LONGEST):
        name = event.object["metadata"]["name"]
        if is_ready(event.object) and name.startswith("many-"):
            ready.setdefault(name, CLOCK.now() - began)
        if len(ready) == PODS:
            break
    if len(ready) < PODS:
        raise NotMeasuredError(f"{len(ready)} of {PODS} pods became Ready within {LONGEST} s")
    for number in range(PODS):
        kube.delete("pods", f"many-{number}", namespace=space, grace=0)
    return Row("pod created → Ready (median of 30 in parallel)", 1.5, 0.5, statistics.median(ready.values()))


def table(leased: Arena, family: Family, want: Seen, *, times: int) -> float:
    """Median seconds of a whole table in which every pair of different pods shows `want`."""
    took = []
    for _ in range(times):
        began = CLOCK.now()
        seen = between_pods(leased, family, LANES)
        took.append(CLOCK.now() - began)
        if set(seen) != {want}:
            missed = sum(each is not want for each in seen)
            raise NotMeasuredError(f"{missed} of {len(seen)} cells are not {want.name}")
    return statistics.median(took)


def tables(kube: Kube, base: WorkerArena) -> Iterator[Row]:
    """The open table, and the same with everything denied."""
    leased = Arena(base, case="bench", log=lambda rows: None)
    family = ClusterFacts(kube, kind="embedded").families[0]
    took = table(leased, family, Seen.REACHED, times=9)
    yield Row("full 9x9 table, 4 lanes (324 probes), nothing denied", 0.5, 0.1, took)
    for letter in base.namespaces:
        nobody = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
        leased.apply(manifests.policy("nobody", nobody), namespace=letter)
    until(leased, family, reached=False)  # the next table tells
    took = table(leased, family, Seen.SILENT, times=3)
    yield Row("same, everything denied (bounded by one probe time-out)", 2, 1.2, took)
    leased.close()


def rates(base: WorkerArena) -> Iterator[Row]:
    """Asks through one stream to one pod: the path alone, and, for comparison, with a connection made for each."""
    one, other = base.pods["x/a"], base.pods["x/b"]
    path = _rate(base, one.key, Ready(ready=True), count=20_000)
    tcp = _rate(base, one.key, Tcp(other.address(), 80, timeout=10), count=10_000)
    yield Row("probes per second through one stream", 5_000, 20_000, path, unit="/s", more=True)
    yield Row("same, each a new TCP connection to a pod (no limit set)", 0, 0, tcp, unit="/s", more=True)


def _rate(base: WorkerArena, pod: NamespacedName, ask: Ask, *, count: int) -> float:
    results: list[Result] = []
    took = seconds(lambda: results.extend(base.pool.ask(pod, [ask] * count, timeout=LONGEST)))
    return sum(result.seen is Seen.REACHED for result in results) / took  # what is lost takes no time


def suites() -> Iterator[Row]:
    """A whole run as a user starts it, and the largest process of a worker. A run that ends badly is no measure."""
    with TemporaryDirectory() as folder:
        began = CLOCK.now()
        code = subprocess.run(
            suite_command(folder, "suites", "-n", "2"), stdout=subprocess.DEVNULL, check=False
        ).returncode
        took = CLOCK.now() - began
        yield Row(f"all suites, 2 workers (exit code {code})", 300, 90, took, good=code == 0)
        command = suite_command(folder, "suites/netpol", "-n", "0", "-k", "POL-10")
        one = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        largest = peak(one)
        told = f"suite memory per worker (exit code {one.returncode})"
        yield Row(told, 150, 80, largest, unit="MB", good=one.returncode == 0 and largest > 0)


def peak(process: subprocess.Popen[bytes]) -> float:
    """The most memory a process ever held, in megabytes; returns when it has ended.

    The mark is that of the program itself. What the kernel tells of an ended child counts the process it was made from.
    """
    most = 0
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        most = max([most, *(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))])
        CLOCK.sleep(0.05)
    return most / 1024


def suite_command(folder: str, *arguments: str) -> list[str]:
    """Pytest with a report of its own."""
    report = ["--report", str(Path(folder, arguments[0].replace("/", "-")))]
    return [sys.executable, "-m", "pytest", *arguments, "-q", "-p", "no:cacheprovider", *report]


def rows(given: argparse.Namespace) -> Iterator[Row]:
    """Every row, as it is measured."""
    if given.kubeconfig or given.context:
        yield from real.rows(given.kubeconfig, given.context, image=given.agent_image or AGENT_IMAGE)
        return
    yield boot()
    with running() as kube:
        base = worker(kube)
        yield arena(kube, base)
        yield pods(kube, base)
        yield from tables(kube, base)
        yield from rates(base)
        base.remove()
    if not given.short:
        yield from suites()


class Parser(argparse.ArgumentParser):
    """One that says no in one line, like every command here."""

    def error(self, message: str) -> NoReturn:
        """Raises ClusterError."""
        raise ClusterError(f"{self.prog}: {message}")


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """What is measured, and where. Raises ClusterError for what cannot be meant."""
    parser = Parser(prog="make bench", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--short", action="store_true", help="without the rows that run all suites")
    parser.add_argument("--cluster", choices=("embedded", "kubeconfig"), help="what is measured")
    parser.add_argument("--kubeconfig", type=Path, help="measure an existing cluster")
    parser.add_argument("--context", help="of that kubeconfig")
    parser.add_argument("--agent-image", help=f"image of the agents on an existing cluster ({AGENT_IMAGE})")
    given = parser.parse_args(words)
    existing = bool(given.kubeconfig or given.context)
    if given.cluster is not None and existing != (given.cluster == "kubeconfig"):
        parser.error("an existing cluster is named by --kubeconfig or --context, an embedded one by neither")
    if existing and given.short:
        parser.error("--short leaves out rows of embedded clusters: leave it out with an existing one")
    if not existing and given.agent_image:
        parser.error("--agent-image is for an existing cluster: add --kubeconfig or --context")
    return given


def main(words: Sequence[str] | None = None) -> int:
    """Print every row; 1 when one is not as it must be, 3 when one could not be measured, 4 when refused."""
    missed = 0
    try:
        given = arguments(sys.argv[1:] if words is None else words)
        print(f"{'what':62} | {'must':>11} | {'aim':>12} | measured", flush=True)
        print(f"{'-' * 62}-|-{'-' * 11}-|-{'-' * 12}-|-{'-' * 14}", flush=True)
        for row in rows(given):
            print(row, flush=True)
            missed += not row.kept
    except ClusterError as refusal:
        print(refusal, file=sys.stderr)
        return 4
    except (NotMeasuredError, NotReadyError, KubeError, RunError) as problem:
        print(f"not measured: {' '.join(str(problem).split())}", file=sys.stderr)
        return 3
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
