"""A container's output: lines with stream and time, kept in memory up to a budget, readable while they come.

In memory rather than in files: the private tmpfs is memory too, and this way a follower needs no polling.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

BUDGET = 4 << 20
"""Bytes kept per container; older lines are dropped, as log rotation would."""

LINE_LIMIT = 16 << 10
"""Longer lines are cut into pieces, as the container runtimes do."""


@dataclass(frozen=True)
class Line:
    """A line as it was written, with its newline when it had one."""

    number: int
    wall: float
    stream: str
    data: bytes

    def render(self, *, timestamps: bool) -> bytes:
        """What `kubectl logs` shows."""
        if not timestamps:
            return self.data
        moment = datetime.fromtimestamp(self.wall, UTC)
        return f"{moment:%Y-%m-%dT%H:%M:%S.%f}000Z ".encode() + self.data


class ContainerLog:
    """The output of one run of a container."""

    def __init__(self) -> None:
        self._lines: deque[Line] = deque()
        self._size = 0
        self._next = 0
        self._partial: dict[str, bytes] = {}
        self._grown = asyncio.Event()
        self.closed = False

    def feed(self, stream: str, data: bytes, wall: float) -> None:
        """Take a piece of output; only whole lines become visible."""
        pending = self._partial.pop(stream, b"") + data
        *whole, rest = pending.split(b"\n")
        for text in whole:
            self._append(stream, text + b"\n", wall)
        while len(rest) >= LINE_LIMIT:
            self._append(stream, rest[:LINE_LIMIT], wall)
            rest = rest[LINE_LIMIT:]
        if rest:
            self._partial[stream] = rest

    def close(self, wall: float) -> None:
        """No more output comes; what has no newline yet becomes visible."""
        for stream, rest in sorted(self._partial.items()):
            self._append(stream, rest, wall)
        self._partial.clear()
        self.closed = True
        self._wake()

    def _append(self, stream: str, data: bytes, wall: float) -> None:
        self._lines.append(Line(self._next, wall, stream, data))
        self._next += 1
        self._size += len(data)
        while self._size > BUDGET and len(self._lines) > 1:
            self._size -= len(self._lines.popleft().data)
        self._wake()

    def _wake(self) -> None:
        self._grown.set()
        self._grown = asyncio.Event()

    def lines(self, *, tail: int | None = None, since: float | None = None) -> list[Line]:
        """What is there now: the last `tail` lines not older than the moment `since`."""
        chosen = [line for line in self._lines if since is None or line.wall >= since]
        return chosen if tail is None else chosen[len(chosen) - min(tail, len(chosen)) :]

    async def follow(self, after: int) -> AsyncIterator[Line]:
        """Lines with numbers above `after`, as they come, until the container's output ends."""
        while True:
            grown = self._grown
            for line in self._newer(after):
                after = line.number
                yield line
            if self.closed and not self._newer(after):
                return
            await grown.wait()

    def _newer(self, after: int) -> list[Line]:
        return list(self._reversed_above(after))[::-1]

    def _reversed_above(self, after: int) -> Iterator[Line]:
        for line in reversed(self._lines):
            if line.number <= after:
                return
            yield line

    @property
    def newest(self) -> int:
        """The number of the last line; -1 when there is none."""
        return self._next - 1

    def ending(self, limit: int = 2048) -> str:
        """The last of the output, as terminationMessagePolicy FallbackToLogsOnError wants it."""
        tail = b"".join(line.data for line in self.lines(tail=80))
        return tail[-limit:].decode(errors="replace")
