"""Reading questions, writing answers: checked with dnspython as the other side."""

from __future__ import annotations

import random
import struct
from typing import Any

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest

from harness.embedded.dns.question import Unanswerable, read
from harness.embedded.dns.records import Rcode
from harness.embedded.dns.server import respond
from harness.embedded.dns.upstream import closed_world

WEB = "web.n.svc.cluster.local."


@pytest.fixture
def many(cluster: Any) -> Any:
    """A headless Service with 100 endpoints, and a plain one."""
    cluster.service("web", "10.96.0.5")
    cluster.service("many")
    cluster.slice("many", *({"addresses": [f"10.244.1.{i}"], "conditions": {}} for i in range(1, 101)))
    return cluster


def ask(cluster: Any, query: dns.message.Message, *, stream: bool = False, v6: bool = False) -> dns.message.Message:
    wire = respond(query.to_wire(), cluster.zone, stream=stream, shuffle=random.Random(1), upstream=closed_world, v6=v6)
    assert wire is not None
    return dns.message.from_wire(wire)


@pytest.mark.parametrize("payload", [512, 1232, 4096])
def test_a_datagram_never_exceeds_what_was_asked_for(many: Any, payload: int) -> None:
    """Whatever the type, the answer fits the offered size, and says when something was left out."""
    for kind, count in (("A", 100), ("SRV", 100)):
        query = dns.message.make_query("many.n.svc.cluster.local.", kind, use_edns=0, payload=payload)
        wire = respond(query.to_wire(), many.zone, stream=False, shuffle=random.Random(1), upstream=closed_world)
        assert wire is not None
        assert len(wire) <= payload
        answer = dns.message.from_wire(wire)
        complete = sum(map(len, answer.answer)) == count
        assert complete or answer.flags & dns.flags.TC


def test_a_stream_carries_everything(many: Any) -> None:
    """Over TCP the same answer is whole."""
    answer = ask(many, dns.message.make_query("many.n.svc.cluster.local.", "SRV"), stream=True)
    assert sum(map(len, answer.answer)) == 100
    assert not answer.flags & dns.flags.TC


@pytest.mark.parametrize(("v6", "compressed"), [(False, False), (True, True)])
def test_large_datagrams_are_compressed_against_fragments(cluster: Any, v6: bool, compressed: bool) -> None:
    """Between the limits of the two families, only a client over IPv6 gets a compressed message."""
    cluster.service("some")
    cluster.slice("some", *({"addresses": [f"10.244.1.{i}"], "conditions": {}} for i in range(1, 36)))
    query = dns.message.make_query("some.n.svc.cluster.local.", "A", use_edns=0, payload=4096).to_wire()
    wire = respond(query, cluster.zone, stream=False, shuffle=random.Random(1), upstream=closed_world, v6=v6)
    assert wire is not None
    assert (len(wire) < 700) is compressed


def test_header_bits_follow_the_question(many: Any) -> None:
    """RD and CD are repeated, AD is not set, the identifier comes back."""
    query = dns.message.make_query(WEB, "A")
    query.flags = dns.flags.CD | dns.flags.AD
    answer = ask(many, query)
    assert answer.id == query.id
    assert answer.flags == dns.flags.QR | dns.flags.AA | dns.flags.CD


def test_edns_is_answered_in_kind(many: Any) -> None:
    """OPT comes back with the offered size, the DO bit and known options; without OPT there is none."""
    cookie = dns.edns.GenericOption(10, b"12345678")
    unknown = dns.edns.GenericOption(65001, b"?")
    query = dns.message.make_query(WEB, "A", use_edns=0, payload=1400, want_dnssec=True, options=[cookie, unknown])
    answer = ask(many, query)
    assert (answer.edns, answer.payload) == (0, 1400)
    assert answer.ednsflags & dns.flags.DO
    assert [option.otype for option in answer.options] == [10]
    assert ask(many, dns.message.make_query(WEB, "A", use_edns=False)).edns == -1


def test_unknown_edns_versions_are_refused(many: Any) -> None:
    """Version 1 gets BADVERS with an OPT of version 0."""
    query = dns.message.make_query(WEB, "A", use_edns=1)
    answer = ask(many, query)
    assert (answer.rcode(), answer.edns) == (dns.rcode.BADVERS, 0)


def test_tiny_offers_count_as_512(many: Any) -> None:
    """A client that offers less than 512 bytes gets 512 (RFC 6891 §6.2.3)."""
    query = dns.message.make_query(WEB, "A", use_edns=0, payload=64)
    assert ask(many, query).answer


def test_addresses_are_shuffled_and_aliases_stay_first(cluster: Any) -> None:
    """Order varies between answers, but a CNAME is always ahead of its target's records."""
    cluster.service("hl")
    cluster.slice("hl", *({"addresses": [f"10.244.1.{i}"], "conditions": {}} for i in range(1, 5)))
    cluster.alias("ext", "hl.n.svc.cluster.local")
    wire = dns.message.make_query("ext.n.svc.cluster.local.", "A").to_wire()
    chance = random.Random(3)
    firsts = set()
    for _ in range(30):
        out = respond(wire, cluster.zone, stream=False, shuffle=chance, upstream=closed_world)
        assert out is not None
        answer = dns.message.from_wire(out).answer
        assert answer[0].rdtype == dns.rdatatype.CNAME
        firsts.add(answer[1][0].to_text())
    assert len(firsts) == 4


def test_before_the_cluster_is_known_everything_fails(many: Any) -> None:
    """Without a zone the answer is SERVFAIL, never a wrong NXDOMAIN."""
    query = dns.message.make_query(WEB, "A")
    wire = respond(query.to_wire(), None, stream=False, shuffle=random.Random(1), upstream=closed_world)
    assert wire is not None
    assert dns.message.from_wire(wire).rcode() == dns.rcode.SERVFAIL


GOOD = dns.message.make_query(WEB, "A", use_edns=False, id=0x1234).to_wire()


@pytest.mark.parametrize(
    ("wire", "rcode"),
    [
        (b"", None),
        (GOOD[:11], None),
        (GOOD[:2] + b"\x81\x00" + GOOD[4:], None),
        (GOOD[:2] + struct.pack("!H", 4 << 11) + GOOD[4:], Rcode.NOTIMP),
        (GOOD[:4] + b"\0\0" + GOOD[6:], Rcode.FORMERR),
        (GOOD[:4] + b"\0\2" + GOOD[6:], Rcode.FORMERR),
        (GOOD[:-3], Rcode.FORMERR),
        (GOOD[:12] + b"\xc0\x0c\0\1\0\1", Rcode.FORMERR),
        (GOOD[:12] + b"\x3f" * 400, Rcode.FORMERR),
        (GOOD[:10] + b"\0\1" + GOOD[12:] + b"\0\0\x29", Rcode.FORMERR),
    ],
)
def test_what_is_not_a_question_is_refused_or_ignored(wire: bytes, rcode: Rcode | None) -> None:
    """Answers and scraps are ignored; broken questions get the rcode that says so; nothing raises anything else."""
    with pytest.raises(Unanswerable) as refused:
        read(wire)
    assert refused.value.rcode is rcode
    out = respond(wire, None, stream=False, shuffle=random.Random(1), upstream=closed_world)
    assert (out is None) if rcode is None else (out is not None and out[3] & 0xF == rcode)


def test_noise_never_breaks_the_reader() -> None:
    """Ten thousand damaged questions raise nothing but Unanswerable."""
    chance = random.Random(5)
    base = dns.message.make_query(WEB, "A", use_edns=0, payload=1232).to_wire()
    for _ in range(10_000):
        wire = bytearray(base[: chance.randrange(12, len(base) + 1)])
        for _ in range(chance.randrange(4)):
            wire[chance.randrange(len(wire))] = chance.randrange(256)
        respond(bytes(wire), None, stream=False, shuffle=chance, upstream=closed_world)


def test_odd_labels_survive(many: Any) -> None:
    """Labels of arbitrary bytes are read, answered with NXDOMAIN and come back unchanged."""
    query = dns.message.make_query(r"w\.b\000\255 x.n.svc.cluster.local.", "A")
    answer = ask(many, query)
    assert answer.rcode() == dns.rcode.NXDOMAIN
    assert answer.question[0].name == query.question[0].name
