"""Services as they are dialled: who answered, from where, and how it failed, held against what the API calls for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.expect import Symptom, blame
from harness.model.judgement import NotApplicable
from harness.model.outcome import Seen, Verdict
from harness.model.refs import Family
from harness.oracle.services import Via
from harness.probe.asks import Ask, Tcp
from harness.probe.results import Result
from harness.suite.check import Findings
from harness.suite.dial import Dial, service_findings, services_findings
from harness.suite.slices import slice_findings
from tests.unit.suite.ground import CLUSTER_IP, Ground, Lie

CLIENT = "y/a"


def looked(ground: Ground, *dials: Dial) -> Findings:
    return service_findings(ground.lease(), "svc", dials or [Dial(CLIENT, attempts=8)])


def at_service(ground: Ground, change: Callable[[Result], Result]) -> Lie:
    """What comes back from the Service's address is changed like this."""

    def lie(client: str, ask: Ask) -> Result | None:
        mine = isinstance(ask, Tcp) and ask.host == CLUSTER_IP
        return change(ground.network.truth(client, ask)) if mine else None

    return lie


def layer(findings: Findings) -> str:
    return str(blame(findings.symptoms).layer)


def test_a_service_that_delivers(ground: Ground) -> None:
    """Every backend answers, nobody else, from the client's own address: nothing is wrong."""
    ground.service("x/a", "x/b")
    assert looked(ground) == Findings()


def test_affinity_that_is_not_kept_is_the_proxys(ground: Ground) -> None:
    """A client that has to keep its backend and is answered by two was sent astray."""
    ground.service("x/a", "x/b", sessionAffinity="ClientIP")
    findings = looked(ground)
    assert (findings.verdict, layer(findings)) == (Verdict.FAIL, "service proxy")


def test_services_are_looked_at_together(ground: Ground) -> None:
    """Several Services are dialled in one go, and what differs says of which one; the same twice differs twice."""
    made = ground.service("x/a")
    other = {**made, "metadata": {**made["metadata"], "name": "other"}}
    other["spec"] = {**made["spec"], "clusterIP": "10.96.7.8", "clusterIPs": ["10.96.7.8"], "selector": None}
    ground.kube.put(other)
    ground.network.backends["10.96.7.8", 80] = [(ground.base.pods["x/a"].address(), 80)]
    dials = {"svc": [Dial(CLIENT, attempts=2)], "other": [Dial(CLIENT, attempts=1)]}
    before = len(ground.network.parallel)
    found = services_findings(ground.lease(), dials)
    assert [each.what.partition(": ")[0] for each in found.differences] == ["other"]
    assert len(ground.network.parallel) == before + 1
    with pytest.raises(ValueError, match="other"):
        services_findings(ground.lease(), {**dials, "other": []})


@pytest.mark.parametrize("seen", [Seen.SILENT, Seen.REFUSED])
def test_one_failed_attempt_is_told(ground: Ground, seen: Seen) -> None:
    """A backend that does not answer through the Service breaks it; its pod address works, so the proxy is blamed."""
    ground.service("x/a", "x/b")
    ground.network.lies.append(at_service(ground, lambda told: Result(told.ask, told.pod, seen)))
    findings = looked(ground)
    assert (findings.verdict, layer(findings)) == (Verdict.FAIL, "service proxy")


def test_a_lost_probe_is_unknown(ground: Ground) -> None:
    """Attempts whose probe broke say nothing, and the harness is blamed."""
    ground.service("x/a")
    ground.network.lies.append(at_service(ground, lambda told: Result(told.ask, told.pod, Seen.UNMEASURED)))
    findings = looked(ground, Dial(CLIENT, attempts=2, complete=False))
    assert (findings.verdict, layer(findings)) == (Verdict.UNKNOWN, "harness")


def test_a_stranger_behind_the_address_is_told(ground: Ground) -> None:
    """Who answers must be a backend of this very Service."""
    ground.service("x/a")
    ground.network.backends[CLUSTER_IP, 80].append((ground.base.pods["z/c"].address(), 80))
    findings = looked(ground)
    assert findings.verdict is Verdict.FAIL
    assert Symptom.WRONG_BACKEND in findings.symptoms


def test_the_wrong_port_of_the_right_pod_is_told(ground: Ground) -> None:
    """A connection that reaches a backend at another than its target port went astray."""
    ground.service("x/a")
    ground.network.backends[CLUSTER_IP, 80] = [(ground.base.pods["x/a"].address(), 81)]
    assert looked(ground).verdict is Verdict.FAIL


def test_a_backend_that_never_answers_is_told(ground: Ground) -> None:
    """Thirty attempts that all reach one of two backends show that the other is never chosen."""
    ground.service("x/a", "x/b")
    del ground.network.backends[CLUSTER_IP, 80][1]
    findings = looked(ground)
    assert findings.verdict is Verdict.FAIL
    assert Symptom.MISSING_BACKEND in findings.symptoms


def test_a_rewritten_source_is_told(ground: Ground) -> None:
    """A pod's address is kept through a ClusterIP."""

    def rewritten(told: Result) -> Result:
        assert told.answer is not None
        return replace(told, answer=replace(told.answer, saw="172.18.0.2:4711"))

    ground.service("x/a")
    ground.network.lies.append(at_service(ground, rewritten))
    findings = looked(ground)
    assert findings.verdict is Verdict.FAIL
    assert Symptom.WRONG_SOURCE in findings.symptoms


def test_a_proxy_that_fails_on_one_node_is_placed(ground: Ground) -> None:
    """When clients of one node differ and those of others do not, the text says which node it is."""
    ground.service("x/a")
    here, there = (
        ground.base.pods[CLIENT].node,
        next(ref for ref, pod in ground.base.pods.items() if pod.node != ground.base.pods[CLIENT].node),
    )
    silent = at_service(ground, lambda told: Result(told.ask, told.pod, Seen.SILENT))
    ground.network.lies.append(lambda client, ask: silent(client, ask) if client == CLIENT else None)
    findings = looked(ground, Dial(CLIENT), Dial(there))
    other = ground.base.pods[there].node
    assert findings.evidence[0] == f"differs only for clients on {here}; as promised from {other}"
    assert "differs only" not in str(looked(ground, Dial(CLIENT)).evidence)


def test_an_unsigned_answer_is_no_backends(ground: Ground) -> None:
    """An answer that carries another question's nonce proves nobody."""
    ground.service("x/a")
    ground.network.lies.append(at_service(ground, lambda told: replace(told, error="another nonce")))
    assert looked(ground).verdict is Verdict.FAIL


def test_a_service_without_endpoints_refuses(ground: Ground) -> None:
    """Refusal is right where nobody may answer, silence is not."""
    ground.service()
    assert looked(ground, Dial(CLIENT, answered=False)).verdict is Verdict.PASS
    ground.network.lies.append(at_service(ground, lambda told: Result(told.ask, told.pod, Seen.SILENT)))
    findings = looked(ground, Dial(CLIENT, answered=False))
    assert (findings.verdict, layer(findings)) == (Verdict.FAIL, "service proxy")


def test_an_ended_pod_is_not_taken_for_a_silent_backend(ground: Ground) -> None:
    """A pod that has failed is selected and no backend: its silence says nothing about the pod network."""
    ground.service()
    ended = ground.kube.objects["pods", *ground.base.name("x/b")]
    ended["metadata"]["labels"]["role"], ended["status"]["phase"] = "backend", "Failed"
    own = ground.base.pods["x/b"].address()

    def silent(_: str, ask: Ask) -> Result | None:
        return Result(ask, "x/b", Seen.SILENT) if getattr(ask, "host", "") in (CLUSTER_IP, own) else None

    ground.network.lies.append(silent)
    findings = looked(ground, Dial("z/c", answered=False))
    assert (findings.verdict, layer(findings)) == (Verdict.FAIL, "service proxy")


def test_an_outsider_who_answers_for_nobody_is_the_proxys_fault(ground: Ground) -> None:
    """Packets that nobody refuses leave by the default route: whoever answers there, the proxy is named, and why."""
    ground.service()
    stranger = at_service(ground, lambda told: Result(told.ask, told.pod, Seen.REACHED, error="not one of our servers"))
    ground.network.lies.append(stranger)
    assert looked(ground, Dial(CLIENT, answered=False, refusal=False)).verdict is Verdict.PASS
    findings = looked(ground, Dial(CLIENT, answered=False))
    assert (findings.verdict, layer(findings)) == (Verdict.FAIL, "service proxy")
    assert "silent" in str(findings.differences)
    assert any("somebody outside answered" in line for line in findings.evidence)


def test_a_port_that_is_not_there_may_be_silent(ground: Ground) -> None:
    """A port the Service does not define reaches nobody: refused or silent, both are right, an answer is not."""
    ground.service("x/a")
    dials = [Dial(CLIENT, attempts=2), Dial(CLIENT, port=81, answered=False)]
    ground.network.backends[CLUSTER_IP, 81] = []
    assert looked(ground, *dials).verdict is Verdict.PASS
    ground.network.backends[CLUSTER_IP, 81] = [(ground.base.pods["x/a"].address(), 80)]
    assert looked(ground, *dials).verdict is Verdict.FAIL


def test_nobody_answers_only_beside_an_open_control(ground: Ground) -> None:
    """A client that reaches nothing at all proves no refusal: UNKNOWN."""
    ground.service()
    ground.network.lies.append(lambda client, ask: Result(ask, client, Seen.REFUSED) if client == CLIENT else None)
    findings = looked(ground, Dial(CLIENT, answered=False))
    assert (findings.verdict, layer(findings)) == (Verdict.UNKNOWN, "harness")


@pytest.mark.parametrize(("backends", "answered"), [(("x/a",), False), ((), True)])
def test_a_test_on_other_ground_than_its_own_is_unknown(
    ground: Ground, backends: tuple[str, ...], *, answered: bool
) -> None:
    """A test about an answer is not passed by a Service that rightly refuses, nor the other way round."""
    ground.service(*backends)
    before = len(ground.network.asked)
    assert looked(ground, Dial(CLIENT, answered=answered)).verdict is Verdict.UNKNOWN
    assert len(ground.network.asked) == before, "nobody is asked for nothing"


def test_wrong_slices_are_told_before_anything_is_dialled(ground: Ground) -> None:
    """Whoever follows wrong slices would be judged for what they say: their controller is named instead."""
    made = ground.service("x/a", "x/b")
    ground.kube.put(ground.slice(made, ["x/a"], 80))
    before = len(ground.network.asked)
    findings = looked(ground)
    assert (findings.verdict, layer(findings)) == (Verdict.FAIL, "endpointslice controller")
    assert len(ground.network.asked) == before
    assert slice_findings(ground.lease(), "svc").verdict is Verdict.FAIL


def test_no_dials_are_an_error(ground: Ground) -> None:
    """Nothing dialled is nothing found out."""
    ground.service("x/a")
    with pytest.raises(ValueError, match="no dials"):
        service_findings(ground.lease(), "svc", [])


def test_the_layer_below_is_looked_at_from_the_client_that_failed(ground: Ground) -> None:
    """One client whose network is broken: its pods do not answer it, so the proxy is not to blame."""
    ground.service("x/a")
    ground.network.lies.append(lambda client, ask: Result(ask, client, Seen.SILENT) if client == "z/a" else None)
    findings = looked(ground, Dial("y/a", attempts=2), Dial("z/a", attempts=2))
    assert layer(findings) == "pod network"


def node_port(ground: Ground, **port: Any) -> None:
    ports = [{"name": "http", "port": 80, "targetPort": 80, "protocol": "TCP", **port}]
    ground.service("x/a", type="NodePort", ports=ports)
    ground.network.backends["172.18.0.3", 30080] = [(ground.base.pods["x/a"].address(), 80)]


def test_a_node_port_is_dialled_at_its_node(ground: Ground) -> None:
    """By NodePort the address is the node's and the number the Service's."""
    node_port(ground, nodePort=30080)
    assert looked(ground, Dial(CLIENT, via=Via.NODE_PORT, entry="n2", attempts=2)).verdict is Verdict.PASS
    dialled = ground.network.asked[-1][1]
    assert isinstance(dialled, Tcp)
    assert (dialled.host, dialled.port) == ("172.18.0.3", 30080)


def test_a_node_port_the_api_owes_is_missed(ground: Ground) -> None:
    """A Service of type NodePort without a number is broken, not a reason to skip."""
    node_port(ground)
    findings = looked(ground, Dial(CLIENT, via=Via.NODE_PORT, entry="n2"))
    assert findings.verdict is Verdict.FAIL
    assert "nodePort" in str(findings.differences[0])


def test_a_family_the_api_owes_is_missed(ground: Ground) -> None:
    """A Service that was given two families and one address is broken, not a reason to skip."""
    ground.service("x/a", ipFamilies=["IPv4", "IPv6"])
    findings = looked(ground, Dial(CLIENT, family=Family.V6))
    assert findings.verdict is Verdict.FAIL
    assert "clusterIPs" in str(findings.differences[0])


def test_a_kind_of_address_the_service_has_not_does_not_apply(ground: Ground) -> None:
    """No load balancer address, no external one: skipped, with the reason."""
    ground.service("x/a")
    for via in (Via.LOAD_BALANCER, Via.EXTERNAL_IP):
        with pytest.raises(NotApplicable, match="no IPv4 address to dial"):
            looked(ground, Dial(CLIENT, via=via))


def test_hairpin_may_show_another_source(ground: Ground) -> None:
    """A pod that is its own backend sees whatever lets the reply find back."""

    def rewritten(told: Result) -> Result:
        assert told.answer is not None
        return replace(told, answer=replace(told.answer, saw="172.18.0.2:4711"))

    ground.service("x/a")
    ground.network.lies.append(at_service(ground, rewritten))
    assert looked(ground, Dial("x/a", attempts=2)).verdict is Verdict.PASS
