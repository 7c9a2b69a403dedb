"""Answers of the cluster DNS held against the zone of the API's objects, on messages made here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from harness.expect import Symptom, blame
from harness.model.dns import Question
from harness.model.outcome import Seen, Verdict
from harness.probe.asks import Ask, Dns
from harness.probe.results import Result
from harness.suite.check import Findings
from harness.suite.facts import ClusterFacts
from harness.suite.messages import NotAMessageError, QueryShape, answer, query
from harness.suite.names import ask_names, name_findings
from tests.unit.suite.ground import CLUSTER_IP, Ground

SOA = "cluster.local. 30 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 30"
Reply = Callable[[dns.message.Message], bytes | None]


def said(rcode: int = dns.rcode.NOERROR, *records: str, authority: str = "", flags: int = dns.flags.AA) -> Reply:
    """A server that says this to every question."""

    def reply(asked: dns.message.Message) -> bytes:
        made = dns.message.make_response(asked)
        made.flags |= flags
        made.set_rcode(dns.rcode.Rcode(rcode))
        for section, texts in ((made.answer, records), (made.authority, (authority,) if authority else ())):
            for text in texts:
                owner, ttl, klass, kind, data = text.split(None, 4)
                section.append(dns.rrset.from_text(owner, int(ttl), klass, kind, data))
        return made.to_wire()

    return reply


def serving(ground: Ground, reply: Reply, *, seen: Seen = Seen.REACHED) -> ClusterFacts:
    """A cluster whose DNS answers like this."""

    def tell(client: str, ask: Ask) -> Result | None:
        if not isinstance(ask, Dns):
            return None
        if seen is not Seen.REACHED:
            return Result(ask, client, seen, error="no answer")
        return Result(ask, client, seen, wire=reply(dns.message.from_wire(ask.wire_query)) or b"")

    ground.network.lies.append(tell)
    kube: Any = ground.kube
    facts = ClusterFacts(kube, kind="embedded")
    ground.kube.put(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}},
            "spec": {"clusterIP": "10.96.0.10", "clusterIPs": ["10.96.0.10"], "ipFamilies": ["IPv4"], "ports": []},
        }
    )
    ground.kube.put(dns_slice())
    return facts


DNS_POD = "10.244.9.53"
"""The address of a pod of the cluster DNS."""


def dns_slice(*, ready: bool = True) -> dict[str, Any]:
    """The slice of the cluster DNS's Service: one pod."""
    labels = {"kubernetes.io/service-name": "kube-dns"}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "kube-dns-1", "namespace": "kube-system", "labels": labels},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [DNS_POD], "conditions": {"ready": ready}}],
        "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}],
    }


def name_of(ground: Ground) -> str:
    return f"svc.{ground.base.namespaces['x']}.svc.cluster.local."


def looked(ground: Ground, facts: ClusterFacts, *, name: str = "", **how: Any) -> Findings:
    return name_findings(ground.lease(), facts, [Question(name or name_of(ground), "A")], **how)


def test_no_name_is_asked_while_the_slices_are_behind(ground: Ground) -> None:
    """A server that has seen as little of a change as the slices have would pass for one that has followed it."""
    made = ground.service("x/a", "x/b")
    facts = serving(ground, said(dns.rcode.NOERROR, f"{name_of(ground)} 30 IN A {CLUSTER_IP}"))
    ground.kube.put(ground.slice(made, ["x/a"], 80))
    found = looked(ground, facts)
    assert (found.verdict, found.symptoms) == (Verdict.FAIL, frozenset({Symptom.SLICES_WRONG}))
    assert "EndpointSlices" in found.asked


def test_slices_with_zones_are_no_reason_to_wait(ground: Ground) -> None:
    """Nodes that stand in zones give them to their endpoints: who judges slices has to know the nodes."""
    made = ground.service("x/a")
    for node in [each for (kind, _, _), each in ground.kube.objects.items() if kind == "nodes"]:
        node["metadata"]["labels"]["topology.kubernetes.io/zone"] = "zone-1"
    written = ground.slice(made, ["x/a"], 80)
    ground.kube.put({**written, "endpoints": [{**each, "zone": "zone-1"} for each in written["endpoints"]]})
    facts = serving(ground, said(dns.rcode.NOERROR, f"{name_of(ground)} 30 IN A {CLUSTER_IP}"))
    assert looked(ground, facts) == Findings()


def test_a_right_answer_is_right(ground: Ground) -> None:
    """The Service's address, authoritative, once: nothing is wrong."""
    ground.service("x/a")
    facts = serving(ground, said(dns.rcode.NOERROR, f"{name_of(ground)} 30 IN A {CLUSTER_IP}"))
    assert looked(ground, facts) == Findings()


@pytest.mark.parametrize(
    ("rcode", "records", "authority"),
    [
        (dns.rcode.NOERROR, ("{name} 30 IN A 10.96.9.9",), ""),
        (dns.rcode.NOERROR, ("{name} 30 IN A {ip}", "{name} 30 IN A 10.244.1.1"), ""),
        (dns.rcode.NOERROR, (), SOA),
        (dns.rcode.NXDOMAIN, (), SOA),
        (dns.rcode.SERVFAIL, (), ""),
        (dns.rcode.REFUSED, (), ""),
        (dns.rcode.NOERROR, ("other.cluster.local. 30 IN A {ip}",), ""),
        (dns.rcode.NOERROR, ("{name} 99999 IN A {ip}",), ""),
    ],
)
def test_a_wrong_answer_is_told(ground: Ground, rcode: int, records: tuple[str, ...], authority: str) -> None:
    """Other addresses, none, an error, another's name, too long a life: each breaks the promise, and DNS is blamed."""
    ground.service("x/a")
    texts = [text.format(name=name_of(ground), ip=CLUSTER_IP) for text in records]
    findings = looked(ground, serving(ground, said(rcode, *texts, authority=authority)))
    assert (findings.verdict, str(blame(findings.symptoms).layer)) == (Verdict.FAIL, "dns")


@pytest.mark.parametrize(
    ("seen", "verdict", "layer"),
    [
        (Seen.SILENT, Verdict.FAIL, "dns"),
        (Seen.REFUSED, Verdict.FAIL, "dns"),
        (Seen.UNMEASURED, Verdict.UNKNOWN, "harness"),
    ],
)
def test_silence_breaks_and_a_lost_probe_is_unknown(ground: Ground, seen: Seen, verdict: Verdict, layer: str) -> None:
    """A server that does not answer breaks the promise; a probe that broke says nothing about the server."""
    ground.service("x/a")
    findings = looked(ground, serving(ground, said(), seen=seen))
    assert (findings.verdict, str(blame(findings.symptoms).layer)) == (verdict, layer)


def test_silence_with_a_dead_network_blames_the_network(ground: Ground) -> None:
    """Where pods are not reached either, the DNS server is not the first suspect."""
    ground.service("x/a")
    facts = serving(ground, said(), seen=Seen.SILENT)
    ground.network.lies.append(lambda client, ask: Result(ask, client, Seen.SILENT))
    assert str(blame(looked(ground, facts).symptoms).layer) == "pod network"


def test_silence_of_a_dns_nobody_serves_blames_the_dns(ground: Ground) -> None:
    """With no ready endpoint behind its Service the DNS is gone, whatever else is silent."""
    ground.service("x/a")
    facts = serving(ground, said(), seen=Seen.REFUSED)
    ground.kube.put(dns_slice(ready=False))
    told = blame(looked(ground, facts).symptoms)
    assert (str(told.layer), told.why) == ("dns", "the Service of the cluster DNS has no ready endpoint")


def test_silence_beside_a_dns_pod_that_answers_blames_the_proxy(ground: Ground) -> None:
    """Where a DNS pod answers at its own address, the way to it by the Service is broken."""
    ground.service("x/a")
    facts = serving(ground, said(), seen=Seen.SILENT)

    def direct(client: str, ask: Ask) -> Result | None:
        return Result(ask, client, Seen.REACHED) if isinstance(ask, Dns) and ask.server == DNS_POD else None

    ground.network.lies.insert(0, direct)
    assert str(blame(looked(ground, facts).symptoms).layer) == "service proxy"


@pytest.mark.parametrize(("pods", "layer"), [(dns.flags.AA, "service proxy"), (0, "dns")])
def test_a_stranger_at_the_service_address_blames_the_proxy(ground: Ground, pods: int, layer: str) -> None:
    """An answer without authority is a resolver's elsewhere, if the DNS pods themselves have it; else it is theirs."""
    ground.service("x/a")
    facts = serving(ground, said(dns.rcode.NXDOMAIN, flags=0))
    reply = said(dns.rcode.NOERROR, f"{name_of(ground)} 30 IN A {CLUSTER_IP}", flags=pods)

    def direct(client: str, ask: Ask) -> Result | None:
        if not isinstance(ask, Dns) or ask.server != DNS_POD:
            return None
        return Result(ask, client, Seen.REACHED, wire=reply(dns.message.from_wire(ask.wire_query)) or b"")

    ground.network.lies.insert(0, direct)
    assert str(blame(looked(ground, facts).symptoms).layer) == layer


@pytest.mark.parametrize("wire", [b"", b"\x00\x01garbage"])
def test_bytes_that_are_no_message_break_the_promise(ground: Ground, wire: bytes) -> None:
    """Something answered, and it was no DNS."""
    ground.service("x/a")
    findings = looked(ground, serving(ground, lambda _: wire))
    assert findings.verdict is Verdict.FAIL
    assert Symptom.DNS_SILENT in findings.symptoms


def test_names_that_should_exist_and_do_not_are_unknown(ground: Ground) -> None:
    """A fixture that is not there is no proof that absent names are absent."""
    ground.service("x/a")
    facts = serving(ground, said(dns.rcode.NXDOMAIN, authority=SOA))
    absent = f"nope.{ground.base.namespaces['x']}.svc.cluster.local."
    assert looked(ground, facts, name=absent).verdict is Verdict.PASS
    before = len(ground.network.asked)
    assert looked(ground, facts, name=absent, present=True).verdict is Verdict.UNKNOWN
    assert len(ground.network.asked) == before


def test_no_questions_are_an_error(ground: Ground) -> None:
    """Nothing asked is nothing found out."""
    with pytest.raises(ValueError, match="no questions"):
        name_findings(ground.lease(), serving(ground, said()), [])


def test_every_question_is_asked_of_both_replicas(ground: Ground) -> None:
    """One of two replicas may be wrong alone: each question is put twice in one look."""
    ground.service("x/a")
    truth, lie = f"{name_of(ground)} 30 IN A {CLUSTER_IP}", f"{name_of(ground)} 30 IN A 10.96.9.9"
    turns = iter([said(0, truth), said(0, lie)])
    assert looked(ground, serving(ground, lambda asked: next(turns)(asked))).verdict is Verdict.FAIL


def test_shapes_of_questions_arrive(ground: Ground) -> None:
    """Transport, recursion and EDNS of a question are as the shape says."""
    shapes: list[tuple[str, bool, int]] = []
    facts = serving(ground, said())
    ground.network.lies.insert(0, lambda _, ask: shapes.append(_shape(ask)))
    for shape in (QueryShape(), QueryShape(proto="tcp", recursion=False), QueryShape(edns=1232)):
        ask_names(ground.lease(), facts, [Question("a.test.", "A")], shape=shape)
    assert shapes == [("udp", True, -1), ("tcp", False, -1), ("udp", True, 0)]


def _shape(ask: Ask) -> tuple[str, bool, int]:
    assert isinstance(ask, Dns)
    message = dns.message.from_wire(ask.wire_query)
    return ask.proto, bool(message.flags & dns.flags.RD), message.edns


def test_an_answer_is_read_whole() -> None:
    """Sections, flags, sizes and a record that was given twice all survive reading."""
    asked = query(Question("a.test.", "A"), QueryShape(edns=1232))
    wire = said(0, "a.test. 5 IN A 10.0.0.1", "a.test. 5 IN A 10.0.0.2", authority=SOA)(dns.message.from_wire(asked))
    assert wire is not None
    read = answer(wire, asked=asked, proto="tcp")
    assert [str(record) for record in read.answer] == ["a.test. 5 IN A 10.0.0.1", "a.test. 5 IN A 10.0.0.2"]
    assert (read.rcode, read.aa, read.proto, read.size, read.edns is None) == ("NOERROR", True, "tcp", len(wire), False)
    assert [record.type for record in read.authority] == ["SOA"]


def test_a_record_that_was_given_twice_is_read_twice() -> None:
    """A set of records would hide it."""
    asked = query(Question("a.test.", "A"), QueryShape())
    made = dns.message.make_response(dns.message.from_wire(asked))
    made.answer += [dns.rrset.from_text("a.test.", 5, "IN", "A", "10.0.0.1") for _ in range(2)]
    assert len(answer(made.to_wire(), asked=asked, proto="udp").answer) == 2


@pytest.mark.parametrize("spoil", ["other id", "other question", "trailing bytes", "a question itself"])
def test_what_answers_another_question_is_refused(spoil: str) -> None:
    """Late or forged messages are not taken for the answer."""
    asked = query(Question("a.test.", "A"), QueryShape())
    message = dns.message.from_wire(asked)
    other = dns.message.from_wire(query(Question("b.test.", "A"), QueryShape()))
    other.id = message.id
    good = said()(message) or b""
    wires = {
        "other id": bytes([good[0] ^ 1]) + good[1:],
        "other question": said()(other) or b"",
        "trailing bytes": good + b"\x00",
        "a question itself": asked,
    }
    with pytest.raises(NotAMessageError):
        answer(wires[spoil], asked=asked, proto="udp")
