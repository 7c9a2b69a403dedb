"""The Service proxy of one node: watches, compiles, hands the ruleset to the door, clears stale UDP connections.

Everything it decides is decided by pure functions over one snapshot; this file only waits and carries out.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from harness.effects.clock import Clock, rfc3339
from harness.effects.run import RunError
from harness.embedded.api.cache import Cache
from harness.embedded.api.faults import RESOURCE as FAULTS
from harness.embedded.api.interface import Api
from harness.embedded.api.rulekeeper import Keeping, RuleKeeper
from harness.embedded.kubeproxy.compile import compile_services
from harness.embedded.kubeproxy.conntrack import clean, udp_front_ends
from harness.embedded.kubeproxy.faults import Broken
from harness.embedded.kubeproxy.health import PROXY_PORT, HealthServers, ProxyHealth, health_ports, is_eligible
from harness.embedded.kubeproxy.memory import Memory
from harness.embedded.kubeproxy.model import Snapshot
from harness.embedded.netns.namespace import NamespaceError
from harness.embedded.nft.door import Door, KernelDoor
from harness.embedded.nft.ruleset import EMPTY, Ruleset

LOG = logging.getLogger(__name__)

SERVICES = "services"
SLICES = "endpointslices.discovery.k8s.io"
NODES = "nodes"
ZONE_LABEL = "topology.kubernetes.io/zone"
SERVICE_CIDRS = ("10.96.0.0/16", "fd00:10:96::/112")


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
        self._front_ends: dict[tuple[str, int], frozenset[tuple[str, int]]] = {}
        self._held: Ruleset = EMPTY
        keeping = Keeping("services", node.name, settle=self._settle, sync=self._sync)
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
        """Stop following. The rules stay, as when a real proxy ends."""
        await self._keeper.stop()
        await self._health.close()

    async def _settle(self, seen: int) -> None:
        """Every change waits for the jitter, whichever it was."""
        _ = seen
        await self._jitter()

    async def _sync(self) -> None:
        snapshot = self._snapshot()
        ruleset = compile_services(snapshot)
        await self._door.replace(ruleset)
        self._held = ruleset
        itself = ProxyHealth(rfc3339(self._clock.wall()), eligible=is_eligible(self._own_node()))
        await self._health.serve({**health_ports(snapshot), PROXY_PORT: itself})
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

    def _own_node(self) -> dict[str, Any]:
        return self._cache.get(NODES, self._node.name) or {"metadata": {}}

    def _snapshot(self) -> Snapshot:
        planted = tuple(self._cache.all(FAULTS))
        services, slices, old = self._memory.believe(
            self._cache.all(SERVICES), self._cache.all(SLICES), Broken(planted, node=self._node.name)
        )
        return Snapshot(
            node=self._node.name,
            addresses=tuple(self._node.addresses),
            pod_cidrs=tuple(self._node.pod_cidrs),
            families=self._families,
            service_cidrs=self._service_cidrs,
            zone=(self._own_node()["metadata"].get("labels") or {}).get(ZONE_LABEL, ""),
            services=services,
            slices=slices,
            faults=planted,
            old_node_ports=old,
        )
