"""DNS messages on the test machine: queries are made and answers read here, with dnspython; pods carry bytes only.

An answer becomes a plain `harness.model.dns.Answer`, which is what the oracle judges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from harness.model.dns import Answer, Question, Record


class NotAMessageError(ValueError):
    """The bytes that came back are no DNS message, or answer another question; the text says which."""


@dataclass(frozen=True, kw_only=True)
class QueryShape:
    """How a question is put. The default is the catalogue's `q(name, TYPE)`: RD, no EDNS, over UDP."""

    proto: str = "udp"
    recursion: bool = True
    edns: int | None = None
    dnssec_ok: bool = False
    options: Sequence[tuple[int, bytes]] = ()
    """EDNS options, by code."""
    flags: Sequence[str] = ()
    """More bits of the header: AD, CD."""


def query(question: Question, shape: QueryShape) -> bytes:
    """The question as wire bytes with an id of its own."""
    message = dns.message.make_query(
        dns.name.from_text(question.name),
        question.type,
        question.cls,
        use_edns=0 if shape.edns is not None else False,
        payload=shape.edns or 0,
        want_dnssec=shape.dnssec_ok,
        options=[dns.edns.GenericOption(dns.edns.OptionType.make(code), data) for code, data in shape.options] or None,
    )
    message.flags |= dns.flags.from_text(" ".join(shape.flags))
    if not shape.recursion:
        message.flags &= ~dns.flags.RD
    return message.to_wire()


def answer(wire: bytes, *, asked: bytes, proto: str) -> Answer:
    """Read a reply to the query `asked`. Raises NotAMessageError."""
    try:
        # Sets of records would hide that one was given twice.
        message = dns.message.from_wire(wire, ignore_trailing=False, one_rr_per_rrset=True)
        question = dns.message.from_wire(asked)
    except dns.exception.DNSException as error:
        raise NotAMessageError(f"the answer is no DNS message: {error or type(error).__name__}") from error
    if not question.is_response(message):
        raise NotAMessageError(f"the answer is for another question: {[str(each) for each in message.question]}")
    return Answer(
        rcode=dns.rcode.to_text(message.rcode()),
        flags=frozenset(dns.flags.to_text(message.flags).split()),
        answer=_records(message.answer),
        authority=_records(message.authority),
        additional=_records(message.additional),
        question=_question(message),
        proto=proto,
        size=len(wire),
        edns=message.payload if message.edns >= 0 else None,
    )


def rcode_and_records(wire: bytes) -> tuple[str, int]:
    """The rcode of a reply to something odd, and how many records answer it; of bytes that are no message: that."""
    try:
        message = dns.message.from_wire(wire, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError) as error:
        return f"no DNS message ({type(error).__name__})", 0
    return dns.rcode.to_text(message.rcode()), sum(len(each) for each in message.answer)


def _question(message: dns.message.Message) -> Question | None:
    if not message.question:
        return None
    first = message.question[0]
    return Question(first.name.to_text(), dns.rdatatype.to_text(first.rdtype), dns.rdataclass.to_text(first.rdclass))


def _records(section: list[dns.rrset.RRset]) -> tuple[Record, ...]:
    """Every record on its own, in wire order, duplicates kept as far as the library keeps them."""
    return tuple(
        Record(
            rrset.name.to_text(),
            dns.rdatatype.to_text(rrset.rdtype),
            rdata.to_text(),
            rrset.ttl,
            dns.rdataclass.to_text(rrset.rdclass),
        )
        for rrset in section
        for rdata in rrset
    )
