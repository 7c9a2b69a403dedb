"""Planted faults of the DNS server: every way in which it can be broken on purpose, by the catalogue's ids.

Three places: `Quirks` change how endpoints and names are read, `Memory.bend` changes finished answers, `Lag` changes
which state of the cluster is seen. A fault's scope is the node of this server and the namespace in the asked name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from harness.effects.clock import Clock
from harness.embedded.api.faults import RESOURCE, active
from harness.embedded.dns.records import Answer, Name, Rcode, Record, Soa, Srv, Type, folded, is_below
from harness.embedded.dns.wire import Asked
from harness.embedded.dns.zone import HEALTHY, Quirks

Obj = dict[str, Any]
NEGATIVE_SECONDS = 300
"""F-19: how long a name that was missing once stays missing, unless the fault's `seconds` say otherwise."""
CROSSED = 3
"""F-48: every third answer is the previous question's."""
HEADER = 12
IDLE_BITS = 0x30
"""AD and CD, in the fourth byte of a message."""
RESTART_SECONDS = 5.0
"""F-88: how long the server is away after a message that it could not read."""
STRANGER: Name = ("stray", "example")
MAPPED = "::ffff:192.0.2.1"
WILD = "192.0.2.10"

__all__ = ["RESOURCE", "Lag", "Memory", "Planted"]


@dataclass
class Planted:
    """The faults planted now, as this server sees them."""

    node: str
    objects: Sequence[Obj] = ()

    def params(self, fault: str, namespace: str | None) -> Obj | None:
        """The parameters of an active fault, or None."""
        if not self.objects:
            return None
        return active(self.objects, fault, node=self.node, namespace=namespace)

    def on(self, fault: str, namespace: str | None) -> bool:
        """Whether the fault is active for a namespace."""
        return self.params(fault, namespace) is not None

    def quirks(self, namespace: str) -> Quirks:
        """How endpoints and names of a namespace are misread."""
        if not self.objects:
            return HEALTHY
        return Quirks(
            unready_served=self.on("dns/F-23", namespace),
            unset_is_unready=self.on("dns/F-24", namespace),
            unready_never_published=self.on("dns/F-25", namespace),
            serving_is_ready=self.on("dns/F-26", namespace),
            first_slice_only=self.on("dns/F-27", namespace),
            swapped_ports=self.on("dns/F-30", namespace),
            outside_addresses=self.on("dns/F-33", namespace),
            wildcards=self.on("dns/F-44", namespace),
        )

    def drops(self, wire: bytes) -> bool:
        """dns/F-55: questions with anything besides the question itself, an OPT record for one, are not answered.
        dns/F-87 (ours): nor are those with header bits that mean nothing in a question.
        """
        besides, odd = any(wire[6:12]), any(each & IDLE_BITS for each in wire[3:4])
        return (besides and self.on("dns/F-55", None)) or (odd and self.on("dns/F-87", None))

    def heard(self, wire: bytes) -> bytes:
        """dns/F-57: a proxy on the way hands the question on in small letters, and takes the answer for its own."""
        if not self.on("dns/F-57", None):
            return wire
        end = wire.find(b"\0", HEADER) + 1 or len(wire)
        return wire[:HEADER] + wire[HEADER:end].lower() + wire[end:]  # lengths of labels are no letters

    def overflows(self) -> bool:
        """dns/F-52: datagrams are as large as the answer, whatever the client takes."""
        return self.on("dns/F-52", None)

    def hangs_up(self) -> bool:
        """dns/F-08: connections over TCP are closed without an answer."""
        return self.on("dns/F-08", None)


@dataclass
class Memory:
    """Bends answers; remembers what the faults that act over time need."""

    planted: Planted
    clock: Clock
    domain: Name
    _missing: dict[tuple[Name, int], float] = field(default_factory=dict)
    _kept: dict[tuple[Name, int], Answer] = field(default_factory=dict)
    _previous: Answer | None = None
    _count: int = 0
    _away: float = 0.0

    def bend(self, asked: Asked, answer: Answer) -> Answer:
        """The answer as the broken server gives it."""
        if not self.planted.objects:
            self._missing.clear()
            self._kept.clear()
            self._previous = None
            return answer
        namespace = self._namespace(_owner(asked, answer))
        for fault, change in (
            ("dns/F-03", _missing_for_v6),
            ("dns/F-04", _failing),
            ("dns/F-05", _empty_not_missing),
            ("dns/F-76", _missing_not_empty),
            ("dns/F-10", _anything_goes),
            ("dns/F-85", _small_letters_only),
            ("dns/F-89", self._led_in),
            ("dns/F-18", self._keep),
            ("dns/F-19", self._remember_missing),
            ("dns/F-28", _twice),
            ("dns/F-29", _weightless),
            ("dns/F-32", _with_a_stranger),
            ("dns/F-74", _mapped),
            ("dns/F-72", _lasting),
            ("dns/F-82", _false_addition),
            ("dns/F-40", _flat),
            ("dns/F-48", self._cross),
        ):
            params = self.planted.params(fault, namespace)
            if params is not None:
                answer = change(asked, answer, params)
        return answer

    def _namespace(self, qname: Name) -> str | None:
        """The namespace a cluster name lies in; None for other names."""
        below = folded(qname[: max(0, len(qname) - len(self.domain))])
        inside = len(below) >= 2 and below[-1] in ("svc", "pod") and folded(qname[-len(self.domain) :]) == self.domain
        return below[-2] if inside else None

    def _remember_missing(self, asked: Asked, answer: Answer, params: Obj) -> Answer:
        """F-19: once missing, missing for long."""
        seconds = int(params.get("seconds") or NEGATIVE_SECONDS)
        key = (folded(asked.qname), asked.qtype)
        if answer.rcode is Rcode.NXDOMAIN:
            self._missing.setdefault(key, self.clock.now() + seconds)
        if self._missing.get(key, 0.0) <= self.clock.now():
            self._missing.pop(key, None)
            return answer
        authority = answer.authority or (_some_soa(self.domain),)
        stretched = tuple(replace(record, ttl=seconds) for record in authority)
        return Answer(Rcode.NXDOMAIN, authority=stretched)

    def _keep(self, asked: Asked, answer: Answer, params: Obj) -> Answer:
        """F-18: what was answered once is answered for ever."""
        del params
        if answer.answer:
            self._kept.setdefault((folded(asked.qname), asked.qtype), answer)
        return self._kept.get((folded(asked.qname), asked.qtype), answer)

    def _led_in(self, asked: Asked, answer: Answer, params: Obj) -> Answer:
        """F-89 (ours): names that lack the zone are led into it."""
        del params
        if answer.rcode is not Rcode.NXDOMAIN or is_below(asked.qname, self.domain):
            return answer
        return Answer(answer=(Record(asked.qname, Type.CNAME, 30, (*asked.qname, *self.domain)),))

    def away(self) -> bool:
        """F-88 (ours): whether the server has not come back yet from a message that it could not read."""
        return self._away > self.clock.now() and self.planted.on("dns/F-88", None)

    def note(self, said: bytes | None) -> None:
        """F-88: what the server said to a message tells whether it could read it."""
        unread = said is None or said[3] & 0xF == Rcode.FORMERR
        if unread and self.planted.on("dns/F-88", None):
            self._away = self.clock.now() + RESTART_SECONDS

    def _cross(self, asked: Asked, answer: Answer, params: Obj) -> Answer:
        """F-48: now and then the previous question's answer."""
        del asked, params
        self._count += 1
        previous, self._previous = self._previous, answer
        return previous if previous is not None and self._count % CROSSED == 0 else answer


def _owner(asked: Asked, answer: Answer) -> Name:
    """The name by which a fault's scope is told: the one asked for, or what a reverse name leads to."""
    targets = [record.data for record in answer.answer if record.type is Type.PTR]
    return next((target for target in targets if isinstance(target, tuple)), asked.qname)


def _missing_for_v6(asked: Asked, answer: Answer, params: Obj) -> Answer:
    """F-03: an existing name without AAAA is said not to exist."""
    del params
    empty = answer.rcode is Rcode.NOERROR and not answer.answer
    return replace(answer, rcode=Rcode.NXDOMAIN) if empty and asked.qtype == Type.AAAA else answer


def _empty_not_missing(asked: Asked, answer: Answer, params: Obj) -> Answer:
    """F-05: a missing name is said to exist without data."""
    del asked, params
    return replace(answer, rcode=Rcode.NOERROR) if answer.rcode is Rcode.NXDOMAIN else answer


def _failing(asked: Asked, answer: Answer, params: Obj) -> Answer:
    """F-04: a type that a name lacks is a failure of the server."""
    del asked, params
    empty = answer.rcode is Rcode.NOERROR and not answer.answer
    return Answer(Rcode.SERVFAIL) if empty else answer


def _missing_not_empty(asked: Asked, answer: Answer, params: Obj) -> Answer:
    """F-76: a name without data is said not to exist, and so are all below it to who cuts there."""
    del asked, params
    empty = answer.rcode is Rcode.NOERROR and not answer.answer
    return replace(answer, rcode=Rcode.NXDOMAIN) if empty else answer


def _anything_goes(asked: Asked, answer: Answer, params: Obj) -> Answer:
    """F-10: somebody's wildcard answers for names that nobody made."""
    del params
    if answer.rcode is not Rcode.NXDOMAIN or asked.qtype not in (Type.A, Type.SRV):
        return answer
    data = WILD if asked.qtype == Type.A else Srv(0, 1, 80, STRANGER)
    return Answer(answer=(Record(asked.qname, Type(asked.qtype), 30, data),))


def _small_letters_only(asked: Asked, answer: Answer, params: Obj) -> Answer:
    """F-85: a name in capitals is another name, which does not exist."""
    del params
    return answer if asked.qname == folded(asked.qname) else Answer(Rcode.NXDOMAIN, authority=answer.authority)


def _with_a_stranger(asked: Asked, answer: Answer, params: Obj) -> Answer:
    """F-32: an address has the name of somebody else as well."""
    del asked, params
    pointers = [record for record in answer.answer if record.type is Type.PTR]
    return replace(answer, answer=answer.answer + tuple(replace(each, data=STRANGER) for each in pointers[:1]))


def _mapped(asked: Asked, answer: Answer, params: Obj) -> Answer:
    """F-74: IPv6 addresses are IPv4 ones in disguise."""
    del asked, params
    return replace(answer, answer=tuple(replace(r, data=MAPPED) if r.type is Type.AAAA else r for r in answer.answer))


def _twice(asked: Asked, answer: Answer, params: Obj) -> Answer:
    """F-28: every record is given twice."""
    del asked, params
    return replace(answer, answer=tuple(record for record in answer.answer for _ in range(2)))


def _weightless(asked: Asked, answer: Answer, params: Obj) -> Answer:
    """F-29: a share of the weight that is rounded down to nothing."""
    del asked, params
    changed = (replace(r, data=replace(r.data, weight=0)) if isinstance(r.data, Srv) else r for r in answer.answer)
    return replace(answer, answer=tuple(changed))


def _lasting(asked: Asked, answer: Answer, params: Obj) -> Answer:
    """F-72: records that are to be kept for a day."""
    del asked, params
    return replace(answer, answer=tuple(replace(record, ttl=86400) for record in answer.answer))


def _false_addition(asked: Asked, answer: Answer, params: Obj) -> Answer:
    """F-82: what is added to an answer belongs to somebody else."""
    del params
    stray = tuple(replace(r, owner=("stray", *asked.qname)) for r in answer.additional)
    return replace(answer, additional=stray)


def _flat(asked: Asked, answer: Answer, params: Obj) -> Answer:
    """F-40: the addresses at the end of an alias stand at its own name, and the alias is left out."""
    del params
    if not any(record.type is Type.CNAME for record in answer.answer):
        return answer
    ends = (record for record in answer.answer if record.type is not Type.CNAME)
    return replace(answer, answer=tuple(replace(record, owner=asked.qname) for record in ends))


def _some_soa(domain: Name) -> Record:
    data = Soa(("ns", "dns", *domain), ("hostmaster", *domain), 1, 7200, 1800, 86400, 30)
    return Record(domain, Type.SOA, 30, data)


@dataclass
class Lag:
    """What the server sees of the cluster while its watch is broken, per namespace."""

    planted: Planted
    _frozen: dict[str, dict[str, list[Obj]]] = field(default_factory=dict)
    _kept: dict[str, dict[str, dict[str, Obj]]] = field(default_factory=dict)

    def apply(self, objects: Mapping[str, Sequence[Obj]], namespaces: Iterable[str]) -> Mapping[str, Sequence[Obj]]:
        """The objects as seen: frozen (F-16), or with everything that was ever there (F-17)."""
        known = set(namespaces) | self._frozen.keys() | self._kept.keys()
        stuck = {n for n in known if self.planted.on("dns/F-16", n)}
        hoarding = {n for n in known if self.planted.on("dns/F-17", n)}
        for namespace in self._frozen.keys() - stuck:
            del self._frozen[namespace]
        for namespace in self._kept.keys() - hoarding:
            del self._kept[namespace]
        for namespace in stuck:
            self._frozen.setdefault(namespace, _in(objects, namespace))
        for namespace in hoarding:
            kept = self._kept.setdefault(namespace, {resource: {} for resource in objects})
            for resource, items in _in(objects, namespace).items():
                kept[resource] |= {item["metadata"]["name"]: item for item in items}
        return {resource: self._seen(resource, items) for resource, items in objects.items()}

    def _seen(self, resource: str, items: Sequence[Obj]) -> Sequence[Obj]:
        if not self._frozen and not self._kept:
            return items
        altered = self._frozen.keys() | self._kept.keys()
        seen = [item for item in items if item["metadata"]["namespace"] not in altered]
        for namespace in altered:
            kept = self._kept.get(namespace)
            frozen = self._frozen.get(namespace)
            seen += list(kept[resource].values()) if frozen is None and kept else (frozen or {})[resource]
        return seen


def _in(objects: Mapping[str, Sequence[Obj]], namespace: str) -> dict[str, list[Obj]]:
    inside: Callable[[Obj], bool] = partial(_is_in, namespace)
    return {resource: list(filter(inside, items)) for resource, items in objects.items()}


def _is_in(namespace: str, obj: Obj) -> bool:
    return bool(obj["metadata"]["namespace"] == namespace)
