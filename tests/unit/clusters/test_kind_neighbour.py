"""The machine beside a kind cluster's nodes: how it is reached, marked, and found when nobody else removes it."""

from __future__ import annotations

from typing import Any

import pytest

from harness.clusters.kind import leftovers
from harness.clusters.kind.marks import BESIDE_LABEL, Mark, Stay, clusters
from harness.clusters.kind.neighbour import door
from harness.clusters.outside import door_of
from harness.effects import process
from tests.unit.clusters import kind_machine
from tests.unit.clusters.kind_machine import AGENT, Machine, Make

pytestmark = pytest.mark.usefixtures("environment")

MARK = Mark("host/17/4", Stay.RUN, "abc")
KUBECONFIG = {
    "clusters": [{"name": "kind-harness-r1", "cluster": {"server": "https://127.0.0.1:6443"}}],
    "contexts": [{"name": "kind-harness-r1", "context": {"cluster": "kind-harness-r1"}}],
    "users": [],
    "current-context": "kind-harness-r1",
}


def test_it_is_a_container_on_the_nodes_network_that_goes_by_itself() -> None:
    """Its input is passed on, it is removed at its end, nothing is pulled, and the image comes last."""
    way = door("docker", "c", mark=MARK, network="kind", image="python:3")
    assert way.command[:2] == ("docker", "run")
    assert {"--rm", "--interactive"} <= set(way.command)
    assert way.command[4:8] == ("--pull", "never", "--network", "kind")
    assert (way.command[-1], way.python) == ("python:3", "python3")


def test_what_is_left_of_it_goes_with_its_cluster() -> None:
    """Label and mount are those by which containers beside a cluster are found and known as ours."""
    command = door("docker", "c", mark=MARK, network="kind", image="python:3").command
    label = command[command.index("--label") + 1].partition("=")
    mount = command[command.index("--volume") + 1].split(":")
    told = {
        "Name": "/funny_name",
        "Config": {"Labels": {label[0]: label[2]}},
        "Mounts": [{"Source": mount[0], "Destination": mount[1]}],
    }
    assert label[0] == BESIDE_LABEL
    assert (clusters([told])["c"].mark, clusters([told])["c"].beside) == (MARK, ("funny_name",))


def test_a_made_cluster_tells_the_way(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kubeconfig of the run's cluster leads there, in the name of the run that made the cluster."""
    monkeypatch.setattr(kind_machine, "KUBECONFIG", KUBECONFIG)
    machine = Machine()
    cluster = make(machine)
    way = door_of(cluster.create().kubeconfig, None)
    assert way is not None
    mark = leftovers.found(cluster._docker)["harness-r1"].mark
    assert mark is not None
    assert mark.owner == process.identity()
    assert way == door("docker", "harness-r1", mark=mark, network="kind", image=AGENT)


def test_without_the_image_there_is_no_way(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes that pull the agents' image themselves do not make this machine pull it, too."""
    monkeypatch.setattr(kind_machine, "KUBECONFIG", KUBECONFIG)
    machine = Machine()
    cluster = make(machine)
    engine: Any = cluster._docker
    monkeypatch.setattr(engine, "has_image", lambda reference: False)  # whatever it is called
    monkeypatch.setattr(cluster, "_stock", cluster._stock)
    assert cluster._with_door(KUBECONFIG) == KUBECONFIG
