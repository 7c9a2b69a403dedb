"""What a session needs of a stream to its agent, so that tests and other carriers can stand in for an exec stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class Stream(Protocol):
    """Bytes to and from a relay in the pod. `harness.kube.exec_stream.ExecStream` is one."""

    def send(self, data: bytes) -> None:
        """Write everything. Raises StreamClosed. Several threads may call it."""
        ...

    def receive(self, timeout: float) -> bytes:
        """Bytes as soon as there are some; b"" after `timeout`. Raises StreamClosed. One thread calls it."""
        ...

    def close(self) -> None:
        """End it; a `receive` in another thread ends with StreamClosed."""
        ...


Connect = Callable[[], Stream]
"""Opens a stream to the pod's relay. Raises StreamRefused, Unreachable."""


@dataclass(frozen=True)
class Fate:
    """What became of a pod whose stream broke."""

    why: str = ""
    """Why its agent cannot answer what it was asked ("container restarted: OOMKilled"); empty when it still may."""
    final: bool = False
    """No agent will ever answer there again: do not try."""


Teller = Callable[[], Fate]
"""Looks at the pod. Never raises."""
