"""Follow one packet through rulesets, rule by rule, without a kernel. `harness explain` says with it what happened.

It reads only what our compilers emit; anything else raises `UnknownRuleError`, so compilers and tracer cannot drift
apart. The path is netfilter's for new connections:

    from a link:   prerouting ── for this node? ── yes: input        no: forward ── postrouting
    from the node: output ── for this node? ── yes: prerouting, input    no: postrouting

Sets that packets fill, the load balancer's choice and the connection's state are arguments: it judges a packet in a
stated situation and keeps none of its own.
"""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from harness.embedded.nft.matching import Tokens, UnknownRuleError, fields_of, holds, tokens_of, value_of
from harness.embedded.nft.ruleset import Chain, Family, Ruleset, Table, VerdictMap

MARK = 0x4000
"""The packet mark that asks for masquerading, the bit kube-proxy uses."""


class Origin(enum.Enum):
    """Where the node meets the packet first."""

    LINK = "link"
    NODE = "node"


@dataclass(frozen=True)
class Packet:
    """The first packet of a connection (or a later one, by `state`), as the node sees it."""

    source: str
    destination: str
    protocol: str = "tcp"
    port: int = 0
    origin: Origin = Origin.LINK
    state: str = "new"
    link: str = "eth0"
    mark: int = 0

    @property
    def family(self) -> Family:
        """By its destination address."""
        return Family.IPV6 if ":" in self.destination else Family.IPV4


@dataclass(frozen=True)
class Situation:
    """What besides the rules decides: the node's own addresses, elements of learned sets, the random choice."""

    local: frozenset[str] = frozenset()
    learned: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))
    choose: Callable[[int], int] = lambda _: 0


class Verdict(enum.StrEnum):
    """What became of the packet."""

    ACCEPT = "accept"
    DROP = "drop"
    REJECT = "reject"


@dataclass(frozen=True)
class Step:
    """A rule that the packet matched, and where it stands."""

    table: str
    chain: str
    rule: str
    note: str = ""

    def __str__(self) -> str:
        return f"{self.table} {self.chain}: {self.rule}" + (f"   # {self.note}" if self.note else "")


@dataclass(frozen=True)
class Traced:
    """The end of the path: verdict, the packet as it leaves, whether its source is rewritten, and each matched rule."""

    verdict: Verdict
    packet: Packet
    masqueraded: bool
    steps: tuple[Step, ...]
    learned: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class _End(enum.Enum):
    """How a chain was left."""

    ACCEPT = enum.auto()
    DROP = enum.auto()
    REJECT = enum.auto()
    FELL_THROUGH = enum.auto()


@dataclass
class _Walk:
    """The packet on its way; lives for one trace."""

    table: Table
    packet: Packet
    situation: Situation
    steps: list[Step] = field(default_factory=list)
    learned: dict[str, str] = field(default_factory=dict)
    translated: bool = False
    masqueraded: bool = False


def trace(ruleset: Ruleset | Iterable[Ruleset], packet: Packet, situation: Situation | None = None) -> Traced:
    """Where a packet ends. Several rulesets are met together, by priority, as in the kernel."""
    situation = situation or Situation()
    rulesets = (ruleset,) if isinstance(ruleset, Ruleset) else tuple(ruleset)
    tables = [table for one in rulesets for table in one.tables if table.family is packet.family]
    walk = _Walk(Table(packet.family, "", {}), packet, situation)
    ended = _walk_hooks(walk, tables)
    verdict = {_End.DROP: Verdict.DROP, _End.REJECT: Verdict.REJECT}.get(ended, Verdict.ACCEPT)
    return Traced(verdict, walk.packet, walk.masqueraded, tuple(walk.steps), dict(walk.learned))


def outcomes(
    ruleset: Ruleset | Iterable[Ruleset], packet: Packet, situation: Situation | None = None
) -> tuple[Traced, ...]:
    """Every end the packet may have, one for each choice of the load balancer."""
    situation = situation or Situation()
    sides: list[int] = []

    def first(count: int) -> int:
        sides.append(count)
        return 0

    one = trace(ruleset, packet, replace(situation, choose=first))
    if not sides:
        return (one,)
    rest = [trace(ruleset, packet, replace(situation, choose=_always(pick))) for pick in range(1, sides[0])]
    return (one, *rest)


def _always(pick: int) -> Callable[[int], int]:
    return lambda _: pick


def _walk_hooks(walk: _Walk, tables: list[Table]) -> _End:
    begin = "prerouting" if walk.packet.origin is Origin.LINK else "output"
    if (ended := _hook(walk, tables, begin)) in {_End.DROP, _End.REJECT}:
        return ended
    local = walk.packet.destination in walk.situation.local or _loopback(walk.packet.destination)
    later = ["input"] if local else ["forward", "postrouting"]
    if walk.packet.origin is Origin.NODE:
        # What the node sends itself comes back in over the loopback link, its translation already decided.
        later = ["postrouting", "prerouting", "input"] if local else ["postrouting"]
    for point in later:
        if walk.packet.origin is Origin.NODE and point == "prerouting":
            walk.packet, walk.translated = replace(walk.packet, link="lo"), True
        if (ended := _hook(walk, tables, point)) in {_End.DROP, _End.REJECT}:
            return ended
    return _End.ACCEPT


def _loopback(address: str) -> bool:
    return ipaddress.ip_address(address).is_loopback


def _hook(walk: _Walk, tables: list[Table], point: str) -> _End:
    hung = [
        (chain.hook.priority, table, chain)
        for table in tables
        for chain in table.chains.values()
        if chain.hook is not None and chain.hook.point == point
    ]
    for _, table, chain in sorted(hung, key=lambda entry: entry[0]):
        translating = chain.hook is not None and chain.hook.kind == "nat"
        # Translation is decided by a connection's first packet, once for the destination and once for the source.
        if translating and (walk.packet.state != "new" or (walk.translated and point in {"prerouting", "output"})):
            continue
        walk.table = table
        if (ended := _chain(walk, chain)) in {_End.DROP, _End.REJECT}:
            return ended
    return _End.ACCEPT


def _chain(walk: _Walk, chain: Chain) -> _End:
    for rule in chain.rules:
        tokens = tokens_of(rule.text)
        statement = _conditions(walk, tokens)
        if statement is None:
            continue
        walk.steps.append(Step(walk.table.name, chain.name, rule.text, rule.note))
        ended = _statement(walk, statement, rule.text)
        if ended is not None:
            return ended
    return _End.FELL_THROUGH


def _conditions(walk: _Walk, tokens: Tokens) -> Tokens | None:
    """What is left to do once every condition holds; None when one does not."""
    rest = tokens
    while True:
        names, after = fields_of(rest)
        if not names or after[:1] == ("vmap",):
            return rest
        holding, rest = holds(walk.packet, walk.situation, walk.table, names, after)
        if not holding:
            return None


def _statement(walk: _Walk, tokens: Tokens, text: str) -> _End | None:
    """Carry out a rule's statements in order. None: go on with the next rule."""
    match tokens:
        case ():
            return None
        case ("meta", "mark", "set", "meta", "mark", "|", mask, *rest):
            walk.packet = replace(walk.packet, mark=walk.packet.mark | int(mask, 0))
            return _statement(walk, tuple(rest), text)
        case ("meta", "mark", "set", "meta", "mark", "^", mask, *rest):
            walk.packet = replace(walk.packet, mark=walk.packet.mark ^ int(mask, 0))
            return _statement(walk, tuple(rest), text)
        case ("update", name, "{", *fields, "timeout", _, "}"):
            walk.learned[name.removeprefix("@")] = _key(walk, fields_of(tuple(fields))[0], text)
            return None
        case ("dnat", "to", target):
            walk.packet, walk.translated = _translated(walk.packet, target), True
            return _End.ACCEPT
        case ("masquerade", "fully-random"):
            walk.masqueraded = True
            return _End.ACCEPT
        case ("numgen", "random", "mod", count, "vmap", "{", *elements, "}"):
            return _verdict(walk, _picked(tuple(elements), walk.situation.choose(int(count))), text)
        case _:
            return _verdict(walk, _looked_up(walk, tokens, text), text)


def _looked_up(walk: _Walk, tokens: Tokens, text: str) -> Tokens:
    """A lookup in a named verdict map, replaced by what it finds (nothing: go on); anything else as it is."""
    names, after = fields_of(tokens)
    if not names:
        return tokens
    match after:
        case ("vmap", name) if name.startswith("@"):
            mapping: VerdictMap = walk.table.maps[name.removeprefix("@")]
            found = mapping.elements.get(_key(walk, names, text))
            return tuple(found.split()) if found else ()
        case _:
            raise UnknownRuleError(text)


def _key(walk: _Walk, names: tuple[str, ...], text: str) -> str:
    values = [value_of(walk.packet, walk.situation, name) for name in names]
    if None in values:
        raise UnknownRuleError(text)
    return " . ".join(str(value) for value in values)


def _picked(elements: Tokens, pick: int) -> Tokens:
    entries = " ".join(elements).split(",")
    for entry in entries:
        number, _, verdict = entry.partition(":")
        if int(number) == pick:
            return tuple(verdict.split())
    raise UnknownRuleError(f"numgen picked {pick} of {' '.join(elements)}")


def _translated(packet: Packet, target: str) -> Packet:
    address, _, port = target.rpartition(":")
    return replace(packet, destination=address.strip("[]"), port=int(port))


def _verdict(walk: _Walk, tokens: Tokens, text: str) -> _End | None:
    match tokens:
        case ():
            return None
        case ("accept",):
            return _End.ACCEPT
        case ("drop",):
            return _End.DROP
        case ("reject",) | ("reject", "with", "tcp", "reset"):
            return _End.REJECT
        case ("return",):
            return _End.FELL_THROUGH
        case ("goto", name):
            return _chain(walk, walk.table.chains[name])
        case ("jump", name):
            ended = _chain(walk, walk.table.chains[name])
            return None if ended is _End.FELL_THROUGH else ended
        case _:
            raise UnknownRuleError(text)
