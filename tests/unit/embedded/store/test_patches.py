"""JSON patch, merge patch and strategic merge patch."""

from __future__ import annotations

from typing import Any

import pytest

from harness.embedded.store.decode import schema_of
from harness.embedded.store.errors import ApiError
from harness.embedded.store.patches import PatchKind, json_patch, merge_patch, strategic_merge
from harness.embedded.store.resources import by_name

from .objects_by_hand import a_store, config_map, make, pod, service

POD = schema_of(by_name("pods"))
DEPLOYMENT = schema_of(by_name("deployments.apps"))


@pytest.mark.parametrize(
    ("target", "patch", "wanted"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": 1}, {"a": None}, {}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": None}}, {"a": {"c": 2}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": 1}, {"a": {"b": None, "c": 1}}, {"a": {"c": 1}}),
        ({"a": 1}, [1], [1]),
        ("x", {"a": 1}, {"a": 1}),
    ],
)
def test_a_merge_patch_follows_rfc_7386(target: Any, patch: Any, wanted: Any) -> None:
    """The examples of the RFC's kind."""
    assert merge_patch(target, patch) == wanted


@pytest.mark.parametrize(
    ("operations", "wanted"),
    [
        ([{"op": "add", "path": "/b", "value": 1}], {"a": [1, 2], "b": 1}),
        ([{"op": "add", "path": "/a/1", "value": 9}], {"a": [1, 9, 2]}),
        ([{"op": "add", "path": "/a/-", "value": 9}], {"a": [1, 2, 9]}),
        ([{"op": "remove", "path": "/a/0"}], {"a": [2]}),
        ([{"op": "replace", "path": "/a", "value": 3}], {"a": 3}),
        ([{"op": "move", "from": "/a/0", "path": "/b"}], {"a": [2], "b": 1}),
        ([{"op": "copy", "from": "/a", "path": "/b"}], {"a": [1, 2], "b": [1, 2]}),
        ([{"op": "test", "path": "/a/0", "value": 1}], {"a": [1, 2]}),
        ([{"op": "add", "path": "/x~1y~0z", "value": 1}], {"a": [1, 2], "x/y~z": 1}),
    ],
)
def test_a_json_patch_follows_rfc_6902(operations: Any, wanted: Any) -> None:
    """Every operation, on objects and lists, with escapes."""
    target = {"a": [1, 2]}
    assert json_patch(target, operations) == wanted
    assert target == {"a": [1, 2]}, "the target is not changed"


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/a", "value": 2},
        {"op": "remove", "path": "/b"},
        {"op": "replace", "path": "/b", "value": 1},
        {"op": "add", "path": "/b/c", "value": 1},
        {"op": "fly", "path": "/a"},
        {"op": "add", "path": "a", "value": 1},
        {"op": "add", "path": "/a"},
    ],
)
def test_a_json_patch_that_cannot_be_carried_out_is_unprocessable(operation: Any) -> None:
    """Failing tests and missing paths are 422."""
    with pytest.raises(ApiError) as error:
        json_patch({"a": 1}, [operation])
    assert error.value.code == 422


def test_a_json_patch_is_a_list() -> None:
    """Anything else is a bad request."""
    with pytest.raises(ApiError) as error:
        json_patch({}, {"op": "add"})
    assert error.value.code == 400


def containers(*names: str) -> dict[str, Any]:
    """A pod-like object with containers."""
    return {"spec": {"containers": [{"name": name, "image": name} for name in names]}}


def names(obj: dict[str, Any]) -> list[str]:
    """The names of its containers."""
    return [item["name"] for item in obj["spec"]["containers"]]


def test_keyed_lists_merge_item_by_item() -> None:
    """A container in the patch changes the one of its name and leaves the others."""
    patch = {"spec": {"containers": [{"name": "b", "image": "new"}]}}
    merged = strategic_merge(containers("a", "b"), patch, POD)
    assert [item["image"] for item in merged["spec"]["containers"]] == ["a", "new"]


def test_new_items_come_before_those_the_patch_does_not_name() -> None:
    """As documented for kubectl patch: the patch's order wins, live items follow."""
    assert names(strategic_merge(containers("a"), containers("b"), POD)) == ["b", "a"]


def test_items_keep_their_live_order_around_touched_ones() -> None:
    """An untouched item stays before a touched one that followed it."""
    assert names(strategic_merge(containers("a", "b", "c"), containers("b"), POD)) == ["a", "b", "c"]


def test_an_item_is_removed_by_directive() -> None:
    """`$patch: delete` takes the item of that key away."""
    patch = {"spec": {"containers": [{"name": "a", "$patch": "delete"}]}}
    assert names(strategic_merge(containers("a", "b"), patch, POD)) == ["b"]


def test_a_list_is_replaced_by_directive() -> None:
    """`$patch: replace` in a list keeps only the patch's items."""
    patch = {"spec": {"containers": [{"name": "z", "image": "z"}, {"$patch": "replace"}]}}
    assert names(strategic_merge(containers("a", "b"), patch, POD)) == ["z"]


def test_a_map_is_replaced_or_emptied_by_directive() -> None:
    """`$patch` in an object."""
    target = {"metadata": {"labels": {"a": "1", "b": "2"}}}
    replaced = strategic_merge(target, {"metadata": {"labels": {"$patch": "replace", "c": "3"}}}, POD)
    assert replaced["metadata"]["labels"] == {"c": "3"}
    emptied = strategic_merge(target, {"metadata": {"labels": {"$patch": "delete"}}}, POD)
    assert emptied["metadata"]["labels"] == {}


def test_an_order_directive_orders() -> None:
    """`$setElementOrder` decides the order of the merged list, touched or not."""
    order = [{"name": "b"}, {"name": "a"}]
    patch = {"spec": {"$setElementOrder/containers": order, "containers": [{"name": "a", "image": "n"}]}}
    assert names(strategic_merge(containers("a", "b"), patch, POD)) == ["b", "a"]
    untouched = {"spec": {"$setElementOrder/containers": order}}
    assert names(strategic_merge(containers("a", "b"), untouched, POD)) == ["b", "a"]


def test_retained_keys_drop_the_others() -> None:
    """`$retainKeys` is how a rolling strategy gives way to Recreate."""
    target = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert strategic_merge(target, patch, DEPLOYMENT)["spec"]["strategy"] == {"type": "Recreate"}


def test_sets_of_scalars_merge() -> None:
    """Finalizers are added, and removed by their directive."""
    target = {"metadata": {"finalizers": ["a/x", "b/x"]}}
    added = strategic_merge(target, {"metadata": {"finalizers": ["c/x"]}}, POD)
    assert set(added["metadata"]["finalizers"]) == {"a/x", "b/x", "c/x"}
    removed = strategic_merge(target, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a/x"]}}, POD)
    assert removed["metadata"]["finalizers"] == ["b/x"]


def test_lists_without_a_key_are_replaced() -> None:
    """Commands are no sets."""
    target = {"spec": {"containers": [{"name": "a", "command": ["x", "y"]}]}}
    patch = {"spec": {"containers": [{"name": "a", "command": ["z"]}]}}
    assert strategic_merge(target, patch, POD)["spec"]["containers"][0]["command"] == ["z"]


@pytest.mark.parametrize("patch", [{"spec": {"containers": [{"image": "x"}]}}, {"$patch": "fly"}, [1]])
def test_a_malformed_strategic_patch_is_a_bad_request(patch: Any) -> None:
    """Items without their key, unknown directives, and anything that is no object."""
    with pytest.raises(ApiError) as error:
        strategic_merge(containers("a"), patch, POD)
    assert error.value.code == 400


def test_each_kind_of_patch_reaches_the_stored_object() -> None:
    """The store applies all three to what it has."""
    store = a_store()
    make(store, "services", service())
    store.patch("services", "s", {"spec": {"selector": {"a": "1"}}}, namespace="x", kind=PatchKind.MERGE)
    store.patch("services", "s", b'{"spec":{"selector":{"b":"2"}}}', namespace="x", kind=PatchKind.STRATEGIC)
    operations = [{"op": "replace", "path": "/spec/selector/a", "value": "3"}]
    changed = store.patch("services", "s", operations, namespace="x", kind=PatchKind.JSON)
    assert changed["spec"]["selector"] == {"a": "3", "b": "2"}


def test_a_patch_may_not_rename() -> None:
    """The name in the outcome is the name in the URL."""
    store = a_store()
    make(store, "configmaps", config_map())
    with pytest.raises(ApiError, match="does not match the name on the URL"):
        store.patch("configmaps", "m", {"metadata": {"name": "z"}}, namespace="x")


def test_a_patch_with_a_stale_version_is_a_conflict() -> None:
    """A resourceVersion in a patch is a precondition."""
    store = a_store()
    make(store, "configmaps", config_map())
    with pytest.raises(ApiError) as error:
        store.patch("configmaps", "m", {"metadata": {"resourceVersion": "1"}, "data": {"a": "1"}}, namespace="x")
    assert error.value.code == 409


def test_a_strict_patch_with_an_unknown_field_is_refused() -> None:
    """The refusal blames the patch."""
    store = a_store()
    make(store, "pods", pod())
    with pytest.raises(ApiError) as error:
        store.patch("pods", "p", {"spec": {"fooBar": 1}}, namespace="x", validation="Strict")
    assert error.value.code == 422
    assert 'strict decoding error: unknown field "spec.fooBar"' in error.value.message


def test_a_patch_that_is_not_json_is_a_bad_request() -> None:
    """Bytes are decoded first."""
    store = a_store()
    make(store, "configmaps", config_map())
    with pytest.raises(ApiError) as error:
        store.patch("configmaps", "m", b"{", namespace="x")
    assert error.value.code == 400
