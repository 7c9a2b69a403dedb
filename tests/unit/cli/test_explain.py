"""`harness explain`: ends found in a cluster's objects, verdicts with their reasons, requirements, and bad input."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import click
import pytest

from harness.cli import code_of, explain_ends, explain_requirement
from harness.cli.collecting import Case
from harness.cli.explain_flow import flow
from harness.kube.errors import Forbidden
from harness.model.refs import Family
from harness.model.requirement import Refusal, Requirement, Why
from harness.oracle.snapshot import Snapshot
from harness.report.catalogue import Catalogue


def pod(namespace: str, name: str, address: str, **more: Any) -> dict[str, Any]:
    """A pod on node n1 with a port called web."""
    container = {"name": "c", "ports": [{"name": "web", "containerPort": 8080}]}
    return {
        "kind": "Pod",
        "metadata": {"namespace": namespace, "name": name, "labels": {"pod": name}},
        "spec": {"nodeName": "n1", "containers": [container], **more},
        "status": {"phase": "Running", "podIPs": [{"ip": address}, {"ip": f"fd00::{address[-1]}"}]},
    }


def namespace(name: str, **labels: str) -> dict[str, Any]:
    """A namespace."""
    return {"kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def service(name: str, **spec: Any) -> dict[str, Any]:
    """A Service of namespace x on port 80, leading to port 8080 of its pods."""
    ports = [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}]
    body = {"ports": ports, "clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9"], **spec}
    return {"kind": "Service", "metadata": {"namespace": "x", "name": name}, "spec": body}


def endpoints(name: str, *pods: dict[str, Any]) -> dict[str, Any]:
    """The slice of a Service."""
    found = [
        {
            "addresses": [each["status"]["podIPs"][0]["ip"]],
            "conditions": {"ready": True},
            "nodeName": "n1",
            "targetRef": {"kind": "Pod", "namespace": "x", "name": each["metadata"]["name"]},
        }
        for each in pods
    ]
    return {
        "kind": "EndpointSlice",
        "metadata": {"namespace": "x", "name": f"{name}-1", "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "endpoints": found,
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
    }


A, B = pod("x", "a", "10.244.0.1"), pod("x", "b", "10.244.0.2")
POLICY = {
    "kind": "NetworkPolicy",
    "metadata": {"namespace": "x", "name": "only-web"},
    "spec": {
        "podSelector": {"matchLabels": {"pod": "b"}},
        "policyTypes": ["Ingress"],
        "ingress": [{"ports": [{"port": "web", "protocol": "TCP"}]}],
    },
}
NODE = {
    "kind": "Node",
    "metadata": {"name": "n1"},
    "spec": {},
    "status": {"addresses": [{"type": "InternalIP", "address": "172.18.0.2"}]},
}
OBJECTS = [
    namespace("x"),
    namespace("harness-1-gw0-z", **{"app.kubernetes.io/managed-by": "harness"}),
    namespace("harness-1-gw0-y", **{"app.kubernetes.io/managed-by": "harness"}),
    namespace("harness-2-gw0-y", **{"app.kubernetes.io/managed-by": "harness"}),
    NODE,
    A,
    B,
    pod("harness-1-gw0-z", "c", "10.244.0.3"),
    POLICY,
    service("web"),
    endpoints("web", A, B),
    service("none"),
    service("other", type="ExternalName", externalName="shop.example.com", clusterIP="", clusterIPs=[]),
]
SNAPSHOT = Snapshot.of(OBJECTS)


def said(source: str, destination: str, port: str, family: Family | None = None) -> list[str]:
    """The lines of an explanation."""
    return list(flow(SNAPSHOT, source, destination, explain_ends.port(port), family).lines)


@pytest.mark.parametrize(
    ("source", "destination", "port", "first"),
    [
        ("x/a", "x/b", "80/tcp", "x/a → x/b 80/TCP IPv4: denied"),
        ("x/a", "x/b", "8080", "x/a → x/b 8080/TCP IPv4: allowed"),
        ("x/a", "x/b", "web", "x/a → x/b 8080/TCP IPv4: allowed"),
        ("x/b", "x/a", "53/udp", "x/b → x/a 53/UDP IPv4: allowed"),
        ("z/c", "x/b", "80/tcp", "harness-1-gw0-z/c → x/b 80/TCP IPv4: denied"),
        ("192.0.2.7", "x/b", "80/tcp", "192.0.2.7 → x/b 80/TCP IPv4: denied"),
        ("10.244.0.1", "x/b", "80/tcp", "x/a → x/b 80/TCP IPv4: denied"),
        ("x/a", "172.18.0.2", "80/tcp", "x/a → node n1 80/TCP IPv4: allowed"),
        ("node/n1", "x/b", "80/tcp", "node n1 → x/b 80/TCP IPv4: allowed"),
    ],
)
def test_a_connection_has_a_verdict(source: str, destination: str, port: str, first: str) -> None:
    """Pods by name, by an arena's short name or by address, nodes and strangers; ports by number and name."""
    assert said(source, destination, port)[0] == first


def test_the_verdict_is_explained() -> None:
    """Which policy isolates, and which rule nearly admitted it."""
    lines = said("x/a", "x/b", "80/tcp")
    assert any("denied by x/only-web" in line for line in lines)
    assert any("the peer matches, the port does not" in line for line in lines)


def test_a_family_may_be_asked_for() -> None:
    """The second family of both ends, where they have one."""
    assert said("x/a", "x/b", "80/tcp", Family.V6)[0] == "x/a → x/b 80/TCP IPv6: denied"
    told = flow(SNAPSHOT, "x/a", "x/b", explain_ends.port("80/tcp"), Family.V6)
    assert (told.source, told.destination, told.port, told.protocol) == ("fd00::1", "fd00::2", 80, "TCP")


def test_a_service_leads_to_backends_with_verdicts_of_their_own() -> None:
    """Who may answer, what each sees, and whether policies admit it at the backend's own port."""
    lines = said("x/a", "svc/web", "80/tcp")
    assert lines[0] == "x/a → Service x/web 80/TCP IPv4 by its ClusterIP 10.96.0.9: allowed"
    assert "  backend 10.244.0.2:8080 (x/b) on n1:" in lines
    assert "    x/a → x/b 8080/TCP IPv4: allowed" in lines
    assert said("z/c", "svc/x/web", "http")[0].startswith("harness-1-gw0-z/c → Service x/web http/TCP IPv4")


def test_a_service_that_nobody_answers_says_how_it_fails() -> None:
    """Refused without endpoints, and for a port that it does not have."""
    assert said("x/a", "svc/none", "80")[0].endswith("nobody may answer: refused")
    assert any("no port 81" in line for line in said("x/a", "svc/web", "81"))


def test_backends_that_differ_are_told_apart() -> None:
    """Where policies admit one backend and not the other, the result depends on the choice."""
    closed = {**POLICY, "spec": {**POLICY["spec"], "ingress": []}}  # type: ignore[dict-item]  # plain dictionaries
    told = flow(SNAPSHOT.replacing(closed), "x/a", "svc/web", explain_ends.port("80"), None)
    assert told.lines[0].endswith("depends on the backend that is chosen")


@pytest.mark.parametrize(
    ("source", "destination", "port", "problem"),
    [
        ("x/nope", "x/b", "80", "no pod nope in namespace x; there are: a, b"),
        ("w/a", "x/b", "80", "no namespace w; there are: harness-1-gw0-y"),
        ("y/a", "x/b", "80", "several arenas have a namespace y: write one of harness-1-gw0-y, harness-2-gw0-y"),
        ("node/n9", "x/b", "80", "no node n9; there are: n1"),
        ("a", "x/b", "80", "a: write NAMESPACE/POD"),
        ("x/a/c", "x/b", "80", "x/a/c: write NAMESPACE/POD"),
        ("svc/web", "x/b", "80", "svc/web: write NAMESPACE/POD"),
        ("x/a", "svc/nope", "80", "no Service nope in namespace x; there are: none, other, web"),
        ("x/a", "svc/", "80", "svc/: write"),
        ("node/n1", "svc/web", "80", "node n1 is in no namespace; write svc/NAMESPACE/NAME"),
        ("192.0.2.7", "svc/x/web", "80", "outside the cluster"),
        ("x/a", "svc/other", "80", "is a name only, for shop.example.com"),
        ("x/a", "x/b", "http", "x/b has no port named http/TCP; it has: web/TCP"),
        ("x/a", "x/b", "0", "0: no port; write it as 80/tcp"),
        ("x/a", "x/b", "80/icmp", "protocols are TCP, UDP, SCTP"),
        ("x/a", "2001:db8::1", "80", ""),
        ("192.0.2.7", "2001:db8::1", "80", "have no address of one family in common"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(source: str, destination: str, port: str, problem: str) -> None:
    """What is wrong, and what there is instead."""
    if not problem:
        assert said(source, destination, port)[0].endswith("IPv6: allowed")
        return
    with pytest.raises(click.ClickException) as told:
        said(source, destination, port)
    assert problem in told.value.message
    assert "\n" not in told.value.message


class ClusterOfObjects:
    """A cluster with these objects; it can follow packets, cannot, or lets nobody ask."""

    def __init__(self, paths: list[dict[str, Any]] | Exception) -> None:
        self.paths = paths
        self.asked: list[dict[str, Any]] = []

    def list(self, resource: str) -> Any:
        """Everything of a kind."""
        kinds = {each["kind"]: each["kind"].lower() for each in OBJECTS}
        wanted = [kind for kind, name in kinds.items() if resource.replace("ies", "y").startswith(name)]
        return type("Listing", (), {"items": [each for each in OBJECTS if each["kind"] in wanted]})

    def create(self, obj: dict[str, Any]) -> dict[str, Any]:
        """A packet's path."""
        self.asked.append(obj["spec"])
        if isinstance(self.paths, Exception):
            raise self.paths
        return {"status": {"paths": self.paths}}


def connect(monkeypatch: pytest.MonkeyPatch, cluster: ClusterOfObjects) -> None:
    """The cluster that any kubeconfig leads to."""

    @contextlib.contextmanager
    def connected(*_: object) -> Iterator[ClusterOfObjects]:
        yield cluster

    monkeypatch.setattr("harness.cli.existing.connected", connected)


def test_the_rules_are_told_where_the_cluster_can(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The cluster is asked for the very packet, and each hop's rules are printed."""
    hop = {"node": "n1", "verdict": "drop", "source": "s", "destination": "d", "port": 80, "rules": ["policy in: drop"]}
    cluster = ClusterOfObjects([{"verdict": "drop", "hops": [hop]}])
    connect(monkeypatch, cluster)
    assert code_of(["explain", "x/a", "x/b", "80/tcp", "--context", "c"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[-4:] == [
        "rules that the first packet meets, 10.244.0.1 → 10.244.0.2 80/TCP:",
        "  drop",
        "    node n1: drop, as s → d port 80",
        "      policy in: drop",
    ]
    assert cluster.asked == [{"source": "10.244.0.1", "destination": "10.244.0.2", "protocol": "TCP", "port": 80}]


def test_another_cluster_keeps_its_rules_to_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nobody may ask, or there is no such kind, the verdict stands alone."""
    connect(monkeypatch, ClusterOfObjects(Forbidden({"code": 403, "message": "no"}, asked="POST")))
    assert code_of(["explain", "x/a", "x/b", "80/tcp", "--kubeconfig", "f"]) == 0
    assert "rules that" not in capsys.readouterr().out


CATALOGUE = Catalogue(
    {
        "POL-001": Requirement.of(
            {
                "id": "POL-001",
                "statement": "One.",
                "level": "MUST",
                "source": "API",
                "probe": "ask " * 60,
                "needs": "dual",
            }
        ),
        "POL-002": Requirement.of({"id": "POL-002", "statement": "Two."}),
    },
    {"POL-002": Refusal(Why.HARDWARE, "a radio")},
    {"Upstream: one": ("POL-001",)},
)


def test_a_requirement_is_told_whole() -> None:
    """Statement, level and profile, source, how it is decided, by which tests, and with which faults."""
    proof = {"fault": "policy/1", "layer": "policy", "test": "suites/t.py::a"}
    lines = list(
        explain_requirement.lines(CATALOGUE, "POL-001", [Case("suites/t.py::a", ("POL-001",), "Yes.")], [proof])
    )
    assert lines[0] == "POL-001  One."
    for told in (
        "  level:      MUST (profile core)",
        "  source:     API",
        "  needs:      dual",
        "  upstream:   Upstream: one",
        "  decided by: suites/t.py::a: Yes.",
        "  ask it:     harness run 'suites/t.py::a'",
        "  proved by:  fault policy/1 (policy), which suites/t.py::a must catch",
    ):
        assert told in lines
    assert max(map(len, lines)) <= explain_requirement.WIDTH


def test_a_refused_one_says_why() -> None:
    """The reason and its evidence; what nothing decides and nobody refuses is said to be a gap."""
    assert "  refused:    needs hardware: a radio" in list(explain_requirement.lines(CATALOGUE, "POL-002", (), ()))
    assert "  decided by: nothing yet" in list(explain_requirement.lines(CATALOGUE, "POL-001", (), ()))


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (["POL-9999"], "no requirement POL-9999: ids of that area go from POL-001 to POL-"),
        (["XX-1"], "no requirement XX-1: see harness list"),
        (["POL-101", "--context", "c"], "is a requirement, of no cluster"),
        ([], "say SOURCE DESTINATION PORT"),
        (["x/a", "y/b"], "say SOURCE DESTINATION PORT"),
        (["x/a", "y/b", "http/icmp"], "protocols are"),
        (["x/a", "y/b", "80", "--name", "n", "--context", "c"], "leave out --kubeconfig and --context"),
        (["x/a", "y/b", "80", "--name", "nobody-has-this"], "no embedded cluster named 'nobody-has-this' is up"),
        (["x/a", "y/b", "80", "--kubeconfig", "/nowhere/config"], "/nowhere/config: No such file"),
        (["x/a", "y/b", "80", "--family", "ipv9"], "'ipv9' is not one of"),
    ],
)
def test_bad_input_is_one_line(args: list[str], problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 4, what is wrong, and nothing else."""
    assert code_of(["explain", *args]) == 4
    told = capsys.readouterr()
    assert problem in told.err
    assert (told.err.count("\n"), told.out) == (1, "")


def test_without_a_cluster_it_asks_which(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With none or several embedded clusters up, one has to be named."""
    monkeypatch.setattr("harness.clusters.embedded.standing_names", lambda: ["a", "b"])
    assert code_of(["explain", "x/a", "y/b", "80"]) == 4
    assert "--name of one that is up here (a, b)" in capsys.readouterr().err
