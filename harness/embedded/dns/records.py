"""DNS names and records as plain values: what the resolver gives and the wire format carries.

A name is its labels, the root left out, in the letters they came in; letters are bytes read as Latin-1, so that odd
labels survive. Names are equal regardless of case (RFC 4343): compare `folded` ones.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import IntEnum

Name = tuple[str, ...]


class Type(IntEnum):
    """The record types that are ever answered or treated specially (IANA "Resource Record TYPEs")."""

    A = 1
    NS = 2
    CNAME = 5
    SOA = 6
    PTR = 12
    TXT = 16
    AAAA = 28
    SRV = 33


class Rcode(IntEnum):
    """Response codes (IANA "DNS RCODEs")."""

    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    BADVERS = 16


@dataclass(frozen=True)
class Soa:
    """The data of an SOA record (RFC 1035 §3.3.13)."""

    mname: Name
    rname: Name
    serial: int
    refresh: int
    retry: int
    expire: int
    minimum: int


@dataclass(frozen=True)
class Srv:
    """The data of an SRV record (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: Name


Data = str | Name | Soa | Srv
"""An address or a text, a name, or one of the structured ones."""


@dataclass(frozen=True)
class Record:
    """One resource record of class IN."""

    owner: Name
    type: Type
    ttl: int
    data: Data


@dataclass(frozen=True)
class Answer:
    """A whole answer, before it is fitted into a message."""

    rcode: Rcode = Rcode.NOERROR
    answer: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()
    authoritative: bool = True
    recursion_available: bool = False
    chase: Name | None = None
    """A name outside the cluster whose addresses, if upstream has any, belong behind the answer."""


def name_of(text: str) -> Name:
    """A name from its text, with or without the final dot; no escapes."""
    return tuple(label for label in text.split(".") if label)


def text_of(name: Name) -> str:
    """The text of a name, with the final dot."""
    return ".".join(name) + "."


def folded(name: Name) -> Name:
    """The name in lower case."""
    return tuple(label.lower() for label in name)


def is_below(name: Name, zone: Name) -> bool:
    """Whether the name is the zone's apex or under it."""
    return len(name) >= len(zone) and folded(name[len(name) - len(zone) :]) == folded(zone)


def is_address(text: str) -> bool:
    """Whether the text is a literal address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def as_text(record: Record) -> str:
    """The record as in a zone file; for people and for comparison."""
    match record.data:
        case Soa() as soa:
            numbers = f"{soa.serial} {soa.refresh} {soa.retry} {soa.expire} {soa.minimum}"
            data = f"{text_of(soa.mname)} {text_of(soa.rname)} {numbers}"
        case Srv() as srv:
            data = f"{srv.priority} {srv.weight} {srv.port} {text_of(srv.target)}"
        case str() as text:
            data = f'"{text}"' if record.type is Type.TXT else text
        case name:
            data = text_of(name)
    return f"{text_of(record.owner)} {record.ttl} IN {record.type.name} {data}"
