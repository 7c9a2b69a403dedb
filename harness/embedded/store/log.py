"""The watch window: recent events of every resource, and those who listen to them.

Synchronous on the writing side; a stream's reader waits in the event loop. Events are kept in a window of bounded
length per resource; a reader that asks for older ones is told so (410) and has to list again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.embedded.store.errors import too_old
from harness.embedded.store.resources import Resource
from harness.embedded.store.selectors import Filter

WINDOW = 2048
"""Events kept per resource: far more than a component misses while it lists again, and bounded memory."""
BACKLOG = 65536
"""Events a reader may lag behind before its stream is ended: a reader that never reads must not hold everything."""
BOOKMARK_BEFORE_END = 2.0
"""Seconds before the end of a watch at which the last bookmark comes, as the real watch cache does."""
BOOKMARK_EVERY = 60.0
"""Seconds between bookmarks on an open watch, as the real watch cache does."""


@dataclass(frozen=True)
class Change:
    """One event of one object. `before` is the object's state before it, for selectors that it leaves or enters."""

    version: int
    type: str
    object: dict[str, Any]
    before: dict[str, Any] | None = None


class WatchStream:
    """An asynchronous iterator over watch events: `{"type": …, "object": …}`. Ends at its timeout or on `close`."""

    def __init__(
        self, resource: Resource, wanted: Filter, *, bookmarks: bool, timeout: float | None, log: WatchLog
    ) -> None:
        self.resource = resource
        self._wanted = wanted
        self._bookmarks = bookmarks
        self._log = log
        self._queue: deque[dict[str, Any]] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False
        self._overrun = False
        self._ends = None if timeout is None else _loop_time() + timeout
        self._next_bookmark = self._first_bookmark(timeout) if bookmarks else None

    def _first_bookmark(self, timeout: float | None) -> float:
        if timeout is None or timeout > BOOKMARK_EVERY + BOOKMARK_BEFORE_END:
            return _loop_time() + BOOKMARK_EVERY
        return _loop_time() + max(0.0, timeout - BOOKMARK_BEFORE_END)

    def offer(self, change: Change) -> None:
        """Take a change if this stream wants it, in the form its selectors make of it."""
        event = self._translate(change)
        if event is None or self._closed:
            return
        if len(self._queue) >= BACKLOG:
            self._overrun = True
            self.close()
            return
        self._queue.append(event)
        self._wake()

    def push(self, event: dict[str, Any]) -> None:
        """Queue a ready-made event (the synthetic first ones, bookmarks)."""
        self._queue.append(event)
        self._wake()

    def _translate(self, change: Change) -> dict[str, Any] | None:
        is_in = change.type != "DELETED" and self._wanted.matches(change.object)
        was_in = change.before is not None and self._wanted.matches(change.before)
        if is_in:
            return {"type": "MODIFIED" if was_in else "ADDED", "object": change.object}
        if was_in:
            return {"type": "DELETED", "object": _left(change)}
        return None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def __aiter__(self) -> WatchStream:
        return self

    async def __anext__(self) -> dict[str, Any]:
        while True:
            if self._queue:
                return self._queue.popleft()
            if self._closed:
                self._end()
            now = _loop_time()
            if self._next_bookmark is not None and now >= self._next_bookmark:
                self._next_bookmark = None if self._ends is not None else now + BOOKMARK_EVERY
                return self._bookmark()
            if self._ends is not None and now >= self._ends:
                self.close()
                self._end()
            await self._wait()

    def _end(self) -> None:
        if self._overrun:
            self._overrun = False
            raise too_old(0, self._log.version)
        raise StopAsyncIteration

    async def _wait(self) -> None:
        deadlines = [moment for moment in (self._next_bookmark, self._ends) if moment is not None]
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_at(min(deadlines), self._wake) if deadlines else None
        try:
            await self._waiter
        finally:
            if timer is not None:
                timer.cancel()
            self._waiter = None

    def _bookmark(self) -> dict[str, Any]:
        metadata = {"resourceVersion": str(self._log.version)}
        return {
            "type": "BOOKMARK",
            "object": {"kind": self.resource.kind, "apiVersion": self.resource.api_version, "metadata": metadata},
        }

    def close(self) -> None:
        """End the stream; a waiting reader wakes up and stops. Idempotent."""
        self._closed = True
        self._log.forget(self)
        self._wake()

    async def aclose(self) -> None:
        """As `close`, for `contextlib.aclosing`."""
        self.close()


def _left(change: Change) -> dict[str, Any]:
    """The object of a DELETED event: its last wanted state, with the version of the change that took it away."""
    if change.type == "DELETED" or change.before is None:
        return change.object
    metadata = {**change.before["metadata"], "resourceVersion": str(change.version)}
    return {**change.before, "metadata": metadata}


def _loop_time() -> float:
    with contextlib.suppress(RuntimeError):
        return asyncio.get_running_loop().time()
    return 0.0


class WatchLog:
    """All events since the store began, as far as the window reaches."""

    def __init__(self, *, window: int = WINDOW) -> None:
        self.version = 0
        self._window = window
        self._recent: dict[Resource, deque[Change]] = {}
        self._floor: dict[Resource, int] = {}
        self._streams: dict[Resource, list[WatchStream]] = {}

    def append(self, resource: Resource, change: Change) -> None:
        """Record a change and tell who listens."""
        self.version = change.version
        recent = self._recent.get(resource)
        if recent is None:
            recent = self._recent[resource] = deque()
        if len(recent) >= self._window:
            self._floor[resource] = recent.popleft().version
        recent.append(change)
        for stream in tuple(self._streams.get(resource, ())):
            stream.offer(change)

    def compact(self, resource: Resource) -> None:
        """Forget the recorded events of a resource, so that older watches are told 410."""
        self._recent.pop(resource, None)
        self._floor[resource] = self.version

    def since(self, resource: Resource, version: int) -> Iterator[Change]:
        """Recorded changes after `version`. Raises ApiError 410 when some of them are gone."""
        floor = self._floor.get(resource, 0)
        if version < floor:
            raise too_old(version, floor)
        return (change for change in self._recent.get(resource, ()) if change.version > version)

    def attach(self, stream: WatchStream) -> None:
        """Let a stream listen."""
        self._streams.setdefault(stream.resource, []).append(stream)

    def forget(self, stream: WatchStream) -> None:
        """Stop a stream's listening."""
        streams = self._streams.get(stream.resource, [])
        if stream in streams:
            streams.remove(stream)

    def close(self) -> None:
        """End every stream."""
        for streams in tuple(self._streams.values()):
            for stream in tuple(streams):
                stream.close()
