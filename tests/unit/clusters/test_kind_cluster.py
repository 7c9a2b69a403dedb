"""The kind provider on a machine that only answers commands: what is made, refused, used again, and taken back."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import pytest

from harness.clusters import cni
from harness.clusters.kind import leftovers
from harness.clusters.kind.engine import SCRATCH
from harness.clusters.kind.marks import Mark, Stay
from harness.clusters.kind.provider import step_of
from harness.clusters.provider import ClusterError
from harness.effects import process
from harness.effects.run import RunError
from tests.unit.clusters.kind_machine import AGENT, KUBECONFIG, NODE_IMAGE, Machine, Make, NodesKube, failing

DEAD = f"{process.machine()}/4194304/77"
pytestmark = pytest.mark.usefixtures("environment")


# -- making and taking back -----------------------------------------------------------------------------------------


def test_a_cluster_is_made_and_removed(make: Make) -> None:
    """Under its run's name, marked as this process's, with the agent's image in it; `destroy` removes it, once."""
    machine = Machine()
    cluster = make(machine)
    access = cluster.create()
    assert (access.kubeconfig, access.context, access.kind) == (KUBECONFIG, None, "kind")
    assert access.notes["node_image"] == NODE_IMAGE
    assert access.notes["changes"] == "nodes are labelled with zones; control plane takes pods"
    assert access.temporary
    assert machine.clusters == {"harness-r1"}
    found = leftovers.found(cluster._docker)["harness-r1"]
    assert found.mark is not None
    assert (found.mark.owner, found.mark.stay) == (process.identity(), Stay.RUN)
    assert f"kind load docker-image {AGENT} --name harness-r1" in machine.commands
    cluster.destroy()
    cluster.destroy()
    assert machine.clusters == set()
    assert len([each for each in machine.commands if each.startswith("kind delete")]) == 1


def test_the_users_kubeconfig_is_never_touched(make: Make, tmp_path: Path) -> None:
    """Creating and deleting name a file of ours, which is gone afterwards."""
    machine = Machine()
    cluster = make(machine)
    cluster.create()
    cluster.destroy()
    for command in machine.commands:
        if command.startswith(("kind create", "kind delete")):
            assert f"--kubeconfig {tmp_path}/harness-kind-{os.getpid()}-" in command
    assert not list(tmp_path.glob("harness-kind-*"))


def test_the_node_image_is_named_to_kind(make: Make) -> None:
    """kind's own default may not be what was chosen, or not be here."""
    machine = Machine()
    make(machine).create()
    (command,) = [each for each in machine.commands if each.startswith("kind create")]
    assert command.endswith(f"--image {NODE_IMAGE}")
    assert "--retain" in command


def test_the_control_plane_takes_pods(make: Make) -> None:
    """Its own taint is removed and others stay, unless it is asked to keep it."""
    machine = Machine()
    make(machine).create()
    assert machine.kube.taints() == [["mine"], [], []]
    machine = Machine()
    make(machine, control_plane_takes_pods=False).create()
    assert machine.kube.taints() == [["node-role.kubernetes.io/control-plane", "mine"], [], []]
    assert machine.kube.closed == 1


def test_cgroup_v1_reaches_the_configuration(make: Make) -> None:
    """Found by asking the engine, together with the version the image itself tells when its tag does not."""
    machine = Machine(AGENT, "my/node:x", cgroup="1")
    make(machine, k8s="my/node:x").create()
    (patch,) = machine.configs["harness-r1"]["kubeadmConfigPatches"]
    assert "failCgroupV1: false" in patch


def test_progress_is_told_without_pictures(make: Make, said: list[str]) -> None:
    """Each step as it begins, with the time since the start."""
    make(Machine()).create()
    assert [line for line in said if line.endswith("Preparing nodes")]
    assert said[0].startswith("  0.0 s  kind cluster (made and removed by this run): CNI kindnet")
    assert said[-1].endswith("ready")
    assert all(line.isascii() for line in said)


@pytest.mark.parametrize(
    ("line", "step"),
    [
        (" • Ensuring node image (kindest/node:v1.36.2) 🖼  ...", "Ensuring node image (kindest/node:v1.36.2)"),
        (" • Starting control-plane 🕹️  ...", "Starting control-plane"),
        (" ✓ Starting control-plane 🕹️", ""),
        ('Creating cluster "x" ...', ""),
        ("", ""),
    ],
)
def test_steps_are_read_from_kinds_output(line: str, step: str) -> None:
    """What begins is told; what ended, greetings and empty lines are not."""
    assert step_of(line) == step


def test_an_image_of_many_platforms_is_loaded_as_an_archive(make: Make) -> None:
    """Where the engine's store trips kind, the one platform is saved and loaded instead."""
    machine = Machine()
    machine.broken["kind load docker-image"] = failing("ctr: content digest sha256:1: not found")
    machine.broken["docker image save --platform linux/amd64"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        make(machine).create()
    assert machine.clusters == set()
    (saved,) = [each for each in machine.commands if each.startswith("docker image save")]
    assert f"/{SCRATCH}" in saved, "named as ours, so that it is swept when we are killed"


# -- refused before anything is made ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "problem", "words"),
    [
        ("docker info", RunError(["docker"], "not found"), "docker is not installed: kind needs docker, podman"),
        ("docker info", failing("Cannot connect to the Docker daemon"), "docker is not running, or you may not use it"),
        ("docker info", RunError(["docker"], "still running after 30 s"), "docker does not answer"),
        ("kind version", RunError(["kind"], "not found"), "kind is not installed: https://kind.sigs.k8s.io"),
        ("docker image ls", failing("boom"), "docker cannot be asked"),
    ],
)
def test_without_its_tools_a_run_is_refused(make: Make, command: str, problem: RunError, words: str) -> None:
    """One line with the remedy, and no cluster."""
    machine = Machine()
    machine.broken[command] = problem
    with pytest.raises(ClusterError) as told:
        make(machine).create()
    assert words in str(told.value)
    assert "\n" not in str(told.value)
    assert not machine.configs


def test_an_image_that_cannot_be_had_is_named(make: Make) -> None:
    """Node image and agent image alike, with the option that names another."""
    for images, asked, option in [
        ((AGENT,), "kindest/node:v1.36.2", "--k8s"),
        ((NODE_IMAGE,), "kindest/node:v1.36.2", "--agent-image"),
    ]:
        machine = Machine(*images)
        machine.broken["docker pull"] = failing("Using default tag\nno route to host")
        with pytest.raises(ClusterError, match=f"cannot be had: no route to host; load it .* with {option}$"):
            make(machine, k8s=asked).create()
        assert not machine.configs


def test_a_missing_image_is_pulled_once(make: Make, said: list[str]) -> None:
    """By this machine, and then loaded: not by every node."""
    machine = Machine(NODE_IMAGE)
    make(machine).create()
    assert AGENT in machine.images
    assert [line for line in said if f"pulling {AGENT}" in line]


def test_offline_pulls_nothing(make: Make) -> None:
    """What is not here is said."""
    machine = Machine(NODE_IMAGE)
    with pytest.raises(ClusterError, match=f"image {AGENT} cannot be had: .* --offline forbids to pull it"):
        make(machine, offline=True).create()
    assert not [each for each in machine.commands if each.startswith("docker pull")]


def test_offline_names_the_images_of_a_plugin(make: Make, tmp_path: Path) -> None:
    """Nodes could not pull them either."""
    file = tmp_path / "net.yaml"
    containers = "[{name: c, image: mine/net:1}, {name: d, image: mine/net:2}]"
    template = f"{{template: {{spec: {{containers: {containers}}}}}}}"
    file.write_text(f"{{apiVersion: apps/v1, kind: DaemonSet, metadata: {{name: net}}, spec: {template}}}")
    with pytest.raises(ClusterError, match="CNI net needs images that are not here: mine/net:1, mine/net:2"):
        make(Machine(), offline=True, cni=cni.load(str(file))).create()


def test_a_kind_that_is_too_old_is_said_before_a_pull(make: Make) -> None:
    """A gigabyte is not fetched for nothing."""
    machine = Machine(AGENT)
    machine.kind_version = "kind v0.31.0 go1.25 linux/amd64"
    with pytest.raises(ClusterError, match=r"kind 0\.31\.0 is too old for Kubernetes 1\.36\.0: install kind 0\.32"):
        make(machine, k8s="kindest/node:v1.36.0").create()
    assert not [each for each in machine.commands if each.startswith("docker pull")]


def test_a_network_without_ipv6_makes_no_dual_stack(make: Make) -> None:
    """An old network of kind's is used again as it is: said before the cluster fails in odd ways."""
    machine = Machine()
    machine.network = {"Name": "kind", "EnableIPv6": False}
    with pytest.raises(ClusterError, match=r"has no IPv6: remove it .* or choose --families ipv4"):
        make(machine).create()
    make(machine, families="ipv4").create()


def test_a_cluster_of_somebody_else_is_never_used(make: Make) -> None:
    """Neither removed nor reused, also when its name is the one we were given."""
    machine = Machine()
    machine.add("theirs")
    with pytest.raises(ClusterError, match="'theirs' that the harness did not keep"):
        make(machine, keep="theirs").create()
    assert machine.clusters == {"theirs"}


# -- failing in the middle -------------------------------------------------------------------------------------------


def test_a_create_that_fails_leaves_logs_and_nothing_else(make: Make, tmp_path: Path) -> None:
    """The line kind calls its error, where the logs are, no container, no kubeconfig."""
    machine = Machine()
    machine.broken["kind create"] = failing(
        "Creating\nERROR: failed to create cluster: no space left\nStack Trace:\n a"
    )
    with pytest.raises(ClusterError) as told:
        make(machine).create()
    logs = tmp_path / "logs"
    assert str(told.value) == (
        f"kind cluster harness-r1: failed to create cluster: no space left; logs of the nodes: {logs}"
    )
    assert logs.is_dir()
    assert machine.clusters == set()
    assert not list(tmp_path.glob("harness-kind-*"))


def test_an_interrupted_create_is_taken_back(make: Make) -> None:
    """Ctrl-C in the middle removes what is there by then, also of a cluster that was to be kept."""
    for asked in ({}, {"keep": "k"}):
        machine = Machine()
        machine.broken["kind create"] = KeyboardInterrupt()
        with pytest.raises(KeyboardInterrupt):
            make(machine, **asked).create()
        assert machine.clusters == set()


@pytest.mark.parametrize("command", ["kind load", "kind get kubeconfig"])
def test_every_later_step_is_taken_back(make: Make, command: str) -> None:
    """Whatever fails after the nodes were made."""
    machine = Machine()
    machine.broken[command] = failing("it broke")
    with pytest.raises(ClusterError, match="kind cluster harness-r1: it broke"):
        make(machine).create()
    assert machine.clusters == set()


def test_nodes_that_do_not_become_ready_say_why(make: Make) -> None:
    """Each with its own words; the cluster is removed."""
    machine = Machine(kube=NodesKube(nodes=2, ready=False))
    with pytest.raises(ClusterError, match="nodes were not Ready after 300 s: n0: cni plugin not initialized, n1: "):
        make(machine).create()
    assert machine.clusters == set()


def test_a_ready_node_that_is_still_tainted_is_waited_for(make: Make) -> None:
    """The taint of a node that was not Ready goes a moment later; until then no pod of ours would stand there."""
    machine = Machine(kube=NodesKube(nodes=2))
    machine.kube.patch("nodes", "n1", {"metadata": {}, "spec": {"taints": [{"key": "node.kubernetes.io/not-ready"}]}})
    with pytest.raises(ClusterError, match="n1: Ready, and still tainted node"):
        make(machine).create()


def test_a_cluster_that_cannot_be_removed_is_said(make: Make) -> None:
    """After a few attempts, with what kind says."""
    machine = Machine()
    cluster = make(machine)
    cluster.create()
    machine.broken["kind delete"] = failing("device busy")
    with pytest.raises(ClusterError, match=r"kind cluster harness-r1 cannot be removed: .*device busy"):
        cluster.destroy()


# -- what killed runs left -------------------------------------------------------------------------------------------


def test_the_next_run_removes_what_a_killed_one_left(make: Make, said: list[str]) -> None:
    """Of dead runs only: the living, the kept, the foreign and the unmarked stay."""
    machine = Machine()
    machine.add("harness-dead", Mark(DEAD, Stay.RUN, "d").path)
    machine.add("half-kept", Mark(DEAD, Stay.KEPT, "d").path)
    machine.add("kept", Mark(DEAD, Stay.KEPT, "d").path)
    machine.files.add(("kept-control-plane", leftovers.COMPLETE))
    machine.add("stopped", Mark(DEAD, Stay.KEPT, "d").path, running=False)
    machine.add("harness-alive", Mark(process.identity(), Stay.RUN, "d").path)
    machine.add("elsewhere", Mark("elsewhere/1/2", Stay.RUN, "d").path)
    machine.add("harness-e72cc3")
    make(machine).create()
    assert machine.clusters == {"kept", "stopped", "harness-alive", "elsewhere", "harness-e72cc3", "harness-r1"}
    assert len([line for line in said if "of a run that was killed" in line]) == 2


def test_folders_of_the_dead_are_removed(tmp_path: Path) -> None:
    """By the process that stands in their name; those of the living and of anybody else stay."""
    _, pid, began = process.identity().split("/")
    for name in ("harness-kind-4194304-77-abc", f"harness-kind-{pid}-{began}-abc", "harness-kind-x", "other"):
        (tmp_path / name).mkdir()
    assert [folder.name for folder in leftovers.sweep_scratch()] == ["harness-kind-4194304-77-abc"]
    assert {path.name for path in tmp_path.iterdir()} == {f"harness-kind-{pid}-{began}-abc", "harness-kind-x", "other"}


def test_clusters_made_elsewhere_are_told_not_removed(make: Make) -> None:
    """Whether their owner lives cannot be known from here."""
    machine = Machine()
    machine.add("c", Mark("elsewhere/1/2", Stay.RUN, "d").path)
    cluster = make(machine)
    assert leftovers.leftovers(cluster._docker) == []
    assert list(leftovers.strangers(cluster._docker)) == ["c (made by elsewhere/1/2)"]


def test_a_machine_without_engine_or_kind_has_no_leftovers() -> None:
    """Cleaning there is no error."""
    for command in ("docker info", "kind version"):
        machine = Machine()
        machine.broken[command] = RunError(["x"], "not found")
        assert not leftovers.present(machine.tools)
    assert leftovers.present(Machine().tools)


# -- kept clusters ---------------------------------------------------------------------------------------------------


def test_a_kept_cluster_is_used_again(make: Make) -> None:
    """The second run makes nothing and removes nothing, but sees to its images."""
    machine = Machine()
    first = make(machine, keep="k")
    assert not first.create().temporary, "what is made in it has to be taken back"
    first.destroy()
    assert machine.clusters == {"k"}
    machine.commands.clear()
    second = make(machine, run="r2", keep="k")
    access = second.create()
    second.destroy()
    assert machine.clusters == {"k"}
    assert access.kubeconfig == KUBECONFIG
    assert not access.temporary
    assert not [each for each in machine.commands if each.startswith(("kind create", "kind delete"))]
    assert f"kind load docker-image {AGENT} --name k" in machine.commands


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"nodes": 2}, "was made with other options"),
        ({"families": "ipv4"}, "was made with other options: remove it"),
    ],
)
def test_a_kept_cluster_of_other_options_is_refused(make: Make, change: dict[str, Any], words: str) -> None:
    """Results must not be taken for those of another cluster."""
    machine = Machine()
    make(machine, keep="k").create()
    with pytest.raises(ClusterError, match=words):
        make(machine, keep="k", **change).create()
    assert machine.clusters == {"k"}


def test_a_kept_cluster_of_another_manifest_is_refused(make: Make, tmp_path: Path) -> None:
    """A user's file that was changed since is another plugin, whatever it is called."""
    machine, mine = Machine(), tmp_path / "mine.yaml"
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: %s}\n"
    for content in ("one", "one", "two"):
        mine.write_text(text % content)
        cluster = make(machine, cni=cni.load(str(mine)), keep="k")
        with pytest.raises(ClusterError, match="other options") if content == "two" else contextlib.nullcontext():
            cluster.create()


def test_a_kept_cluster_that_is_being_made_is_waited_for_by_nobody(make: Make) -> None:
    """Half of one is no cluster; its maker lives and is left alone."""
    machine = Machine()
    machine.add("k", Mark(process.identity(), Stay.KEPT, "d").path)
    with pytest.raises(ClusterError, match="is being made by another run"):
        make(machine, keep="k").create()
    assert machine.clusters == {"k"}


def test_a_stopped_kept_cluster_is_said(make: Make) -> None:
    """After a restart of the machine its containers stand still."""
    machine = Machine()
    machine.add("k", Mark(DEAD, Stay.KEPT, "d").path, running=False)
    with pytest.raises(ClusterError, match="is stopped: remove it"):
        make(machine, keep="k").create()


def test_a_kept_cluster_that_is_not_ready_is_said_and_kept(make: Make) -> None:
    """It is not ours to remove any more."""
    machine = Machine()
    make(machine, keep="k").create()
    machine.kube.workload("Deployment", "coredns", available=0)
    with pytest.raises(ClusterError, match="Deployment kube-system/coredns was not ready after 60 s"):
        make(machine, keep="k").create()
    assert machine.clusters == {"k"}


def test_without_a_plugin_the_cluster_waits_for_one(make: Make) -> None:
    """The first run leaves it and says what to do; when a plugin is there, the next run uses it."""
    machine = Machine(kube=NodesKube(ready=False))
    bare = {"keep": "bare", "cni": cni.load("none")}
    with pytest.raises(ClusterError, match="is up without a network plugin: install yours"):
        make(machine, **bare).create()
    assert machine.configs["bare"]["networking"]["disableDefaultCNI"] is True
    with pytest.raises(ClusterError, match="nodes were not Ready"):
        make(machine, **bare).create()
    machine.kube = NodesKube()
    make(machine, **bare).create()
    assert machine.clusters == {"bare"}


@pytest.mark.parametrize("question", ["image inspect", "network inspect", "inspect"])
def test_an_engine_that_stops_answering_is_one_line(make: Make, question: str) -> None:
    """Whichever question it is that a stuck engine leaves open before anything is made."""
    machine = Machine()
    machine.add("lab")
    machine.broken[f"docker {question}"] = RunError(["docker"], "still running after 30 s")
    with pytest.raises(ClusterError, match=r"^docker cannot be asked: still running after 30 s$"):
        make(machine, k8s="1.36.9").create()
    assert machine.clusters == {"lab"}
