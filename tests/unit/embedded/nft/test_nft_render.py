"""Differences between rulesets: they lead from any state to any other, touch nothing else, and cost what changed."""

from __future__ import annotations

import random

import pytest

from harness.embedded.nft.fake import FakeKernel
from harness.embedded.nft.kernel import NftError
from harness.embedded.nft.render import ELEMENTS_PER_LINE, difference, rule_text, whole
from harness.embedded.nft.ruleset import (
    EMPTY,
    Chain,
    Family,
    Hook,
    Learned,
    Rule,
    Ruleset,
    Set,
    Table,
    VerdictMap,
    by_name,
)


def table(
    *chains: Chain,
    name: str = "t",
    sets: tuple[Set, ...] = (),
    learned: tuple[Learned, ...] = (),
    maps: tuple[VerdictMap, ...] = (),
) -> Table:
    return Table(Family.IPV4, name, by_name(chains), by_name(sets), by_name(learned), by_name(maps))


def ruleset(*tables: Table) -> Ruleset:
    return Ruleset(tables)


BASE = Chain("base", (Rule("jump one"),), Hook("forward", "filter", 0))
ONE = Chain("one", (Rule("ip saddr @s accept"), Rule("update @seen { ip saddr timeout 9s }")))
FULL = table(
    BASE,
    ONE,
    sets=(Set("s", "ipv4_addr", frozenset({"10.0.0.1", "10.0.0.2"})),),
    learned=(Learned("seen", "ipv4_addr"),),
    maps=(VerdictMap("m", "ipv4_addr", {"10.0.0.1": "goto one"}),),
)


def apply(*states: Ruleset) -> FakeKernel:
    kernel = FakeKernel()
    held = EMPTY
    for state in states:
        kernel.run(difference(held, state))
        held = state
    return kernel


def test_equal_rulesets_have_no_difference() -> None:
    """Nothing to change means not even a transaction."""
    assert difference(ruleset(FULL), ruleset(FULL)) == ""


def test_a_whole_table_in_the_order_the_kernel_needs() -> None:
    """Things are declared before they are referred to."""
    assert difference(EMPTY, ruleset(FULL)).splitlines() == [
        "add table ip t",
        "add set ip t s { type ipv4_addr ; }",
        "add set ip t seen { type ipv4_addr ; flags dynamic,timeout ; }",
        "add map ip t m { type ipv4_addr : verdict ; }",
        "add chain ip t base { type filter hook forward priority 0 ; policy accept ; }",
        "add chain ip t one",
        "add rule ip t base jump one",
        "add rule ip t one ip saddr @s accept",
        "add rule ip t one update @seen { ip saddr timeout 9s }",
        "add element ip t s { 10.0.0.1, 10.0.0.2 }",
        "add element ip t m { 10.0.0.1 : goto one }",
    ]


def test_one_changed_chain_is_one_flushed_chain() -> None:
    """Only the chain that changed is rewritten; sets that packets fill are not touched."""
    changed = table(
        BASE,
        Chain("one", (Rule("drop"),)),
        sets=tuple(FULL.sets.values()),
        learned=tuple(FULL.learned.values()),
        maps=tuple(FULL.maps.values()),
    )
    assert difference(ruleset(FULL), ruleset(changed)).splitlines() == [
        "flush chain ip t one",
        "add rule ip t one drop",
    ]


def test_one_changed_element_is_one_element() -> None:
    """A map's element with another verdict is taken out and put in again."""
    two = Chain("two")
    before = table(
        ONE,
        two,
        maps=(VerdictMap("m", "ipv4_addr", {"1.1.1.1": "goto one", "1.1.1.2": "drop"}),),
        sets=tuple(FULL.sets.values()),
        learned=tuple(FULL.learned.values()),
    )
    after = table(
        ONE,
        two,
        maps=(VerdictMap("m", "ipv4_addr", {"1.1.1.1": "goto two", "1.1.1.2": "drop"}),),
        sets=tuple(FULL.sets.values()),
        learned=tuple(FULL.learned.values()),
    )
    assert difference(ruleset(before), ruleset(after)).splitlines() == [
        "delete element ip t m { 1.1.1.1 }",
        "add element ip t m { 1.1.1.1 : goto two }",
    ]


@pytest.mark.parametrize(
    "changed",
    [
        table(Chain("base", (), Hook("input", "filter", 0))),
        table(BASE, ONE, sets=(Set("s", "inet_service"),), learned=tuple(FULL.learned.values())),
        table(BASE, ONE, sets=tuple(FULL.sets.values()), learned=(Learned("seen", "inet_service"),)),
        table(
            BASE,
            ONE,
            sets=tuple(FULL.sets.values()),
            learned=tuple(FULL.learned.values()),
            maps=(VerdictMap("m", "mark"),),
        ),
    ],
)
def test_what_cannot_be_altered_is_made_anew(changed: Table) -> None:
    """A hook or a type that changes costs the whole table."""
    assert difference(ruleset(FULL), ruleset(changed)).startswith("delete table ip t\nadd table ip t\n")


def test_tables_come_and_go() -> None:
    """A table we no longer want is deleted; another one stays untouched."""
    other = table(name="other")
    assert difference(ruleset(FULL, other), ruleset(other)) == "delete table ip t\n"


def test_departing_things_may_refer_to_each_other() -> None:
    """Chains that jump to each other, and sets they look into, can go in one transaction."""
    left, right = Chain("left", (Rule("ip saddr @s jump right"),)), Chain("right", (Rule("ip saddr @s accept"),))
    linked = table(left, right, sets=(Set("s", "ipv4_addr"),), maps=(VerdictMap("m", "mark", {"1": "goto left"}),))
    kernel = apply(ruleset(linked), ruleset(table()))
    held = kernel.tables["ip", "t"]
    assert (held.chains, held.sets, held.maps) == ({}, {}, {})


def test_many_elements_are_split_over_lines() -> None:
    """A line stays readable however large a set is."""
    elements = frozenset(f"10.0.{number // 250}.{number % 250}" for number in range(450))
    text = difference(EMPTY, ruleset(table(sets=(Set("s", "ipv4_addr", elements),))))
    lines = [line for line in text.splitlines() if line.startswith("add element")]
    assert len(lines) == 3
    assert max(line.count(",") for line in lines) < ELEMENTS_PER_LINE


def test_whole_clears_what_was_there() -> None:
    """From scratch, whatever the kernel held under these names."""
    kernel = apply(ruleset(FULL))
    kernel.run(whole(ruleset(table(Chain("new")))))
    assert set(kernel.tables["ip", "t"].chains) == {"new"}


def test_notes_become_comments_of_bounded_length() -> None:
    """The kernel refuses comments of more than 128 bytes."""
    assert rule_text(Rule("drop", "why")) == 'drop comment "why"'
    assert len(rule_text(Rule("drop", "x" * 500))) < 140


def test_two_things_of_one_name_are_refused() -> None:
    """A compiler that makes a name twice is told, instead of losing one of them."""
    with pytest.raises(ValueError, match="two of Chain are named 'one'"):
        by_name([ONE, ONE])


def _random_state(source: random.Random) -> Ruleset:
    names = [name for name in "abcdef" if source.random() < 0.6]
    sets = tuple(
        Set(f"set-{name}", "ipv4_addr", frozenset(f"10.0.0.{source.randrange(9)}" for _ in range(source.randrange(5))))
        for name in names
    )
    chains = []
    for name in names:
        rules = [Rule(f"ip saddr @set-{source.choice(names)} drop") for _ in range(source.randrange(3))]
        rules += [Rule(f"jump {other}") for other in names if other > name and source.random() < 0.5]
        chains.append(Chain(name, tuple(rules)))
    elements = {
        f"10.1.0.{number}": f"goto {source.choice(names)}" for number in range(6) if names and source.random() < 0.5
    }
    learned = tuple(Learned(f"seen-{name}", "ipv4_addr") for name in names if source.random() < 0.5)
    tables = [table(*chains, sets=sets, learned=learned, maps=(VerdictMap("m", "ipv4_addr", elements),))]
    return ruleset(*(tables if source.random() < 0.9 else []))


@pytest.mark.parametrize("seed", range(60))
def test_any_state_follows_any_other(seed: int) -> None:
    """A walk over random states ends, at each step, where a fresh start would; no step is refused."""
    source = random.Random(seed)
    kernel, held = FakeKernel(), EMPTY
    for _ in range(8):
        state = _random_state(source)
        kernel.run(difference(held, state))
        fresh = apply(state)
        assert kernel.tables == fresh.tables
        held = state


@pytest.mark.parametrize(
    "text",
    [
        "add chain ip missing c",
        "add table ip t\nadd rule ip t nowhere drop",
        "add table ip t\nadd chain ip t c\nadd rule ip t c jump nowhere",
        "add table ip t\nadd chain ip t c\nadd rule ip t c ip saddr @nothing drop",
        "add table ip t\nadd set ip t s { type ipv4_addr ; }\ndelete element ip t s { 1.1.1.1 }",
        "add table ip t\nadd chain ip t c\nadd chain ip t d\nadd rule ip t c jump d\ndelete chain ip t d",
        "add table ip t\nadd map ip t m { type mark : verdict ; }\n"
        "add element ip t m { 1 : drop }\nadd element ip t m { 1 : accept }",
        "invent table ip t x",
        "delete table ip t",
        "add table ip t\ndelete set ip t s",
        "add table ip t\nadd element ip t s { 1 }",
    ],
)
def test_the_fake_refuses_and_keeps_its_state(text: str) -> None:
    """What the kernel would refuse is refused, and a refused transaction changes nothing."""
    kernel = FakeKernel()
    kernel.run("add table ip keep")
    with pytest.raises(NftError):
        kernel.run(text + "\n")
    assert set(kernel.tables) == {("ip", "keep")}
