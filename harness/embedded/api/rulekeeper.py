"""Keeping the rules of one node in step with the API: the loop that the service proxy and the policy agent share.

It follows a cache, lets its component settle, hands over, tries again what the kernel refused, and looks now and then
whether somebody took the rules away. What the rules are is the component's business.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from harness.effects.clock import Clock
from harness.embedded.api.cache import Cache
from harness.embedded.nft.door import Door
from harness.embedded.nft.kernel import NftError

LOG = logging.getLogger(__name__)

RETRY = 1.0
"""Seconds after a refused transaction; the next change may come much later."""

RECHECK = 60.0
"""Seconds between looks whether somebody took our rules away; users may expect them back in two minutes."""


@dataclass(frozen=True)
class Keeping:
    """What is kept: `what` rules of which `node`. `settle` waits a moment after the change of that generation, `sync`
    makes the rules right and may raise NftError."""

    what: str
    node: str
    settle: Callable[[int], Awaitable[None]]
    sync: Callable[[], Awaitable[None]]


class RuleKeeper:
    """Runs from `start` to `stop`. The rules stay behind, as when a real agent ends."""

    def __init__(self, keeping: Keeping, *, cache: Cache, door: Door, clock: Clock) -> None:
        self._keeping = keeping
        self._cache = cache
        self._door = door
        self._clock = clock
        self._tasks: list[asyncio.Task[None]] = []
        self._turn = asyncio.Lock()
        self.syncs = 0
        """How often rules were handed over."""

    async def start(self) -> None:
        """Returns when the first rules are in force."""
        await self._cache.start()
        seen = self._cache.generation
        await self._attempt()
        name = f"{self._keeping.what} {self._keeping.node}"
        self._tasks = [
            asyncio.create_task(self._follow(seen), name=name),
            asyncio.create_task(self._recheck(), name=f"{name} recheck"),
        ]

    async def stop(self) -> None:
        """Stop following, and close the cache and the door."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self._cache.stop()
        await self._door.close()

    async def _follow(self, seen: int) -> None:
        while True:
            seen = await self._cache.changed(seen)
            await self._keeping.settle(seen)
            seen = self._cache.generation
            while not await self._attempt():
                await self._clock.pause(RETRY)

    async def _recheck(self) -> None:
        while True:
            await self._clock.pause(RECHECK)
            with contextlib.suppress(NftError):
                if not await self._door.is_intact():
                    LOG.warning("%s: %s rules were changed by somebody else", self._keeping.node, self._keeping.what)
                    await self._attempt()

    async def _attempt(self) -> bool:
        try:
            async with self._turn:
                await self._keeping.sync()
                self.syncs += 1
        except NftError as error:
            LOG.error("%s: %s", self._keeping.node, error)  # noqa: TRY400  # its text says all; the trace would not
            return False
        return True
