"""The policy agent of one node: watches, compiles, hands the ruleset to the door in one transaction.

Like every component it acts after a jitter, with one exception: a pod of this node that it has not met yet is let
into the network at once. Real agents do that while the pod is being attached; until then it gets no packets at all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from harness.effects.clock import Clock
from harness.embedded.api.cache import Cache
from harness.embedded.api.faults import RESOURCE as FAULTS
from harness.embedded.api.interface import Api
from harness.embedded.api.rulekeeper import Keeping, RuleKeeper
from harness.embedded.netpol.compile import ISOLATED, compile_policies
from harness.embedded.netpol.faults import Broken
from harness.embedded.netpol.memory import Memory
from harness.embedded.netpol.model import Object, Snapshot, addresses_of, is_policed
from harness.embedded.netpol.own_pods import OwnPods, isolated_addresses
from harness.embedded.nft.door import Door, KernelDoor
from harness.embedded.nft.ruleset import EMPTY, Ruleset

LOG = logging.getLogger(__name__)

PODS = "pods"
NAMESPACES = "namespaces"
POLICIES = "networkpolicies.networking.k8s.io"


Jitter = Callable[[], Awaitable[None]]


class NodeLike(Protocol):
    """What the agent needs to know of its node."""

    @property
    def name(self) -> str: ...
    @property
    def netns(self) -> Path: ...
    @property
    def addresses(self) -> tuple[str, ...]: ...
    @property
    def pod_cidrs(self) -> tuple[str, ...]: ...


class PolicyAgent:
    """Keeps the policy rules of one node right, from `start` to `stop`."""

    def __init__(
        self,
        api: Api,
        node: NodeLike,
        *,
        jitter: Jitter,
        clock: Clock,
        families: tuple[str, ...] = ("IPv4", "IPv6"),
        door: Door | None = None,
    ) -> None:
        self._node = node
        self._jitter = jitter
        self._families = families
        self._door: Door = door if door is not None else KernelDoor(node.netns)
        self._cache = Cache(api, [PODS, NAMESPACES, POLICIES, FAULTS])
        self._memory = Memory()
        self._own_pods = OwnPods()
        self._met: frozenset[str] = frozenset()
        self._held: Ruleset = EMPTY
        keeping = Keeping("policies", node.name, settle=self._settle, sync=self._sync)
        self._keeper = RuleKeeper(keeping, cache=self._cache, door=self._door, clock=clock)

    @property
    def ruleset(self) -> Ruleset:
        """What the node was last given, for whoever wants to trace a packet through it."""
        return self._held

    @property
    def syncs(self) -> int:
        """How often rules were compiled and handed over."""
        return self._keeper.syncs

    async def start(self) -> None:
        """Returns when the first rules are in force."""
        await self._keeper.start()

    async def stop(self) -> None:
        """Stop following. The rules stay: an agent that ends must not open what it closed."""
        await self._keeper.stop()
        await self._own_pods.close()

    async def _settle(self, seen: int) -> None:
        """The jitter, cut short by a pod that waits for us."""
        nap = asyncio.ensure_future(self._jitter())
        try:
            while not nap.done() and not self._local_addresses() - self._met:
                change = asyncio.ensure_future(self._cache.changed(seen))
                await asyncio.wait({nap, change}, return_when=asyncio.FIRST_COMPLETED)
                change.cancel()
                seen = self._cache.generation
        finally:
            nap.cancel()

    def _local_pods(self) -> list[Object]:
        return [pod for pod in self._cache.all(PODS) if pod["spec"].get("nodeName") == self._node.name]

    def _local_addresses(self) -> frozenset[str]:
        return frozenset(one for pod in self._local_pods() if is_policed(pod) for one in addresses_of(pod))

    async def _sync(self) -> None:
        planted = tuple(self._cache.all(FAULTS))
        broken = Broken(planted, node=self._node.name)
        met, pods = self._local_addresses(), self._local_pods()
        snapshot = Snapshot(
            node=self._node.name,
            addresses=tuple(self._node.addresses),
            pod_cidrs=tuple(self._node.pod_cidrs),
            families=self._families,
            pods=self._memory.pods(self._cache.all(PODS), broken),
            namespaces=self._memory.namespaces(self._cache.all(NAMESPACES), broken),
            policies=self._memory.policies(self._cache.all(POLICIES), broken),
            faults=planted,
        )
        ruleset = compile_policies(snapshot)
        await self._door.replace(ruleset)
        self._held, self._met = ruleset, met
        await self._own_pods.deny(pods, isolated_addresses(ruleset, ISOLATED.values()), broken)
