"""The tracer: each expression our compilers emit means what nft says, anything else is refused."""

from __future__ import annotations

import pytest

from harness.embedded.nft.matching import UnknownRuleError, fields_of, tokens_of
from harness.embedded.nft.ruleset import Chain, Family, Hook, Learned, Rule, Ruleset, Set, Table, VerdictMap, by_name
from harness.embedded.nft.trace import Origin, Packet, Situation, Verdict, outcomes, trace

PACKET = Packet("10.0.0.1", "10.0.0.2", "tcp", 80)
LOCAL = Situation(local=frozenset({"172.18.0.2"}), learned={"seen": frozenset({"10.0.0.1"})})


def rules(*texts: str, point: str = "forward", kind: str = "filter", chains: tuple[Chain, ...] = ()) -> Ruleset:
    base = Chain("base", tuple(Rule(text) for text in texts), Hook(point, kind, 0))
    sets = [Set("s", "ipv4_addr", frozenset({"10.0.0.1"})), Set("pairs", "x", frozenset({"10.0.0.2 . 80"}))]
    maps = [VerdictMap("m", "x", {"10.0.0.2 . tcp . 80": "drop", "10.0.0.9 . tcp . 80": "goto other"})]
    return Ruleset(
        (
            Table(
                Family.IPV4,
                "t",
                by_name([base, *chains]),
                by_name(sets),
                by_name([Learned("seen", "ipv4_addr")]),
                by_name(maps),
            ),
        )
    )


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("ip saddr 10.0.0.1", True),
        ("ip saddr 10.0.0.3", False),
        ("ip saddr != 10.0.0.1", False),
        ("ip saddr 10.0.0.0/24", True),
        ("ip saddr { 10.9.0.0/16, 10.0.0.0-10.0.0.1 }", True),
        ("ip saddr { 10.9.0.0/16, 10.0.0.2-10.0.0.9 }", False),
        ("ip saddr != { 10.9.0.0/16 }", True),
        ("ip saddr @s", True),
        ("ip daddr @s", False),
        ("ip daddr != @s", True),
        ("ip saddr @seen", True),
        ("ip daddr @seen", False),
        ("ip6 saddr fd00::1", False),
        ("ip6 saddr != fd00::1", False),
        ("ip daddr . tcp dport @pairs", True),
        ("ip daddr . udp dport @pairs", False),
        ("meta l4proto tcp", True),
        ("meta l4proto udp", False),
        ("tcp dport 80", True),
        ("tcp dport { 1-79, 81 }", False),
        ("tcp dport { 1-80 }", True),
        ("udp dport 80", False),
        ("ct state new", True),
        ("ct state established,related", False),
        ('iifname "lo"', False),
        ('iifname "eth0"', True),
        ("fib saddr type local", False),
        ("fib saddr type != local", True),
        ("icmpv6 type { nd-neighbor-solicit }", False),
        ("meta mark & 0x4000 == 0", True),
        ("meta mark & 0x4000 != 0", False),
        ("ip saddr @s tcp dport 80", True),
        ("ip saddr @s tcp dport 81", False),
    ],
)
def test_condition(condition: str, holds: bool) -> None:
    """A rule acts exactly when its conditions hold."""
    wanted = Verdict.DROP if holds else Verdict.ACCEPT
    assert trace(rules(f"{condition} drop"), PACKET, LOCAL).verdict is wanted


@pytest.mark.parametrize(
    "text",
    [
        "log prefix x drop",
        "queue num 0",
        "tcp flags syn drop",
        "limit rate 3/second accept",
        "ip saddr map @s drop",
        "meta mark set 7",
        "jump",
        "snat to 10.0.0.1",
        "accept accept",
    ],
)
def test_what_it_cannot_read_it_refuses(text: str) -> None:
    """No rule is skipped in silence."""
    with pytest.raises(UnknownRuleError):
        trace(rules(text), PACKET)


def test_jump_returns_and_goto_does_not() -> None:
    """After a jump the caller goes on; after a goto its caller does; return is early."""
    inner = Chain("inner", (Rule("ip saddr 10.0.0.1 return"), Rule("drop")))
    outer = Chain("outer", (Rule("goto inner"), Rule("drop")))
    assert trace(rules("jump inner", "reject", chains=(inner,)), PACKET).verdict is Verdict.REJECT
    assert trace(rules("jump outer", "reject", chains=(inner, outer)), PACKET).verdict is Verdict.REJECT
    assert trace(rules("goto inner", "reject", chains=(inner,)), PACKET).verdict is Verdict.ACCEPT


def test_a_verdict_map_decides_or_lets_pass() -> None:
    """A key that is in the map has its verdict, another key goes on to the next rule."""
    text = "ip daddr . meta l4proto . th dport vmap @m"
    assert trace(rules(text), PACKET).verdict is Verdict.DROP
    other = Packet("10.0.0.1", "10.0.0.7", "tcp", 80)
    assert trace(rules(text, "reject"), other).verdict is Verdict.REJECT


def test_all_choices_are_shown() -> None:
    """`outcomes` lists an end per element of the load balancer."""
    targets = tuple(
        Chain(f"e{number}", (Rule(f"meta l4proto tcp dnat to 10.1.0.{number}:8080"),)) for number in range(3)
    )
    text = "numgen random mod 3 vmap { 0 : goto e0, 1 : goto e1, 2 : goto e2 }"
    ends = outcomes(rules(text, point="prerouting", kind="nat", chains=targets), PACKET)
    assert [(end.packet.destination, end.packet.port) for end in ends] == [(f"10.1.0.{n}", 8080) for n in range(3)]


def test_the_path_is_netfilters() -> None:
    """Forwarded, delivered and own packets meet their hooks in order; a drop ends the path."""
    hooks = ["prerouting", "input", "forward", "output", "postrouting"]
    chains = [Chain(point, (Rule("meta mark set meta mark | 0x1"),), Hook(point, "filter", 0)) for point in hooks]
    ruleset = Ruleset((Table(Family.IPV4, "t", by_name(chains)),))

    def path(packet: Packet) -> list[str]:
        return [step.chain for step in trace(ruleset, packet, LOCAL).steps]

    assert path(PACKET) == ["prerouting", "forward", "postrouting"]
    assert path(Packet("10.0.0.1", "172.18.0.2")) == ["prerouting", "input"]
    assert path(Packet("172.18.0.2", "10.0.0.1", origin=Origin.NODE)) == ["output", "postrouting"]
    looped = Packet("172.18.0.2", "127.0.0.1", origin=Origin.NODE)
    assert path(looped) == ["output", "postrouting", "prerouting", "input"]


def test_priorities_order_chains_over_tables() -> None:
    """Tables of several components meet a packet by priority, and an accept in one is not the end."""
    late = Ruleset((Table(Family.IPV4, "b", by_name([Chain("x", (Rule("drop"),), Hook("forward", "filter", 5))])),))
    early = Ruleset((Table(Family.IPV4, "a", by_name([Chain("x", (Rule("accept"),), Hook("forward", "filter", -5))])),))
    end = trace([late, early], PACKET)
    assert [step.table for step in end.steps] == ["a", "b"]
    assert end.verdict is Verdict.DROP
    assert str(end.steps[0]) == "a x: accept"


def test_translation_belongs_to_first_packets() -> None:
    """Later packets of a connection skip chains of kind nat."""
    ruleset = rules("meta l4proto tcp dnat to 10.1.0.1:8080", point="prerouting", kind="nat")
    assert trace(ruleset, PACKET).packet.port == 8080
    assert trace(ruleset, Packet("10.0.0.1", "10.0.0.2", "tcp", 80, state="established")).packet.port == 80


def test_marks_and_learned_elements_are_reported() -> None:
    """What a packet leaves behind is part of the answer."""
    text = "update @seen { ip saddr timeout 9s }"
    end = trace(
        rules("meta mark set meta mark | 0x4000", text, "meta mark set meta mark ^ 0x4000", "masquerade fully-random"),
        PACKET,
    )
    assert end.learned == {"seen": "10.0.0.1"}
    assert end.packet.mark == 0
    assert end.masqueraded


def test_families_do_not_mix() -> None:
    """An IPv6 packet does not meet a table of IPv4."""
    assert trace(rules("drop"), Packet("fd00::1", "fd00::2")).verdict is Verdict.ACCEPT


def test_tokens_and_fields() -> None:
    """Reading a rule: words, braces, commas; then the fields it begins with."""
    assert tokens_of("tcp dport {80,81}") == ("tcp", "dport", "{", "80", ",", "81", "}")
    assert fields_of(tokens_of("ip daddr . th dport @x"))[0] == ("ip daddr", "th dport")
    assert fields_of(tokens_of("meta mark set meta mark | 0x1"))[0] == ()
