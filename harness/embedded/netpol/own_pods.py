"""policy/58: isolated pods cannot reach themselves. Only this fault needs it; a healthy agent does nothing here.

A pod's connections to its own address never leave it, so the node's rules cannot break them: this fault puts a table
into the pods' own namespaces, and takes it away when it ends.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from harness.embedded.netns.namespace import NAMED
from harness.embedded.netpol.faults import SELF_DENIED, Broken
from harness.embedded.netpol.model import Object, addresses_of, is_policed
from harness.embedded.nft.door import Door, KernelDoor
from harness.embedded.nft.kernel import NftError
from harness.embedded.nft.ruleset import EMPTY, Chain, Family, Hook, Rule, Ruleset, Table, VerdictMap, by_name

LOG = logging.getLogger(__name__)
TABLE = "harness-self-denied"


def self_denial(addresses: Iterable[str]) -> Ruleset:
    """Rules for inside a pod: nothing from an own address to an own address."""
    tables = []
    for address in addresses:
        family = Family.IPV6 if ":" in address else Family.IPV4
        rule = Rule(f"{family} saddr {address} {family} daddr {address} drop", SELF_DENIED)
        chain = Chain("output", (rule,), Hook("output", "filter", 0))
        tables.append(Table(family, TABLE, by_name([chain])))
    return Ruleset(tuple(tables))


def isolated_addresses(ruleset: Ruleset, maps: Iterable[str]) -> frozenset[str]:
    """The pods that some policy isolates, by address."""
    found: list[VerdictMap] = [table.maps[name] for table in ruleset.tables for name in maps]
    return frozenset(address for one in found for address in one.elements)


class OwnPods:
    """The doors into pods that the fault has opened."""

    def __init__(self, opened: Callable[[Path], Door] = KernelDoor) -> None:
        self._open = opened
        self._doors: dict[str, Door] = {}

    async def deny(self, pods: Iterable[Object], isolated: frozenset[str], broken: Broken) -> None:
        """Deny exactly these pods their own address: isolated ones in the fault's scope."""
        wanted = {
            pod["metadata"]["uid"]: addresses_of(pod)
            for pod in pods
            if is_policed(pod)
            and isolated.intersection(addresses_of(pod))
            and broken.here(SELF_DENIED, pod["metadata"]["namespace"])
        }
        for uid in self._doors.keys() - wanted.keys():
            await self._release(uid)
        for uid, addresses in wanted.items():
            try:
                if uid not in self._doors:
                    self._doors[uid] = self._open(NAMED / f"pod-{uid}")
                await self._doors[uid].replace(self_denial(addresses))
            except (OSError, NftError) as error:
                LOG.warning("%s of pod %s: %s", SELF_DENIED, uid, error)

    async def _release(self, uid: str) -> None:
        door = self._doors.pop(uid)
        try:
            await door.replace(EMPTY)
        except NftError as error:
            LOG.warning("%s stays in pod %s: %s", SELF_DENIED, uid, error)
        await door.close()

    async def close(self) -> None:
        """Release every pod."""
        for uid in tuple(self._doors):
            await self._release(uid)
