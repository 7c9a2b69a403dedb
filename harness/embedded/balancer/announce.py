"""Which node takes the traffic of a balancer's address (pure), and the task that lets the neighbours know.

As a balancer that speaks to routers does: every address leads to one node, which hands it to its Service proxy. With
externalTrafficPolicy Local that is a node with a ready endpoint; an address behind which nobody is ready leads nowhere.
What knows the routes is the machine outside; pods and nodes have their own proxies. Addresses are given out elsewhere
(`controllers/loadbalancer.py`). Source: core/v1 Service, discovery.k8s.io/v1 EndpointSlice.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from harness.effects.run import RunError
from harness.embedded.api import Cache
from harness.embedded.api.interface import Api
from harness.embedded.netns import link
from harness.embedded.netns.fabric import OUTSIDE, NodePlan

LOG = logging.getLogger(__name__)

SERVICES = "services"
SLICES = "endpointslices.discovery.k8s.io"
SERVICE_OF_SLICE = "kubernetes.io/service-name"

Object = dict[str, Any]
Jitter = Callable[[], Awaitable[None]]


def ways(services: Iterable[Object], slices: Iterable[Object], nodes: Sequence[NodePlan]) -> dict[str, str]:
    """Every balancer's address that leads somewhere: the address of the node it leads to."""
    ready = _ready_nodes(slices)
    found: dict[str, str] = {}
    for service in services:
        spec, key = service["spec"], (service["metadata"].get("namespace", ""), service["metadata"]["name"])
        if spec.get("type") != "LoadBalancer" or not ready.get(key):
            continue
        local = spec.get("externalTrafficPolicy") == "Local"
        fit = [node for node in nodes if not local or node.name in ready[key]]
        for entry in ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ():
            if entry.get("ip") and (way := _way(entry["ip"], fit)):
                found[entry["ip"]] = way
    return found


def _ready_nodes(slices: Iterable[Object]) -> dict[tuple[str, str], set[str]]:
    """By Service, the nodes with a ready endpoint."""
    found: dict[tuple[str, str], set[str]] = {}
    for each in slices:
        name = (each["metadata"].get("labels") or {}).get(SERVICE_OF_SLICE, "")
        for endpoint in each.get("endpoints") or ():
            if (endpoint.get("conditions") or {}).get("ready") is not False:
                place = found.setdefault((each["metadata"].get("namespace", ""), name), set())
                place.add(endpoint.get("nodeName") or "")
    return found


def _way(address: str, nodes: Iterable[NodePlan]) -> str:
    """The address of the node that takes this one: always the same of the same nodes, not the same for all."""
    chosen = min(nodes, key=lambda node: hashlib.sha256(f"{address} {node.name}".encode()).digest(), default=None)
    own = chosen.addresses if chosen is not None else ()
    return next((each for each in own if (":" in each) == (":" in address)), "")


class Announcer:
    """Keeps the routes of the machine outside as the Services call for, from `start` to `stop`."""

    def __init__(self, api: Api, nodes: Sequence[NodePlan], *, jitter: Jitter) -> None:
        self._nodes = tuple(nodes)
        self._jitter = jitter
        self._cache = Cache(api, [SERVICES, SLICES])
        self._known: Mapping[str, str] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to follow."""
        await self._cache.start()
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Stop following; the routes stay."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._cache.stop()

    async def _follow(self) -> None:
        generation = -1
        while True:
            generation = await self._cache.changed(generation)
            wanted = ways(self._cache.all(SERVICES), self._cache.all(SLICES), self._nodes)
            if wanted != self._known:
                await self._jitter()
                await self._tell(wanted)

    async def _tell(self, wanted: Mapping[str, str]) -> None:
        try:
            await link.apply_async(changes(self._known, wanted), namespace=OUTSIDE)
        except RunError as error:
            LOG.warning("the way to some balancers is not known: %s", error)
            return
        self._known = wanted


def changes(known: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """The routes to set and to take back."""
    lost = [link.no_route(address) for address in sorted(known.keys() - wanted.keys())]
    fresh = sorted(wanted.items() - known.items())
    return [*lost, *(link.route(link.alone(address), via=way) for address, way in fresh)]
