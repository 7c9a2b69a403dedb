"""Rulesets as values: what a component wants the kernel to hold. Source: nft(8).

Not a general model of nftables: only what our compilers emit. One component owns one table per family.
A rule is nft text; the tracer must be able to read every rule, so a compiler cannot emit what nobody can explain.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar


class Family(enum.StrEnum):
    """An nftables family. One table per family, because addresses of two kinds never share a set."""

    IPV4 = "ip"
    IPV6 = "ip6"

    @property
    def address_type(self) -> str:
        """The nft data type of an address of this family."""
        return "ipv4_addr" if self is Family.IPV4 else "ipv6_addr"

    @property
    def version(self) -> int:
        """4 or 6, as `ipaddress` counts."""
        return 4 if self is Family.IPV4 else 6

    @classmethod
    def of(cls, kubernetes_name: str) -> Family:
        """From `IPv4` or `IPv6`, the names of the Kubernetes API."""
        return cls.IPV4 if kubernetes_name == "IPv4" else cls.IPV6


@dataclass(frozen=True)
class Hook:
    """Where a base chain hangs in the packet's path. `kind` is `filter` or `nat`; low priorities see a packet first."""

    point: str
    kind: str
    priority: int


@dataclass(frozen=True)
class Rule:
    """One rule: its nft text and a note that a person reads in a listing or an explanation."""

    text: str
    note: str = ""


@dataclass(frozen=True)
class Chain:
    """Rules in order. With a hook it is a base chain whose policy is accept."""

    name: str
    rules: tuple[Rule, ...] = ()
    hook: Hook | None = None


@dataclass(frozen=True)
class Set:
    """A named set whose elements we decide. `type` is nft's, for example `ipv4_addr . inet_service`."""

    name: str
    type: str
    elements: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Learned:
    """A named set that packets fill (`update @name { … timeout … }`). Its elements are the kernel's, never ours."""

    name: str
    type: str


@dataclass(frozen=True)
class VerdictMap:
    """A named map from a key to a verdict such as `goto chain` or `drop`."""

    name: str
    type: str
    elements: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


Named = TypeVar("Named", Chain, Set, Learned, VerdictMap)


def by_name(things: Iterable[Named]) -> dict[str, Named]:
    """Index by name. Raises ValueError when two have the same: the later one would silently win."""
    index: dict[str, Named] = {}
    for thing in things:
        if thing.name in index:
            raise ValueError(f"two of {type(thing).__name__} are named {thing.name!r}")
        index[thing.name] = thing
    return index


@dataclass(frozen=True)
class Table:
    """Everything one component says in one family."""

    family: Family
    name: str
    chains: Mapping[str, Chain]
    sets: Mapping[str, Set] = field(default_factory=lambda: MappingProxyType({}))
    learned: Mapping[str, Learned] = field(default_factory=lambda: MappingProxyType({}))
    maps: Mapping[str, VerdictMap] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def key(self) -> tuple[Family, str]:
        """What the kernel knows the table by."""
        return self.family, self.name


@dataclass(frozen=True)
class Ruleset:
    """The tables of one component."""

    tables: tuple[Table, ...] = ()

    def table(self, family: Family, name: str) -> Table | None:
        """The table of that key, if there is one."""
        return next((table for table in self.tables if table.key == (family, name)), None)


EMPTY = Ruleset()
"""No tables at all: what a component leaves behind when it stops."""


@dataclass(frozen=True)
class Shape:
    """How many rules, elements and objects a table holds, without saying which: enough to notice tampering.

    The text of rules is not compared, because the kernel prints them back in other words than it was given.
    """

    chains: Mapping[str, int]
    sets: Mapping[str, int]
    maps: Mapping[str, int]
    learned: frozenset[str]


def shape_of(table: Table) -> Shape:
    """The shape this table has when the kernel holds exactly it."""
    return Shape(
        chains={chain.name: len(chain.rules) for chain in table.chains.values()},
        sets={one.name: len(one.elements) for one in table.sets.values()},
        maps={one.name: len(one.elements) for one in table.maps.values()},
        learned=frozenset(table.learned),
    )
