"""`harness up` and `harness down` with kind clusters: made like a run's kept one, told how to be used and removed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli import code_of, standing
from harness.clusters.kind import KindCluster, Request, Setting
from tests.unit.clusters.kind_machine import KUBECONFIG, NODE_IMAGE, Machine


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    """Docker and kind as this process sees them."""
    there = Machine()

    def cluster(request: Request, setting: Setting) -> KindCluster:
        return KindCluster(request, setting, tools=there.tools)

    monkeypatch.setattr(standing, "KindCluster", cluster)
    monkeypatch.setattr(standing, "Tools", lambda: there.tools)
    monkeypatch.chdir(tmp_path)
    return there


def test_a_cluster_is_made_used_again_and_taken_down(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    """It says how to use it with the same options, and nothing lies on a disk."""
    assert code_of(["up", "--cluster", "kind", "--k8s", "1.36.2", "--kube-proxy", "nftables", "--offline"]) == 0
    told = capsys.readouterr().out
    assert "end it with: harness down --cluster kind --name harness\n" in told
    assert "harness run --cluster kind --keep harness --k8s=1.36.2 --kube-proxy=nftables --offline\n" in told
    assert machine.configs["harness"]["networking"]["kubeProxyMode"] == "nftables"
    assert not list(Path.cwd().iterdir())
    made = machine.commands.count(f"kind create cluster --name harness --image {NODE_IMAGE}")
    assert code_of(["up", "--cluster", "kind", "--k8s", "1.36.2", "--kube-proxy", "nftables"]) == 0
    assert machine.commands.count(f"kind create cluster --name harness --image {NODE_IMAGE}") == made
    assert code_of(["down", "--cluster", "kind"]) == 0
    assert machine.clusters == set()
    assert "kind cluster 'harness' is gone" in capsys.readouterr().out


def test_the_kubeconfig_is_written_for_the_user_alone(machine: Machine, tmp_path: Path) -> None:
    """With the name that was asked for."""
    assert code_of(["up", "--cluster", "kind", "--name", "two", "--kubeconfig", "k/config"]) == 0
    assert machine.clusters == {"two"}
    assert json.loads((tmp_path / "k/config").read_text()) == KUBECONFIG
    assert (tmp_path / "k/config").stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_written_takes_down_what_was_made(
    machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """But not a cluster that was there before."""
    (tmp_path / "file").write_text("")
    arguments = ["up", "--cluster", "kind", "--kubeconfig", "file/config"]
    assert code_of(arguments) == 4
    assert machine.clusters == set()
    assert capsys.readouterr().err.endswith("File exists; the cluster was taken down again\n")
    assert code_of(arguments[:-2]) == 0
    assert code_of(arguments) == 4
    assert machine.clusters == {"harness"}
    assert "was there before and stays" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["up", "--cni", "calico"], "--cni shapes a kind cluster: add --cluster kind"),
        (["up", "--kube-proxy", "nftables"], "--kube-proxy shapes a kind cluster"),
        (["up", "--families", "ipv6"], "an embedded cluster is ipv4 or dual"),
        (["up", "--cluster", "kind", "--cni", "calica"], "--cni calica: there are"),
        (["up", "--cluster", "kind", "--lb", "metalb"], "--lb metalb: there are"),
        (["up", "--ingress", "contour"], "--ingress shapes a kind cluster"),
        (["up", "--cluster", "kind", "--nodes", "0"], "--nodes 0: a cluster has 1 to"),
        (["up", "--cluster", "kind", "--name", "Ünfit"], "--keep Ünfit: a name has"),
        (["down", "--cluster", "kind"], "no kind cluster named 'harness' is kept here; there are: none"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_4(
    machine: Machine, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """And nothing is made."""
    assert code_of(arguments) == 4
    told = capsys.readouterr()
    assert said in told.err
    assert len(told.err.splitlines()) == 1
    assert machine.clusters == set()
