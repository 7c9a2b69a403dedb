"""Reading questions off the wire: one question, perhaps an OPT record. Strict where CoreDNS is, and no further.

The usual shape is read by hand, because it is read for every question; anything else goes through dnspython.
"""

from __future__ import annotations

import struct

import dns.exception
import dns.flags
import dns.message
import dns.opcode

from harness.embedded.dns.records import Name, Rcode
from harness.embedded.dns.wire import CD, QR, RD, STREAM_SIZE, Asked, Edns

HEADER = struct.Struct("!6H")
OPT = 41
ECHOED_OPTIONS = (3, 8, 9, 10, 11, 12)
"""NSID, client subnet (of no use here, repeated all the same), expire, cookie, keepalive, padding."""


class Unanswerable(Exception):  # noqa: N818 - an answer of its own kind, not an error
    """Not a question. With an rcode it is refused, without one it is ignored (answering answers makes loops)."""

    def __init__(self, rcode: Rcode | None) -> None:
        super().__init__(rcode)
        self.rcode = rcode


def read(wire: bytes) -> Asked:
    """The question in a message. Raises Unanswerable."""
    if len(wire) < HEADER.size:
        raise Unanswerable(None)
    ident, flags, questions, answers, authorities, additionals = HEADER.unpack_from(wire)
    if flags & QR:
        raise Unanswerable(None)
    if flags >> 11 & 0xF:
        raise Unanswerable(Rcode.NOTIMP)
    if questions != 1 or answers > 1 or authorities > 1 or additionals > 2:
        raise Unanswerable(Rcode.FORMERR)
    try:
        name, qtype, qclass, place = _question(wire)
        plain = not (answers or authorities)
        edns = _edns(wire, place) if plain and additionals == 1 else None
    except (IndexError, struct.error):
        raise Unanswerable(Rcode.FORMERR) from None
    if additionals and (edns is None or not plain):
        edns = _edns_by_dnspython(wire)
    return Asked(
        ident,
        name,
        qtype,
        qclass,
        recursion_desired=bool(flags & RD),
        checking_disabled=bool(flags & CD),
        edns=edns,
    )


def _question(wire: bytes) -> tuple[Name, int, int, int]:
    labels = []
    place = HEADER.size
    while length := wire[place]:
        if length > 63 or place + length >= len(wire):
            raise Unanswerable(Rcode.FORMERR)
        labels.append(wire[place + 1 : place + 1 + length].decode("latin-1"))
        place += 1 + length
    if place - HEADER.size > 254:
        raise Unanswerable(Rcode.FORMERR)
    qtype, qclass = struct.unpack_from("!HH", wire, place + 1)
    return tuple(labels), qtype, qclass, place + 5


def _edns(wire: bytes, place: int) -> Edns | None:
    """The OPT record at this place, or None when something else stands there."""
    root, kind, size, ttl, length = struct.unpack_from("!BHHIH", wire, place)
    if root or kind != OPT:
        return None
    if ttl >> 16 & 0xFF:
        raise Unanswerable(Rcode.BADVERS)
    options = []
    place += 11
    end = place + length
    if end > len(wire):
        raise Unanswerable(Rcode.FORMERR)
    while place < end:
        code, size_of_option = struct.unpack_from("!HH", wire, place)
        if code in ECHOED_OPTIONS:
            options.append((code, wire[place + 4 : place + 4 + size_of_option]))
        place += 4 + size_of_option
    return Edns(_offered(size), bool(ttl & 0x8000), tuple(options))


def _offered(size: int) -> int:
    return min(max(size, 512), STREAM_SIZE)


def _edns_by_dnspython(wire: bytes) -> Edns | None:
    try:
        message = dns.message.from_wire(wire)
    except (dns.exception.DNSException, ValueError):
        raise Unanswerable(Rcode.FORMERR) from None
    if message.edns < 0:
        return None
    if message.edns > 0:
        raise Unanswerable(Rcode.BADVERS)
    return Edns(_offered(message.payload), bool(message.ednsflags & dns.flags.DO))
