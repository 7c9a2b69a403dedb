"""One message in, one message out: reading, resolving, going upstream, shuffling, writing. No sockets."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from harness.embedded.dns.question import Unanswerable, read
from harness.embedded.dns.records import Answer, Rcode, Record, Type
from harness.embedded.dns.resolve import resolve
from harness.embedded.dns.wire import Asked, Edns, encode, refusal
from harness.embedded.dns.zone import Zone

Upstream = Callable[[Asked], Answer]
Bend = Callable[[Asked, Answer], Answer]
ADDRESSES = (Type.A, Type.AAAA)


def straight(asked: Asked, answer: Answer) -> Answer:
    """What a server without faults does to its answers."""
    del asked
    return answer


def respond(
    wire: bytes,
    zone: Zone | None,
    *,
    stream: bool,
    shuffle: random.Random,
    upstream: Upstream,
    bend: Bend = straight,
    v6: bool = False,
) -> bytes | None:
    """The message to send back, or None for what must not be answered. Without a zone the cluster is not known yet."""
    try:
        asked = read(wire)
    except Unanswerable as refused:
        return _refuse(wire, refused.rcode)
    answer = bend(asked, _answer(asked, zone, upstream))
    answer = replace(answer, answer=_shuffled(answer.answer, shuffle), additional=_shuffled(answer.additional, shuffle))
    return encode(asked, answer, stream=stream, v6=v6)


def _refuse(wire: bytes, rcode: Rcode | None) -> bytes | None:
    if rcode is None:
        return None
    if rcode is not Rcode.BADVERS:
        return refusal(wire, rcode)
    return refusal(wire, Rcode.NOERROR)[:-2] + b"\0\1" + Edns(1232).encode(rcode)


def _answer(asked: Asked, zone: Zone | None, upstream: Upstream) -> Answer:
    if zone is None:
        return Answer(Rcode.SERVFAIL, authoritative=False)
    answer = resolve(zone, asked.qname, asked.qtype)
    if answer is None:
        return upstream(asked)
    if answer.chase is None:
        return answer
    beyond = upstream(replace(asked, qname=answer.chase))
    return replace(answer, answer=answer.answer + beyond.answer)


def _shuffled(records: tuple[Record, ...], shuffle: random.Random) -> tuple[Record, ...]:
    """Addresses in random order behind everything else, aliases first (CoreDNS: `loadbalance round_robin`)."""
    if len(records) < 2:
        return records
    aliases = [r for r in records if r.type is Type.CNAME]
    addresses = [r for r in records if r.type in ADDRESSES]
    rest = [r for r in records if r.type not in (Type.CNAME, *ADDRESSES)]
    shuffle.shuffle(addresses)
    return (*aliases, *rest, *addresses)
