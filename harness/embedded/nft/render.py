"""Rulesets as nft commands: everything, or only what differs. Pure. Source: nft(8).

Order matters inside one transaction: what is referred to must exist before, and must not be referred to when it goes.
Hence: declare, fill chains, move elements, delete chains, delete sets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.embedded.nft.ruleset import Chain, Rule, Ruleset, Table

COMMENT_LIMIT = 120  # the kernel takes 128 bytes, the quotes and the ending zero included
ELEMENTS_PER_LINE = 200  # keeps a line readable for a person; nft itself would take more


def difference(before: Ruleset, after: Ruleset) -> str:
    """Commands that turn `before` into `after`; empty when nothing differs. Sets that packets fill are left alone."""
    old = {table.key: table for table in before.tables}
    new = {table.key: table for table in after.tables}
    lines = [f"delete table {family} {name}" for family, name in sorted(old.keys() - new.keys())]
    for key, table in new.items():
        was = old.get(key)
        if was is None:
            lines.append(f"add table {key[0]} {key[1]}")
            was = Table(table.family, table.name, {})
        elif was == table:
            continue
        elif _needs_rebuild(was, table):
            lines += [f"delete table {key[0]} {key[1]}", f"add table {key[0]} {key[1]}"]
            was = Table(table.family, table.name, {})
        lines += _table_difference(was, table)
    return "".join(line + "\n" for line in lines)


def whole(ruleset: Ruleset) -> str:
    """Commands that make these tables hold exactly this, whatever they held before. Learned elements are lost."""
    cleared = "".join(
        f"add table {table.family} {table.name}\ndelete table {table.family} {table.name}\n" for table in ruleset.tables
    )
    return cleared + difference(Ruleset(), ruleset)


def _needs_rebuild(was: Table, table: Table) -> bool:
    """A chain's hook and a set's type are fixed at birth; changing one means a new table."""
    return (
        any(name in was.chains and was.chains[name].hook != chain.hook for name, chain in table.chains.items())
        or any(name in was.sets and was.sets[name].type != one.type for name, one in table.sets.items())
        or any(name in was.maps and was.maps[name].type != one.type for name, one in table.maps.items())
        or any(name in was.learned and was.learned[name].type != one.type for name, one in table.learned.items())
    )


def _table_difference(was: Table, now: Table) -> list[str]:
    place = f"{now.family} {now.name}"
    return [
        *_declarations(place, was, now),
        *_chain_contents(place, was.chains, now.chains),
        *_elements(place, was, now),
        *_farewells(place, was, now),
    ]


def _declarations(place: str, was: Table, now: Table) -> Iterable[str]:
    for name, one in now.sets.items():
        if name not in was.sets:
            yield f"add set {place} {name} {{ type {one.type} ; }}"
    for name, learned in now.learned.items():
        if name not in was.learned:
            yield f"add set {place} {name} {{ type {learned.type} ; flags dynamic,timeout ; }}"
    for name, mapping in now.maps.items():
        if name not in was.maps:
            yield f"add map {place} {name} {{ type {mapping.type} : verdict ; }}"
    for name, chain in now.chains.items():
        if name not in was.chains:
            yield f"add chain {place} {name}{_hook(chain)}"


def _hook(chain: Chain) -> str:
    if chain.hook is None:
        return ""
    hook = chain.hook
    return f" {{ type {hook.kind} hook {hook.point} priority {hook.priority} ; policy accept ; }}"


def _chain_contents(place: str, was: Mapping[str, Chain], now: Mapping[str, Chain]) -> Iterable[str]:
    for name, chain in now.items():
        old = was.get(name)
        if old is not None and old.rules == chain.rules:
            continue
        if old is not None and old.rules:
            yield f"flush chain {place} {name}"
        for rule in chain.rules:
            yield f"add rule {place} {name} {rule_text(rule)}"


def rule_text(rule: Rule) -> str:
    """A rule as nft takes it, its note as a comment."""
    return f'{rule.text} comment "{rule.note[:COMMENT_LIMIT]}"' if rule.note else rule.text


def _elements(place: str, was: Table, now: Table) -> Iterable[str]:
    for name, one in now.sets.items():
        old = was.sets[name].elements if name in was.sets else frozenset()
        yield from _batch("delete", place, name, sorted(old - one.elements))
        yield from _batch("add", place, name, sorted(one.elements - old))
    for name, mapping in now.maps.items():
        had = was.maps[name].elements if name in was.maps else {}
        stale = sorted(key for key, verdict in had.items() if mapping.elements.get(key) != verdict)
        fresh = sorted(f"{key} : {verdict}" for key, verdict in mapping.elements.items() if had.get(key) != verdict)
        yield from _batch("delete", place, name, stale)
        yield from _batch("add", place, name, fresh)


def _batch(verb: str, place: str, name: str, elements: list[str]) -> Iterable[str]:
    for start in range(0, len(elements), ELEMENTS_PER_LINE):
        yield f"{verb} element {place} {name} {{ {', '.join(elements[start : start + ELEMENTS_PER_LINE])} }}"


def _farewells(place: str, was: Table, now: Table) -> Iterable[str]:
    gone_maps = [mapping for name, mapping in was.maps.items() if name not in now.maps]
    gone_chains = [chain for name, chain in was.chains.items() if name not in now.chains]
    # Emptied first: departing chains and maps may refer to each other, and a chain that is referred to cannot go.
    for chain in gone_chains:
        if chain.rules:
            yield f"flush chain {place} {chain.name}"
    for mapping in gone_maps:
        yield f"delete map {place} {mapping.name}"
    for chain in gone_chains:
        yield f"delete chain {place} {chain.name}"
    for name in (*was.sets, *was.learned):
        if name not in now.sets and name not in now.learned:
            yield f"delete set {place} {name}"
