"""What kind needs of a machine: each finding good or bad, with its remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.clusters.kind import checks
from harness.clusters.kind.checks import Check
from harness.clusters.kind.marks import Mark, Stay
from harness.effects import process
from harness.effects.run import RunError
from tests.unit.clusters.kind_machine import AGENT, Machine

INOTIFY = {"max_user_watches": 524288, "max_user_instances": 512}


@pytest.fixture(autouse=True)
def docker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker whatever is installed here."""
    monkeypatch.setenv("KIND_EXPERIMENTAL_PROVIDER", "docker")


def found(machine: Machine, *, k8s: str | None = None) -> dict[str, Check]:
    """The findings by what was looked at."""
    return {each.what: each for each in checks.checks(machine.tools, k8s=k8s)}


def test_a_machine_that_has_everything_is_good() -> None:
    """Engine, kind, memory, node image; plugins are told with what they ever passed."""
    told = found(Machine())
    for what in ("container engine", "kind", "memory", "node image"):
        assert told[what].good, told[what]
    assert told["container engine"].told == "docker 29.0"
    assert told["node image"].told == "kindest/node:v1.36.2"
    assert "CNI calico v3.32.1 (untested)" in told


def test_without_an_engine_the_rest_is_still_looked_at() -> None:
    """The remedy of each stands on its own line."""
    machine = Machine()
    machine.broken["docker info"] = RunError(["docker"], "not found")
    told = found(machine)
    assert told["container engine"].good is False
    assert told["kind"].good
    assert "node image" not in told


def test_without_kind_that_is_said() -> None:
    """Nothing else about kind can be."""
    machine = Machine()
    machine.broken["kind version"] = RunError(["kind"], "not found")
    assert found(machine)["kind"].good is False


@pytest.mark.parametrize(
    ("images", "k8s", "cgroup", "good", "said"),
    [
        ((AGENT,), None, "2", True, "will be pulled"),
        ((AGENT, "kindest/node:v1.36.2"), None, "1", True, "failCgroupV1: false"),
        ((AGENT, "kindest/node:v1.34.2"), "1.34", "1", True, "kindest/node:v1.34.2"),
        ((AGENT,), "1.99.0", "2", False, "too old for Kubernetes 1.99.0"),
        ((AGENT,), "soon", "2", False, "write a version"),
    ],
)
def test_the_node_image_of_a_run_is_told(
    images: tuple[str, ...], k8s: str | None, cgroup: str, good: bool, said: str
) -> None:
    """Which it would be, whether it is here, whether it runs."""
    check = found(Machine(*images, cgroup=cgroup), k8s=k8s)["node image"]
    assert (check.good, said in check.told) == (good, True)


def test_clusters_are_told_by_whose_they_are() -> None:
    """Ours, those that killed runs left, and those made elsewhere."""
    machine = Machine()
    machine.add("lab")
    machine.add("mine", Mark(process.identity(), Stay.RUN, "d").path)
    machine.add("left", Mark(f"{process.machine()}/4194304/77", Stay.RUN, "d").path)
    machine.add("far", Mark("elsewhere/1/2", Stay.RUN, "d").path)
    told = found(machine)
    assert told["kind clusters"].told == "4, of ours: far, left, mine"
    assert told["left by killed runs"].told == "left: harness clean"
    assert "far (made by elsewhere/1/2)" in told["made elsewhere"].told


@pytest.mark.parametrize(
    ("network", "said"),
    [(None, "kind makes it"), ({"EnableIPv6": False}, "--families ipv4"), ({"EnableIPv6": True}, "with IPv6")],
)
def test_the_network_is_told(network: dict[str, bool] | None, said: str) -> None:
    """An old one without IPv6 decides what clusters can be made."""
    machine = Machine()
    machine.network = network
    assert said in found(machine)["network"].told


def test_limits_come_with_the_command_that_raises_them(tmp_path: Path) -> None:
    """Too low is bad, where the machine has such limits at all."""
    (tmp_path / "max_user_watches").write_text("8192\n")
    (tmp_path / "max_user_instances").write_text("512\n")
    low, enough = checks._inotify(tmp_path)
    assert (low.good, low.told) == (False, "8192: sysctl -w fs.inotify.max_user_watches=524288")
    assert (enough.good, enough.told) == (True, "512")
    assert list(checks._inotify(tmp_path / "nowhere")) == []


def test_what_add_ons_need_of_a_machine_is_told() -> None:
    """Kernel modules of the host, and versions, which nobody could look up from the outside."""
    told = {name.split()[1]: check.told for name, check in found(Machine()).items() if name.startswith("CNI ")}
    assert "needs kernel modules br_netfilter, vxlan" in told["flannel"]
    assert "for Kubernetes 1.34 to 1.36; needs kernel modules ipip" in told["calico"]
    assert "kernel modules" not in told["cilium"]
