"""LoadBalancer implementations, Ingress controllers and mirrors on a machine that only answers commands."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.clusters import cni
from harness.clusters.ingress import Ingress
from harness.clusters.kind import companion, leftovers
from harness.clusters.kind.mirror import Mirror
from harness.clusters.loadbalancer import LoadBalancer
from harness.clusters.provider import ClusterError
from tests.unit.clusters.kind_machine import AGENT, NODE_IMAGE, Machine, Make, failing

pytestmark = pytest.mark.usefixtures("environment")
WORKLOAD = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: s}}
spec: {{template: {{spec: {{containers: [{{name: c, image: "mine/{name}:1"}}]}}}}}}
"""
POOL = """
name: pool
about: mine
source: {url: "https://x/pool.yaml", sha256: DIGEST}
then: |
  {apiVersion: x/v1, kind: Pool, metadata: {name: pool, namespace: s}, spec: {addresses: [%pool%]}}
"""
CLOUD = LoadBalancer.load("cloud-provider-kind")
assert CLOUD.container is not None
CLOUD_IMAGES = (CLOUD.container.image, *CLOUD.container.images)
READY = f"I1 controller.go:1] {CLOUD.container.says}"


def written(folder: Path, name: str) -> str:
    """A manifest of the user's with one workload."""
    (folder / f"{name}.yaml").write_text(WORKLOAD.format(name=name))
    return str(folder / f"{name}.yaml")


def test_addons_are_installed_in_their_order(make: Make, tmp_path: Path, said: list[str]) -> None:
    """The LoadBalancer implementation first, for the controller wants an address; both in the header's facts."""
    machine = Machine(NODE_IMAGE, AGENT, "mine/lb:1")
    asked = {"lb": LoadBalancer.load(written(tmp_path, "lb")), "ingress": Ingress.load(written(tmp_path, "ingress"))}
    access = make(machine, **asked).create()
    assert list(dict.fromkeys(machine.kube.applied))[-2:] == ["Deployment lb", "Deployment ingress"]
    assert (access.notes["loadbalancer"], access.notes["ingress"]) == ("lb (untested)", "ingress (untested)")
    assert "kind load docker-image mine/lb:1 --name harness-r1" in machine.commands
    assert not [each for each in machine.commands if "mine/ingress:1" in each and each.startswith("kind load")]
    assert [line for line in said if line.endswith("installing Ingress ingress (untested)")]


def test_nothing_is_added_unasked(make: Make) -> None:
    """No implementation, no controller, and load balancers led nowhere stay as kubeadm made it."""
    machine = Machine()
    access = make(machine).create()
    assert (access.notes["loadbalancer"], access.notes["ingress"]) == ("none", "none")
    assert machine.kube.excluded() == ["n0"]
    assert machine.beside == []


def test_load_balancers_lead_to_a_control_plane_that_takes_pods(make: Make, tmp_path: Path) -> None:
    """And to no other: a pod that nothing leads to would be taken for a broken promise."""
    for takes, left in ((True, []), (False, ["n0"])):
        machine = Machine()
        lb = LoadBalancer.load(written(tmp_path, "lb"))
        make(machine, lb=lb, control_plane_takes_pods=takes).create()
        assert machine.kube.excluded() == left


def test_addresses_come_from_the_nodes_network(make: Make, tmp_path: Path, said: list[str]) -> None:
    """After the rollout, where no node is, of each family; and that is told."""
    manifest = Path(written(tmp_path, "lb")).read_bytes()
    digest = hashlib.sha256(manifest).hexdigest()
    (tmp_path / "cache/harness").mkdir(parents=True)
    (tmp_path / "cache/harness" / digest).write_bytes(manifest)
    (tmp_path / "pool.yaml").write_text(POOL.replace("DIGEST", digest))
    machine = Machine()
    make(machine, lb=LoadBalancer.load(str(tmp_path / "pool.yaml"))).create()
    assert machine.kube.applied[-1] == "Pool pool"
    assert machine.kube.objects[("others", "s", "pool")]["spec"]["addresses"] == [
        "172.18.128.64-172.18.128.95",
        "fc00:f853:ccd:e793:8000::40-fc00:f853:ccd:e793:8000::5f",
    ]
    assert [line for line in said if "giving LoadBalancer pool the addresses" in line]


def test_an_addon_that_does_not_come_is_said_and_taken_back(make: Make, tmp_path: Path) -> None:
    """With what it lacks."""
    file = tmp_path / "lb.yaml"
    file.write_text("{about: a, name: lb, ready: [{kind: Deployment, namespace: s, name: never}]}")
    lb = replace(LoadBalancer.load(str(file)), source=LoadBalancer.load(written(tmp_path, "x")).source)
    machine = Machine()
    with pytest.raises(ClusterError, match="Deployment s/never was not ready after 300 s: there is none"):
        make(machine, lb=lb).create()
    assert machine.clusters == set()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"lb": LoadBalancer.load("metallb")}, "--offline: https://raw.*metallb-native.yaml is not here: put it into"),
        ({"ingress": Ingress.load("contour")}, "--offline: https://raw.*contour.yaml is not here: put it into"),
        ({"ingress": Ingress.load("traefik")}, "--offline: Ingress traefik is a Helm chart: .* with --ingress FILE"),
        ({"lb": CLOUD}, "image registry.k8s.io/cloud-provider-kind/.* cannot be had: .* choose another with --lb"),
    ],
)
def test_offline_an_addon_that_is_not_here_is_refused(make: Make, asked: dict[str, Any], words: str) -> None:
    """Before anything is made."""
    machine = Machine()
    with pytest.raises(ClusterError, match=words) as told:
        make(machine, offline=True, **asked).create()
    assert "\n" not in str(told.value)
    assert not machine.configs


PLUGIN = """
name: leaning
about: a plugin that leans on others
source: {url: "https://x/cni.yaml", sha256: DIGEST}
plugins: {files: [bridge], archives: {amd64: {url: "https://x/plugins.tgz", sha256: "00"}}}
"""


@pytest.mark.parametrize("there", [False, True], ids=["nothing", "another"])
def test_offline_programs_that_a_plugin_leans_on_are_needed_first(make: Make, tmp_path: Path, there: bool) -> None:
    """Before anything is made, too: nodes without them would come up in a minute, and never be Ready."""
    content = Path(written(tmp_path, "x")).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    cache = tmp_path / "cache" / "harness"
    cache.mkdir(parents=True)
    (cache / digest).write_bytes(content)
    if there:
        (cache / "plugins.tgz").write_bytes(b"of another version")
    file = tmp_path / "cni.yaml"
    file.write_text(PLUGIN.replace("DIGEST", digest).replace('"00"', f'"{"0" * 64}"'))
    machine = Machine(NODE_IMAGE, AGENT, "mine/x:1")
    with pytest.raises(ClusterError, match=r"--offline: https://x/plugins.tgz is not here.*: put it into") as told:
        make(machine, offline=True, cni=cni.load(str(file))).create()
    assert ("the sha256 of " in str(told.value)) is there
    assert not machine.configs


def test_offline_names_the_images_of_an_addon(make: Make, tmp_path: Path) -> None:
    """By what needs them."""
    lb = LoadBalancer.load(written(tmp_path, "lb"))
    with pytest.raises(ClusterError, match="LoadBalancer lb needs images that are not here: mine/lb:1; load them"):
        make(Machine(), offline=True, lb=lb).create()


def test_an_image_that_cannot_be_loaded_is_said_and_taken_back(make: Make, tmp_path: Path) -> None:
    """kind's own line."""
    machine = Machine(NODE_IMAGE, AGENT, "mine/lb:1")
    machine.broken["kind load docker-image mine/lb:1"] = failing("ERROR: image: no such thing")
    with pytest.raises(ClusterError, match="kind cluster harness-r1: image: no such thing"):
        make(machine, lb=LoadBalancer.load(written(tmp_path, "lb"))).create()
    assert machine.clusters == set()


def test_a_program_beside_the_nodes_comes_and_goes_with_them(make: Make) -> None:
    """Marked as they are; with what it made."""
    machine = Machine(NODE_IMAGE, AGENT, *CLOUD_IMAGES)
    machine.said = READY
    cluster = make(machine, lb=CLOUD)
    cluster.create()
    found = leftovers.found(cluster._docker)["harness-r1"]
    assert machine.beside == [companion.name("harness-r1")]
    assert found.mark is not None
    machine.add_labelled("proxy", {found.makes[0]: "harness-r1"})
    cluster.destroy()
    assert machine.nodes == {}


def test_a_program_that_ends_takes_the_cluster_with_it(make: Make, tmp_path: Path) -> None:
    """Its last words are in the line and in the logs."""
    machine = Machine(NODE_IMAGE, AGENT, *CLOUD_IMAGES)
    machine.said = "F1 no supported container runtime found"
    with pytest.raises(ClusterError, match="did not work after 300 s; it said: F1 no supported container runtime"):
        make(machine, lb=CLOUD).create()
    assert machine.nodes == {}
    assert (tmp_path / "logs" / f"{companion.name('harness-r1')}.log").read_text() == machine.said


def test_a_kept_cluster_has_its_program_again(make: Make) -> None:
    """With the mark of the cluster, not of the run that found it ended."""
    machine = Machine(NODE_IMAGE, AGENT, *CLOUD_IMAGES)
    machine.said = READY
    make(machine, keep="k", lb=CLOUD).create()
    name = companion.name("k")
    machine.commands.clear()
    make(machine, keep="k", lb=CLOUD).create()
    assert not [each for each in machine.commands if each.startswith("docker create")]
    machine.nodes[name]["State"]["Running"] = False
    cluster = make(machine, keep="k", lb=CLOUD)
    cluster.create()
    assert machine.nodes[name]["State"]["Running"]
    assert leftovers.found(cluster._docker)["k"].mark is not None


def test_another_engine_has_no_such_program(make: Make) -> None:
    """Refused before anything is made."""
    machine = Machine(NODE_IMAGE, AGENT, *CLOUD_IMAGES)
    machine.endpoint = "ssh://elsewhere"
    with pytest.raises(ClusterError, match="--lb cloud-provider-kind needs docker's own socket"):
        make(machine, lb=CLOUD).create()
    assert not machine.configs


def test_a_mirror_serves_engine_and_nodes(make: Make, tmp_path: Path) -> None:
    """What is missing here is pulled from it under its own name; nodes are told for every image's registry."""
    machine = Machine(NODE_IMAGE)
    lb = LoadBalancer.load(written(tmp_path, "lb"))
    access = make(machine, mirror=Mirror.parse("m:5000"), lb=lb).create()
    assert f"docker pull --quiet m:5000/{AGENT}" in machine.commands
    assert f"docker tag m:5000/{AGENT} {AGENT}" in machine.commands
    told = [
        each for each in machine.commands if each.endswith("tar --extract --file - --directory /etc/containerd/certs.d")
    ]
    assert len(told) == 3
    assert access.notes["mirror"] == "m:5000"


def test_a_mirror_that_lacks_an_image_is_said(make: Make) -> None:
    """By the name of the image that is wanted."""
    machine = Machine(NODE_IMAGE)
    machine.broken["docker pull --quiet m/"] = failing("manifest unknown")
    with pytest.raises(ClusterError, match=f"image {AGENT} cannot be had: manifest unknown; load it"):
        make(machine, mirror=Mirror.parse("m")).create()
