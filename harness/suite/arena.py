"""The arena: nine agent pods in three namespaces, leased by one worker, asked by many tests.

`WorkerArena` makes and removes it, once per worker. `Arena` is what one test sees: its questions are logged under the
test's name, and what it adds or changes (objects, pods, labels) is taken back when it ends.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from harness.kube.client import Kube
from harness.kube.errors import Forbidden, KubeError, NotFound
from harness.kube.patience import Patience
from harness.model.capability import NEEDS
from harness.model.judgement import NotApplicable, Unmeasured
from harness.model.refs import Family, NamespacedName, PodRef
from harness.model.waits import Waits
from harness.oracle.dns import parse_resolv_conf
from harness.oracle.snapshot import Snapshot
from harness.probe import archive
from harness.probe.asks import Ask, Crash, ReadFile, Ready, Serve, StopServing
from harness.probe.pool import Pool
from harness.probe.results import Result
from harness.suite.pace import Pace
from harness.world import manifests, topology
from harness.world.deploy import apply_all, await_address, await_gone, await_ready, is_ready, remove_case
from harness.world.manifests import Agent, PodShape
from harness.world.ownership import Owner, marked

SNAPSHOT_KINDS = ("pods", "services", "endpointslices.discovery.k8s.io", "networkpolicies.networking.k8s.io")
WEB = {"a": 80, "b": 81}
"""The port called `web` on the pods of a name: T9w of the policy catalogue, where one name has different numbers."""

NODES = "h"
"""The namespace of pods in the network of their node, which the restricted profile does not admit: they live apart."""

LEFT_ALONE = "service.kubernetes.io/service-proxy-name"
"""A Service with this label is another proxy's: the cluster's own programs nothing for it."""

READS = 6
"""Requests under way at once when the API is read: a look reads about ten lists."""

CHANGING = (Crash, Ready, Serve, StopServing)
"""Asks that change a pod, and with it what the cluster has to follow."""

Log = Callable[[Iterable[Mapping[str, Any]]], None]


@dataclass(frozen=True)
class ArenaPod:
    """A pod of the arena as it stands in the cluster."""

    ref: str
    namespace: str
    name: str
    node: str
    addresses: tuple[str, ...]
    outside: bool = False
    """Whether it is no pod, but the place outside the cluster."""

    @property
    def key(self) -> NamespacedName:
        """How sessions know it."""
        return NamespacedName(self.namespace, self.name)

    @property
    def full(self) -> str:
        """`namespace/name` as the cluster knows it, and as answers name it."""
        return f"{self.namespace}/{self.name}"

    def address(self, family: Family | str | None = None) -> str:
        """Its address: the first, or the one of a family. Raises Unmeasured without one.

        Who asks for a family does so because the cluster has it: a pod that was given none of it is no reason to skip.
        """
        for each in self.addresses:
            if family is None or Family.of(each) == family:
                return each
        have = ", ".join(self.addresses) or "none"
        raise Unmeasured(f"pod {self.ref} on {self.node} was given no {family} address, it has {have}")

    @classmethod
    def of(cls, ref: str, pod: Mapping[str, Any]) -> ArenaPod:
        """From the API's object."""
        status = pod["status"]
        several = tuple(each["ip"] for each in status.get("podIPs") or [{"ip": status["podIP"]}])
        metadata = pod["metadata"]
        return cls(ref, metadata["namespace"], metadata["name"], pod["spec"]["nodeName"], several)


@dataclass(frozen=True)
class Debt:
    """Something a case changed and could not take back."""

    case: str
    step: Callable[[], object]


def packed_agent(image: str) -> Agent:
    """The agent as its archive is packed and served, on an image with python3."""
    return Agent(
        archive=archive.archive(),
        image=image,
        serve=archive.serve_command,
        name=archive.ARCHIVE_NAME,
        mount=archive.MOUNT,
        container=archive.CONTAINER,
        ready_path=archive.READY_PATH,
        fields=archive.FIELD_ENVIRONMENT,
    )


class WorkerArena:
    """The arena of one worker: made on first use, removed when the worker ends."""

    def __init__(self, kube: Kube, owner: Owner, agent: Agent, *, pool: Pool, waits: Waits) -> None:
        self.kube, self.owner, self.agent, self.pool, self.waits = kube, owner, agent, pool, waits
        self.namespaces = {letter: owner.namespace(letter) for letter in topology.NAMESPACES}
        self.pods: dict[str, ArenaPod] = {}
        self.table: tuple[str, ...] = ()
        self.patience = Patience()
        self.pace = Pace()
        self.lanes = ThreadPoolExecutor(READS, thread_name_prefix="reads")
        self.debts: list[Debt] = []
        """What tests could not take back when they ended."""
        self.standing: set[tuple[str, str, str]] = set()
        """Kind, namespace and name of the objects that no single test made."""

    def create(self, nodes: Sequence[str]) -> None:
        """Make namespaces, then the pods side by side; Ready when it returns. Raises KubeError, NotReadyError."""
        marks = self.owner.labels()
        spaces = [manifests.namespace(name, labels={"ns": letter}) for letter, name in self.namespaces.items()]
        self.apply(spaces, marks)
        config = manifests.agent_config(self.agent)
        self.apply([_in(config, name) for name in self.namespaces.values()], marks)
        self._await_accounts()
        placed = topology.arena(nodes)
        shapes = {
            str(place.ref): PodShape(
                labels={"pod": place.ref.pod, "app": "agent"},
                named={"web": WEB[place.ref.pod]} if place.ref.pod in WEB else {},
                node=place.node,
            )
            for place in placed
        }
        self.add_pods(shapes)
        self.table = tuple(shapes)

    def add_namespace(self, letter: str, *, restricted: bool = True) -> None:
        """One more namespace that lives as long as the arena. Raises KubeError."""
        name = self.owner.namespace(letter)
        marks = self.owner.labels()
        self.apply([manifests.namespace(name, labels={"ns": letter}, restricted=restricted)], marks)
        self.apply([_in(manifests.agent_config(self.agent), name)], marks)
        self.namespaces[letter] = name
        self._await_accounts()

    def add_pods(self, shapes: Mapping[str, PodShape]) -> None:
        """More pods that live as long as the arena; those that start unready are not waited for, but for an address."""
        self.start(shapes, self.owner.labels())
        self.pods |= self.arrived(shapes)

    def start(self, shapes: Mapping[str, PodShape], marks: dict[str, str]) -> None:
        """Make pods, whoever's they are. Raises KubeError, NotApplicable for those the cluster does not admit."""
        ordinary = {ref: shape for ref, shape in shapes.items() if not shape.takes_of_node}
        self.apply([self.manifest(ref, shape) for ref, shape in ordinary.items()], marks)
        if on_nodes := {ref: shape for ref, shape in shapes.items() if shape.takes_of_node}:
            with _admitted():
                self.house_nodes()
                self.apply([self.manifest(ref, shape) for ref, shape in on_nodes.items()], marks)

    def manifest(self, ref: str, shape: PodShape) -> dict[str, Any]:
        """The pod as it is made. Raises ValueError for one in a namespace whose profile cannot admit it."""
        space, name = self.name(ref)
        if shape.takes_of_node is not (PodRef.parse(ref).namespace == NODES):
            raise ValueError(f"pod {ref}: pods with something of their node, and no others, stand in namespace {NODES}")
        return _in(manifests.pod(name, shape, self.agent), space)

    def house_nodes(self) -> None:
        """Have the namespace of pods in the network of their node. Raises KubeError."""
        if NODES not in self.namespaces:
            self.add_namespace(NODES, restricted=False)

    def arrived(self, shapes: Mapping[str, PodShape]) -> dict[str, ArenaPod]:
        """Wait until these pods are Ready, or, if they start unready, have an address. Raises NotReadyError."""
        ready = [self.name(ref) for ref, shape in shapes.items() if not shape.start_unready]
        there = await_ready(self.kube, ready, waits=self.waits)
        for ref, shape in shapes.items():
            if shape.start_unready:
                there[self.name(ref)] = await_address(self.kube, *self.name(ref), waits=self.waits)
        return {ref: ArenaPod.of(ref, there[self.name(ref)]) for ref in shapes}

    def name(self, ref: str) -> tuple[str, str]:
        """Namespace and name, as the cluster knows them, of a pod written as `x/a`."""
        parsed = PodRef.parse(ref)
        known = {NODES: self.owner.namespace(NODES), **self.namespaces}
        return known.get(parsed.namespace, parsed.namespace), parsed.pod

    def apply(self, objects: Iterable[Mapping[str, Any]], marks: dict[str, str]) -> list[dict[str, Any]]:
        """Apply objects with these marks. Raises KubeError."""
        return apply_all(self.kube, objects, marks, patience=self.patience)

    def add_objects(self, objects: Iterable[Mapping[str, Any]], letter: str) -> None:
        """Objects that live as long as the arena. Raises KubeError."""
        placed = [_in(each, self.namespaces[letter]) for each in objects]
        self.standing |= set(map(_identity, placed))
        self.apply(placed, self.owner.labels())

    def pay_debts(self) -> None:
        """Take back what earlier tests could not. Raises Unmeasured: spoilt ground is not asked."""
        while self.debts:
            try:
                self.patience(self.debts[0].step)
            except KubeError as error:
                case = self.debts[0].case
                raise Unmeasured(
                    f"the arena is not as it was before {case}, and cannot be restored: {error}"
                ) from error
            self.debts.pop(0)

    def search_list(self) -> list[str]:
        """The search domains of an ordinary pod; empty when it could not be asked."""
        pod = self.pods[self.table[0]]
        (told,) = self.pool.ask(pod.key, [ReadFile("/etc/resolv.conf")])
        return list(parse_resolv_conf(told.content.decode(errors="replace")).search)

    def close(self) -> None:
        """Close the streams: nothing is asked any more."""
        self.pool.close()
        self.lanes.shutdown()

    def remove(self) -> None:
        """Close, and delete the namespaces. What fails is the run's end's: it removes all that is marked."""
        self.close()
        for name in self.namespaces.values():
            with contextlib.suppress(KubeError):
                self.kube.delete("namespaces", name)

    def _await_accounts(self) -> None:
        """A pod is refused until its namespace has its default ServiceAccount."""
        for name in self.namespaces.values():
            self.kube.wait(
                "serviceaccounts",
                "default",
                lambda found: found is not None,
                timeout=self.waits.pod_ready,
                namespace=name,
            )


class Arena:
    """The arena as one test uses it. Namespaces are written as letters: `x`; pods as `x/a`."""

    def __init__(self, base: WorkerArena, *, case: str, log: Log, changed: Callable[[], object] = lambda: None) -> None:
        self.kube, self.waits = base.kube, base.waits
        self.patient = base.patience
        """Repeats a request while the API server is away; looks have no need of it, they are made again themselves."""
        self.pace = base.pace
        self.namespaces = dict(base.namespaces)
        self.pods = dict(base.pods)
        self.table = tuple(base.table)
        """The nine pods of tables; others come and go."""
        self._base = base
        self._case = case
        self._log = log
        self._changed = changed
        """Told after each change: what settles is timed from there."""
        self._undo: list[Callable[[], object]] = []
        self._extra: dict[str, list[str]] = {}
        self._resources: set[str] = set()
        self._places: set[str] = set()
        self._bursts = 0

    # -- asking ---------------------------------------------------------------------------------------------------

    def admit(self, place: ArenaPod) -> None:
        """From now on this place can be asked by its name."""
        self.pods[place.ref] = place

    def ask(self, ref: str, *asks: Ask) -> list[Result]:
        """Ask one pod, all at once; one result per ask."""
        return self.ask_all({ref: asks})[ref]

    def ask_all(self, asks: Mapping[str, Sequence[Ask]], *, parallel: int = 0) -> dict[str, list[Result]]:
        """Ask many pods side by side. `parallel` bounds what each pod has in flight (0: everything)."""
        named = {self.pods[ref].key: list(each) for ref, each in asks.items()}
        told = self._base.pool.ask_many(named, parallel=parallel)
        results = {ref: told[self.pods[ref].key] for ref in asks}
        if short := [ref for ref, each in asks.items() if len(results[ref]) != len(each)]:
            raise Unmeasured(f"{', '.join(short)}: not every ask came back with a result, so none can be told apart")
        self._log(_row(self._case, ref, result) for ref, each in results.items() for result in each)
        if any(isinstance(ask, CHANGING) for each in asks.values() for ask in each):
            self._changed()
        return results

    def burst(self) -> int:
        """Count one more burst of cells: which one of this test it was."""
        self._bursts += 1
        return self._bursts

    # -- changing -------------------------------------------------------------------------------------------------

    def lease_ports(self, count: int) -> list[int]:
        """Numbers of ports that nobody else is given on any node while this test runs, for nodes' own use.

        They are NodePorts that the API server keeps for a Service that no proxy serves: leased, never picked, between
        workers and between runs. Raises KubeError.
        """
        ports = [{"name": f"p{number}", "port": number} for number in range(1, count + 1)]
        lease = manifests.service("leased-ports", {"type": "NodePort", "ports": ports})
        lease["metadata"]["labels"] = {LEFT_ALONE: "harness"}
        (made,) = self.apply(lease)
        return [int(each["nodePort"]) for each in made["spec"]["ports"]]

    def apply(self, *objects: Mapping[str, Any], namespace: str = "x") -> list[dict[str, Any]]:
        """Apply objects into a namespace of the arena (or the one they name); as stored. Gone when the test ends.

        Raises ValueError for an object that stands for other tests, too: it would be gone for them.
        """
        placed = [_in(each, self.namespace(each.get("metadata", {}).get("namespace") or namespace)) for each in objects]
        if taken := self._base.standing.intersection(map(_identity, placed)):
            raise ValueError(f"other tests stand on {', '.join(map(' '.join, sorted(taken)))}: choose another name")
        self._resources |= {self.kube.served_kind(each).name for each in placed}
        self._places |= {each["metadata"]["namespace"] for each in placed}
        stored = self._base.apply(placed, self._base.owner.labels(case=self._case))
        self._changed()
        return stored

    def add_outside_namespaces(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object that belongs to no namespace, in a cluster of the run's own (`admin`).

        Gone when the test ends; if that is never, with the arena's first namespace, which owns it.
        """
        resource, name = self.kube.served_kind(manifest).name, manifest["metadata"]["name"]
        owner = self.patient(lambda: self.kube.get("namespaces", self.namespace("x")))["metadata"]
        reference = {"apiVersion": "v1", "kind": "Namespace", "name": owner["name"], "uid": owner["uid"]}
        metadata = {**manifest["metadata"], "ownerReferences": [reference]}
        self._undo.append(lambda: self.kube.delete(resource, name))
        made = self.kube.create(marked({**manifest, "metadata": metadata}, self._base.owner.labels(case=self._case)))
        self._changed()
        return made

    def create(self, obj: Mapping[str, Any], *, namespace: str = "x") -> dict[str, Any]:
        """Create (POST) an object in a namespace of the arena; as stored. Gone when the test ends."""
        placed = _in(obj, self.namespace(namespace))
        self._resources.add(self.kube.served_kind(placed).name)
        self._places.add(placed["metadata"]["namespace"])
        marks = self._base.owner.labels(case=self._case)
        placed["metadata"]["labels"] = {**placed["metadata"].get("labels", {}), **marks}
        stored = self.kube.create(placed)
        self._changed()
        return stored

    def namespace(self, letter: str) -> str:
        """The real name of a namespace of the arena."""
        return self.namespaces.get(letter, letter)

    def delete(self, resource: str, name: str, *, namespace: str = "x", grace: int | None = None) -> None:
        """Delete something this test made."""
        space = self.namespace(namespace)
        self.patient(lambda: self.kube.delete(resource, name, namespace=space, grace=grace))
        self._changed()

    def patch(self, resource: str, name: str, patch: Mapping[str, Any], *, namespace: str = "x") -> None:
        """Change something this test made, by a merge patch."""
        space = self.namespace(namespace)
        self.patient(lambda: self.kube.patch(resource, name, dict(patch), namespace=space))
        self._changed()

    def start(self, pods: Mapping[str, PodShape], *, ready: bool = True) -> None:
        """More pods: `{"x/d": PodShape(...)}`; gone with the test.

        Ready when it returns, or running if they start unready, unless told not to wait.
        """
        for ref in pods:
            namespace, name = self._base.name(ref)
            self._extra.setdefault(namespace, []).append(name)
            self._places.add(namespace)
        self._resources.add("pods")
        self._base.start(pods, self._base.owner.labels(case=self._case))
        self.namespaces = dict(self._base.namespaces)
        if ready:
            self.pods |= self._base.arrived(pods)
        self._changed()

    def adopt(self, *refs: str) -> None:
        """Wait until pods of these names are Ready and make them askable, whoever made them."""
        self.pods |= self._base.arrived(dict.fromkeys(refs, PodShape()))

    def await_readiness(self, ref: str, *, ready: bool) -> None:
        """Wait until the API says that a pod is Ready, or that it is not. Raises WaitTimeout."""
        pod = self.pods[ref]
        self.kube.wait(
            "pods",
            pod.name,
            lambda found: found is not None and is_ready(found) is ready,
            timeout=self.waits.pod_ready,
            namespace=pod.namespace,
            what=f"pod {ref} {'' if ready else 'not '}Ready",
        )

    def label(self, ref: str, labels: Mapping[str, str | None]) -> None:
        """Change labels of an arena pod (None removes one); the old ones come back when the test ends."""
        pod = self.pods[ref]
        self._relabel("pods", pod.name, labels, namespace=pod.namespace)

    def label_namespace(self, letter: str, labels: Mapping[str, str | None]) -> None:
        """Change labels of an arena namespace (None removes one); the old ones come back when the test ends."""
        self._relabel("namespaces", self.namespace(letter), labels, namespace=None)

    def _relabel(self, resource: str, name: str, labels: Mapping[str, str | None], *, namespace: str | None) -> None:
        found = self.patient(lambda: self.kube.get(resource, name, namespace=namespace))
        before = found["metadata"].get("labels") or {}
        patch = functools.partial(self.kube.patch, resource, name, namespace=namespace)

        def restore() -> None:
            with contextlib.suppress(NotFound):  # what is gone has no labels to restore
                patch({"metadata": {"labels": {key: before.get(key) for key in labels}}})

        self._undo.append(restore)
        self.patient(lambda: patch({"metadata": {"labels": dict(labels)}}))
        self._changed()

    # -- looking at the API ---------------------------------------------------------------------------------------

    def snapshot(self, *kinds: str, elsewhere: Iterable[str] = ()) -> Snapshot:
        """What the API says now of the arena's namespaces (and `elsewhere`), of nodes, and of the namespaces."""
        spaces = [*self.namespaces.values(), *elsewhere]
        jobs = [(kind, space) for kind in kinds or SNAPSHOT_KINDS for space in spaces]
        return self.read([*jobs, ("nodes", None), ("namespaces", None)])

    def read(self, jobs: Iterable[tuple[str, str | None]]) -> Snapshot:
        """What the API says now of these resources, each in its namespace, side by side."""
        lists = self._base.lanes.map(lambda job: self.kube.list(job[0], namespace=job[1]).items, list(jobs))
        return Snapshot.of(item for items in lists for item in items)

    # -- ending ---------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Take back what this test did. Every step runs; the first trouble is raised at the end.

        Whatever could not be done is left to the next lease of the arena, which does not begin before it is done.
        """
        for namespace, names in self._extra.items():
            self._base.pool.forget(NamespacedName(namespace, name) for name in names)
        troubles: list[Exception] = []
        for step in [*reversed(self._undo), self._remove, *self._see_gone()]:
            try:
                self._base.patience(step)
            except KubeError as error:
                troubles.append(error)
                self._base.debts.append(Debt(self._case, step))
        if troubles:
            raise troubles[0]

    def _remove(self) -> None:
        remove_case(self.kube, self._base.owner, self._case, self._places, waits=self.waits, resources=self._resources)

    def _see_gone(self) -> list[Callable[[], None]]:
        """Waits for the pods of this test: the next one may want their names."""
        return [
            functools.partial(await_gone, self.kube, namespace, names, waits=self.waits)
            for namespace, names in self._extra.items()
        ]


@contextlib.contextmanager
def _admitted() -> Iterator[None]:
    """What admission refuses does not apply to this cluster."""
    try:
        yield
    except Forbidden as error:
        if error.is_of_an_ending_namespace:
            raise
        raise NotApplicable(f"needs {NEEDS['hostnet'].words}, which are not admitted: {error}") from error


def _identity(placed: Mapping[str, Any]) -> tuple[str, str, str]:
    """Kind, namespace and name."""
    return str(placed["kind"]), str(placed["metadata"]["namespace"]), str(placed["metadata"]["name"])


def _in(manifest: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    return {**manifest, "metadata": {**manifest.get("metadata", {}), "namespace": namespace}}


def _row(case: str, ref: str, result: Result) -> dict[str, Any]:
    """A probe as a line of the report."""
    row = {
        "case": case,
        "from": ref,
        "ask": result.ask.do,
        **{key: value for key, value in result.ask.wire().items() if key in {"host", "port", "server", "name", "path"}},
        "seen": result.seen.name,
        "ms": round(result.ms, 2),
        "at": round(result.at, 3),
    }
    if result.answer is not None:
        row |= {"answered_by": result.answer.who, "node": result.answer.node, "saw": result.answer.saw}
    if result.error:
        row["error"] = result.error
    return row
