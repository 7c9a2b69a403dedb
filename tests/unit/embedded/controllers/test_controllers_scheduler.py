"""The scheduler: which nodes are out, which of the rest is taken, and what is said when none is left."""

from __future__ import annotations

from typing import Any

import pytest

from harness.embedded.controllers import scheduler
from harness.embedded.controllers.changes import Patch


def waiting(world: Any, name: str = "a", **fields: Any) -> None:
    world.pod(name, node="", ips=(), phase="Pending", ready=False, **fields)


def chosen(world: Any) -> dict[str, str]:
    changes = scheduler.reconcile(world.snapshot())
    return {c.name: c.body["spec"]["nodeName"] for c in changes if isinstance(c, Patch) and c.subresource == "binding"}


def verdict(world: Any) -> dict[str, Any]:
    (change,) = scheduler.reconcile(world.snapshot())
    assert isinstance(change, Patch)
    assert change.subresource == "status"
    return {c["type"]: c for c in change.body["status"]["conditions"]}["PodScheduled"]


def test_pods_spread_over_the_nodes(world: Any) -> None:
    """Nine equal pods end up three to a node, all bound in one look."""
    world.nodes()
    for index in range(9):
        waiting(world, f"p{index}")
    assert sorted(chosen(world).values()) == ["n1"] * 3 + ["n2"] * 3 + ["n3"] * 3


def test_replicas_of_one_set_avoid_each_other(world: Any) -> None:
    """The second replica goes where its sibling is not, even where that node has more pods."""
    world.nodes("n1", "n2")
    world.pod("sibling", owner="set", node="n1")
    world.pod("other1", node="n2", labels={})
    world.pod("other2", node="n2", labels={})
    waiting(world, owner="set")
    assert chosen(world) == {"a": "n2"}


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    term = {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}


@pytest.mark.parametrize(
    ("spec", "allowed"),
    [
        ({"nodeSelector": {"kubernetes.io/hostname": "n2"}}, {"n2"}),
        ({"affinity": expression("kubernetes.io/hostname", "In", "n1", "n3")}, {"n1", "n3"}),
        ({"affinity": expression("kubernetes.io/hostname", "NotIn", "n1", "n3")}, {"n2"}),
        ({"affinity": expression("kubernetes.io/hostname", "Exists")}, {"n1", "n2", "n3"}),
        ({"affinity": expression("kubernetes.io/hostname", "DoesNotExist")}, set()),
    ],
)
def test_node_wishes_are_obeyed(world: Any, spec: dict[str, Any], allowed: set[str]) -> None:
    """nodeSelector and required node affinity leave only the nodes they name."""
    world.nodes()
    for index in range(6):
        waiting(world, f"p{index}", **spec)
    assert set(chosen(world).values()) == allowed


def test_a_host_port_is_given_once_per_node(world: Any) -> None:
    """The fourth pod with the same host port on three nodes has to wait; another protocol does not."""
    world.nodes()
    for index in range(3):
        ports = [{"containerPort": 80, "hostPort": 8080}]
        world.pod(f"has{index}", node=f"n{index + 1}", containers=[{"name": "c", "ports": ports}])
    waiting(world, "tcp", containers=[{"name": "c", "ports": [{"containerPort": 80, "hostPort": 8080}]}])
    assert "free ports" in verdict(world)["message"]
    world.objects["pods"].pop(("x", "tcp"))
    waiting(world, "udp", containers=[{"name": "c", "ports": [{"hostPort": 8080, "protocol": "UDP"}]}])
    assert "udp" in chosen(world)


@pytest.mark.parametrize(
    ("toleration", "placed"),
    [
        ({}, False),
        ({"key": "gpu", "operator": "Exists"}, True),
        ({"key": "gpu", "value": "yes"}, True),
        ({"key": "gpu", "value": "no"}, False),
        ({"operator": "Exists"}, True),
        ({"key": "gpu", "operator": "Exists", "effect": "NoExecute"}, False),
    ],
)
def test_taints_need_tolerations(world: Any, toleration: dict[str, Any], placed: bool) -> None:
    """A tainted node takes only pods that tolerate key, value and effect."""
    world.nodes("n1")
    world.objects["nodes"]["", "n1"]["spec"]["taints"] = [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]
    waiting(world, tolerations=[toleration] if toleration else [])
    assert bool(chosen(world)) is placed


def test_cordoned_and_unready_nodes_are_out(world: Any) -> None:
    """Nodes that are cordoned or not Ready get nothing, and the reason is said once."""
    world.nodes("n1", "n2")
    world.objects["nodes"]["", "n1"]["spec"]["unschedulable"] = True
    world.objects["nodes"]["", "n2"]["status"]["conditions"][0]["status"] = "Unknown"
    waiting(world)
    told = verdict(world)
    assert (told["status"], told["reason"]) == ("False", "Unschedulable")
    assert told["message"] == "0/2 nodes are available: 1 node(s) were not ready, 1 node(s) were unschedulable."
    world.objects["pods"]["x", "a"]["status"]["conditions"] = [told]
    assert scheduler.reconcile(world.snapshot()) == []


def test_anti_affinity_keeps_pods_apart_both_ways(world: Any) -> None:
    """Required anti-affinity holds for the new pod and against it."""
    world.nodes("n1", "n2")
    term = {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": "kubernetes.io/hostname"}
    apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    world.pod("there", node="n1", affinity=apart)
    waiting(world, "plain")
    assert chosen(world) == {"plain": "n2"}


def test_affinity_brings_pods_together_and_lets_the_first_one_in(world: Any) -> None:
    """Required affinity follows the friend; the first of its kind may go anywhere."""
    world.nodes()
    term = {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": "kubernetes.io/hostname"}
    together = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    for index in range(3):
        waiting(world, f"p{index}", affinity=together)
    assert len(set(chosen(world).values())) == 1


@pytest.mark.parametrize(
    "fields", [{"schedulerName": "mine"}, {"schedulingGates": [{"name": "wait"}]}, {"leaving": True}]
)
def test_pods_of_others_are_left_alone(world: Any, fields: dict[str, Any]) -> None:
    """Other schedulers' pods, gated ones and those that are going are not touched."""
    world.nodes()
    waiting(world, **fields)
    assert scheduler.reconcile(world.snapshot()) == []
