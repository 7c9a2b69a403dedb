"""Runs the controllers: one task each, woken by changes of what it reads, delayed by the cluster's jitter.

After writing, a controller waits until its own copy shows what it wrote (client-go: expectations); otherwise it would
make the same pods twice. A refused write is tried again on the next look, which a refusal brings about by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from harness.effects.clock import Clock, RealClock
from harness.embedded.api import Api, Cache
from harness.embedded.controllers.changes import Change, Create, Delete, Patch, Update, carry_out
from harness.embedded.controllers.snapshot import Obj, Snapshot
from harness.embedded.store.errors import ApiError

log = logging.getLogger(__name__)

RETRY_SECONDS = 0.2
"""Before a look that follows a refused write: most refusals are conflicts that the next event settles anyway."""

CATCH_UP_SECONDS = 2.0
"""How long a controller waits to see its own writes before it looks again regardless."""


@dataclass(frozen=True)
class Controller:
    """A reconcile function, the resources it reads, and how often it looks without being woken (0: never)."""

    name: str
    reads: Sequence[str]
    reconcile: Callable[[Snapshot], list[Change]]
    every: float = 0.0


class Controllers:
    """All controllers over one API."""

    def __init__(
        self,
        api: Api,
        controllers: Iterable[Controller],
        *,
        jitter: Callable[[], Awaitable[object]],
        clock: Clock | None = None,
    ) -> None:
        self._api = api
        self._controllers = tuple(controllers)
        self._jitter = jitter
        self._clock: Clock = clock or RealClock()
        resources = dict.fromkeys(resource for c in self._controllers for resource in c.reads)
        self._caches = {resource: Cache(api, [resource]) for resource in resources}
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Fill the caches and begin. Returns when every controller is at work."""
        await asyncio.gather(*(cache.start() for cache in self._caches.values()))
        wakes = {c.name: asyncio.Event() for c in self._controllers}
        for resource, cache in self._caches.items():
            readers = [wakes[c.name] for c in self._controllers if resource in c.reads]
            self._tasks.append(asyncio.create_task(_wake(cache, readers), name=f"wake on {resource}"))
        for controller in self._controllers:
            task = asyncio.create_task(self._run(controller, wakes[controller.name]), name=controller.name)
            self._tasks.append(task)

    async def stop(self) -> None:
        """End all tasks and wait for them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await asyncio.gather(*(cache.stop() for cache in self._caches.values()))

    def snapshot(self, controller: Controller) -> Snapshot:
        """What the controller sees now."""
        return Snapshot({r: self._caches[r].all(r) for r in controller.reads}, now=self._clock.wall())

    async def _run(self, controller: Controller, wake: asyncio.Event) -> None:
        while True:
            wake.clear()
            if not await self.step(controller):
                await asyncio.sleep(RETRY_SECONDS)
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), controller.every or None)
            await self._jitter()

    async def step(self, controller: Controller) -> bool:
        """One look and what follows from it. False when a write was refused or has not shown yet."""
        try:
            changes = controller.reconcile(self.snapshot(controller))
        except Exception:  # one malformed object must not end a controller for good; the next change is a new chance
            log.exception("controller %s failed to reconcile", controller.name)
            return True
        written = [(change, await self._write(controller, change)) for change in changes]
        shown = [result is not None and await self._shown(change, result) for change, result in written]
        return all(shown)

    async def _write(self, controller: Controller, change: Change) -> Obj | None:
        """The object as it then is ({} where there is none); None when the write was refused."""
        try:
            return await carry_out(self._api, change) or {}
        except ApiError as error:
            level = logging.DEBUG if error.code in (403, 404, 409) else logging.WARNING
            log.log(level, "controller %s: %s: %s", controller.name, type(change).__name__, error)
            return {} if error.code == 404 else None

    async def _shown(self, change: Change, result: Obj) -> bool:
        """Wait until the cache holds the result of the change, or something later."""
        match change:
            case Create(resource, _) | Update(resource, _) | Patch(resource) if result:
                meta = result["metadata"]
                # Without its last finalizer an object that was on its way out is gone: nothing of it will show.
                leaving = "deletionTimestamp" in meta
                place = (meta["name"], meta.get("namespace"))
                version = int(meta.get("resourceVersion") or 0)
            case Delete(resource, namespace, name, uid):
                place, version, leaving = (name, namespace), -1, True
            case _:
                return True
        cache = self._caches.get(resource)
        if cache is None:
            return True

        def shown() -> bool:
            found = cache.get(resource, *place)
            if found is None:
                return leaving
            if version >= 0:
                return int(found["metadata"].get("resourceVersion") or 0) >= version
            return found["metadata"]["uid"] != uid or "deletionTimestamp" in found["metadata"]

        return await _until(cache, shown)


async def _wake(cache: Cache, readers: Sequence[asyncio.Event]) -> None:
    generation = 0
    while True:
        generation = await cache.changed(generation)
        for reader in readers:
            reader.set()


async def _until(cache: Cache, shown: Callable[[], bool]) -> bool:
    try:
        async with asyncio.timeout(CATCH_UP_SECONDS):
            generation = cache.generation
            while not shown():
                generation = await cache.changed(generation)
    except TimeoutError:
        return False
    return True
