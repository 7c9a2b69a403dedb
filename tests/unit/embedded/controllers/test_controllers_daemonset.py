"""DaemonSets: one pod on each node that takes it, updates within their bound."""

from __future__ import annotations

from typing import Any

import pytest

from harness.embedded.controllers import daemonset, scheduler

TAINT = {"key": "dedicated", "value": "db", "effect": "NoSchedule"}


def make(world: Any, *, image: str = "one", spec: dict[str, Any] | None = None, **fields: Any) -> Any:
    pod = {"containers": [{"name": "c", "image": image}], **(spec or {})}
    template = {"metadata": {"labels": {"app": "agent"}}, "spec": pod}
    return world.add("daemonsets.apps", "agent", metadata={"generation": 1}, spec={"template": template, **fields})


def place(world: Any) -> None:
    """Let the scheduler bind, and the pods become ready."""
    world.step(scheduler.reconcile)
    for pod in world.all("pods"):
        if pod["spec"].get("nodeName") and not pod.get("status"):
            condition = {"type": "Ready", "status": "True", "lastTransitionTime": "2027-01-15T08:00:00Z"}
            pod["status"] = {"phase": "Running", "conditions": [condition]}


def settle(world: Any) -> int:
    """Until nothing changes; the fewest ready pods there were after the first look."""
    least = 99
    for _ in range(60):
        changed = world.step(daemonset.reconcile)
        least = min(least, sum(bool(pod.get("status")) for pod in world.all("pods")))
        place(world)
        if not changed:
            return least
    raise AssertionError("never quiet")


def nodes_of(world: Any) -> list[str]:
    return sorted(pod["spec"].get("nodeName", "") for pod in world.all("pods"))


def status(world: Any) -> Any:
    return world.all("daemonsets.apps")[0]["status"]


def test_every_node_has_one(world: Any) -> None:
    """Three nodes, three pods, placed by the scheduler, and the status counts them."""
    world.nodes()
    make(world)
    settle(world)
    assert nodes_of(world) == ["n1", "n2", "n3"]
    fields = ("desiredNumberScheduled", "currentNumberScheduled", "numberReady", "numberAvailable")
    assert [status(world)[field] for field in (*fields, "updatedNumberScheduled")] == [3] * 5
    assert status(world)["numberMisscheduled"] == 0


def test_a_new_node_gets_one_and_a_cordoned_one_keeps_it(world: Any) -> None:
    """Nodes that come are served; cordoning drives nobody away, and keeps no daemon out."""
    world.nodes("n1")
    make(world)
    settle(world)
    world.nodes("n2")
    for node in world.all("nodes"):
        node["spec"]["unschedulable"] = True
    settle(world)
    assert nodes_of(world) == ["n1", "n2"]


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({}, ["n1", "n2"]),
        ({"tolerations": [{"key": "dedicated", "operator": "Exists"}]}, ["n1", "n2", "n3"]),
        ({"nodeSelector": {"kubernetes.io/hostname": "n2"}}, ["n2"]),
        ({"nodeSelector": {"nope": "nope"}}, []),
    ],
)
def test_only_nodes_that_take_it(world: Any, spec: dict[str, Any], wanted: list[str]) -> None:
    """Taints, tolerations and selectors decide; n3 is tainted."""
    world.nodes()
    world.all("nodes")[2]["spec"]["taints"] = [TAINT]
    make(world, spec=spec)
    settle(world)
    assert nodes_of(world) == wanted
    assert status(world)["desiredNumberScheduled"] == len(wanted)


def test_a_node_that_no_longer_takes_it_loses_it(world: Any) -> None:
    """A taint that is not tolerated removes the pod there."""
    world.nodes()
    make(world)
    settle(world)
    world.all("nodes")[0]["spec"]["taints"] = [TAINT]
    settle(world)
    assert nodes_of(world) == ["n2", "n3"]


def test_an_ended_pod_is_replaced(world: Any) -> None:
    """A failed pod goes, another takes its node."""
    world.nodes("n1")
    make(world)
    settle(world)
    old = world.all("pods")[0]
    old["status"]["phase"] = "Failed"
    settle(world)
    (new,) = world.all("pods")
    assert new["metadata"]["uid"] != old["metadata"]["uid"]


@pytest.mark.parametrize(("most", "least"), [(1, 2), (2, 1), ("34%", 1), ("1%", 2)])
def test_updates_stay_within_their_bound(world: Any, most: Any, least: int) -> None:
    """No more than maxUnavailable nodes are without a pod at any time; percentages are rounded up."""
    world.nodes()
    make(world, updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": most}})
    settle(world)
    template = world.all("daemonsets.apps")[0]["spec"]["template"]
    template["spec"] = {"containers": [{"name": "c", "image": "two"}]}
    assert settle(world) == least
    assert {pod["spec"]["containers"][0]["image"] for pod in world.all("pods")} == {"two"}
    assert status(world)["updatedNumberScheduled"] == 3


def test_on_delete_leaves_it_to_others(world: Any) -> None:
    """With OnDelete the old pods stay."""
    world.nodes()
    make(world, updateStrategy={"type": "OnDelete"})
    settle(world)
    world.all("daemonsets.apps")[0]["spec"]["template"]["spec"] = {"containers": [{"name": "c", "image": "two"}]}
    settle(world)
    assert {pod["spec"]["containers"][0]["image"] for pod in world.all("pods")} == {"one"}
    assert status(world).get("updatedNumberScheduled") is None


def test_a_second_pod_on_a_node_goes(world: Any) -> None:
    """Of two pods on one node the older stays."""
    world.nodes("n1")
    uid = make(world)["metadata"]["uid"]
    world.pod("older", owner=uid, labels={})
    world.pod("younger", owner=uid, labels={})["metadata"]["creationTimestamp"] = "2027-01-15T09:00:00Z"
    world.all("daemonsets.apps")[0]["spec"]["updateStrategy"] = {"type": "OnDelete"}
    settle(world)
    assert [pod["metadata"]["name"] for pod in world.all("pods")] == ["older"]


def test_a_leaving_set_does_nothing(world: Any) -> None:
    """No pods are made for a set that is being deleted."""
    world.nodes()
    make(world)["metadata"]["deletionTimestamp"] = "2027-01-15T08:00:00Z"
    world.run(daemonset.reconcile)
    assert not world.all("pods")
