"""What one pod's worker does by itself, without containers."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from harness.effects.clock import FakeClock
from harness.embedded.kubelet import volumes
from harness.embedded.kubelet.podrun import Tools
from harness.embedded.kubelet.rootfs import PodFiles
from harness.embedded.kubelet.worker import PodWorker
from tests.unit.embedded.kubelet.pods_by_hand import NODE, pod


class Objects:
    """A cache with one ConfigMap that is another one at every look."""

    def __init__(self) -> None:
        self.looks = 0

    def get(self, resource: str, name: str, namespace: str) -> dict[str, Any]:
        self.looks += 1
        return {"metadata": {"name": name, "resourceVersion": str(self.looks)}, "data": {"a": str(self.looks)}}


def test_volumes_have_one_writer_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ConfigMap that changes while its pod is brought up is written after what is being written, not into it."""
    writers, most, met = 0, 0, threading.Event()
    write = volumes.write

    def watched(*args: Any, **how: Any) -> None:
        nonlocal writers, most
        writers += 1
        most = max(most, writers)
        met.wait(0.05)
        write(*args, **how)
        writers -= 1

    monkeypatch.setattr(volumes, "write", watched)
    unused: Any = None
    objects: Any = Objects()
    tools = Tools(NODE, unused, objects, unused, FakeClock(), unused, unused, unused)
    worker = PodWorker(unused, tools, pod(volumes=[{"name": "agent", "configMap": {"name": "agent"}}]))
    worker.run.files = PodFiles(tmp_path)

    async def at_once() -> None:
        await asyncio.gather(*(worker.refresh_volumes() for _ in range(3)))

    asyncio.run(at_once())
    assert most == 1
    assert (tmp_path / "volumes/agent/a").read_text() == str(objects.looks)
