"""hostPorts as they are dialled: who answered, who must not, and what proves nothing."""

from __future__ import annotations

from typing import Any

import pytest

from harness.model.outcome import Seen, Verdict
from harness.probe.asks import Ask
from harness.probe.results import Answer, Result
from harness.suite.arena import Arena
from harness.suite.check import Findings
from harness.suite.hostports import NodeDial, host_port_findings
from harness.world.manifests import HostPort, PodShape, pod
from tests.unit.suite.ground import AGENT, Ground

NODE, PORT = "172.18.0.1", 31000
SHAPE = PodShape(ports=(80,), host_ports=(HostPort(PORT, address=NODE),), node="n1")


def looked(ground: Ground, seen: dict[tuple[str, int], str | Seen], *dials: NodeDial) -> Findings:
    """One look, where what is dialled answers as the pod of that name in h, or as said."""
    arena: Arena = ground.lease()
    space = ground.base.owner.namespace("h")
    ground.base.namespaces["h"] = arena.namespaces["h"] = space
    made = pod("web", SHAPE, AGENT)
    address = {"phase": "Running", "podIPs": [{"ip": "10.244.9.9"}]}
    ground.kube.put({**made, "metadata": {**made["metadata"], "namespace": space}, "status": address})

    def told(client: str, ask: Ask) -> Result | None:
        where: Any = ask
        who = seen.get((where.host, where.port))
        if who is None:
            return None
        if isinstance(who, Seen):
            return Result(ask, client, who)
        return Result(ask, client, Seen.REACHED, answer=Answer(who, space, "n1", "n", "1.1.1.1:1", "1.1.1.1:80"))

    ground.network.lies.append(told)
    return host_port_findings(arena, dials)


HIT, MISS = NodeDial("x/a", "n1", NODE, PORT), NodeDial("x/a", "n1", NODE, PORT + 1)


def test_the_pod_behind_the_port_answers(ground: Ground) -> None:
    """Its own answer is right, and silence beside it at a port that nobody has is believed."""
    found = looked(ground, {(NODE, PORT): "web", (NODE, PORT + 1): Seen.REFUSED}, HIT, MISS)
    assert found == Findings()


@pytest.mark.parametrize("seen", [Seen.SILENT, Seen.REFUSED, "other"])
def test_who_does_not_answer_or_is_another_is_told(ground: Ground, seen: str | Seen) -> None:
    """A hostPort that is closed, or leads to somebody else, is broken."""
    assert looked(ground, {(NODE, PORT): seen}, HIT).verdict is Verdict.FAIL


def test_an_answer_where_nobody_may_is_told(ground: Ground) -> None:
    """The same pod at a port it did not ask for is as wrong as anybody."""
    found = looked(ground, {(NODE, PORT): "web", (NODE, PORT + 1): "web"}, HIT, MISS)
    assert found.verdict is Verdict.FAIL


def test_silence_alone_proves_nothing(ground: Ground) -> None:
    """A client that got no answer anywhere has shown nothing; nor has a broken probe."""
    assert looked(ground, {(NODE, PORT + 1): Seen.SILENT}, MISS).verdict is Verdict.UNKNOWN
    assert looked(ground, {(NODE, PORT): Seen.UNMEASURED}, HIT).verdict is Verdict.UNKNOWN


def test_no_dials_are_refused(ground: Ground) -> None:
    """Nothing looked at is nothing found out."""
    with pytest.raises(ValueError, match="no dials"):
        looked(ground, {})


def test_leased_ports_are_the_api_servers(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are what the API server gives to a Service that no proxy serves."""
    applied: list[dict[str, Any]] = []

    def apply(obj: dict[str, Any]) -> dict[str, Any]:
        applied.append(obj)
        ports = [{**each, "nodePort": 31000 + each["port"]} for each in obj["spec"]["ports"]]
        return {**obj, "spec": {**obj["spec"], "ports": ports}}

    arena = ground.lease()
    monkeypatch.setattr(ground.kube, "apply", apply)
    assert arena.lease_ports(2) == [31001, 31002]
    assert applied[0]["spec"]["type"] == "NodePort"
    assert applied[0]["metadata"]["labels"]["service.kubernetes.io/service-proxy-name"] == "harness"
