"""StatefulSets: lasting names, order on the way up and down, updates from the top."""

from __future__ import annotations

from typing import Any

import pytest

from harness.embedded.controllers import statefulset


def make(world: Any, *, replicas: int = 3, image: str = "one", **spec: Any) -> Any:
    template = {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [{"name": "c", "image": image}]}}
    fields = {"replicas": replicas, "serviceName": "db", "template": template, **spec}
    return world.add("statefulsets.apps", "db", metadata={"generation": 1}, spec=fields)


def ready(pod: Any) -> None:
    condition = {"type": "Ready", "status": "True", "lastTransitionTime": "2027-01-15T08:00:00Z"}
    pod["status"] = {"phase": "Running", "conditions": [condition]}


def names(world: Any) -> list[str]:
    return sorted(pod["metadata"]["name"] for pod in world.all("pods"))


def settle(world: Any) -> list[list[str]]:
    """Bring pods up as they come; the names there were after each look."""
    seen = []
    for _ in range(60):
        changed = world.step(statefulset.reconcile)
        seen.append(names(world))
        waiting = [pod for pod in world.all("pods") if not pod.get("status")]
        for pod in waiting:
            ready(pod)
        if not changed and not waiting:
            return seen
    raise AssertionError("never quiet")


def status(world: Any) -> Any:
    return world.all("statefulsets.apps")[0]["status"]


def new_image(world: Any, image: str = "two") -> None:
    spec = world.all("statefulsets.apps")[0]["spec"]
    spec["template"] = {**spec["template"], "spec": {"containers": [{"name": "c", "image": image}]}}


def images(world: Any) -> dict[str, str]:
    return {pod["metadata"]["name"]: pod["spec"]["containers"][0]["image"] for pod in world.all("pods")}


def test_pods_have_lasting_names_and_say_so(world: Any) -> None:
    """Each pod carries its name as host name and label, its number, and the Service as subdomain."""
    make(world)
    settle(world)
    assert names(world) == ["db-0", "db-1", "db-2"]
    second = next(pod for pod in world.all("pods") if pod["metadata"]["name"] == "db-1")
    assert (second["spec"]["hostname"], second["spec"]["subdomain"]) == ("db-1", "db")
    labels = second["metadata"]["labels"]
    assert labels["statefulset.kubernetes.io/pod-name"] == "db-1"
    assert labels["apps.kubernetes.io/pod-index"] == "1"
    assert labels["app"] == "db"


def test_one_comes_after_the_other(world: Any) -> None:
    """The next pod is made when the one before is ready, not earlier."""
    make(world)
    world.run(statefulset.reconcile)
    assert names(world) == ["db-0"]
    assert [len(each) for each in settle(world)][:3] == [1, 2, 3]


def test_parallel_makes_all_at_once(world: Any) -> None:
    """With Parallel nobody waits, on the way up nor down."""
    make(world, podManagementPolicy="Parallel")
    world.run(statefulset.reconcile)
    assert names(world) == ["db-0", "db-1", "db-2"]
    world.all("statefulsets.apps")[0]["spec"]["replicas"] = 0
    world.step(statefulset.reconcile)
    assert names(world) == []


def test_scaling_down_takes_the_highest_one_by_one(world: Any) -> None:
    """Two go in two steps, the last first."""
    make(world)
    settle(world)
    world.all("statefulsets.apps")[0]["spec"]["replicas"] = 1
    assert settle(world)[:2] == [["db-0", "db-1"], ["db-0"]]


def test_scaling_down_waits_for_those_that_stay(world: Any) -> None:
    """While a pod that stays is not ready, nothing is taken away."""
    make(world)
    settle(world)
    world.all("pods")[0]["status"]["conditions"][0]["status"] = "False"
    world.all("statefulsets.apps")[0]["spec"]["replicas"] = 1
    world.run(statefulset.reconcile)
    assert names(world) == ["db-0", "db-1", "db-2"]


def test_a_pod_that_ended_is_made_again_under_its_name(world: Any) -> None:
    """A failed pod is removed, and one of the same name follows."""
    make(world)
    settle(world)
    old = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in world.all("pods")}
    next(pod for pod in world.all("pods") if pod["metadata"]["name"] == "db-1")["status"]["phase"] = "Failed"
    settle(world)
    now = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in world.all("pods")}
    assert now.keys() == old.keys()
    assert [name for name in old if old[name] != now[name]] == ["db-1"]


def test_a_leaving_pod_holds_up_the_next(world: Any) -> None:
    """Nothing is made or removed while a pod is on its way out."""
    make(world, replicas=2)
    settle(world)
    world.all("pods")[0]["metadata"]["deletionTimestamp"] = "2027-01-15T08:00:00Z"
    world.all("statefulsets.apps")[0]["spec"]["replicas"] = 3
    world.run(statefulset.reconcile)
    assert names(world) == ["db-0", "db-1"]


def test_updates_go_from_the_top_down(world: Any) -> None:
    """A new template replaces the highest first, one at a time, and the status tells when it is done."""
    make(world)
    settle(world)
    first = status(world)["currentRevision"]
    new_image(world)
    assert [each for each in settle(world) if len(each) < 3] == [["db-0", "db-1"], ["db-0", "db-2"], ["db-1", "db-2"]]
    assert set(images(world).values()) == {"two"}
    done = status(world)
    assert done["currentRevision"] == done["updateRevision"] != first
    assert (done["updatedReplicas"], done["readyReplicas"]) == (3, 3)


def test_pods_below_the_partition_keep_their_template(world: Any) -> None:
    """With a partition of 2 only the third pod is replaced, and the roll-out is not reported as done."""
    make(world, updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 2}})
    settle(world)
    new_image(world)
    settle(world)
    assert images(world) == {"db-0": "one", "db-1": "one", "db-2": "two"}
    assert status(world)["currentRevision"] != status(world)["updateRevision"]
    assert (status(world)["currentReplicas"], status(world)["updatedReplicas"]) == (2, 1)


def test_on_delete_leaves_it_to_others(world: Any) -> None:
    """With OnDelete a new template reaches a pod only when somebody deletes it."""
    make(world, updateStrategy={"type": "OnDelete"})
    settle(world)
    new_image(world)
    settle(world)
    assert set(images(world).values()) == {"one"}
    del world.objects["pods"]["x", "db-1"]
    settle(world)
    assert images(world)["db-1"] == "two"


def test_ordinals_may_start_elsewhere(world: Any) -> None:
    """spec.ordinals.start moves the numbers."""
    make(world, replicas=2, ordinals={"start": 5})
    settle(world)
    assert names(world) == ["db-5", "db-6"]


def test_a_broken_update_stops_at_the_first_pod(world: Any) -> None:
    """When the new template does not become ready, the others stay as they are."""
    make(world)
    settle(world)
    new_image(world, "bad")
    for _ in range(5):
        world.step(statefulset.reconcile)
    assert images(world) == {"db-0": "one", "db-1": "one", "db-2": "bad"}


@pytest.mark.parametrize("field", ["replicas", "readyReplicas", "availableReplicas", "updatedReplicas"])
def test_counts_are_reported(world: Any, field: str) -> None:
    """Everything that is up is counted."""
    make(world)
    settle(world)
    assert status(world)[field] == 3


def test_a_leaving_set_does_nothing(world: Any) -> None:
    """No pods are made for a set that is being deleted."""
    make(world)["metadata"]["deletionTimestamp"] = "2027-01-15T08:00:00Z"
    world.run(statefulset.reconcile)
    assert not world.all("pods")
