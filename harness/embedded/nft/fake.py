"""nftables without a kernel, for tests of everything above the door. It reads the text that the kernel would get.

It knows the commands `render.py` writes and refuses what the kernel would refuse: a second thing of one name, a thing
that is not there, a reference to nothing, a chain that is still referred to. One contract battery runs on it and on
the kernel (tests/contract/test_nft_door.py). It judges no packet: `trace.py` does that.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, field

from harness.embedded.nft.kernel import NftError
from harness.embedded.nft.render import difference
from harness.embedded.nft.ruleset import EMPTY, Family, Ruleset, Shape

REFERENCE = re.compile(r"\b(?:jump|goto) ([^\s,]+)")
SET_REFERENCE = re.compile(r"@(\S+)")


@dataclass
class FakeTable:
    """A table as the fake kernel holds it: rule texts, elements, names of sets that packets fill."""

    chains: dict[str, list[str]] = field(default_factory=dict)
    sets: dict[str, dict[str, str]] = field(default_factory=dict)
    maps: dict[str, dict[str, str]] = field(default_factory=dict)
    learned: dict[str, dict[str, str]] = field(default_factory=dict)

    def references(self) -> set[str]:
        """Chains that some rule or map element leads to."""
        texts = [rule for rules in self.chains.values() for rule in rules]
        texts += [verdict for elements in self.maps.values() for verdict in elements.values()]
        return {name for text in texts for name in REFERENCE.findall(text)}

    def named_sets(self) -> set[str]:
        """Sets and maps that some rule looks into."""
        return {name for rules in self.chains.values() for rule in rules for name in SET_REFERENCE.findall(rule)}


class FakeKernel:
    """Applies nft commands to dictionaries; a refused transaction changes nothing."""

    def __init__(self) -> None:
        self.tables: dict[tuple[str, str], FakeTable] = {}

    def run(self, text: str) -> None:
        """Apply all lines or, raising NftError, none."""
        before = copy.deepcopy(self.tables)
        try:
            for line in text.splitlines():
                self._line(line)
            self._check_references()
        except KeyError as error:
            self.tables = before
            raise NftError(f"No such file or directory: {error}", text=text) from error
        except ValueError as error:
            self.tables = before
            raise NftError(str(error), text=text) from error

    def _line(self, line: str) -> None:
        verb, kind, family, table, *rest = line.split(maxsplit=4)
        key, tail = (family, table), rest[0] if rest else ""
        if kind == "table":
            self._table(verb, key)
        else:
            _inside(self.tables[key], verb, kind, tail)

    def _table(self, verb: str, key: tuple[str, str]) -> None:
        if verb == "add":
            self.tables.setdefault(key, FakeTable())
        else:
            del self.tables[key]

    def _check_references(self) -> None:
        for table in self.tables.values():
            for name in table.references():
                if name not in table.chains:
                    raise ValueError(f"a rule or element leads to chain {name}, which is not there")
            for name in table.named_sets():
                if name not in table.sets | table.maps | table.learned:
                    raise ValueError(f"a rule looks into {name}, which is not there")


def _inside(table: FakeTable, verb: str, kind: str, tail: str) -> None:
    name, _, body = tail.partition(" ")
    match verb, kind:
        case "add", "chain":
            table.chains.setdefault(name, [])
        case "add", "rule":
            table.chains[name].append(body)
        case "flush", "chain":
            table.chains[name].clear()
        case "delete", "chain":
            if table.chains[name] or name in table.references():
                raise ValueError(f"Device or resource busy: chain {name}")
            del table.chains[name]
        case "add", "set":
            (table.learned if "dynamic" in body else table.sets).setdefault(name, {})
        case "add", "map":
            table.maps.setdefault(name, {})
        case "delete", "set" | "map":
            _delete_set(table, name)
        case "add" | "delete", "element":
            _element(table, verb, name, body)
        case _:
            raise ValueError(f"syntax error: {verb} {kind} {tail}")


def _delete_set(table: FakeTable, name: str) -> None:
    if name in table.named_sets():
        raise ValueError(f"Device or resource busy: set {name}")
    holder = next((kind for kind in (table.sets, table.learned, table.maps) if name in kind), None)
    if holder is None:
        raise KeyError(name)
    del holder[name]


def _element(table: FakeTable, verb: str, name: str, body: str) -> None:
    holder = next(kind[name] for kind in (table.sets, table.maps, table.learned, {name: None}) if name in kind)
    if holder is None:
        raise KeyError(name)
    for element in body.strip("{} ").split(","):
        key, _, verdict = (part.strip() for part in element.partition(" : "))
        if verb == "delete":
            del holder[key]
        elif holder.get(key, verdict) != verdict:
            raise ValueError(f"File exists: {key}")
        else:
            holder[key] = verdict


class FakeDoor:
    """A Door over a FakeKernel. Keeps the last ruleset, so that a test can trace packets through what was applied."""

    def __init__(self) -> None:
        self.kernel = FakeKernel()
        self.ruleset = EMPTY
        self.transactions: list[str] = []

    async def replace(self, ruleset: Ruleset) -> None:
        """By difference, like the real one; a difference that the kernel would refuse raises."""
        text = difference(self.ruleset, ruleset)
        if text:
            self.kernel.run(text)
            self.transactions.append(text)
        self.ruleset = ruleset

    async def shape(self, family: Family, table: str) -> Shape | None:
        """Counted in the dictionaries."""
        held = self.kernel.tables.get((family.value, table))
        if held is None:
            return None
        return Shape(
            chains={name: len(rules) for name, rules in held.chains.items()},
            sets={name: len(elements) for name, elements in held.sets.items()},
            maps={name: len(elements) for name, elements in held.maps.items()},
            learned=frozenset(held.learned),
        )

    async def is_intact(self) -> bool:
        """Nobody else speaks to this kernel."""
        return True

    async def close(self) -> None:
        """Nothing to give back."""
