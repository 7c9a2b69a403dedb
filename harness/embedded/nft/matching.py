"""The conditions of a rule, read from its text and held against a packet. The tracer's eyes; see `trace.py`."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from harness.embedded.nft.ruleset import Table

if TYPE_CHECKING:  # the tracer imports this module
    from harness.embedded.nft.trace import Packet, Situation

Tokens = tuple[str, ...]

FIELDS = (
    ("ip", "saddr"),
    ("ip", "daddr"),
    ("ip6", "saddr"),
    ("ip6", "daddr"),
    ("meta", "l4proto"),
    ("meta", "mark"),
    ("th", "dport"),
    ("tcp", "dport"),
    ("udp", "dport"),
    ("sctp", "dport"),
    ("icmpv6", "type"),
    ("fib", "saddr", "type"),
    ("fib", "daddr", "type"),
    ("ct", "state"),
)
LONE_FIELDS = ("iifname", "oifname")


class UnknownRuleError(ValueError):
    """A rule the tracer cannot read: the compiler emitted something nobody could explain."""

    def __init__(self, text: str) -> None:
        super().__init__(f"tracer cannot read: {text!r}")


def tokens_of(text: str) -> Tokens:
    """Words, braces and commas of a rule."""
    for sign in "{},":
        text = text.replace(sign, f" {sign} ")
    return tuple(text.split())


def fields_of(tokens: Tokens) -> tuple[tuple[str, ...], Tokens]:
    """The packet fields a rule begins with (`ip daddr . th dport` has two), and what follows; none for a statement."""
    names: list[str] = []
    rest = tokens
    while True:
        name, after = _field(rest)
        if not name or after[:1] == ("set",):
            return tuple(names), rest
        names.append(name)
        if after[:1] != (".",):
            return tuple(names), after
        rest = after[1:]


def _field(tokens: Tokens) -> tuple[str, Tokens]:
    if tokens[:1] and tokens[0] in LONE_FIELDS:
        return tokens[0], tokens[1:]
    for field in FIELDS:
        if tokens[: len(field)] == field:
            return " ".join(field), tokens[len(field) :]
    return "", tokens


def value_of(packet: Packet, situation: Situation, name: str) -> str | None:
    """A field of the packet as nft writes it; None when this packet has no such field."""
    match name.split():
        case ["ip" | "ip6" as family, "saddr"]:
            return packet.source if family == packet.family else None
        case ["ip" | "ip6" as family, "daddr"]:
            return packet.destination if family == packet.family else None
        case ["meta", "l4proto"]:
            return packet.protocol
        case ["th", "dport"]:
            return str(packet.port)
        case ["tcp" | "udp" | "sctp" as protocol, "dport"]:
            return str(packet.port) if protocol == packet.protocol else None
        case ["fib", side, "type"]:
            address = packet.source if side == "saddr" else packet.destination
            return "local" if address in situation.local or ipaddress.ip_address(address).is_loopback else "unicast"
        case ["ct", "state"]:
            return packet.state
        case ["iifname"]:
            return packet.link
        case ["meta", "mark"]:
            return str(packet.mark)
        case _:
            # Not a packet of ours: oifname and ICMPv6 types never decide about the connections we trace.
            return None


def holds(
    packet: Packet, situation: Situation, table: Table, names: tuple[str, ...], rest: Tokens
) -> tuple[bool, Tokens]:
    """Whether a condition on these fields holds, and the tokens after it."""
    if names == ("meta mark",) and rest[:1] == ("&",):
        masked = packet.mark & int(rest[1], 0)
        return (masked == int(rest[3], 0)) == (rest[2] == "=="), rest[4:]
    wanted, negated, after = _operand(rest)
    if not all(_is_legible(names, word) for word in wanted):
        raise UnknownRuleError(" ".join((*names, *rest)))
    values = [value_of(packet, situation, name) for name in names]
    if None in values:
        # A field the packet lacks fails the rule even when negated, as the kernel's implicit protocol match does.
        return False, after
    key = " . ".join(str(value) for value in values)
    return _among(key, wanted, situation, table) != negated, after


def _is_legible(names: tuple[str, ...], word: str) -> bool:
    """Whether a word can be what these fields are compared with; another expression of nft's would be misread."""
    if word.startswith("@"):
        return True
    if len(names) > 1:
        return False
    match names[0].split():
        case [_, "saddr" | "daddr"]:
            return "." in word or ":" in word
        case [_, "dport"]:
            return word[:1].isdigit()
        case ["ct", "state"]:
            return word in {"new", "established", "related", "invalid"}
        case _:
            return True


def _operand(tokens: Tokens) -> tuple[Tokens, bool, Tokens]:
    negated = tokens[:1] == ("!=",)
    rest = tokens[1:] if negated else tokens
    if rest[:1] == ("{",):
        end = rest.index("}")
        return tuple(word for word in rest[1:end] if word != ","), negated, rest[end + 1 :]
    # A list without braces (`ct state established,related`) is a set of flags.
    words = [rest[0]]
    after = rest[1:]
    while after[:1] == (",",):
        words.append(after[1])
        after = after[2:]
    return tuple(words), negated, after


def _among(key: str, wanted: Tokens, situation: Situation, table: Table) -> bool:
    for word in wanted:
        if word.startswith("@"):
            name = word.removeprefix("@")
            elements = situation.learned.get(name, frozenset()) if name in table.learned else table.sets[name].elements
            if key in elements:
                return True
        elif _equal(key, word):
            return True
    return False


def _equal(value: str, word: str) -> bool:
    """A value against a literal: the same, or inside a network or a range."""
    if value == word.strip('"'):
        return True
    if "/" in word:
        return ipaddress.ip_address(value) in ipaddress.ip_network(word)
    low, dash, high = word.partition("-")
    if not dash:
        return False
    if ":" in low or "." in low:
        low_end, high_end = ipaddress.ip_address(low), ipaddress.ip_address(high)
        mine = ipaddress.ip_address(value)
        return int(low_end) <= int(mine) <= int(high_end)
    return low.isdigit() and int(low) <= int(value) <= int(high)
