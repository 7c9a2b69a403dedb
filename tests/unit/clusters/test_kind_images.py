"""Every image that is needed: who says so, what stands in for a manifest that is not here, and having them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.clusters import cni
from harness.clusters.downloads import Downloads
from harness.clusters.kind import Request, images
from harness.clusters.kind.engine import Engine
from harness.clusters.kind.images import DATA_FILE, ENGINE, MANIFEST, NODES, OPTION, Selection, Stock, Wanted
from harness.clusters.loadbalancer import LoadBalancer
from harness.clusters.provider import ClusterError
from harness.effects.fetch import FetchError
from harness.effects.run import RunError
from tests.unit.clusters.kind_machine import AGENT, NODE_IMAGE, Machine, failing

pytestmark = pytest.mark.usefixtures("environment")
MANIFEST_TEXT = "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{image: 'mine/lb:1'}]}}"
CALICO = cni.load("calico")


def unreachable(url: str) -> bytes:
    """No network."""
    raise FetchError(f"{url}: no route to host")


def select(machine: Machine, cache: Path, **asked: Any) -> Selection:
    """What a run on that machine needs."""
    request = Request(**{"cni": cni.load("kindnet"), **asked})
    downloads = Downloads(cache, fetch=unreachable)
    return images.select(request, agent=AGENT, tools=machine.tools, downloads=downloads)


@pytest.fixture
def stock() -> tuple[Machine, Stock]:
    """A machine that has one image, and its stock."""
    machine = Machine(NODE_IMAGE)
    return machine, Stock(Engine("docker", machine.tools))


def test_a_plain_cluster_needs_two_images(tmp_path: Path) -> None:
    """Its node image, which brings kindnet along, and the agents'."""
    found = select(Machine(), tmp_path)
    assert found.images == (
        Wanted(NODE_IMAGE, "node image", ENGINE, "kind"),
        Wanted(AGENT, "agents", NODES, OPTION),
    )
    assert found.notes == ()


def test_a_manifest_that_is_here_says_what_it_needs(tmp_path: Path) -> None:
    """As it would be applied; each image once."""
    file = tmp_path / "lb.yaml"
    file.write_text(MANIFEST_TEXT)
    found = select(Machine(), tmp_path, lb=LoadBalancer.load(str(file)), k8s="1.36.2")
    assert found.images[0].told_by == OPTION
    assert found.images[2:] == (Wanted("mine/lb:1", "LoadBalancer lb", NODES, MANIFEST),)


def test_a_manifest_that_is_not_here_is_stood_in_for_and_that_is_said(tmp_path: Path) -> None:
    """By the list of its data file."""
    found = select(Machine(), tmp_path, cni=CALICO)
    assert [(each.image, each.told_by) for each in found.images[2:]] == [(image, DATA_FILE) for image in CALICO.images]
    (note,) = found.notes
    assert note.startswith("CNI calico: these are the images of its data file, for its manifest is not here: cannot")


def test_without_a_list_either_it_is_refused(tmp_path: Path) -> None:
    """A list that may lack something is worse than none."""
    with pytest.raises(ClusterError, match="no route to host"):
        select(Machine(), tmp_path, cni=replace(CALICO, images=()))


def test_what_runs_beside_the_nodes_is_the_engines(tmp_path: Path) -> None:
    """Its own image, and those of what it starts."""
    lb = LoadBalancer.load("cloud-provider-kind")
    assert lb.container is not None
    found = select(Machine(), tmp_path, lb=lb)
    assert [each.image for each in found.images[2:]] == [lb.container.image, *lb.container.images]
    assert {each.place for each in found.images[2:]} == {ENGINE}


def test_without_kind_the_newest_known_one_chooses(tmp_path: Path) -> None:
    """A machine that only fetches images needs neither kind nor engine; that is said."""
    machine = Machine()
    for command in ("kind version", "docker image ls"):
        machine.broken[command] = RunError([command.split()[0]], "not found")
    found = select(machine, tmp_path)
    assert found.images[0].image.startswith("kindest/node:v1.37.0@sha256:")
    assert "node image: as kind 0.33.0 would choose it, for kind is not installed" in found.notes[0]


def test_an_unknown_node_image_is_said(tmp_path: Path) -> None:
    """Of a kind that nobody wrote down, on a machine that has none."""
    machine = Machine(AGENT)
    machine.kind_version = "kind v0.99.0"
    found = select(machine, tmp_path)
    assert [each.purpose for each in found.images] == ["agents"]
    assert found.notes == ("node image: the one kind 0.99.0 comes with, which is not known here; name it with --k8s",)


def test_files_for_offline_runs_are_the_downloads(tmp_path: Path) -> None:
    """Manifests, and plugin archives of the architecture."""
    found = images.files(select(Machine(), tmp_path, cni=cni.load("flannel")).plan, architecture="arm64")
    assert [each.url.rpartition("/")[2] for each in found] == ["kube-flannel.yml", "cni-plugins-linux-arm64-v1.9.1.tgz"]
    assert images.files(select(Machine(), tmp_path).plan, architecture="arm64") == []


# -- having them -----------------------------------------------------------------------------------------------------


def test_an_image_with_a_digest_is_named_by_its_tag(stock: tuple[Machine, Stock]) -> None:
    """An archive keeps names, and a digest is none."""
    machine, here = stock
    pinned = f"{NODE_IMAGE}@sha256:ab"
    machine.images.add(pinned)
    machine.images.discard(NODE_IMAGE)
    assert here.named(pinned) == NODE_IMAGE
    assert NODE_IMAGE in machine.images
    assert here.named(NODE_IMAGE) == NODE_IMAGE
    with pytest.raises(ClusterError, match=r"image b:1@sha256:ab cannot be named b:1: .*exit code 1"):
        here.named("b:1@sha256:ab")


def test_what_nodes_may_pull_themselves_is_left_to_them(stock: tuple[Machine, Stock]) -> None:
    """Only what is here is copied."""
    _, here = stock
    wanted = [Wanted(image, "CNI x", NODES, MANIFEST) for image in (NODE_IMAGE, "not/here:1")]
    assert here.here(wanted) == [NODE_IMAGE]


def test_an_archive_is_whole_or_not_there(tmp_path: Path) -> None:
    """Of the machine's own platform; an engine that cannot name one is asked without; nothing half is left."""
    machine = Machine()
    docker, archive = Engine("docker", machine.tools), tmp_path / "new/a.tar"
    images.save(docker, [AGENT], archive)
    assert archive.read_bytes() == b"tar"
    assert "--platform linux/amd64" in machine.commands[-1]
    machine.broken["docker image save --platform"] = failing("unknown flag: --platform")
    images.save(docker, [AGENT], archive)
    machine.broken["docker image save"] = failing("no space left")
    (tmp_path / "b").mkdir()
    with pytest.raises(ClusterError, match=r"b/c\.tar: docker cannot save: .*no space left"):
        images.save(docker, [AGENT], tmp_path / "b/c.tar")
    assert not list((tmp_path / "b").iterdir())
    with pytest.raises(ClusterError, match="cannot be written"):
        images.save(docker, [AGENT], archive / "x/y.tar")
