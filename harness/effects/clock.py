"""Time as an argument. The only place that imports `time`.

`FakeClock` moves only when somebody sleeps on it or advances it, so a test of waiting takes no time.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What waits and stamps are made of."""

    def now(self) -> float:
        """Seconds on a clock that never steps back; only differences mean anything."""
        ...

    def wall(self) -> float:
        """Seconds since the epoch."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass in this thread."""
        ...

    async def pause(self, seconds: float) -> None:
        """Let `seconds` pass in this task."""
        ...


class RealClock:
    """The machine's clocks."""

    def now(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class FakeClock:
    """A clock for tests: sleeping advances it at once."""

    def __init__(self, *, start: float = 0.0) -> None:
        self._elapsed = 0.0
        self._start = start

    def now(self) -> float:
        return self._elapsed

    def wall(self) -> float:
        return self._start + self._elapsed

    def sleep(self, seconds: float) -> None:
        self._elapsed += max(0.0, seconds)

    async def pause(self, seconds: float) -> None:
        self.sleep(seconds)
        await asyncio.sleep(0)


def rfc3339(seconds: float) -> str:
    """A moment as the Kubernetes API writes it (`metav1.Time`): UTC, whole seconds, `Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc3339_micro(seconds: float) -> str:
    """A moment as `metav1.MicroTime` (Leases): UTC with microseconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
