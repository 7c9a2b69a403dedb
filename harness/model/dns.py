"""DNS questions, records and answers as plain values, in zone-file text. Both sides speak of DNS in these.

No zone building, no lookup, no judgement: those exist twice, on purpose (oracle and embedded cluster). No wire format.
Text forms: RFC 1035 section 5 (names absolute, with the trailing dot), RFC 5952 for IPv6 addresses.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

NAMES_IN_RDATA: dict[str, tuple[int, ...]] = {
    "CNAME": (0,),
    "NS": (0,),
    "PTR": (0,),
    "SRV": (3,),
    "MX": (1,),
    "SOA": (0, 1),
}
"""Which words of a type's rdata are domain names, and so compare without case."""


def canonical_name(name: str) -> str:
    """A name as we compare it: lower case (RFC 4343), absolute."""
    lowered = name.lower()
    return lowered if lowered.endswith(".") else f"{lowered}."


def canonical_rdata(rtype: str, rdata: str) -> str:
    """Rdata as we compare it: names lower case and absolute, addresses in their shortest form."""
    words = rdata.split()
    if rtype in {"A", "AAAA"} and len(words) == 1:
        try:
            return str(ipaddress.ip_address(words[0]))
        except ValueError:
            return rdata
    for index in NAMES_IN_RDATA.get(rtype, ()):
        if index < len(words):
            words[index] = canonical_name(words[index])
    return " ".join(words) if rtype in NAMES_IN_RDATA else rdata


@dataclass(frozen=True, order=True)
class Question:
    """One question. `name` is kept as asked; compare with `canonical_name`."""

    name: str
    type: str
    cls: str = "IN"

    def __str__(self) -> str:
        return f"{self.name} {self.type}" if self.cls == "IN" else f"{self.name} {self.cls} {self.type}"


@dataclass(frozen=True, order=True)
class Record:
    """One resource record; prints as zone-file text."""

    owner: str
    type: str
    rdata: str
    ttl: int = 0
    cls: str = "IN"

    @classmethod
    def parse(cls, text: str) -> Record:
        """Read `owner ttl class type rdata...`. Raises ValueError for anything else."""
        words = text.split(None, 4)
        if len(words) != 5 or not words[1].isdigit():
            raise ValueError(f"not a record: {text!r}; write it as 'owner ttl class type rdata'")
        owner, ttl, klass, rtype, rdata = words
        return cls(owner, rtype, rdata, int(ttl), klass)

    def canonical(self) -> Record:
        """The same record with names and addresses as we compare them."""
        return Record(canonical_name(self.owner), self.type, canonical_rdata(self.type, self.rdata), self.ttl, self.cls)

    def __str__(self) -> str:
        return f"{self.owner} {self.ttl} {self.cls} {self.type} {self.rdata}"


@dataclass(frozen=True)
class Answer:
    """A whole reply: what the wire said, section by section. `rcode` and `flags` in the usual upper-case letters."""

    rcode: str
    flags: frozenset[str] = frozenset()
    answer: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()
    question: Question | None = None
    proto: str = "udp"
    size: int = 0
    edns: int | None = None
    options: tuple[str, ...] = field(default=())

    @property
    def tc(self) -> bool:
        """The answer was cut to fit; ask again over TCP."""
        return "TC" in self.flags

    @property
    def aa(self) -> bool:
        """The server calls itself an authority for this answer."""
        return "AA" in self.flags
