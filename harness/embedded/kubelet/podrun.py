"""What the containers of one pod share while it runs: the pod's present object, its sandbox and files, its doors."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from harness.effects.clock import Clock
from harness.embedded.api import Cache
from harness.embedded.kubelet.containers import Crun
from harness.embedded.kubelet.environment import Lookup, PodFacts
from harness.embedded.kubelet.events import Recorder
from harness.embedded.kubelet.rootfs import PodFiles
from harness.embedded.kubelet.sandbox import Sandbox
from harness.embedded.kubelet.spec import NodeSpec
from harness.embedded.kubelet.volumes import TokenFor

Jitter = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Tools:
    """What a kubelet lends to all its pods."""

    node: NodeSpec
    crun: Crun
    cache: Cache
    recorder: Recorder
    clock: Clock
    token_for: TokenFor
    jitter: Jitter
    gate: asyncio.Semaphore
    """How many sandboxes are made at once: in a burst the first pods are ready early instead of all being late."""


@dataclass
class PodRun:
    """One pod on its node."""

    tools: Tools
    pod: dict[str, Any]
    files: PodFiles
    changed: Callable[[], None]
    sandbox: Sandbox | None = None
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    grace: float = 30.0
    touched: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the pod's object changed; whoever waits clears it."""

    @property
    def facts(self) -> PodFacts:
        """What the downward API may ask for."""
        return PodFacts(self.sandbox.addresses if self.sandbox else (), self.tools.node)

    @property
    def lookup(self) -> Lookup:
        """Objects of the pod's namespace."""
        namespace = self.pod["metadata"]["namespace"]
        return lambda resource, name: self.tools.cache.get(resource, name, namespace)

    def say(self, reason: str, message: str, *, container: str = "", warning: bool = False) -> None:
        """Record an event about the pod."""
        self.tools.recorder.say(self.pod, reason, message, container=container, warning=warning)

    async def pause(self, seconds: float) -> bool:
        """Let time pass, unless the pod is to end: then True, at once."""
        try:
            async with asyncio.timeout(seconds):
                await self.ending.wait()
        except TimeoutError:
            return False
        return True

    async def pause_for_change(self, limit: float) -> None:
        """Let time pass until any object changes, the pod is to end, or `limit` seconds are over."""
        waits = [
            asyncio.ensure_future(self.ending.wait()),
            asyncio.ensure_future(self.tools.cache.changed(self.tools.cache.generation)),
        ]
        try:
            await asyncio.wait(waits, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

    @property
    def volume_group(self) -> int | None:
        """The group that owns the volumes' files (fsGroup)."""
        group = (self.pod["spec"].get("securityContext") or {}).get("fsGroup")
        return None if group is None else int(group)
