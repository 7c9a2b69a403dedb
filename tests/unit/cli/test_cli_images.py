"""`harness images`: lists, archives and mirrors, and each bad input in one line."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from harness.cli import code_of
from harness.clusters.kind.marks import Mark, Stay
from harness.clusters.provider import ClusterError
from harness.effects import process
from harness.effects.run import RunError
from tests.unit.clusters.kind_machine import AGENT, NODE_IMAGE, Machine

CLOUD = "registry.k8s.io/cloud-provider-kind/cloud-controller-manager:v0.11.1"
POD = "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{image: 'mine/lb:1'}]}}"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    """A machine that only answers commands."""
    monkeypatch.setenv("KIND_EXPERIMENTAL_PROVIDER", "docker")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    machine = Machine()
    # The command of that name hides its module in the package.
    monkeypatch.setattr(importlib.import_module("harness.cli.images"), "Tools", lambda: machine.tools)
    return machine


def told(capsys: pytest.CaptureFixture[str], *args: str) -> list[str]:
    """What the command prints, having ended well."""
    assert code_of(["images", *args]) == 0
    return capsys.readouterr().out.splitlines()


def test_one_image_a_line(machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the cluster that these options would make."""
    (tmp_path / "lb.yaml").write_text(POD)
    assert told(capsys, "list") == [NODE_IMAGE, AGENT]
    assert told(capsys, "list", "--lb", str(tmp_path / "lb.yaml")) == [NODE_IMAGE, AGENT, "mine/lb:1"]
    assert told(capsys, "list", "--cni", "none")[0] == NODE_IMAGE
    assert told(capsys, "list", "--k8s", "1.34.11")[0].startswith("kindest/node:v1.34.11@sha256:")


def test_json_says_what_each_is_for(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    """Who runs it, who says so, whether it is here, and what keeps the list from being exact."""
    found: dict[str, Any] = json.loads("\n".join(told(capsys, "list", "--json", "--lb", "metallb", "--offline", "/no")))
    assert found["images"][0] == {
        "image": NODE_IMAGE,
        "purpose": "node image",
        "place": "engine",
        "told_by": "kind",
        "here": True,
    }
    assert {each["told_by"] for each in found["images"][2:]} == {"data file"}
    assert not any(each["here"] for each in found["images"][2:])
    assert len(found["notes"]) == 1


def test_a_list_that_is_not_a_manifests_is_said(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, so that the list stays a list."""
    assert code_of(["images", "list", "--cni", "calico", "--offline"]) == 0
    output = capsys.readouterr()
    assert "quay.io/calico/node:v3.32.1" in output.out.splitlines()
    assert output.err.startswith("harness: CNI calico: these are the images of its data file")


def test_a_folder_is_saved_for_offline_runs(
    machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is missing is pulled; everything is in one archive, under names without digests."""
    machine.images.discard(AGENT)
    pinned = [each for each in told(capsys, "list", "--k8s", "1.34.11") if "@" in each]
    told(capsys, "save", str(tmp_path / "kit"), "--k8s", "1.34.11", "--lb", "cloud-provider-kind")
    (names,) = machine.archives.values()
    assert names[:2] == ["kindest/node:v1.34.11", AGENT]
    assert CLOUD in names
    assert f"docker pull --quiet {pinned[0]}" in machine.commands
    assert (tmp_path / "kit/images.tar").is_file()


def test_an_archive_is_loaded(machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Into the engine; with --keep also into the nodes of that cluster, but for node images."""
    (tmp_path / "images.tar").write_text(f"{NODE_IMAGE} {AGENT}")
    assert told(capsys, "load", str(tmp_path)) == [f"loaded {NODE_IMAGE}", f"loaded {AGENT}"]
    assert not [each for each in machine.commands if each.startswith("kind load")]
    machine.add("k", Mark(process.identity(), Stay.KEPT, "d").path)
    told(capsys, "load", str(tmp_path / "images.tar"), "--keep", "k")
    assert [each for each in machine.commands if each.startswith("kind load")] == [
        f"kind load docker-image {AGENT} --name k"
    ]


def test_a_mirror_is_mapped(machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each image with its place there; on request also what containerd reads."""
    assert told(capsys, "mirror", "m:5000", "--write", str(tmp_path / "certs.d")) == [
        f"{NODE_IMAGE} m:5000/docker.io/{NODE_IMAGE}",
        f"{AGENT} m:5000/{AGENT}",
    ]
    assert "https://m:5000/v2/docker.io" in (tmp_path / "certs.d/docker.io/hosts.toml").read_text()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["list", "--cni", "calicoo"], "--cni calicoo: there are antrea"),
        (["list", "--lb", "nowhere.yaml"], "--lb nowhere.yaml: no such file"),
        (["list", "--ingress", "nginx"], "--ingress nginx: there are contour"),
        (["list", "--families", "ipv5"], "'ipv5' is not one of"),
        (["list", "--k8s", "soon"], "--k8s soon: write a version"),
        (["list", "--lb", "metallb", "--kube-proxy", "ipvs"], "choose one with --kube-proxy"),
        (["list", "--cni", "{here}/list.yaml"], "not a manifest"),
        (["save", "{here}/list.yaml"], "is a file; name a folder, or an archive that ends in .tar"),
        (["save", "{here}/a.tar", "--agent-image", "not/here:1", "--offline", "{here}"], "not/here:1 cannot be had"),
        (["save"], "Missing argument 'DIR|FILE.tar'"),
        (["load", "{here}/none.tar"], "none.tar: no such archive; make one with: harness images save"),
        (["load", "{here}/a"], "a: no such archive"),
        (["load", "{here}/list.yaml", "--keep", "k"], "--keep k: no such kept kind cluster; there are: none"),
        (["mirror", "ftp://m"], "write it as HOST[:PORT][/PATH]"),
        (["mirror", "m", "--write", "{here}/list.yaml/x"], "cannot be written"),
        (["burn"], "No such command 'burn'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_4(
    machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str], args: list[str], said: str
) -> None:
    """Without a traceback, and nothing is left behind."""
    (tmp_path / "list.yaml").write_text("- 1")
    before = sorted(tmp_path.rglob("*"))
    assert code_of(["images", *[each.format(here=tmp_path) for each in args]]) == 4
    output = capsys.readouterr()
    assert said in output.err
    assert len(output.err.splitlines()) == 1
    assert output.out == ""
    assert sorted(tmp_path.rglob("*")) == before


def test_without_an_engine_nothing_is_saved(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    """One line with the remedy."""
    machine.broken["docker"] = RunError(["docker"], "not found")
    for args in (["save", "x.tar"], ["load", __file__]):
        assert code_of(["images", *args]) == 4
        assert "docker is not installed" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_one_line(machine: Machine, tmp_path: Path) -> None:
    """What --offline DIR needs is written like everything else: said in one line when that cannot be."""
    (tmp_path / "file").touch()
    with pytest.raises(ClusterError, match="file: cannot be written: "):
        importlib.import_module("harness.cli.images")._write(tmp_path / "file/sha", b"x")
