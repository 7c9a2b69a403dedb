"""Faults end by themselves: an object older than its `ttlSeconds` is deleted, so that a killed test heals."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime
from typing import Any

from harness.effects.clock import Clock
from harness.embedded.api import Api
from harness.embedded.api.cache import Cache
from harness.embedded.api.faults import RESOURCE
from harness.embedded.store.errors import ApiError

TICK = 0.5
"""Seconds between looks at the clock while there are faults."""


def expired(fault: dict[str, Any], *, now: float) -> bool:
    """Whether a fault's time is over. Without `ttlSeconds` it stays until it is deleted."""
    limit = fault.get("spec", {}).get("ttlSeconds")
    if not limit:
        return False
    made = datetime.fromisoformat(fault["metadata"]["creationTimestamp"]).timestamp()
    return bool(now - made >= limit)


class Expiry:
    """Deletes faults whose time is over."""

    def __init__(self, api: Api, *, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._cache = Cache(api, [RESOURCE])
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin."""
        await self._cache.start()
        self._task = asyncio.create_task(self._run(), name="fault expiry")

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._cache.stop()

    async def _run(self) -> None:
        while True:
            faults = self._cache.all(RESOURCE)
            for fault in faults:
                if expired(fault, now=self._clock.wall()):
                    with contextlib.suppress(ApiError):
                        await self._api.delete(RESOURCE, fault["metadata"]["name"])
            if faults:
                await self._clock.pause(TICK)
            else:
                await self._cache.changed(self._cache.generation)
