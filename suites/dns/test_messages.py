"""The cluster DNS as a speaker of the protocol: sizes, order, odd messages, broken ones, and who may not have the zone.

Source: RFC 1035, 2181, 5936, 6891, 7766, 8482; the protocol section of the DNS catalogue.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from harness.suite import (
    Arena,
    Asked,
    Check,
    ClusterFacts,
    Difference,
    Dns,
    Findings,
    QueryShape,
    Question,
    Result,
    Seen,
    Symptom,
    Verdict,
    ask_names,
    name_findings,
    no_answer,
    rcode_and_records,
    requirement,
    zone_snapshot,
)
from suites.dns.zone import BIG, ZoneNames

BRIEF = 0.7
"""Seconds for an answer to something that may be met with silence: the cluster DNS is one hop away."""
SILENCE = "silence"
REFUSED = frozenset({"NOTIMP", "REFUSED", "FORMERR"})
EMPTY = REFUSED | {"NOERROR", "NXDOMAIN", "SERVFAIL", SILENCE}
OPT_V1 = b"\0" + struct.pack("!HHIH", 41, 1232, 1 << 16, 0)
"""An OPT record of a version that nobody has defined."""
OPCODES = {"IQUERY": 1, "STATUS": 2, "UPDATE": 5}


@dataclass(frozen=True, kw_only=True)
class Odd:
    """A message, and what may come of it."""

    what: str
    rcodes: frozenset[str]
    qtype: int = 1
    flags: int = 0x0100
    counts: tuple[int, int, int, int] = (1, 0, 0, 0)
    tail: bytes = b""
    name: str = "cip"
    raw: bytes = b""
    """The whole message after its id, in place of all that."""
    proto: str = "udp"
    data: bool = False
    """Whether records may come back."""

    def wire(self, number: int, zone: ZoneNames) -> bytes:
        """The message, with an id by its place."""
        head = struct.pack("!H", 0x4A00 + number)
        if self.raw:
            return head + self.raw
        labels = zone(self.name).rstrip(".").encode().split(b".")
        name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
        question = name + struct.pack("!HH", self.qtype, 1)
        return head + struct.pack("!5H", self.flags, *self.counts) + question * self.counts[0] + self.tail


REFUSALS = (
    *(Odd(what=f"opcode {name}", rcodes=REFUSED, flags=number << 11) for name, number in OPCODES.items()),
    Odd(what="EDNS version 1", rcodes=frozenset({"BADVERS"}), counts=(1, 0, 0, 1), tail=OPT_V1),
    Odd(what="no question", rcodes=frozenset({"FORMERR"}), counts=(0, 0, 0, 0)),
    Odd(what="two questions", rcodes=frozenset({"FORMERR"}), counts=(2, 0, 0, 0)),
    Odd(what="AXFR over UDP", rcodes=EMPTY, qtype=252, name="="),
    Odd(what="AXFR over TCP", rcodes=EMPTY, qtype=252, name="=", proto="tcp"),
    Odd(what="IXFR over TCP", rcodes=EMPTY, qtype=251, name="=", proto="tcp"),
    Odd(what="type ANY", rcodes=EMPTY, qtype=255, data=True),
)
BROKEN = (
    Odd(what="a header alone", rcodes=EMPTY, raw=b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"),
    Odd(what="a name that points at itself", rcodes=EMPTY, raw=b"\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1"),
    Odd(what="a label of 64 bytes", rcodes=EMPTY, raw=b"\1\0\0\1\0\0\0\0\0\0\x40" + b"a" * 64 + b"\0\0\1\0\1"),
    Odd(
        what="a name of 320 bytes",
        rcodes=EMPTY,
        raw=b"\1\0\0\1\0\0\0\0\0\0" + (b"\x3f" + b"a" * 63) * 5 + b"\0\0\1\0\1",
    ),
    Odd(what="noise", rcodes=EMPTY, raw=bytes(range(37, 160, 3))),
    Odd(what="bytes after the message", rcodes=frozenset({"NOERROR", "FORMERR"}), tail=b"trailing", data=True),
)


@pytest.mark.parametrize(
    "several",
    [
        pytest.param(
            REFUSALS,
            marks=requirement("DNS-616", "DNS-624", "DNS-627", "DNS-629", "DNS-633"),
            id="refused",
        ),
        pytest.param(BROKEN, marks=requirement("DNS-630", "DNS-631"), id="broken"),
    ],
)
def test_odd_messages(
    arena: Arena, check: Check, cluster: ClusterFacts, zone: ZoneNames, several: Sequence[Odd]
) -> None:
    """Odd and broken messages are refused or ignored, give nothing away, and the next one is answered."""
    asks = [
        Dns(cluster.dns_server, odd.wire(number, zone), proto=odd.proto, timeout=BRIEF)
        for number, odd in enumerate(several)
    ]

    def look() -> Findings:
        found = [
            said for odd, result in zip(several, arena.ask("x/a", *asks), strict=True) if (said := wrong(odd, result))
        ]
        broken = Symptom.DNS_ANSWER_WRONG if any(each.verdict is Verdict.FAIL for each in found) else Symptom.UNMEASURED
        after = name_findings(arena, cluster, [Question(zone("cip"), "A")], snapshot=zone_snapshot(arena, "n"))
        return Findings.joined([Findings(tuple(found), frozenset({Symptom.DNS_ASKED, broken} if found else ())), after])

    check.eventually("refused or ignored", look, within=check.waits.dns_program)


def wrong(odd: Odd, result: Result) -> Difference | None:
    """What is wrong with the answer to an odd message."""
    if result.seen is Seen.UNMEASURED:
        return Difference(odd.what, "measured", str(result), verdict=Verdict.UNKNOWN)
    rcode, records = (SILENCE, 0) if result.seen is not Seen.REACHED else rcode_and_records(result.wire)
    if rcode in odd.rcodes and (odd.data or not records):
        return None
    return Difference(
        odd.what, " or ".join(sorted(odd.rcodes)), f"{rcode} with {records} records", "RFC 1035, 6891, 5936"
    )


@requirement("DNS-272", "DNS-610", "DNS-611", "DNS-613")
def test_sizes_are_kept(arena: Arena, check: Check, cluster: ClusterFacts, zone: ZoneNames) -> None:
    """What does not fit into a datagram of the client's size is cut and says so; over TCP it is whole."""
    question = Question(zone("=hl-big.{m}.svc"), "A" if cluster.families[0].value == "IPv4" else "AAAA")
    rows = ((QueryShape(), 512), (QueryShape(edns=1232), 1232), (QueryShape(proto="tcp"), 65535))

    def look() -> Findings:
        found: list[Difference] = []
        for shape, size in rows:
            (asked,) = ask_names(arena, cluster, [question], shape=shape)
            found += _fits(asked, size, whole=BIG)
        return _judged(found)

    check.eventually("sizes", look, within=check.waits.dns_program)


def _fits(asked: Asked, size: int, *, whole: int) -> list[Difference]:
    if asked.answer is None:
        return [no_answer(asked, rule="RFC 2181 9")]
    got, what = asked.answer, f"{asked.question} with {asked.shape}"
    found = [] if got.size <= size else [Difference(f"size of {what}", f"at most {size}", str(got.size), "RFC 6891")]
    if got.tc is not (len(got.answer) < whole):
        wanted = f"TC only without all {whole} records"
        found.append(Difference(f"TC of {what}", wanted, f"{got.tc} with {len(got.answer)} records", "RFC 2181 9"))
    return found


@requirement("DNS-275", "DNS-305", "DNS-648")
def test_answers_repeat(arena: Arena, check: Check, cluster: ClusterFacts, zone: ZoneNames) -> None:
    """The same question has the same records every time, addresses in turns, and an alias before what it leads to."""
    type_ = "A" if cluster.families[0].value == "IPv4" else "AAAA"
    questions = [Question(zone("hl"), type_)] * 30 + [Question(zone("ext-in"), type_)] * 10

    def look() -> Findings:
        asked = ask_names(arena, cluster, questions)
        found = [no_answer(each) for each in asked if each.answer is None]
        hosts = [each.answer.answer for each in asked[:30] if each.answer is not None]
        aliases = [each.answer.answer for each in asked[30:] if each.answer is not None]
        if len({frozenset(each.rdata for each in records) for records in hosts}) > 1:
            found.append(Difference(f"records of {questions[0]}", "one set", "several", "DNS-275"))
        if len({records[0].rdata for records in hosts if records}) == 1:
            found.append(Difference(f"first record of {questions[0]}", "in turns", "always the same", "DNS-648"))
        if any(records and records[0].type != "CNAME" for records in aliases):
            found.append(Difference(f"first record of {questions[-1]}", "the CNAME", "another", "DNS-305"))
        return _judged(found)

    check.eventually("repeated", look, within=check.waits.dns_program)


@requirement("DNS-436", "DNS-437", "DNS-863", "DNS-864")
def test_every_address_of_the_server(arena: Arena, check: Check, cluster: ClusterFacts, zone: ZoneNames) -> None:
    """Each address of the DNS Service answers, over UDP and TCP, and says the same of either family."""
    questions = [Question(zone(name), type_) for name in ("cip", "hl", "nope") for type_ in ("A", "AAAA")]
    servers = [str(each) for each in cluster.dns_service["spec"]["clusterIPs"]]

    def look() -> Findings:
        objects = zone_snapshot(arena, "n")
        shapes = [QueryShape(proto=proto) for proto in ("udp", "tcp")]
        return Findings.joined(
            name_findings(arena, cluster, questions, shape=shape, snapshot=objects, server=server)
            for server in servers
            for shape in shapes
        )

    check.eventually("every address", look, within=check.waits.dns_program)


def _judged(found: list[Difference]) -> Findings:
    broken = any(each.verdict is Verdict.FAIL for each in found)
    hints = (
        {Symptom.DNS_ASKED, Symptom.DNS_SERVER_REACHED, Symptom.DNS_ANSWER_WRONG} if broken else {Symptom.UNMEASURED}
    )
    return Findings(tuple(found), frozenset(hints if found else ()))
