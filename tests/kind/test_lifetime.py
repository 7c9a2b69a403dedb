"""A real kind cluster: made, marked, used, removed; and one whose maker is killed in the middle.

Needs docker, kind and a node image on this machine; without one of them these tests are skipped, saying which.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.clusters import cni
from harness.clusters.kind import KindCluster, Request, Setting, Tools, leftovers
from harness.clusters.kind.engine import Engine, engine
from harness.effects import process
from harness.effects.clock import RealClock
from harness.effects.run import run, start
from harness.kube.client import Kube
from tests.kind.ground import LACKING

ROOT = Path(__file__).parents[2]
APPEARS = 90.0
"""Seconds until node containers are there on a loaded machine; a few on an idle one."""

VANISHES = 10.0
"""Seconds until the kernel has ended what was tied to a killed process."""


pytestmark = pytest.mark.skipif(LACKING is not None, reason=f"no kind cluster can be made: {LACKING}")


@pytest.fixture
def docker() -> Engine:
    """The engine."""
    return engine(Tools())


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[KindCluster]:
    """A cluster of one node, not yet made; removed in any case."""
    request = Request(cni=cni.load("kindnet"), nodes=1, families="ipv4", kube_proxy="nftables")
    setting = Setting(run=f"system-{os.getpid()}", images=(), logs=tmp_path / "logs", offline=True)
    made = KindCluster(request, setting)
    yield made
    made.destroy()


def volumes_of(docker: Engine, name: str) -> set[str]:
    """Names of the volumes a cluster's nodes have."""
    nodes = [node for node in docker.clusters() if node["Name"].startswith(f"/{name}-")]
    return {mount["Name"] for node in nodes for mount in node["Mounts"] if mount["Type"] == "volume"}


def test_a_cluster_is_made_used_and_removed(cluster: KindCluster, docker: Engine, tmp_path: Path) -> None:
    """It serves what was asked, is marked as ours, touches no kubeconfig of the user's, and leaves nothing."""
    kubeconfig = Path.home() / ".kube/config"
    before = kubeconfig.stat().st_mtime_ns if kubeconfig.exists() else None
    access = cluster.create()
    with contextlib.closing(Kube.connect(access.kubeconfig)) as kube:
        (node,) = kube.list("nodes").items
        assert not node["spec"].get("taints")
        assert node["spec"]["podCIDRs"][0].startswith("10.244.")
        told = kube.get("configmaps", "kube-proxy", namespace="kube-system")["data"]["config.conf"]
        assert "mode: nftables" in told
    name = str(node["metadata"]["name"]).removesuffix("-control-plane")
    there = leftovers.found(docker)[name]
    assert there.mark is not None
    assert there.mark.owner == process.identity()
    assert name not in [each.name for each in leftovers.leftovers(docker)]
    cluster.diagnose(tmp_path / "logs")
    assert list((tmp_path / "logs").rglob("kubelet.log"))
    cluster.destroy()
    assert name not in leftovers.found(docker)
    assert (kubeconfig.stat().st_mtime_ns if kubeconfig.exists() else None) == before


MAKER = """
from pathlib import Path
from harness.clusters import cni
from harness.clusters.kind import KindCluster, Request, Setting
request = Request(cni=cni.load("kindnet"), nodes=2, families="ipv4")
KindCluster(request, Setting(run="{run}", images=(), logs=Path("{logs}"), offline=True)).create()
"""


def test_what_a_killed_run_left_is_cleaned(docker: Engine, tmp_path: Path) -> None:
    """kill -9 in the middle of a create: kind ends with its maker, and `harness clean` removes the containers."""
    clock, name = RealClock(), f"harness-killed-{os.getpid()}"
    code = MAKER.format(run=name.removeprefix("harness-"), logs=tmp_path / "logs")
    maker = start([sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(tmp_path)})
    try:
        deadline = clock.now() + APPEARS
        while name not in leftovers.found(docker) and clock.now() < deadline and maker.poll() is None:
            clock.sleep(0.2)
    finally:
        os.kill(maker.pid, signal.SIGKILL)
        maker.communicate()
    assert name in [each.name for each in leftovers.leftovers(docker)]
    volumes = volumes_of(docker, name)
    deadline = clock.now() + VANISHES
    while _creating(name) and clock.now() < deadline:
        clock.sleep(0.1)
    assert not _creating(name)
    clean = [sys.executable, "-m", "harness.cli", "clean"]
    done = run(["env", "-C", str(ROOT), f"TMPDIR={tmp_path}", *clean], timeout=120)
    assert f"removed kind cluster {name}\n" in done.text
    assert name not in leftovers.found(docker)
    assert not list(tmp_path.glob("harness-kind-*"))
    assert not volumes & set(run([docker.name, "volume", "ls", "--quiet"]).text.split())


def _creating(name: str) -> bool:
    """Whether a kind still works on that cluster."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if f"create\0cluster\0--name\0{name}\0".encode() in entry.read_bytes():
                return True
    return False
