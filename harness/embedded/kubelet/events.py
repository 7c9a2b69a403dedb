"""Events about pods, as `kubectl describe` shows them; the same event again only counts up.

A lost event is no failure of the pod: what the API refuses is dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from typing import Any

from harness.effects.clock import Clock, rfc3339
from harness.embedded.api import Api
from harness.embedded.store.errors import ApiError


class Recorder:
    """Writes the events of one component on one node."""

    def __init__(self, api: Api, clock: Clock, *, component: str, node: str) -> None:
        self._api = api
        self._clock = clock
        self._source = {"component": component, "host": node}
        self._counts: dict[str, int] = {}
        self._writing: set[asyncio.Task[None]] = set()

    def say(
        self, pod: dict[str, Any], reason: str, message: str, *, container: str = "", warning: bool = False
    ) -> None:
        """Record an event; it is written in the background."""
        meta = pod["metadata"]
        field = f"spec.containers{{{container}}}" if container else ""
        digest = hashlib.sha256("\0".join((meta["uid"], reason, message, field)).encode()).hexdigest()[:16]
        name = f"{meta['name'][:200]}.{digest}"
        self._counts[name] = count = self._counts.get(name, 0) + 1
        task = asyncio.ensure_future(self._write(name, pod, (reason, message, field), count=count, warning=warning))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _write(
        self, name: str, pod: dict[str, Any], said: tuple[str, str, str], *, count: int, warning: bool
    ) -> None:
        now = rfc3339(self._clock.wall())
        namespace = pod["metadata"]["namespace"]
        with contextlib.suppress(ApiError, OSError):
            if count > 1:
                await self._api.patch("events", name, {"count": count, "lastTimestamp": now}, namespace=namespace)
                return
            reason, message, field = said
            event = {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": name, "namespace": namespace},
                "involvedObject": _reference(pod, field),
                "reason": reason,
                "message": message,
                "source": self._source,
                "firstTimestamp": now,
                "lastTimestamp": now,
                "count": count,
                "type": "Warning" if warning else "Normal",
                "reportingComponent": self._source["component"],
                "reportingInstance": self._source["host"],
            }
            await self._api.create("events", event, namespace=namespace)

    async def flush(self) -> None:
        """Wait for what is being written."""
        await asyncio.gather(*self._writing, return_exceptions=True)


def _reference(pod: dict[str, Any], field: str) -> dict[str, Any]:
    meta = pod["metadata"]
    reference = {
        "kind": "Pod",
        "apiVersion": "v1",
        "namespace": meta["namespace"],
        "name": meta["name"],
        "uid": meta["uid"],
        "resourceVersion": meta.get("resourceVersion", ""),
    }
    return reference | ({"fieldPath": field} if field else {})
