"""Asking an Ingress controller: what is asked, on which ground, and what is made of the answers. No cluster needed."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from harness.expect import Symptom
from harness.model.judgement import NotApplicable, Unmeasured
from harness.model.outcome import Seen, Verdict
from harness.model.refs import Family
from harness.model.waits import Waits
from harness.oracle.snapshot import Snapshot
from harness.probe.asks import Hold, Http
from harness.probe.results import Answer, HttpReply, LoopOutcome, LoopReport, Result
from harness.suite import certificates
from harness.suite.facts import ClusterFacts
from harness.suite.ingress import (
    Controller,
    Fetch,
    Fetched,
    certificates_judged,
    fetch_all,
    held,
    ingress_findings,
    routes_judged,
)
from tests.unit.suite.ground import FakeKube

MANAGED = {
    "kubernetes.io/service-name": "one",
    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
}
HERE = Controller("mine", ("10.0.0.100", "fd00::100"))


def objects(*rules: Mapping[str, Any], slices: bool = True) -> list[dict[str, Any]]:
    """An Ingress of these rules, and a Service `one` with a pod of that name."""
    port = {"name": "web", "port": 80, "protocol": "TCP", "targetPort": 80}
    meta, labels = {"name": "one", "namespace": "x"}, {"app": "one"}
    service = {
        "type": "ClusterIP",
        "selector": labels,
        "ports": [port],
        "ipFamilies": ["IPv4"],
        "clusterIP": "10.9.9.9",
    }
    endpoint = {
        "addresses": ["10.0.0.1"],
        "conditions": {"ready": True, "serving": True, "terminating": False},
        "nodeName": "n1",
        "targetRef": {"kind": "Pod", "namespace": "x", "name": "one", "uid": "u"},
    }
    pod_status = {
        "phase": "Running", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}],
        "conditions": [{"type": "Ready", "status": "True"}],
    }  # fmt: skip
    owner = {**meta, "labels": MANAGED, "ownerReferences": [{"kind": "Service", "name": "one", "controller": True}]}
    made = [
        {"kind": "IngressClass", "metadata": {"name": "mine"}, "spec": {"controller": "a.io/b"}},
        {"kind": "Ingress", "metadata": {"name": "i", "namespace": "x"},
         "spec": {"ingressClassName": "mine", "rules": list(rules)}},
        {"kind": "Service", "metadata": meta, "spec": service},
        {"kind": "Pod", "metadata": {**meta, "labels": labels, "uid": "u"},
         "spec": {"nodeName": "n1", "containers": []}, "status": pod_status},
        {"kind": "Node", "metadata": {"name": "n1"}, "spec": {}, "status": {}},
    ]  # fmt: skip
    told = {
        "addressType": "IPv4",
        "endpoints": [endpoint] if slices else [],
        "ports": [{"name": "web", "port": 80, "protocol": "TCP"}],
    }
    return [*made, {"kind": "EndpointSlice", "metadata": owner, **told}]


def rule(host: str, name: str = "one") -> dict[str, Any]:
    backend = {"service": {"name": name, "port": {"number": 80}}}
    return {"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}


@dataclass
class FakeArena:
    """What looks use of an arena: objects, and answers as a function of the ask."""

    there: list[dict[str, Any]]
    tell: Any
    waits: Waits = field(default_factory=Waits)
    asked: list[Any] = field(default_factory=list)

    def namespace(self, letter: str) -> str:
        return letter

    def read(self, jobs: Any) -> Snapshot:
        return Snapshot.of(self.there)

    def ask(self, client: str, *asks: Any) -> list[Result]:
        return self.ask_all({client: asks})[client]

    def ask_all(self, asks: Mapping[str, Sequence[Any]]) -> dict[str, list[Result]]:
        self.asked += [ask for each in asks.values() for ask in each]
        return {client: [self.tell(ask) for ask in several] for client, several in asks.items()}


def by(pod: str, status: int = 200, port: int = 80) -> Any:
    """Answers of a pod (`x/one`), or of the controller for ""."""

    def tell(ask: Http) -> Result:
        space, _, name = pod.partition("/")
        answer = Answer(name, space, "n1", "n", "10.0.0.9:1", f"10.0.0.1:{port}") if pod else None
        return Result(ask, "y/b", Seen.REACHED, answer=answer, http=HttpReply(status, (), b""))

    return tell


def looked(
    tell: Any, *fetches: Fetch, rules: Sequence[Mapping[str, Any]] = (rule("h.io"),), slices: bool = True
) -> Any:
    return ingress_findings(FakeArena(objects(*rules, slices=slices), tell), HERE, fetches)  # type: ignore[arg-type]


def test_a_request_says_host_path_and_name() -> None:
    """The controller's address is dialled; host and handshake carry the names; a port in the host stays out of it."""
    plain = Fetch("h.io:8080", "/a", query="?b").ask(HERE, 1.0)
    assert (plain.host, plain.port, plain.path, plain.host_header) == ("10.0.0.100", 80, "/a?b", "h.io:8080")
    tls = Fetch("H.io", tls=True, family=Family.V6).ask(HERE, 1.0)
    assert (tls.host, tls.port, tls.server_name) == ("fd00::100", 443, "h.io")
    assert Fetch("h.io", tls=True, sni="other.io").ask(HERE, 1.0).server_name == "other.io"
    with pytest.raises(NotApplicable, match="IPv6"):
        Controller("mine", ("lb.example.com",)).address(Family.V6)


def test_the_right_pod_passes_and_any_other_fails() -> None:
    """With the layer that is to blame."""
    assert looked(by("x/one"), Fetch("h.io")).verdict is Verdict.PASS
    for wrong in (by("x/two"), by(""), by("x/one", port=81)):
        found = looked(wrong, Fetch("h.io"))
        assert found.verdict is Verdict.FAIL
        assert found.symptoms == {Symptom.INGRESS_WRONG}


def test_a_lost_answer_is_unknown() -> None:
    """Nothing is said about the controller."""
    found = looked(lambda ask: Result(ask, "y/b", Seen.UNMEASURED, error="lost"), Fetch("h.io"))
    assert (found.verdict, found.symptoms) == (Verdict.UNKNOWN, {Symptom.UNMEASURED})


def test_another_ground_is_unknown_and_nothing_is_asked() -> None:
    """A test about an answer where nobody is to answer, or the other way round, is not what it was written for."""
    for fetch in (Fetch("strange.io"), Fetch("h.io", served=False)):
        arena = FakeArena(objects(rule("h.io")), by("x/one"))
        found = ingress_findings(arena, HERE, [fetch])  # type: ignore[arg-type]
        assert (found.verdict, arena.asked) == (Verdict.UNKNOWN, [])


def test_wrong_slices_come_first() -> None:
    """While the slices are not what the pods call for, the controller is not judged."""
    found = looked(by(""), Fetch("h.io"), slices=False)
    assert Symptom.SLICES_WRONG in found.symptoms


def test_results_go_to_their_requests() -> None:
    """Requests of several clients come back in the order in which they were given."""
    arena = FakeArena(objects(rule("h.io")), by("x/one"))
    fetches = [Fetch("h.io", f"/{number}", client=client) for number, client in enumerate(("y/b", "x/a", "y/b"))]
    told = fetch_all(arena, HERE, fetches)  # type: ignore[arg-type]
    assert [each.result.ask.path for each in told] == ["/0", "/1", "/2"]


def test_no_requests_are_no_look() -> None:
    """An empty look would pass whatever is broken."""
    with pytest.raises(ValueError, match="nothing would be looked at"):
        looked(by("x/one"))


def test_certificates_are_held_against_secrets() -> None:
    """The very one of the Secret passes; another one, or none, fails and both are named."""
    right, wrong = certificates.certificate_for("h.io"), certificates.certificate_for("h.io")
    stored = {**right.secret("s"), "metadata": {"name": "s", "namespace": "x"}}
    there = objects(rule("h.io"))
    there[1]["spec"]["tls"] = [{"hosts": ["h.io"], "secretName": "s"}]
    snapshot = Snapshot.of(there)

    def judged(shown: bytes) -> list[Verdict]:
        fetch = Fetch("h.io", tls=True)
        result = Result(fetch.ask(HERE, 1.0), "y/b", Seen.REACHED, certificate=shown)
        several = [Fetched(fetch, None, result)]  # type: ignore[arg-type]
        return [each.verdict for each in certificates_judged(several, HERE, snapshot, [stored])]

    assert judged(der(right.certificate)) == []
    assert judged(der(wrong.certificate)) == [Verdict.FAIL]
    assert judged(b"") == [Verdict.FAIL]
    assert certificates.told(der(wrong.certificate)).startswith("h.io #")


def der(pem: bytes) -> bytes:
    return base64.b64decode(b"".join(pem.splitlines()[1:-1]))


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [(LoopOutcome.GOOD, Verdict.PASS), (LoopOutcome.BAD, Verdict.FAIL), (LoopOutcome.UNKNOWN, Verdict.UNKNOWN)],
)
def test_a_window_is_as_good_as_its_worst_request(outcome: LoopOutcome, verdict: Verdict) -> None:
    """What is done meanwhile is done; one bad answer breaks the window, one lost leaves it open."""
    done: list[str] = []

    def tell(ask: Hold) -> Result:
        assert ask.good.status == {200}
        loop = LoopReport(outcome, 9, 8, 1, 0, 0.0, 3.0, 0.0, None, 0.1, ())
        return Result(ask, "y/b", Seen.REACHED, loop=loop)

    arena = FakeArena(objects(rule("h.io")), tell)
    found = held(arena, HERE, Fetch("h.io"), for_=1.0, meanwhile=lambda: done.append("so"))  # type: ignore[arg-type]
    assert (found.verdict, done) == (verdict, ["so"])


def test_nothing_wrong_leaves_no_symptom() -> None:
    """A look without a difference hints at nothing."""
    assert routes_judged([]).symptoms == frozenset()


# -- facts ---------------------------------------------------------------------------------------------------------


class WithIngress(FakeKube):
    """A cluster with classes; its Ingresses get `entries`."""

    def __init__(self, *classes: dict[str, Any], entries: Sequence[dict[str, str]] = ()) -> None:
        super().__init__()
        self.entries = list(entries)
        self.waited = 0
        self.networking = [{"name": "ingressclasses"}, {"name": "ingresses"}]
        self.groups = [{"name": "networking.k8s.io"}]
        for each in classes:
            self.put({"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", **each})

    def find(self, resource: str, name: str, *, namespace: str | None = None) -> dict[str, Any] | None:
        return self.objects.get((resource, namespace or "", name))

    def wait(self, resource: str, name: str, condition: Any, **how: Any) -> Any:
        self.waited += 1
        status = {"loadBalancer": {"ingress": self.entries}} if self.entries else {}
        self.objects[resource, how["namespace"], name] = {"metadata": {"name": name}, "status": status}
        return super().wait(resource, name, condition, **how)


def a_class(name: str, *, default: bool = False) -> dict[str, Any]:
    annotations = {"ingressclass.kubernetes.io/is-default-class": "true"} if default else {}
    made = "2026-01-01T00:00:00Z"
    metadata = {"name": name, "annotations": annotations, "creationTimestamp": made}
    return {"metadata": metadata, "spec": {"controller": "a.io/b"}}


def awaited(found: ClusterFacts) -> tuple[list[str], bool]:
    return found.await_ingress("i", namespace="x", patience=1, timeout=2)


def test_the_class_of_tests() -> None:
    """The one the cluster was made with, the default one, the first; never one that another test made."""
    kube = WithIngress(a_class("b"), a_class("a"))
    assert ClusterFacts(kube, kind="kind", declared={}).ingress_class == "a"  # type: ignore[arg-type]
    several = WithIngress(a_class("a"), a_class("z", default=True))
    assert ClusterFacts(several, kind="kind", declared={}).ingress_class == "z"  # type: ignore[arg-type]
    ours = a_class("0", default=True)
    ours["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "harness"}
    made_by_a_test = ClusterFacts(WithIngress(ours, a_class("z")), kind="kind", declared={})  # type: ignore[arg-type]
    assert made_by_a_test.ingress_class == "z"
    told = ClusterFacts(several, kind="kind", declared={}, notes={"ingress_class": "c"})  # type: ignore[arg-type]
    assert told.ingress_class == "c"


def test_no_class_is_a_skip() -> None:
    """With the reason; where the cluster was made with a controller, it is none."""
    kube = WithIngress()
    with pytest.raises(NotApplicable, match="needs an Ingress controller: no IngressClass"):
        awaited(ClusterFacts(kube, kind="kubeconfig", declared={}))  # type: ignore[arg-type]
    with pytest.raises(Unmeasured, match="supposed to have an Ingress controller"):
        awaited(ClusterFacts(kube, kind="kind", declared={"ing": "yes"}))  # type: ignore[arg-type]


def test_an_address_is_told_by_the_ingress() -> None:
    """IP addresses and host names, in the order given."""
    kube = WithIngress(a_class("a"), entries=[{"ip": "10.1.1.1"}, {"hostname": "lb.io"}])
    assert awaited(ClusterFacts(kube, kind="kind", declared={})) == (["10.1.1.1", "lb.io"], True)  # type: ignore[arg-type]


def test_no_address_is_remembered() -> None:
    """A class without a controller: the first Ingress finds out, the next ones do not wait; declared, it is unknown."""
    kube = WithIngress(a_class("a"))
    found = ClusterFacts(kube, kind="kubeconfig", declared={})  # type: ignore[arg-type]
    for _ in range(2):
        with pytest.raises(NotApplicable, match="no address was given to the first Ingress of class a"):
            awaited(found)
    assert kube.waited == 1
    with pytest.raises(Unmeasured, match="supposed to have"):
        awaited(ClusterFacts(WithIngress(a_class("a")), kind="kind", declared={"ing": "yes"}))  # type: ignore[arg-type]


def test_a_controller_that_publishes_nothing_is_found_at_its_service() -> None:
    """Where it is known behind which one it stands."""
    kube = WithIngress(a_class("a"))
    metadata = {"name": "proxy", "namespace": "n"}
    kube.put({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"clusterIPs": ["10.96.0.9"]}})
    notes = {"ingress_service": "n/proxy"}
    found = ClusterFacts(kube, kind="kind", declared={"ing": "yes"}, notes=notes)  # type: ignore[arg-type]
    assert awaited(found) == (["10.96.0.9"], False)


def test_a_load_balancer_before_the_controller_is_an_address_outside() -> None:
    """Also while no Ingress tells it: who is outside asks there, and what should tell it is given its whole time."""
    kube, waits = WithIngress(a_class("a")), list[float]()
    metadata, status = {"name": "proxy", "namespace": "n"}, {"loadBalancer": {"ingress": [{"ip": "172.18.0.9"}]}}
    service = {"metadata": metadata, "spec": {"clusterIPs": ["10.96.0.9"]}, "status": status}
    kube.put({"apiVersion": "v1", "kind": "Service", **service})
    wait = kube.wait

    def noted(*what: Any, timeout: float, **how: Any) -> Any:
        waits.append(timeout)
        return wait(*what, timeout=timeout, **how)

    kube.wait = noted  # type: ignore[method-assign]
    notes = {"ingress_service": "n/proxy"}
    found = ClusterFacts(kube, kind="kind", declared={"ing": "yes"}, notes=notes)  # type: ignore[arg-type]
    assert awaited(found) == (["172.18.0.9"], True)
    assert waits == [2]


def test_a_controller_that_only_pods_reach_is_asked_by_nobody_outside() -> None:
    """Outside its cluster address may be anybody's."""
    Controller("a", ("172.18.0.9",)).must_be_outside()
    with pytest.raises(NotApplicable, match="address outside the cluster"):
        Controller("a", ("10.96.0.9",), outside=False).must_be_outside()
