"""Fixtures of the tests that make kind clusters on a machine that only answers commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.clusters import cni
from harness.clusters.kind import KindCluster, Request, Setting
from harness.effects.clock import FakeClock
from tests.unit.clusters.kind_machine import AGENT, Machine, Make


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Docker whatever is installed here, and folders of the test's own."""
    monkeypatch.setenv("KIND_EXPERIMENTAL_PROVIDER", "docker")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.fixture
def said() -> list[str]:
    """Lines of progress."""
    return []


@pytest.fixture
def make(tmp_path: Path, said: list[str]) -> Make:
    """A provider of run `r1` on a machine."""

    def made(machine: Machine, *, run: str = "r1", offline: bool = False, **asked: Any) -> KindCluster:
        setting = Setting(run=run, images=(AGENT,), logs=tmp_path / "logs", offline=offline, tell=said.append)
        request = Request(**{"cni": cni.load("kindnet"), **asked})
        return KindCluster(request, setting, tools=machine.tools, clock=FakeClock())

    return made
