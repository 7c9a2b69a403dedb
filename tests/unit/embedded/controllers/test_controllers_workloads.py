"""Deployments and ReplicaSets: counts, roll-outs within their bounds, and what is reported."""

from __future__ import annotations

from typing import Any

import pytest

from harness.embedded.controllers import deployment, replicaset


def deploy(
    world: Any, *, replicas: int = 4, image: str = "one", strategy: dict[str, Any] | None = None, **spec: Any
) -> Any:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": image}]}}
    fields = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template, **spec}
    if strategy:
        fields["strategy"] = strategy
    return world.add("deployments.apps", "web", metadata={"generation": 1}, spec=fields)


def kubelet(world: Any, *, ready: bool = True) -> int:
    """Bring up one pod per call, so that roll-outs have a middle."""
    for pod in world.all("pods"):
        if not pod.get("status"):
            state = "True" if ready else "False"
            condition = {"type": "Ready", "status": state, "lastTransitionTime": "2027-01-15T08:00:00Z"}
            pod["status"] = {"phase": "Running", "conditions": [condition]}
            return 1
    return 0


def ready_pods(world: Any) -> int:
    return sum(bool(p.get("status")) and p["status"]["conditions"][0]["status"] == "True" for p in world.all("pods"))


def settle(world: Any, *, ready: bool = True, least: int = 0, most: int = 99) -> None:
    """Run everything until it is quiet; availability and total stay within their bounds all the time."""
    for _ in range(200):
        changed = world.step(deployment.reconcile)
        changed += world.step(replicaset.reconcile)
        assert ready_pods(world) >= least, "too few available"
        assert len(world.all("pods")) <= most, "too many pods"
        if not changed and not kubelet(world, ready=ready):
            return
    raise AssertionError("never quiet")


def images(world: Any) -> list[str]:
    return [pod["spec"]["containers"][0]["image"] for pod in world.all("pods")]


def test_a_deployment_becomes_pods(world: Any) -> None:
    """Four replicas become four ready pods, owned by one ReplicaSet, and the status says so."""
    deploy(world)
    settle(world)
    (item,) = world.all("replicasets.apps")
    assert item["metadata"]["name"].startswith("web-")
    assert all(p["metadata"]["ownerReferences"][0]["uid"] == item["metadata"]["uid"] for p in world.all("pods"))
    status = world.all("deployments.apps")[0]["status"]
    assert [status[n] for n in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")] == [4] * 4
    assert {c["type"]: c["reason"] for c in status["conditions"]} == {
        "Available": "MinimumReplicasAvailable",
        "Progressing": "NewReplicaSetAvailable",
    }


@pytest.mark.parametrize(
    ("strategy", "least", "most"),
    [
        ({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}, 3, 5),
        ({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}, 4, 5),
        ({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 2}}, 2, 4),
        ({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "100%", "maxUnavailable": "50%"}}, 2, 8),
        ({"type": "Recreate"}, 0, 4),
    ],
)
def test_a_roll_out_stays_within_its_bounds(world: Any, strategy: dict[str, Any], least: int, most: int) -> None:
    """A new template replaces every pod, with never fewer available nor more alive than the strategy allows."""
    web = deploy(world, strategy=strategy)
    settle(world)
    web = world.all("deployments.apps")[0]
    web["spec"]["template"] = {**web["spec"]["template"], "spec": {"containers": [{"name": "c", "image": "two"}]}}
    settle(world, least=least, most=most)
    assert images(world) == ["two"] * 4
    assert world.all("deployments.apps")[0]["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2"


def test_a_roll_out_that_cannot_become_ready_stops(world: Any) -> None:
    """With a broken template the old pods stay up to the bound, and the deadline is reported when it passes."""
    deploy(world, strategy={"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}, progressDeadlineSeconds=60)
    settle(world)
    web = world.all("deployments.apps")[0]
    web["spec"]["template"] = {**web["spec"]["template"], "spec": {"containers": [{"name": "c", "image": "bad"}]}}
    settle(world, ready=False, least=3, most=5)
    assert ready_pods(world) == 3
    world.now += 61
    settle(world, ready=False, least=3, most=5)
    conditions = {c["type"]: c for c in world.all("deployments.apps")[0]["status"]["conditions"]}
    assert conditions["Progressing"]["reason"] == "ProgressDeadlineExceeded"


def test_scaling_follows_in_both_directions(world: Any) -> None:
    """Replicas go up, down, and to nothing."""
    deploy(world)
    for wanted in (6, 2, 0):
        settle(world)
        world.all("deployments.apps")[0]["spec"]["replicas"] = wanted
        settle(world)
        assert len(world.all("pods")) == wanted


def test_an_old_template_brings_its_set_back(world: Any) -> None:
    """Going back reuses the old ReplicaSet and makes it the newest revision."""
    deploy(world)
    settle(world)
    first = world.all("deployments.apps")[0]["spec"]["template"]
    world.all("deployments.apps")[0]["spec"]["template"] = {
        **first,
        "spec": {"containers": [{"name": "c", "image": "two"}]},
    }
    settle(world)
    world.all("deployments.apps")[0]["spec"]["template"] = first
    settle(world)
    assert images(world) == ["one"] * 4
    assert len(world.all("replicasets.apps")) == 2
    assert world.all("deployments.apps")[0]["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"


def test_a_paused_deployment_does_not_roll(world: Any) -> None:
    """While paused, a new template is not rolled out, but scaling still works."""
    deploy(world)
    settle(world)
    web = world.all("deployments.apps")[0]
    web["spec"] |= {"paused": True, "replicas": 5}
    web["spec"]["template"] = {**web["spec"]["template"], "spec": {"containers": [{"name": "c", "image": "two"}]}}
    settle(world)
    assert images(world) == ["one"] * 5


def test_unready_pods_go_first(world: Any) -> None:
    """Scaling down removes pods without node or readiness before working ones."""
    set_ = world.add(
        "replicasets.apps", "s", spec={"replicas": 1, "template": {"metadata": {"labels": {}}, "spec": {}}}
    )
    uid = set_["metadata"]["uid"]
    world.pod("works", owner=uid)
    world.pod("unready", owner=uid, ready=False)
    world.pod("unbound", owner=uid, node="", ready=False)
    world.run(replicaset.reconcile)
    assert [p["metadata"]["name"] for p in world.all("pods")] == ["works"]


def test_available_means_ready_for_long_enough(world: Any) -> None:
    """minReadySeconds delays availability, not readiness."""
    set_ = world.add(
        "replicasets.apps",
        "s",
        spec={"replicas": 1, "minReadySeconds": 30, "template": {"metadata": {"labels": {}}, "spec": {}}},
    )
    world.pod("a", owner=set_["metadata"]["uid"])
    world.now = 1_800_000_000.0 + 10
    world.run(replicaset.reconcile)
    assert world.all("replicasets.apps")[0]["status"].get("availableReplicas") is None
    world.now += 30
    world.run(replicaset.reconcile)
    assert world.all("replicasets.apps")[0]["status"]["availableReplicas"] == 1


def test_ended_pods_are_replaced(world: Any) -> None:
    """A pod that failed does not count."""
    world.add("replicasets.apps", "s", spec={"replicas": 1, "template": {"metadata": {"labels": {}}, "spec": {}}})
    world.pod("dead", owner=world.all("replicasets.apps")[0]["metadata"]["uid"], phase="Failed")
    world.run(replicaset.reconcile)
    assert len(world.all("pods")) == 2
