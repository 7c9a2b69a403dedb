"""A local copy of some resources, kept fresh by list and watch, with a generation to wait on (client-go's informer).

Objects in it are shared and read-only. A lost or expired watch is followed by a new list; nothing is missed, only
merged: who waits sees the latest state, not every step.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from functools import partial
from typing import Any

from harness.embedded.api.interface import Api
from harness.embedded.store.errors import ApiError
from harness.embedded.store.log import WatchStream

Object = dict[str, Any]
RETRY_SECONDS = 0.2
"""Pause before listing again after a failure: long enough not to spin, short beside what components wait for."""
LONGEST_RETRY_SECONDS = 1.6
"""The pause doubles up to this while lists fail: a server that comes back is soon noticed, and not run over."""


class Cache:
    """The current objects of some resources."""

    def __init__(self, api: Api, resources: Sequence[str]) -> None:
        self._api = api
        self._objects: dict[str, dict[tuple[str, str], Object]] = {resource: {} for resource in resources}
        self._tasks: list[asyncio.Task[None]] = []
        self._waiters: set[asyncio.Future[None]] = set()
        self.generation = 0
        """Counts changes; grows with every event seen."""

    async def start(self) -> None:
        """List everything once, then follow in the background. Returns when all resources are there."""
        ready = [asyncio.get_running_loop().create_future() for _ in self._objects]
        for resource, first in zip(self._objects, ready, strict=True):
            task = asyncio.create_task(self._follow(resource, first), name=f"cache {resource}")
            task.add_done_callback(partial(_pass_on, first))
            self._tasks.append(task)
        await asyncio.gather(*ready)

    async def stop(self) -> None:
        """Stop following."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    def all(self, resource: str) -> list[Object]:
        """Every object of a resource, in no particular order."""
        return list(self._objects[resource].values())

    def get(self, resource: str, name: str, namespace: str | None = None) -> Object | None:
        """One object, or None."""
        return self._objects[resource].get((namespace or "", name))

    def by_namespace(self, resource: str, namespace: str) -> list[Object]:
        """Every object of a resource in one namespace."""
        return [obj for (space, _), obj in self._objects[resource].items() if space == namespace]

    async def changed(self, since: int) -> int:
        """Wait until the generation is above `since`; returns the generation."""
        while self.generation <= since:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)
        return self.generation

    def _bump(self) -> None:
        self.generation += 1
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def _follow(self, resource: str, first: asyncio.Future[None]) -> None:
        pause = RETRY_SECONDS
        while True:
            with contextlib.suppress(ApiError, OSError):
                version = await self._list(resource)
                pause = RETRY_SECONDS
                if not first.done():
                    first.set_result(None)
                await self._watch(resource, version)
                continue
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_RETRY_SECONDS)

    async def _list(self, resource: str) -> str:
        items, version = await self._api.list(resource)
        fresh = _keyed(items)
        if fresh != self._objects[resource]:
            self._objects[resource] = fresh
            self._bump()
        return version

    async def _watch(self, resource: str, version: str) -> None:
        events: AsyncIterator[Object] = self._api.watch(resource, since=version)
        try:
            async for event in events:
                self._take(resource, event)
        finally:
            if isinstance(events, WatchStream | AsyncGenerator):
                await events.aclose()

    def _take(self, resource: str, event: Object) -> None:
        obj = event["object"]
        match event["type"]:
            case "ADDED" | "MODIFIED":
                self._objects[resource][_key(obj)] = obj
            case "DELETED":
                self._objects[resource].pop(_key(obj), None)
            case "ERROR":
                raise ApiError(obj)
            case _:
                return
        self._bump()


def _pass_on(first: asyncio.Future[None], task: asyncio.Task[None]) -> None:
    """A follower that ends before its first list lets `start` know why."""
    if first.done():
        return
    if task.cancelled():
        first.cancel()
    elif (problem := task.exception()) is not None:
        first.set_exception(problem)


def _key(obj: Object) -> tuple[str, str]:
    metadata = obj["metadata"]
    return metadata.get("namespace") or "", metadata["name"]


def _keyed(items: Iterable[Object]) -> dict[tuple[str, str], Object]:
    return {_key(obj): obj for obj in items}
