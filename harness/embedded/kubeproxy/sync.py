"""The Service proxy of one node: watches, compiles, hands the ruleset to the door, clears stale UDP connections.

Everything it decides is decided by pure functions over one snapshot; this file only waits and carries out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from harness.effects.clock import Clock
from harness.effects.run import RunError
from harness.embedded.api.cache import Cache
from harness.embedded.api.faults import RESOURCE as FAULTS
from harness.embedded.api.interface import Api
from harness.embedded.kubeproxy.compile import compile_services
from harness.embedded.kubeproxy.conntrack import clean, udp_front_ends
from harness.embedded.kubeproxy.faults import Broken
from harness.embedded.kubeproxy.health import HealthServers, health_ports
from harness.embedded.kubeproxy.memory import Memory
from harness.embedded.kubeproxy.model import Snapshot
from harness.embedded.netns.namespace import NamespaceError
from harness.embedded.nft.door import Door, KernelDoor
from harness.embedded.nft.kernel import NftError
from harness.embedded.nft.ruleset import EMPTY, Ruleset

LOG = logging.getLogger(__name__)

SERVICES = "services"
SLICES = "endpointslices.discovery.k8s.io"
NODES = "nodes"
ZONE_LABEL = "topology.kubernetes.io/zone"
SERVICE_CIDRS = ("10.96.0.0/16", "fd00:10:96::/112")

RETRY = 1.0  # seconds after a refused transaction; the next change may come much later
RECHECK = 60.0  # seconds between looks whether somebody took our rules away; users may expect them back in 2 minutes

Jitter = Callable[[], Awaitable[None]]


class NodeLike(Protocol):
    """What the proxy needs to know of its node."""

    @property
    def name(self) -> str: ...
    @property
    def netns(self) -> Path: ...
    @property
    def addresses(self) -> tuple[str, ...]: ...
    @property
    def pod_cidrs(self) -> tuple[str, ...]: ...


class ServiceProxy:
    """Keeps the Service rules of one node right, from `start` to `stop`."""

    def __init__(
        self,
        api: Api,
        node: NodeLike,
        *,
        jitter: Jitter,
        clock: Clock,
        families: tuple[str, ...] = ("IPv4", "IPv6"),
        service_cidrs: tuple[str, ...] = SERVICE_CIDRS,
        door: Door | None = None,
    ) -> None:
        self._node = node
        self._jitter = jitter
        self._clock = clock
        self._families = families
        self._service_cidrs = service_cidrs
        self._door: Door = door if door is not None else KernelDoor(node.netns)
        self._cache = Cache(api, [SERVICES, SLICES, NODES, FAULTS])
        self._memory = Memory()
        self._health = HealthServers(node.netns, node.addresses)
        self._tasks: list[asyncio.Task[None]] = []
        self._turn = asyncio.Lock()
        self._front_ends: dict[tuple[str, int], frozenset[tuple[str, int]]] = {}
        self._held: Ruleset = EMPTY
        self.syncs = 0
        """How often rules were compiled and handed over."""

    @property
    def ruleset(self) -> Ruleset:
        """What the node was last given, for whoever wants to trace a packet through it."""
        return self._held

    async def start(self) -> None:
        """Returns when the first rules are in force."""
        await self._cache.start()
        seen = self._cache.generation
        await self._attempt()
        self._tasks = [
            asyncio.create_task(self._follow(seen), name=f"services {self._node.name}"),
            asyncio.create_task(self._recheck(), name=f"services {self._node.name} recheck"),
        ]

    async def stop(self) -> None:
        """Stop following. The rules stay, as when a real proxy ends."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self._cache.stop()
        await self._health.close()
        await self._door.close()

    async def _follow(self, seen: int) -> None:
        while True:
            seen = await self._cache.changed(seen)
            await self._jitter()
            seen = self._cache.generation
            while not await self._attempt():
                await self._clock.pause(RETRY)

    async def _recheck(self) -> None:
        while True:
            await self._clock.pause(RECHECK)
            with contextlib.suppress(NftError):
                if not await self._door.is_intact():
                    LOG.warning("%s: service rules were changed by somebody else", self._node.name)
                    await self._attempt()

    async def _attempt(self) -> bool:
        try:
            async with self._turn:
                await self._sync()
        except NftError as error:
            LOG.error("%s: %s", self._node.name, error)  # noqa: TRY400  # its text says all; the trace would not
            return False
        return True

    async def _sync(self) -> None:
        snapshot = self._snapshot()
        ruleset = compile_services(snapshot)
        await self._door.replace(ruleset)
        self._held = ruleset
        self.syncs += 1
        await self._health.serve(health_ports(snapshot))
        front_ends = udp_front_ends(snapshot)
        if front_ends != self._front_ends:
            self._front_ends = front_ends
            await self._clean(front_ends)

    async def _clean(self, front_ends: dict[tuple[str, int], frozenset[tuple[str, int]]]) -> None:
        try:
            for flow in await clean(self._node.netns, front_ends):
                LOG.info("%s: removed stale UDP connections %s", self._node.name, flow)
        except (RunError, NamespaceError) as error:
            LOG.warning("%s: stale UDP connections stay: %s", self._node.name, error)

    def _snapshot(self) -> Snapshot:
        planted = tuple(self._cache.all(FAULTS))
        services, slices, old = self._memory.believe(
            self._cache.all(SERVICES), self._cache.all(SLICES), Broken(planted, node=self._node.name)
        )
        own: dict[str, Any] = self._cache.get(NODES, self._node.name) or {"metadata": {}}
        return Snapshot(
            node=self._node.name,
            addresses=tuple(self._node.addresses),
            pod_cidrs=tuple(self._node.pod_cidrs),
            families=self._families,
            service_cidrs=self._service_cidrs,
            zone=(own["metadata"].get("labels") or {}).get(ZONE_LABEL, ""),
            services=services,
            slices=slices,
            faults=planted,
            old_node_ports=old,
        )
