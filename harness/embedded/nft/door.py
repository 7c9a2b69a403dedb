"""The one place where rulesets reach the kernel. A component hands over what it wants; the door sends what differs.

Never `flush ruleset`: other components, and other programs, own tables beside ours. A change is one transaction, so a
packet sees all of it or nothing of it. Sets that packets fill are never made anew by a change of something else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from harness.embedded.nft.kernel import Kernel, NftError
from harness.embedded.nft.render import difference, whole
from harness.embedded.nft.ruleset import EMPTY, Family, Ruleset, Shape, shape_of


class Door(Protocol):
    """What a component needs of nftables."""

    async def replace(self, ruleset: Ruleset) -> None:
        """Make our tables hold exactly this, in one transaction. Raises NftError; then the old state stays."""
        ...

    async def shape(self, family: Family, table: str) -> Shape | None:
        """What really is there, in numbers; None when the table is gone."""
        ...

    async def is_intact(self) -> bool:
        """Whether what was applied is still there. If not, the next `replace` starts from scratch."""
        ...

    async def close(self) -> None:
        """Let go. What was applied stays, as it would when a real agent ends."""
        ...


class KernelDoor:
    """The kernel of one network namespace (`None`: this process's own)."""

    def __init__(self, netns: Path | None) -> None:
        self._kernel = Kernel(netns)
        self._held = EMPTY
        self._lost = False
        self._turn = asyncio.Lock()

    async def replace(self, ruleset: Ruleset) -> None:
        """By difference; from scratch when the kernel no longer holds what we believe it does."""
        async with self._turn:
            text = whole(ruleset) if self._lost else difference(self._held, ruleset)
            if not text:
                return
            try:
                await asyncio.to_thread(self._kernel.run, text)
            except NftError:
                if self._lost:
                    raise
                # Somebody else may have removed something of ours. If our own text is wrong, this fails as well.
                await asyncio.to_thread(self._kernel.run, _gone(self._held, ruleset) + whole(ruleset))
            self._held = ruleset
            self._lost = False

    async def shape(self, family: Family, table: str) -> Shape | None:
        """Counted from nft's JSON listing."""
        objects = await asyncio.to_thread(self._kernel.listing, family.value, table)
        return None if objects is None else _count(objects)

    async def is_intact(self) -> bool:
        """Whether the kernel still holds what we gave it. If not, the next `replace` starts from scratch."""
        async with self._turn:
            for table in self._held.tables:
                if await self.shape(table.family, table.name) != shape_of(table):
                    self._lost = True
                    return False
        return True

    async def close(self) -> None:
        """Close the netlink sockets."""
        await asyncio.to_thread(self._kernel.close)


def _gone(before: Ruleset, after: Ruleset) -> str:
    kept = {table.key for table in after.tables}
    return "".join(
        f"add table {table.family} {table.name}\ndelete table {table.family} {table.name}\n"
        for table in before.tables
        if table.key not in kept
    )


def _count(objects: Iterable[dict[str, Any]]) -> Shape:
    chains: dict[str, int] = {}
    sets: dict[str, int] = {}
    maps: dict[str, int] = {}
    learned: set[str] = set()
    for entry in objects:
        match entry:
            case {"chain": {"name": name}}:
                chains.setdefault(name, 0)
            case {"rule": {"chain": name}}:
                chains[name] = chains.get(name, 0) + 1
            case {"map": dict(one)}:
                maps[one["name"]] = len(one.get("elem", ()))
            case {"set": dict(one)} if "timeout" in one.get("flags", ()):  # JSON leaves the flag `dynamic` out
                learned.add(one["name"])
            case {"set": dict(one)}:
                sets[one["name"]] = len(one.get("elem", ()))
    return Shape(chains=chains, sets=sets, maps=maps, learned=frozenset(learned))
