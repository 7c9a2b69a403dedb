"""Nine pods without a cluster: an API in a dictionary, a network in a function. What tests of `harness.suite` share.

The network answers truthfully unless a test puts a lie in front of it (`Network.lies`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.effects.clock import FakeClock
from harness.kube.errors import AlreadyExists, Invalid, KubeError, NotFound, Unreachable, WaitTimeout
from harness.kube.patience import Patience
from harness.kube.resources import BY_KIND
from harness.model.outcome import Seen
from harness.model.refs import NamespacedName
from harness.model.waits import Waits
from harness.probe.asks import Ask, Tcp, Udp, Until
from harness.probe.results import Answer, LoopLook, LoopOutcome, LoopReport, Result
from harness.suite.arena import Arena, WorkerArena
from harness.world.manifests import Agent
from harness.world.ownership import Owner

NODES = ("n1", "n2", "n3")
CLUSTER_IP = "10.96.7.7"
AGENT = Agent(
    archive=b"zip",
    image="python",
    serve=lambda servers, *, linger=0.0, ready=True: ["serve", *servers],  # the shape is the protocol's
    name="agent.pyz",
    mount="/agent",
    container="agent",
    ready_path="/ready",
    fields={},
)

Lie = Callable[[str, Ask], Result | None]
"""What a pod (`x/a`) is told for an ask, or None for the truth."""


@dataclass
class Items:
    """A list as the client gives it."""

    items: list[dict[str, Any]]
    resource_version: str = "1"


@dataclass
class Told:
    """A reply of any path."""

    body: Mapping[str, Any]

    def json(self) -> Mapping[str, Any]:
        return self.body


class FakeKube:
    """An API server in a dictionary. Pods are Ready at once. `troubles` are raised, one for each request."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.requests: list[tuple[str, str, str]] = []
        self.troubles: list[KubeError] = []
        self.lost: list[KubeError] = []
        """Raised instead of the answer to a creation that was made."""
        self.groups: list[dict[str, Any]] = []
        self.networking: list[dict[str, str]] = []
        self._numbers = itertools.count(1)

    def put(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        """Store an object as it is."""
        resource, metadata = self.served_kind(obj).name, obj["metadata"]
        stored = {**obj, "metadata": {"uid": f"uid-{next(self._numbers)}", **metadata}}
        self.objects[resource, metadata.get("namespace") or "", metadata["name"]] = stored
        return stored

    def served_kind(self, obj: Mapping[str, Any]) -> Any:
        return BY_KIND[str(obj["apiVersion"]), str(obj["kind"])]

    def list(self, resource: str, *, namespace: str | None = None, labels: str = "", fields: str = "") -> Items:
        self._asked("list", resource, namespace or "")
        wanted = dict(pair.split("=") for pair in labels.split(",") if pair)
        return Items(
            [
                obj
                for (kind, space, _), obj in self.objects.items()
                if kind == resource
                and namespace in (None, space)
                and wanted.items() <= (obj["metadata"].get("labels") or {}).items()
            ]
        )

    def get(self, resource: str, name: str, *, namespace: str | None = None) -> dict[str, Any]:
        self._asked("get", resource, name)
        try:
            return self.objects[resource, namespace or "", name]
        except KeyError:
            raise NotFound({"code": 404, "message": f"{name} not found"}, asked="get") from None

    def apply(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        self._asked("apply", str(obj["kind"]), obj["metadata"]["name"])
        return self.put(obj)

    def create(self, obj: Mapping[str, Any], *, dry_run: bool = False) -> dict[str, Any]:
        if dry_run:
            return self.dry(obj)
        self._asked("create", str(obj["kind"]), obj["metadata"]["name"])
        if (
            self.served_kind(obj).name,
            obj["metadata"].get("namespace") or "",
            obj["metadata"]["name"],
        ) in self.objects:
            raise AlreadyExists({"code": 409, "reason": "AlreadyExists"}, asked="create")
        made = self.put(ready(obj, len(self.objects)) if obj["kind"] == "Pod" else obj)
        if self.lost:
            raise self.lost.pop(0)
        return made

    def dry(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        """What a server of one family says to a Service for both."""
        raise Invalid({"code": 422, "message": "not dual-stack"}, asked=f"POST {obj['kind']}")

    def raw(self, method: str, path: str) -> Any:
        """Discovery: the groups, and what one of them serves."""
        self._asked(method, path, "")
        return Told({"groups": self.groups} if path == "/apis" else {"resources": self.networking})

    def server_version(self) -> Mapping[str, Any]:
        return {"gitVersion": "v1.36.2"}

    def patch(self, resource: str, name: str, patch: Mapping[str, Any], *, namespace: str | None = None) -> None:
        obj = self.get(resource, name, namespace=namespace)
        labels = {**(obj["metadata"].get("labels") or {}), **patch["metadata"]["labels"]}
        kept = {key: value for key, value in labels.items() if value is not None}
        self.put({**obj, "metadata": {**obj["metadata"], "labels": kept}})

    def delete(self, resource: str, name: str, *, namespace: str | None = None, grace: int | None = None) -> bool:
        self._asked("delete", resource, name)
        return self.objects.pop((resource, namespace or "", name), None) is not None

    def wait(self, resource: str, name: str, condition: Callable[[Any], bool], **how: Any) -> Any:
        found = self.objects.get((resource, how.get("namespace") or "", name))
        if not condition(found):
            raise WaitTimeout(f"{name}: not as asked", last=found)
        return found

    def wait_all(self, resource: str, condition: Callable[[Any], bool], **how: Any) -> Sequence[dict[str, Any]]:
        found = self.list(resource, namespace=how.get("namespace"), labels=how.get("labels", "")).items
        if not condition(found):
            raise WaitTimeout(how.get("what") or resource, last=None)
        return found

    def _asked(self, verb: str, resource: str, name: str) -> None:
        self.requests.append((verb, resource, name))
        if self.troubles:
            raise self.troubles.pop(0)


def ready(pod: Mapping[str, Any], number: int) -> dict[str, Any]:
    """A pod as the API shows it when it runs."""
    address = f"10.244.1.{number}"
    status = {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    spec = {"nodeName": NODES[0], **pod["spec"]}
    return {**pod, "spec": spec, "status": status}


class Network:
    """Sessions of pods that reach every pod, and backends behind Service addresses in turn. `lies` come first."""

    def __init__(self, kube: FakeKube) -> None:
        self.kube = kube
        self.backends: dict[tuple[str, int], list[tuple[str, int]]] = {}
        self.lies: list[Lie] = []
        self.asked: list[tuple[str, Ask]] = []
        self.forgotten: list[NamespacedName] = []
        self.closed = False
        self.parallel: list[int] = []
        """How much was allowed in flight, each time somebody asked."""
        self.short = 0
        """Results that are left out at the end of each answer."""
        self._turn = itertools.count()

    def ask(self, pod: NamespacedName, asks: Sequence[Ask]) -> list[Result]:
        return self.ask_many({pod: asks})[pod]

    def ask_many(
        self, questions: Mapping[NamespacedName, Sequence[Ask]], *, parallel: int = 0
    ) -> dict[NamespacedName, list[Result]]:
        self.parallel += [parallel] if questions else []
        told = {pod: [self._one(pod, ask) for ask in asks] for pod, asks in questions.items()}
        return {pod: results[: len(results) - self.short] for pod, results in told.items()}

    def forget(self, pods: Iterable[NamespacedName]) -> None:
        self.forgotten += pods

    def close(self) -> None:
        self.closed = True

    def _one(self, pod: NamespacedName, ask: Ask) -> Result:
        inner = ask.ask if isinstance(ask, Until) else ask
        ref = f"{pod.namespace.rpartition('-')[2]}/{pod.name}"
        self.asked.append((ref, ask))
        result = next((told for lie in self.lies if (told := lie(ref, inner)) is not None), None)
        result = result or self.truth(ref, inner)
        return looped(ask, result) if isinstance(ask, Until) else replace(result, ask=ask)

    def truth(self, ref: str, ask: Ask) -> Result:
        """What really happens."""
        if not isinstance(ask, Tcp | Udp):
            raise NotImplementedError(f"the fake network cannot {ask.do}")
        if (behind := self.backends.get((ask.host, ask.port))) is not None:
            if not behind:
                return Result(ask, ref, Seen.REFUSED, error="refused")
            address, port = behind[next(self._turn) % len(behind)]
            return reached(self.kube, ref, ask, address, port)
        return reached(self.kube, ref, ask, ask.host, ask.port)


def reached(kube: FakeKube, ref: str, ask: Ask, address: str, port: int) -> Result:
    """An answer of the pod at this address, or silence when there is none."""
    pods = {obj["status"]["podIP"]: obj for (kind, _, _), obj in kube.objects.items() if kind == "pods"}
    if address not in pods:
        return Result(ask, ref, Seen.SILENT, error="nothing came")
    letter, name = ref.split("/")
    client = next(
        obj["status"]["podIP"]
        for obj in pods.values()
        if obj["metadata"]["name"] == name and obj["metadata"]["namespace"].endswith(f"-{letter}")
    )
    pod = pods[address]
    metadata, node = pod["metadata"], pod["spec"]["nodeName"]
    answer = Answer(metadata["name"], metadata["namespace"], node, "n0", f"{client}:4711", f"{address}:{port}")
    return Result(ask, ref, Seen.REACHED, 1.0, answer=answer)


def looped(ask: Until, look: Result, *, outcome: LoopOutcome | None = None) -> Result:
    """A loop whose looks all saw the same."""
    good = look.seen in ask.good.seen and (ask.good.pods is None or look.who in ask.good.pods)
    ended = LoopOutcome.UNKNOWN if look.seen is Seen.UNMEASURED else LoopOutcome.GOOD if good else LoopOutcome.BAD
    report = LoopReport(
        outcome=outcome or ended,
        looks=3,
        good=3 if good else 0,
        bad=0 if good else 3,
        unmeasured=0,
        started=100.0,
        ended=101.0,
        first_good=100.5 if good else None,
        streak_began=100.5 if good else None,
        longest_gap=0.1,
        trail=() if good else (LoopLook(100.0, look),),
    )
    return replace(look, ask=ask, loop=report)


@dataclass
class Ground:
    """A worker's arena on the fakes, and an arena leased from it."""

    kube: FakeKube = field(default_factory=FakeKube)
    clock: FakeClock = field(default_factory=FakeClock)
    log: list[Mapping[str, Any]] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.network = Network(self.kube)
        for name in NODES:
            self.kube.put(node(name))
        owner, waits = Owner("r1", "w"), Waits()
        kube: Any = self.kube
        pool: Any = self.network
        self.base = WorkerArena(kube, owner, AGENT, pool=pool, waits=waits)
        self.base.patience = Patience(within=5.0, clock=self.clock)
        for letter in self.base.namespaces.values():
            self.kube.put(
                {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": letter}}
            )
        self.base.create(NODES)
        self.kube.requests.clear()

    def lease(self, case: str = "suites/a.py::test_b") -> Arena:
        """The arena for one test."""
        return Arena(self.base, case=case, log=self.log.extend, changed=lambda: self.changes.append("changed"))

    def service(self, *refs: str, port: int = 80, target: int = 80, **spec: Any) -> dict[str, Any]:
        """A Service `svc` in x that selects these pods, with the slice its controller would keep, and its data path."""
        space = self.base.namespaces["x"]
        for ref in self.base.table:
            pod = self.kube.objects["pods", *self.base.name(ref)]
            if ref in refs:
                pod["metadata"]["labels"]["role"] = "backend"
        made = self.kube.put(
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "svc", "namespace": space},
                "spec": {
                    "clusterIP": CLUSTER_IP,
                    "clusterIPs": [CLUSTER_IP],
                    "ipFamilies": ["IPv4"],
                    "selector": {"role": "backend"},
                    "ports": [{"name": "http", "port": port, "targetPort": target, "protocol": "TCP"}],
                    **spec,
                },
            }
        )
        self.kube.put(self.slice(made, refs, target))
        ends = [(self.base.pods[ref].address(), target) for ref in refs]
        self.network.backends[CLUSTER_IP, port] = ends
        return made

    def slice(self, service: Mapping[str, Any], refs: Sequence[str], target: int) -> dict[str, Any]:
        """The controller's slice for these pods."""
        owner = {"kind": "Service", "name": service["metadata"]["name"], "controller": True}
        return {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": "svc-1",
                "namespace": service["metadata"]["namespace"],
                "ownerReferences": [owner],
                "labels": {
                    "kubernetes.io/service-name": "svc",
                    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                },
            },
            "addressType": "IPv4",
            "endpoints": [self._endpoint(ref) for ref in refs],
            "ports": [{"name": "http", "port": target, "protocol": "TCP"}],
        }

    def _endpoint(self, ref: str) -> dict[str, Any]:
        pod = self.kube.objects["pods", *self.base.name(ref)]
        metadata = pod["metadata"]
        target = {"kind": "Pod", "namespace": metadata["namespace"], "name": metadata["name"], "uid": metadata["uid"]}
        conditions = {"ready": True, "serving": True, "terminating": False}
        return {
            "addresses": [pod["status"]["podIP"]],
            "conditions": conditions,
            "nodeName": pod["spec"]["nodeName"],
            "targetRef": target,
        }


def node(name: str, *, ready: str = "True", **spec: Any) -> dict[str, Any]:
    """A node of one family."""
    number = NODES.index(name) + 2 if name in NODES else 99
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/os": "linux"}},
        "spec": {"podCIDRs": [f"10.244.{number}.0/24"], **spec},
        "status": {
            "addresses": [{"type": "InternalIP", "address": f"172.18.0.{number}"}],
            "conditions": [{"type": "Ready", "status": ready}],
        },
    }


def away(times: int) -> list[KubeError]:
    """An API server that does not answer so many requests."""
    return [Unreachable("connection refused") for _ in range(times)]
