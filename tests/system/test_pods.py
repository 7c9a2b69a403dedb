"""Pods on real namespaces: boots three kubelets in a process of their own and reports each scenario as a test.

The scenarios (pods_scenarios.py) share one boot. Skipped where namespaces cannot be made.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.clusters.embedded import refusal
from tests.system.death import until
from tests.system.pods_scenarios import SCENARIOS

REPOSITORY = Path(__file__).parents[2]
UNSHARE = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
BOOT_LIMIT = 60.0
RUN_LIMIT = 600.0

REFUSED = refusal()
pytestmark = pytest.mark.skipif(REFUSED is not None, reason=str(REFUSED))


def start(name: str, mode: str) -> subprocess.Popen[str]:
    command = [*UNSHARE, sys.executable, "-m", "tests.system.pods_ground", name, mode]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def results() -> Iterator[dict[str, dict[str, Any]]]:
    """What every scenario came to."""
    process = start(f"pods{os.getpid()}", "run")
    try:
        out, err = process.communicate(timeout=RUN_LIMIT)
        assert process.returncode == 0, err
        yield json.loads(out.splitlines()[-1])
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.__name__)
def test_pods(scenario: Any, results: dict[str, dict[str, Any]]) -> None:
    """Each scenario keeps the promise in its docstring."""
    found = results[scenario.__name__]
    assert not found["problem"], f"{scenario.__doc__}\n{found['problem']}"


def descendants(pid: int) -> list[int]:
    """All processes below one, in the order of their births."""
    found = []
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, listing.read_text().split()):
            found += [child, *descendants(child)]
    return found


def alive(pids: list[int]) -> list[int]:
    """Those that still run."""
    found = []
    for pid in pids:
        try:
            if ") Z " not in Path(f"/proc/{pid}/stat").read_text():
                found.append(pid)
        except OSError:
            continue
    return found


def test_nothing_survives_kill_9() -> None:
    """Killed with -9, the nodes, links, mounts, processes and cgroups of a cluster with pods are gone within 5 s."""
    name = f"dead{os.getpid()}"
    process = start(name, "stay")
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"ready": True}
        family = descendants(process.pid)
        assert len(alive(family)) >= 4, "three pods and their kubelets should be running"
        assert_no_trace(name)
    finally:
        process.kill()
        process.communicate()
    assert until(lambda: not alive(family)), alive(family)
    assert_no_trace(name)


def assert_no_trace(name: str) -> None:
    """The machine itself never shows anything of the cluster, neither while it lives nor after."""
    netns = Path("/run/netns")
    assert not [one for one in (netns.iterdir() if netns.exists() else ()) if name in one.name]
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    assert " fabric:" not in links
    assert not Path("/run/harness").exists()
    assert name not in Path("/proc/self/mounts").read_text()
    assert not [one for one in Path("/sys/fs/cgroup").glob("*/*") if name in one.name or "crun" in one.name]
