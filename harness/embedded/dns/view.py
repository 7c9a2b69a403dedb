"""The server's picture of the cluster: a cache over the API, turned into a zone when somebody asks."""

from __future__ import annotations

import asyncio
import contextlib

from harness.effects.clock import Clock
from harness.embedded.api import Api, Cache
from harness.embedded.dns.faults import RESOURCE as FAULTS
from harness.embedded.dns.faults import Lag, Planted
from harness.embedded.dns.zone import Zone

SERVICES, SLICES, NAMESPACES = "services", "endpointslices.discovery.k8s.io", "namespaces"


class View:
    """What is known now. `zone` is None until everything was listed once."""

    def __init__(self, api: Api, *, clock: Clock, planted: Planted, local: tuple[str, ...] = ()) -> None:
        self._cache = Cache(api, [SERVICES, SLICES, NAMESPACES, FAULTS])
        self._clock = clock
        self._planted = planted
        self._lag = Lag(planted)
        self._local = local
        self._zone: Zone | None = None
        self._task: asyncio.Task[None] | None = None
        self.synced = asyncio.Event()
        """Set for good when the first lists are in."""

    async def start(self) -> None:
        """Begin to follow the API, in the background."""
        self._task = asyncio.create_task(self._follow(), name="view")

    async def stop(self) -> None:
        """Stop following."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._cache.stop()

    @property
    def zone(self) -> Zone | None:
        """The zone as of the latest change."""
        return self._zone

    async def _follow(self) -> None:
        await self._cache.start()
        generation = self._cache.generation
        while True:
            self._refresh()
            self.synced.set()
            generation = await self._cache.changed(generation)

    def _refresh(self) -> None:
        """Indexes are made when first asked for, so this is cheap however often the cluster changes."""
        self._planted.objects = self._cache.all(FAULTS)
        namespaces = [item["metadata"]["name"] for item in self._cache.all(NAMESPACES)]
        seen = self._lag.apply({r: self._cache.all(r) for r in (SERVICES, SLICES)}, namespaces)
        self._zone = Zone(
            services=seen[SERVICES],
            slices=seen[SLICES],
            namespaces=namespaces,
            serial=int(self._clock.wall()),
            local=self._local,
            quirks=self._planted.quirks,
        )
