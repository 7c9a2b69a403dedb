"""Each planted fault of the DNS server does what the catalogue says, where it is planted, and ends with it."""

from __future__ import annotations

from typing import Any

import pytest

from harness.effects.clock import FakeClock
from harness.embedded.dns.faults import Lag, Memory, Planted
from harness.embedded.dns.records import Answer, Rcode, as_text, name_of
from harness.embedded.dns.wire import Asked

TYPES = {"A": 1, "PTR": 12, "AAAA": 28, "SRV": 33}


def fault(ident: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": ident}, "spec": {"id": ident, **spec}}


class Broken:
    """A server with faults."""

    def __init__(self, cluster: Any) -> None:
        self.cluster = cluster
        self.planted = Planted("n1")
        self.clock = FakeClock()
        self.memory = Memory(self.planted, self.clock, ("cluster", "local"))
        cluster.options = {"quirks": self.planted.quirks}

    def plant(self, ident: str, **spec: Any) -> None:
        self.planted.objects = [fault(ident, **spec)]

    def heal(self) -> None:
        self.planted.objects = []

    def ask(self, name: str, kind: str = "A") -> Answer:
        healthy = self.cluster.ask(name, kind)
        qname = name_of(name.replace("$", "n.svc.cluster.local"))
        return self.memory.bend(Asked(1, qname, TYPES[kind]), healthy)

    def seen(self, name: str, kind: str = "A") -> list[str]:
        answer = self.ask(name, kind)
        return [as_text(r).split(" IN ")[1] for r in answer.answer] or [answer.rcode.name]


@pytest.fixture
def broken(cluster: Any) -> Broken:
    """A cluster with a plain, a headless and an external Service, and a server to break."""
    cluster.service("web", "10.96.0.5")
    cluster.service("hl")
    cluster.slice(
        "hl",
        {"addresses": ["10.244.0.1"], "conditions": {"ready": True, "serving": True}, "hostname": "a"},
        {"addresses": ["10.244.0.2"], "conditions": {"ready": False, "serving": True, "terminating": True}},
        {"addresses": ["10.244.0.3"], "conditions": {"ready": True, "serving": False}},
        {"addresses": ["10.244.0.4"], "conditions": {}},
    )
    cluster.alias("ext", "web.n.svc.cluster.local")
    cluster.service("six", "fd00::9")
    cluster.service("out", "10.96.0.8", externalIPs=["192.0.2.77"])
    cluster.services[-1]["status"] = {"loadBalancer": {"ingress": [{"ip": "192.0.2.99"}]}}
    return Broken(cluster)


@pytest.mark.parametrize(
    ("ident", "name", "kind", "before", "during"),
    [
        ("dns/F-03", "web.$", "AAAA", ["NOERROR"], ["NXDOMAIN"]),
        ("dns/F-05", "nope.$", "A", ["NXDOMAIN"], ["NOERROR"]),
        ("dns/F-04", "web.$", "AAAA", ["NOERROR"], ["SERVFAIL"]),
        ("dns/F-10", "nope.$", "A", ["NXDOMAIN"], ["A 192.0.2.10"]),
        ("dns/F-10", "nope.$", "SRV", ["NXDOMAIN"], ["SRV 0 1 80 stray.example."]),
        ("dns/F-10", "nope.$", "AAAA", ["NXDOMAIN"], ["NXDOMAIN"]),
        ("dns/F-23", "hl.$", "A", ["1", "3", "4"], ["1", "2", "3", "4"]),
        ("dns/F-24", "hl.$", "A", ["1", "3", "4"], ["1", "3"]),
        ("dns/F-25", "hl.$", "A", ["1", "3", "4"], ["1", "4"]),
        ("dns/F-26", "hl.$", "A", ["1", "3", "4"], ["1", "2", "4"]),
        ("dns/F-28", "web.$", "A", ["A 10.96.0.5"], ["A 10.96.0.5"] * 2),
        ("dns/F-30", "_http._tcp.web.$", "SRV", ["80"], ["8080"]),
        ("dns/F-30", "_http._tcp.hl.$", "SRV", ["8080"] * 3, ["80"] * 3),
        ("dns/F-40", "ext.$", "A", ["CNAME web.n.svc.cluster.local.", "A 10.96.0.5"], ["A 10.96.0.5"]),
        ("dns/F-33", "out.$", "A", ["A 10.96.0.8"], ["A 10.96.0.8", "A 192.0.2.77", "A 192.0.2.99"]),
        ("dns/F-74", "six.$", "AAAA", ["AAAA fd00::9"], ["AAAA ::ffff:192.0.2.1"]),
        ("dns/F-76", "web.$", "AAAA", ["NOERROR"], ["NXDOMAIN"]),
        ("dns/F-85", "WEB.$", "A", ["A 10.96.0.5"], ["NXDOMAIN"]),
        ("dns/F-85", "web.$", "A", ["A 10.96.0.5"], ["A 10.96.0.5"]),
        ("dns/F-44", "*.$", "A", ["NXDOMAIN"], None),
        ("dns/F-44", "any.hl.$", "A", ["NXDOMAIN"], None),
    ],
)
def test_a_static_fault_shows_while_it_is_planted(
    broken: Broken, ident: str, name: str, kind: str, before: list[str], during: list[str] | None
) -> None:
    """The answer is right before, wrong as described during, and right again after the fault."""

    def look() -> list[str]:
        seen = broken.seen(name, kind)
        if before[0].isdigit():
            seen = [text.split()[-2] if kind == "SRV" else text[-1] for text in seen]
        return seen

    assert look() == before
    broken.plant(ident)
    assert look() == during if during is not None else look() != before
    broken.heal()
    assert look() == before


def test_f27_only_the_first_slice_is_read(broken: Broken) -> None:
    """Endpoints of further slices are in no name."""
    broken.cluster.slice("hl", {"addresses": ["10.244.0.9"], "conditions": {"ready": True, "serving": True}})
    assert "A 10.244.0.9" in broken.seen("hl.$")
    broken.plant("dns/F-27")
    assert "A 10.244.0.9" not in broken.seen("hl.$")
    assert "A 10.244.0.1" in broken.seen("hl.$")


def test_f32_an_address_has_a_second_name(broken: Broken) -> None:
    """A stranger is named beside the owner; which namespace that is in is told by the owner's name."""
    back = "5.0.96.10.in-addr.arpa."
    broken.plant("dns/F-32", namespaces=["m"])
    assert broken.seen(back, "PTR") == ["PTR web.n.svc.cluster.local."]
    broken.plant("dns/F-32", namespaces=["n"])
    assert broken.seen(back, "PTR") == ["PTR web.n.svc.cluster.local.", "PTR stray.example."]


def test_f18_what_was_answered_stays_the_answer(broken: Broken) -> None:
    """A name keeps its first addresses, whatever becomes of it; one that was missing is looked up anew."""
    broken.plant("dns/F-18")
    assert broken.seen("new.$") == ["NXDOMAIN"]
    first = broken.seen("hl.$")
    broken.cluster.slices.clear()
    broken.cluster.service("new", "10.96.0.6")
    assert broken.seen("hl.$") == first
    assert broken.seen("new.$") == ["A 10.96.0.6"]
    broken.heal()
    assert broken.seen("hl.$") == ["NXDOMAIN"]


def test_f57_questions_come_in_small_letters(broken: Broken) -> None:
    """The name is lowered, and nothing else of the message: type 65 is a capital letter too."""
    wire = b"\x4a\x00\x01\x20\x00\x01\0\0\0\0\0\0" + b"\x03WeB\x01N\0" + b"\0\x41\0\x01"
    assert broken.planted.heard(wire) == wire
    broken.plant("dns/F-57")
    assert broken.planted.heard(wire) == wire.replace(b"WeB\x01N", b"web\x01n")


def test_f87_idle_bits_are_not_borne(broken: Broken) -> None:
    """Questions with AD or CD set are dropped, others are not."""
    plain, odd = b"\0\0\x01\x00" + b"\0" * 8, b"\0\0\x01\x30" + b"\0" * 8
    assert not broken.planted.drops(odd)
    broken.plant("dns/F-87")
    assert broken.planted.drops(odd) and not broken.planted.drops(plain)


def test_f88_a_broken_message_fells_the_server(broken: Broken) -> None:
    """After a message that it could not read the server is away for some seconds; an answer does it no harm."""
    refused, answered = b"\0\0\x81\x01", b"\0\0\x81\x00"
    broken.memory.note(refused)
    broken.plant("dns/F-88")
    assert not broken.memory.away()
    broken.memory.note(answered)
    assert not broken.memory.away()
    for said in (refused, None):
        broken.memory.note(said)
        assert broken.memory.away()
        broken.clock.sleep(6)
        assert not broken.memory.away()


def test_f89_names_without_the_zone_are_led_into_it(broken: Broken) -> None:
    """Outside the zone what is missing becomes an alias of the same name in it; inside, missing stays missing."""
    broken.plant("dns/F-89")
    outside = Asked(1, name_of("web.n.svc."), 1)
    led = broken.memory.bend(outside, Answer(Rcode.NXDOMAIN))
    assert [as_text(record) for record in led.answer] == ["web.n.svc. 30 IN CNAME web.n.svc.cluster.local."]
    assert broken.seen("nope.$") == ["NXDOMAIN"]


def test_f29_weights_vanish(broken: Broken) -> None:
    """SRV records have a weight of nothing while it is planted."""

    def weights() -> set[int]:
        return {record.data.weight for record in broken.ask("_http._tcp.hl.$", "SRV").answer}

    assert 0 not in weights()
    broken.plant("dns/F-29")
    assert weights() == {0}


def test_f72_records_last_a_day(broken: Broken) -> None:
    """Lifetimes are far beyond what is configured."""
    broken.plant("dns/F-72")
    assert {record.ttl for record in broken.ask("web.$").answer} == {86400}


def test_f82_additions_are_somebody_elses(broken: Broken) -> None:
    """The names in the additional section are none of the answer's targets."""
    healthy = {record.owner for record in broken.ask("_http._tcp.hl.$", "SRV").additional}
    broken.plant("dns/F-82")
    stray = {record.owner for record in broken.ask("_http._tcp.hl.$", "SRV").additional}
    assert healthy and stray and not healthy & stray


def test_f52_and_f55_concern_whole_messages(broken: Broken) -> None:
    """Sizes are ignored, and questions with an OPT record dropped, only while it is planted for every namespace."""
    plain, with_opt = b"\0" * 12, b"\0" * 11 + b"\1"
    assert not broken.planted.overflows() and not broken.planted.drops(with_opt)
    broken.plant("dns/F-52")
    assert broken.planted.overflows()
    broken.plant("dns/F-55")
    assert broken.planted.drops(with_opt) and not broken.planted.drops(plain)
    broken.plant("dns/F-55", namespaces=["n"])
    assert not broken.planted.drops(with_opt)


def test_a_fault_stays_in_its_scope(broken: Broken) -> None:
    """Other namespaces and other nodes' servers are not touched."""
    broken.plant("dns/F-03", namespaces=["m"])
    assert broken.seen("web.$", "AAAA") == ["NOERROR"]
    broken.plant("dns/F-03", nodes=["n2"])
    assert broken.seen("web.$", "AAAA") == ["NOERROR"]
    broken.plant("dns/F-03", namespaces=["n"], nodes=["n1"])
    assert broken.seen("web.$", "AAAA") == ["NXDOMAIN"]


def test_f19_a_name_once_missing_stays_missing(broken: Broken) -> None:
    """A name asked too early stays NXDOMAIN for the fault's seconds; names never asked before are fine."""
    broken.plant("dns/F-19", params={"seconds": 60})
    assert broken.seen("new.$") == ["NXDOMAIN"]
    broken.cluster.service("new", "10.96.0.6")
    broken.cluster.service("fresh", "10.96.0.7")
    assert broken.seen("new.$") == ["NXDOMAIN"]
    assert broken.seen("fresh.$") == ["A 10.96.0.7"]
    assert broken.ask("new.$").authority[0].ttl == 60
    broken.clock.sleep(61)
    assert broken.seen("new.$") == ["A 10.96.0.6"]


def test_f48_answers_of_other_questions_come_back(broken: Broken) -> None:
    """Among a few questions, one gets its predecessor's answer."""
    broken.plant("dns/F-48")
    wrong = [broken.seen(name) for name in ("web.$", "a.hl.$") * 3]
    right = [["A 10.96.0.5"], ["A 10.244.0.1"]] * 3
    assert sum(a != b for a, b in zip(wrong, right, strict=True)) == 2


def test_f08_hangs_up_on_streams(broken: Broken) -> None:
    """TCP is refused on the nodes named and nowhere else."""
    broken.plant("dns/F-08", nodes=["n1"])
    assert broken.planted.hangs_up()
    broken.plant("dns/F-08", nodes=["n2"])
    assert not broken.planted.hangs_up()


def named(name: str, namespace: str = "n", **fields: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace}, **fields}


def test_f16_a_stuck_watch_shows_the_past(broken: Broken) -> None:
    """While planted, neither new nor changed nor deleted objects show; other namespaces go on; healing catches up."""
    lag = Lag(broken.planted)
    broken.plant("dns/F-16", namespaces=["n"])
    first = lag.apply({"services": [named("a"), named("b")]}, ["n", "m"])
    later = {"services": [named("b", changed=True), named("c"), named("d", "m")]}
    seen = lag.apply(later, ["n", "m"])["services"]
    assert [s for s in seen if s["metadata"]["namespace"] == "n"] == first["services"]
    assert named("d", "m") in seen
    broken.heal()
    assert lag.apply(later, ["n", "m"]) == later


def test_f17_deleted_objects_stay(broken: Broken) -> None:
    """While planted, what is deleted is still seen, and what is new is too."""
    lag = Lag(broken.planted)
    broken.plant("dns/F-17")
    lag.apply({"services": [named("a"), named("b", old=True)]}, ["n"])
    seen = lag.apply({"services": [named("b"), named("c")]}, ["n"])["services"]
    assert sorted(s["metadata"]["name"] for s in seen) == ["a", "b", "c"]
    assert named("b") in seen
    broken.heal()
    assert lag.apply({"services": [named("b")]}, ["n"]) == {"services": [named("b")]}


def test_without_faults_nothing_is_remembered(broken: Broken) -> None:
    """Healing forgets the missing names."""
    broken.plant("dns/F-19")
    assert broken.ask("new.$").rcode is Rcode.NXDOMAIN
    broken.heal()
    broken.cluster.service("new", "10.96.0.6")
    assert broken.seen("new.$") == ["A 10.96.0.6"]
    broken.plant("dns/F-19")
    assert broken.seen("new.$") == ["A 10.96.0.6"]
