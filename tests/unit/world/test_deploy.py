"""Putting objects into a cluster, waiting for pods, and taking out exactly what a case left."""

from __future__ import annotations

from typing import Any

import pytest

from harness.kube.errors import WaitTimeout
from harness.model.waits import Waits
from harness.world.deploy import NotReadyError, apply_all, await_gone, await_ready, is_ready, remove_case
from harness.world.manifests import GRACE, policy, service
from harness.world.ownership import CASE, RUN, Owner
from tests.unit.world.fake_kube import FakeKube

OWNER = Owner("abc", "gw0")


def pod(name: str, *, ready: str = "True", ip: str = "10.0.0.1", **more: Any) -> dict[str, Any]:
    """A pod as the API shows it."""
    status = {"phase": "Running", "podIP": ip, "conditions": [{"type": "Ready", "status": ready}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "x", **more},
        "status": status,
    }


def in_x(obj: dict[str, Any]) -> dict[str, Any]:
    """The object in namespace x."""
    return {**obj, "metadata": {**obj["metadata"], "namespace": "x"}}


def test_what_is_applied_is_marked_and_comes_back_in_order() -> None:
    """Every object carries run and case; the results are in the order of the manifests."""
    kube = FakeKube()
    several = [in_x(service(f"s{number}", {})) for number in range(20)]
    stored = apply_all(kube.typed, several, OWNER.labels(case="a::b"))
    assert [each["metadata"]["name"] for each in stored] == [f"s{number}" for number in range(20)]
    assert {each["metadata"]["labels"][RUN] for each in stored} == {"abc"}
    assert {each["metadata"]["labels"][CASE] for each in stored} == {"a-b"}


def test_a_case_takes_out_its_own_only() -> None:
    """Objects of another case, of the worker, and without a mark stay."""
    kube = FakeKube()
    apply_all(kube.typed, [in_x(service("mine", {})), in_x(policy("mine", {}))], OWNER.labels(case="mine"))
    apply_all(kube.typed, [in_x(service("other", {}))], OWNER.labels(case="other"))
    apply_all(kube.typed, [in_x(service("workers", {}))], OWNER.labels())
    apply_all(kube.typed, [in_x(service("elses", {}))], Owner("xyz", "gw0").labels(case="mine"))
    kube.apply(in_x(service("nobodys", {})))
    remove_case(kube.typed, OWNER, "mine", ["x", "y"], waits=Waits())
    assert sorted(kube.names("services")) == ["elses", "nobodys", "other", "workers"]
    assert kube.names("networkpolicies.networking.k8s.io") == []


def test_a_pod_that_lingers_is_not_waited_for() -> None:
    """Pods of a test that is over go at once; other objects are deleted as they are."""
    kube = FakeKube()
    apply_all(kube.typed, [pod("a"), in_x(service("s", {}))], OWNER.labels(case="mine"))
    remove_case(kube.typed, OWNER, "mine", ["x"], waits=Waits())
    assert sorted(kube.deleted) == [("pods", "a", 0), ("services", "s", None)]


@pytest.mark.parametrize(
    "spec",
    [{"hostNetwork": True}, {"containers": [{"name": "c", "ports": [{"containerPort": 80, "hostPort": 31080}]}]}],
)
def test_a_pod_with_ports_of_its_node_ends_in_order(spec: dict[str, Any]) -> None:
    """Its successor wants the same ports: it is gone from the API when its process has let go of them."""
    kube = FakeKube()
    apply_all(kube.typed, [{**pod("a"), "spec": spec}], OWNER.labels(case="mine"))
    remove_case(kube.typed, OWNER, "mine", ["x"], waits=Waits())
    assert kube.deleted == [("pods", "a", GRACE)]


def test_a_finalizer_is_waited_for() -> None:
    """An object that something else has to take down first is not left for the next case to run into."""
    kube = FakeKube(stuck=("s",))
    balanced = in_x(service("s", {}))
    balanced["metadata"]["finalizers"] = ["service.kubernetes.io/load-balancer-cleanup"]
    apply_all(kube.typed, [balanced], OWNER.labels(case="mine"))
    with pytest.raises(WaitTimeout):
        remove_case(kube.typed, OWNER, "mine", ["x"], waits=Waits())


@pytest.mark.parametrize(
    ("seen", "ready"),
    [
        (pod("a"), True),
        (pod("a", ready="False"), False),
        (pod("a", ip=""), False),
        (pod("a", deletionTimestamp="2024-01-01T00:00:00Z"), False),
        ({"metadata": {}, "status": {}}, False),
        ({"metadata": {}}, False),
    ],
    ids=["ready", "unready", "no address", "leaving", "no status yet", "nothing"],
)
def test_ready_means_ready_addressed_and_staying(seen: dict[str, Any], ready: bool) -> None:
    """A pod can be asked when it is Ready, has an address and is not on its way out."""
    assert is_ready(seen) is ready


def test_waiting_returns_the_pods_that_were_asked_for() -> None:
    """Pods of the namespace that nobody asked for are neither waited for nor returned."""
    kube = FakeKube()
    for each in (pod("a"), pod("b"), pod("slow", ready="False")):
        kube.apply(each)
    assert set(await_ready(kube.typed, [("x", "a"), ("x", "b")], waits=Waits())) == {("x", "a"), ("x", "b")}


def test_pods_that_do_not_come_up_are_explained() -> None:
    """The error names the pod, its state and the newest warnings, and none of the pods that are Ready."""
    kube = FakeKube()
    kube.apply(pod("fine"))
    broken = pod("a", ready="False")
    waiting = {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}
    broken["status"]["containerStatuses"] = [{"name": "agent", "state": waiting}]
    kube.apply(broken)
    kube.apply(
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "e", "namespace": "x"},
            "type": "Warning",
            "reason": "Failed",
            "message": "Failed to pull image",
            "involvedObject": {"name": "a"},
        }
    )
    with pytest.raises(NotReadyError) as told:
        await_ready(kube.typed, [("x", "a"), ("x", "fine")], waits=Waits())
    text = str(told.value)
    assert "x/a: Running, agent waiting: ErrImagePull no such image" in text
    assert "a: Failed: Failed to pull image" in text
    assert "x/fine" not in text


def test_a_pod_nobody_can_place_says_why() -> None:
    """The scheduler's own words are in the error."""
    kube = FakeKube()
    lonely = pod("a", ready="False")
    lonely["status"]["conditions"].append({"type": "PodScheduled", "status": "False", "message": "0/3 nodes fit"})
    kube.apply(lonely)
    with pytest.raises(NotReadyError, match="not scheduled: 0/3 nodes fit"):
        await_ready(kube.typed, [("x", "a")], waits=Waits())


def test_a_pod_that_stays_is_named() -> None:
    """Waiting for pods to go says which were waited for."""
    kube = FakeKube()
    kube.apply(pod("a"))
    await_gone(kube.typed, "x", ["b"], waits=Waits())
    with pytest.raises(WaitTimeout, match="pods a in x gone"):
        await_gone(kube.typed, "x", ["a"], waits=Waits())
