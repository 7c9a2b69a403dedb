"""Answers in wire format (RFC 1035 §4), fitted into the space the client has (RFC 6891 §6.2.3).

A message that fits is sent without compression. One that does not is compressed, and records are left out from the
first that still does not fit: TC then says so. This is how CoreDNS cuts, so sizes and counts come out the same.
Questions are read with dnspython; only writing is done here, because it is done for every answer.
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

from harness.embedded.dns.records import Answer, Name, Rcode, Record, Soa, Srv, Type

CLASSIC_SIZE = 512
STREAM_SIZE = 65535
MAX_POINTER = 0x4000
FRAGMENT_FREE = {False: 1480, True: 1220}
"""Larger datagrams (by IPv6: yes or no) are compressed even where the client takes them, lest they be fragmented."""

QR, AA, TC, RD, RA, CD = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080, 0x0010


@dataclass(frozen=True)
class Edns:
    """The client's OPT record, as far as it is repeated in the answer."""

    size: int
    dnssec_ok: bool = False
    options: tuple[tuple[int, bytes], ...] = ()

    def encode(self, rcode: int) -> bytes:
        """The OPT record of the answer."""
        body = b"".join(struct.pack("!HH", code, len(data)) + data for code, data in self.options)
        ttl = (rcode >> 4) << 24 | (0x8000 if self.dnssec_ok else 0)
        return b"\0" + struct.pack("!HHIH", 41, self.size, ttl, len(body)) + body


@dataclass(frozen=True)
class Asked:
    """The question as it came in."""

    id: int
    qname: Name
    qtype: int
    qclass: int = 1
    opcode: int = 0
    recursion_desired: bool = True
    checking_disabled: bool = False
    edns: Edns | None = None

    def room(self, *, stream: bool) -> int:
        """How large the answer may be."""
        if stream:
            return STREAM_SIZE
        return max(CLASSIC_SIZE, self.edns.size) if self.edns else CLASSIC_SIZE


class _Writer:
    """A message being written. Owner names are compressed when `compress` is set; SRV targets never (RFC 2782)."""

    def __init__(self, *, compress: bool) -> None:
        self.buffer = bytearray(12)
        self._compress = compress
        self._places: dict[Name, int] = {}

    def name(self, name: Name, *, compress: bool = True) -> None:
        """Append a name; its tails become targets for later pointers."""
        for index in range(len(name)):
            tail = name[index:]
            place = self._places.get(tail)
            if place is not None and compress and self._compress:
                self.buffer += struct.pack("!H", 0xC000 | place)
                return
            if place is None and len(self.buffer) < MAX_POINTER:
                self._places[tail] = len(self.buffer)
            label = name[index].encode("latin-1")
            self.buffer.append(len(label))
            self.buffer += label
        self.buffer.append(0)

    def record(self, record: Record) -> None:
        """Append a record."""
        self.name(record.owner)
        self.buffer += struct.pack("!HHIH", record.type, 1, record.ttl, 0)
        start = len(self.buffer)
        self._data(record)
        struct.pack_into("!H", self.buffer, start - 2, len(self.buffer) - start)

    def _data(self, record: Record) -> None:
        match record.data:
            case Soa() as soa:
                self.name(soa.mname)
                self.name(soa.rname)
                self.buffer += struct.pack("!5I", soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum)
            case Srv() as srv:
                self.buffer += struct.pack("!3H", srv.priority, srv.weight, srv.port)
                self.name(srv.target, compress=False)
            case str() as text if record.type is Type.TXT:
                self.buffer.append(len(text))
                self.buffer += text.encode()
            case str() as address:
                self.buffer += ipaddress.ip_address(address).packed
            case target:
                self.name(target)

    def fit(self, records: tuple[Record, ...], room: int) -> int:
        """Append records until one does not fit; how many did."""
        for count, record in enumerate(records):
            before = len(self.buffer)
            self.record(record)
            if len(self.buffer) > room:
                del self.buffer[before:]
                return count
        return len(records)


def encode(asked: Asked, answer: Answer, *, stream: bool, v6: bool = False) -> bytes:
    """The message that answers, over a stream or a datagram of the client's family."""
    room = asked.room(stream=stream)
    opt = asked.edns.encode(answer.rcode) if asked.edns else b""
    whole = _whole(asked, answer, opt)
    unfragmented = room if stream else FRAGMENT_FREE[v6]
    if len(whole) <= min(room, unfragmented):
        return whole
    return _cut(asked, answer, opt, room)


def _whole(asked: Asked, answer: Answer, opt: bytes) -> bytes:
    writer = _Writer(compress=False)
    _question(writer, asked)
    for section in (answer.answer, answer.authority, answer.additional):
        for record in section:
            writer.record(record)
    counts = (len(answer.answer), len(answer.authority), len(answer.additional))
    return _finished(writer, asked, answer, counts, opt, truncated=False)


def _cut(asked: Asked, answer: Answer, opt: bytes, room: int) -> bytes:
    writer = _Writer(compress=True)
    _question(writer, asked)
    space = room - len(opt)
    counts = [0, 0, 0]
    sections = (answer.answer, answer.authority, answer.additional)
    truncated = False
    for index, section in enumerate(sections):
        counts[index] = 0 if truncated else writer.fit(section, space)
        truncated = truncated or counts[index] < len(section)
    return _finished(writer, asked, answer, (counts[0], counts[1], counts[2]), opt, truncated=truncated)


def _question(writer: _Writer, asked: Asked) -> None:
    writer.name(asked.qname)
    writer.buffer += struct.pack("!HH", asked.qtype, asked.qclass)


def _finished(
    writer: _Writer, asked: Asked, answer: Answer, counts: tuple[int, int, int], opt: bytes, *, truncated: bool
) -> bytes:
    flags = QR | asked.opcode << 11 | answer.rcode & 0xF
    flags |= AA if answer.authoritative else 0
    flags |= TC if truncated else 0
    flags |= RD if asked.recursion_desired else 0
    flags |= RA if answer.recursion_available else 0
    flags |= CD if asked.checking_disabled else 0
    additional = counts[2] + (1 if opt else 0)
    struct.pack_into("!6H", writer.buffer, 0, asked.id, flags, 1, counts[0], counts[1], additional)
    return bytes(writer.buffer) + opt


def refusal(wire: bytes, rcode: Rcode) -> bytes:
    """The answer to a message that could not be read: its header turned round, and nothing else."""
    ident, flags = struct.unpack_from("!HH", wire)
    kept = flags & (0x7800 | RD)
    return struct.pack("!6H", ident, QR | kept | rcode, 0, 0, 0, 0)
