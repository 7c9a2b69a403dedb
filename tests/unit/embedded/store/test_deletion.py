"""Deletion: at once, gracefully, with finalizers, with preconditions, of whole collections and namespaces."""

from __future__ import annotations

from typing import Any

import pytest

from harness.embedded.store.errors import ApiError
from harness.embedded.store.objects import Store

from .objects_by_hand import a_store, config_map, deployment, make, pod, service


def bound_pod(store: Store, **spec: Any) -> dict[str, Any]:
    """A pod on a node."""
    return make(store, "pods", pod(nodeName="n", **spec))


def gone(store: Store, resource: str, name: str) -> bool:
    """Whether an object of namespace x is not there any more."""
    return not store.list(resource, namespace="x", field_selector=f"metadata.name={name}").items


def test_most_kinds_answer_with_a_status() -> None:
    """Name, kind and uid of what was deleted."""
    store = a_store()
    made = make(store, "configmaps", config_map())
    assert store.delete("configmaps", "m", namespace="x") == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {"name": "m", "kind": "configmaps", "uid": made["metadata"]["uid"]},
    }
    assert gone(store, "configmaps", "m")


def test_some_kinds_answer_with_the_object() -> None:
    """Services and pods show their last state, at the version of their deletion."""
    store = a_store()
    make(store, "services", service())
    shown = store.delete("services", "s", namespace="x")
    assert shown["kind"] == "Service"
    assert shown["metadata"]["resourceVersion"] == store.resource_version


def test_a_pod_without_node_goes_at_once() -> None:
    """No kubelet has to act."""
    store = a_store()
    make(store, "pods", pod())
    store.delete("pods", "p", namespace="x")
    assert gone(store, "pods", "p")


def test_a_pod_on_a_node_is_marked() -> None:
    """It gets its grace period, a time in the future, and another generation; and stays."""
    store = a_store()
    bound_pod(store)
    marked = store.delete("pods", "p", namespace="x")
    assert marked["metadata"]["deletionGracePeriodSeconds"] == 30
    assert marked["metadata"]["deletionTimestamp"] == "2027-01-15T08:00:30Z"
    assert marked["metadata"]["generation"] == 2
    assert not gone(store, "pods", "p")


def test_the_kubelet_ends_it_with_no_grace() -> None:
    """Grace 0 with the right uid removes the pod."""
    store = a_store()
    uid = bound_pod(store)["metadata"]["uid"]
    store.delete("pods", "p", namespace="x")
    store.delete("pods", "p", namespace="x", options={"gracePeriodSeconds": 0, "preconditions": {"uid": uid}})
    assert gone(store, "pods", "p")


@pytest.mark.parametrize(("asked", "wanted"), [(10, 10), (40, 30), (None, 30)])
def test_a_second_deletion_can_only_shorten(asked: int | None, wanted: int) -> None:
    """A longer time, or none, changes nothing."""
    store = a_store()
    bound_pod(store)
    first = store.delete("pods", "p", namespace="x")
    options = {} if asked is None else {"gracePeriodSeconds": asked}
    second = store.delete("pods", "p", namespace="x", options=options)
    assert second["metadata"]["deletionGracePeriodSeconds"] == wanted
    assert (second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]) is (wanted == 30)
    assert second["metadata"]["deletionTimestamp"] == f"2027-01-15T08:00:{wanted:02}Z"


def test_a_pod_that_ended_goes_at_once() -> None:
    """Its containers are done."""
    store = a_store()
    bound_pod(store)
    store.patch("pods", "p", {"status": {"phase": "Succeeded"}}, namespace="x", subresource="status")
    store.delete("pods", "p", namespace="x")
    assert gone(store, "pods", "p")


def test_a_pod_that_wants_no_grace_goes_at_once_and_is_seen_marked() -> None:
    """Watchers see the mark before the removal."""
    store = a_store()
    bound_pod(store, terminationGracePeriodSeconds=0)
    since = int(store.resource_version)
    store.delete("pods", "p", namespace="x")
    assert gone(store, "pods", "p")
    assert int(store.resource_version) == since + 2


def test_finalizers_keep_an_object_until_they_are_gone() -> None:
    """It is marked, takes no new finalizers, and goes with the last one."""
    store = a_store()
    obj = config_map()
    obj["metadata"]["finalizers"] = ["a/b"]
    make(store, "configmaps", obj)
    marked = store.delete("configmaps", "m", namespace="x")
    assert marked["metadata"]["deletionGracePeriodSeconds"] == 0
    assert store.delete("configmaps", "m", namespace="x") is marked
    with pytest.raises(ApiError, match="no new finalizers can be added"):
        store.patch("configmaps", "m", {"metadata": {"finalizers": ["a/b", "c/d"]}}, namespace="x")
    store.patch("configmaps", "m", {"metadata": {"finalizers": None}}, namespace="x")
    assert gone(store, "configmaps", "m")


@pytest.mark.parametrize(
    ("options", "finalizer"),
    [
        ({"propagationPolicy": "Foreground"}, "foregroundDeletion"),
        ({"propagationPolicy": "Orphan"}, "orphan"),
        ({"orphanDependents": True}, "orphan"),
    ],
)
def test_a_policy_for_dependents_is_a_finalizer(options: Any, finalizer: str) -> None:
    """The garbage collector takes it off when it has done its part."""
    store = a_store()
    make(store, "deployments.apps", deployment())
    marked = store.delete("deployments.apps", "d", namespace="x", options=options)
    assert marked["metadata"]["finalizers"] == [finalizer]
    assert "deletionTimestamp" in marked["metadata"]


def test_background_deletion_goes_at_once() -> None:
    """Dependents follow later."""
    store = a_store()
    make(store, "deployments.apps", deployment())
    store.delete("deployments.apps", "d", namespace="x", options={"propagationPolicy": "Background"})
    assert gone(store, "deployments.apps", "d")


@pytest.mark.parametrize("wrong", [{"uid": "other"}, {"resourceVersion": "1"}])
def test_a_precondition_that_does_not_hold_is_a_conflict(wrong: Any) -> None:
    """The object that is there is not the one that was meant."""
    store = a_store()
    make(store, "configmaps", config_map())
    with pytest.raises(ApiError, match="in the precondition") as error:
        store.delete("configmaps", "m", namespace="x", options={"preconditions": wrong})
    assert error.value.code == 409
    assert not gone(store, "configmaps", "m")


def test_a_dry_deletion_leaves_everything() -> None:
    """Nothing is removed or marked."""
    store = a_store()
    bound_pod(store)
    make(store, "services", service())
    before = store.resource_version
    store.delete("pods", "p", namespace="x", dry_run=True)
    store.delete("services", "s", namespace="x", dry_run=True)
    assert store.resource_version == before


def test_a_collection_is_deleted_by_selector() -> None:
    """What is selected goes, the rest stays, and the answer lists what went."""
    store = a_store()
    for name, label in (("a", "1"), ("b", "1"), ("c", "2")):
        obj = config_map(name)
        obj["metadata"]["labels"] = {"l": label}
        make(store, "configmaps", obj)
    listing = store.delete_collection("configmaps", namespace="x", label_selector="l=1")
    assert [item["metadata"]["name"] for item in listing.items] == ["a", "b"]
    assert [item["metadata"]["name"] for item in store.list("configmaps", namespace="x").items] == ["c"]


def test_a_namespace_terminates_and_is_finalized() -> None:
    """It takes nothing new, waits for its finalizer, and goes with it."""
    store = a_store()
    marked = store.delete("namespaces", "x")
    assert marked["status"]["phase"] == "Terminating"
    assert marked["spec"]["finalizers"] == ["kubernetes"]
    with pytest.raises(ApiError, match="because it is being terminated") as error:
        make(store, "configmaps", config_map())
    assert error.value.code == 403
    plain = store.patch("namespaces", "x", {"spec": {"finalizers": None}})
    assert plain["spec"]["finalizers"] == ["kubernetes"], "only the subresource may take them off"
    store.update("namespaces", "x", {"metadata": {"name": "x"}, "spec": {}}, subresource="finalize")
    with pytest.raises(ApiError) as missing:
        store.get("namespaces", "x")
    assert missing.value.code == 404
