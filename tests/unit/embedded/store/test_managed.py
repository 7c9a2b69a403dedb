"""managedFields and server-side apply."""

from __future__ import annotations

from typing import Any

import pytest

from harness.embedded.store import fieldsets, managed
from harness.embedded.store.decode import empty_object, schema_of
from harness.embedded.store.errors import ApiError
from harness.embedded.store.objects import Store
from harness.embedded.store.patches import PatchKind
from harness.embedded.store.resources import by_name

from .objects_by_hand import a_store, config_map, deployment, make, pod, service

SERVICES, PODS = by_name("services"), by_name("pods")


def apply(store: Store, resource: str, config: Any, manager: str = "t", *, force: bool = False, **options: Any) -> Any:
    """Server-side apply in namespace x."""
    wanted = by_name(resource)
    config = {"apiVersion": wanted.api_version, "kind": wanted.kind, **config}
    return store.patch(
        resource,
        config["metadata"]["name"],
        config,
        namespace="x",
        kind=PatchKind.APPLY,
        manager=manager,
        force=force,
        **options,
    )


def owned(obj: Any) -> dict[tuple[str, str, str], Any]:
    """The FieldsV1 of each entry, by manager, operation and subresource."""
    return {
        (entry["manager"], entry["operation"], entry.get("subresource", "")): entry["fieldsV1"]
        for entry in obj["metadata"].get("managedFields", ())
    }


def test_a_set_of_fields_survives_its_wire_form() -> None:
    """FieldsV1 and back, with members that also have children."""
    tree = {"f:a": {".": {}, "f:b": {}, 'k:{"x":1}': {"f:c": {}}}, "f:d": {}}
    assert fieldsets.encode(fieldsets.decode(tree)) == tree
    assert fieldsets.decode(tree) == {("f:a",), ("f:a", "f:b"), ("f:a", 'k:{"x":1}', "f:c"), ("f:d",)}


def test_a_path_is_shown_as_conflicts_show_it() -> None:
    """Fields, keys and set members."""
    path = ("f:spec", "f:ports", 'k:{"protocol":"TCP","port":80}', "f:nodePort")
    assert fieldsets.shown(path) == '.spec.ports[port=80,protocol="TCP"].nodePort'
    assert fieldsets.shown(("f:metadata", "f:finalizers", 'v:"a/b"')) == '.metadata.finalizers[="a/b"]'


def test_the_creator_owns_what_was_sent_and_defaulted() -> None:
    """Keyed items by their key, atomic values as one, system fields by nobody."""
    made = make(a_store(), "services", service(selector={"a": "b"}))
    fields = owned(made)["test", "Update", ""]["f:spec"]
    assert fields["f:selector"] == {}
    assert fields["f:ports"]['k:{"port":80,"protocol":"TCP"}'] == {
        ".": {},
        "f:port": {},
        "f:protocol": {},
        "f:targetPort": {},
    }
    assert not {"f:clusterIP", "f:clusterIPs", "f:ipFamilies"} & set(fields)


def test_an_update_gives_the_changer_what_he_changed() -> None:
    """A field changes hands with its value; the others stay."""
    store = a_store()
    make(store, "configmaps", config_map(a="1", b="2"))
    changed = store.patch("configmaps", "m", {"data": {"a": "9", "c": "3"}}, namespace="x", manager="other")
    assert owned(changed)["test", "Update", ""] == {"f:data": {".": {}, "f:b": {}}}
    assert owned(changed)["other", "Update", ""] == {"f:data": {"f:a": {}, "f:c": {}}}


def test_a_removed_field_is_owned_by_nobody() -> None:
    """And a manager who owns nothing any more disappears."""
    store = a_store()
    make(store, "configmaps", config_map(a="1"))
    changed = store.patch("configmaps", "m", {"data": {"a": None, "b": "1"}}, namespace="x", manager="other")
    assert owned(changed)["test", "Update", ""] == {"f:data": {}}
    gone = store.patch("configmaps", "m", {"data": None}, namespace="x", manager="other")
    assert owned(gone) == {}


def test_status_has_owners_of_its_own() -> None:
    """A kubelet's entry names the subresource and holds status only."""
    store = a_store()
    make(store, "pods", pod())
    status = {"status": {"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}]}, "spec": {"nodeName": "n"}}
    changed = store.patch("pods", "p", status, namespace="x", subresource="status", manager="kubelet")
    assert owned(changed)["kubelet", "Update", "status"] == {
        "f:status": {"f:phase": {}, "f:podIPs": {".": {}, 'k:{"ip":"10.0.0.1"}': {".": {}, "f:ip": {}}}}
    }
    assert "nodeName" not in changed["spec"]


def test_an_apply_owns_what_it_mentions_and_not_the_defaults() -> None:
    """Defaults of an applied object belong to nobody."""
    made = apply(a_store(), "services", service(selector={"a": "b"}))
    assert owned(made) == {
        ("t", "Apply", ""): {
            "f:spec": {"f:ports": {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}}}, "f:selector": {}}
        }
    }


def test_applying_the_same_again_changes_nothing() -> None:
    """No new version, no new times."""
    store = a_store()
    first = apply(store, "deployments.apps", deployment())
    store.clock.sleep(10)
    assert apply(store, "deployments.apps", deployment()) is first


def test_an_apply_that_changes_anothers_field_conflicts() -> None:
    """The conflict names manager and field, and nothing is changed."""
    store = a_store()
    apply(store, "services", service(selector={"a": "b"}))
    with pytest.raises(ApiError) as error:
        apply(store, "services", service(selector={"a": "c"}), "u")
    assert error.value.message == 'Apply failed with 1 conflict: conflict with "t": .spec.selector'
    assert store.get("services", "s", namespace="x")["spec"]["selector"] == {"a": "b"}


def test_conflicts_with_several_managers_are_listed_by_manager() -> None:
    """Updaters are named with the version they used."""
    store = a_store()
    make(store, "configmaps", config_map(a="1", b="1"))
    apply(store, "configmaps", config_map(c="1"), "t")
    with pytest.raises(ApiError) as error:
        apply(store, "configmaps", config_map(a="2", b="2", c="2"), "u")
    assert error.value.message == (
        'Apply failed with 3 conflicts: conflicts with "t":\n- .data.c\nconflicts with "test" using v1:\n'
        "- .data.a\n- .data.b"
    )
    assert {cause["field"] for cause in error.value.status["details"]["causes"]} == {".data.a", ".data.b", ".data.c"}


def test_force_takes_the_field_over() -> None:
    """The former owner loses it."""
    store = a_store()
    apply(store, "configmaps", config_map(a="1"))
    taken = apply(store, "configmaps", config_map(a="2"), "u", force=True)
    assert owned(taken) == {("u", "Apply", ""): {"f:data": {"f:a": {}}}}


def test_the_same_value_is_shared() -> None:
    """Two managers that apply the same value both own it, and the last to leave takes it away."""
    store = a_store()
    apply(store, "configmaps", config_map(a="1"), "t")
    apply(store, "configmaps", config_map(a="1"), "u")
    left = apply(store, "configmaps", config_map(), "t")
    assert left["data"] == {"a": "1"}
    assert "data" not in apply(store, "configmaps", config_map(), "u")


def test_what_is_not_applied_any_more_is_removed() -> None:
    """Also a whole item of a keyed list, with its defaults."""
    store = a_store()
    two = [{"name": "a", "port": 80}, {"name": "b", "port": 81}]
    apply(store, "services", service(ports=two))
    left = apply(store, "services", service(ports=two[:1]))
    assert [port["name"] for port in left["spec"]["ports"]] == ["a"]


def test_others_items_of_a_list_stay() -> None:
    """Each manager keeps its own ports."""
    store = a_store()
    apply(store, "services", service(ports=[{"name": "a", "port": 80}]), "t")
    both = apply(store, "services", service(ports=[{"name": "b", "port": 81}]), "u")
    assert [port["name"] for port in both["spec"]["ports"]] == ["a", "b"]
    left = apply(store, "services", service(ports=[]), "t")
    assert [port["name"] for port in left["spec"]["ports"]] == ["b"]


def test_unapplied_values_return_to_their_default() -> None:
    """A replica count that nobody wishes any more is 1 again."""
    store = a_store()
    apply(store, "deployments.apps", deployment(replicas=3))
    assert apply(store, "deployments.apps", deployment())["spec"]["replicas"] == 1


def test_an_object_without_owners_gets_one_before_its_first_apply() -> None:
    """What was there before belongs to `before-first-apply`."""
    store = a_store()
    make(store, "configmaps", config_map(a="1"))
    wiped = store.patch("configmaps", "m", {"metadata": {"managedFields": [{}]}}, namespace="x")
    assert "managedFields" not in wiped["metadata"]
    applied = apply(store, "configmaps", config_map(b="2"))
    assert owned(applied)["before-first-apply", "Update", ""] == {"f:data": {".": {}, "f:a": {}}}


def test_an_object_without_owners_is_not_tracked_by_updates() -> None:
    """A ServiceAccount made with nothing in it has no entries, also later."""
    store = a_store()
    made = make(store, "serviceaccounts", {"metadata": {"name": "a"}})
    assert "managedFields" not in made["metadata"]
    changed = store.patch("serviceaccounts", "a", {"metadata": {"labels": {"x": "y"}}}, namespace="x")
    assert "managedFields" not in changed["metadata"]


@pytest.mark.parametrize(
    ("config", "code", "problem"),
    [
        ({"metadata": {"name": "m"}, "kind": "Pod"}, 400, "cannot be handled as a ConfigMap"),
        ({"metadata": {"name": "m", "managedFields": [{"manager": "x"}]}}, 400, "metadata.managedFields must be nil"),
        ({"metadata": {"name": "m"}, "fooBar": 1}, 500, ".fooBar: field not declared in schema"),
        ({"metadata": {"name": "m", "namespace": "y"}}, 400, "does not match the namespace sent on the request"),
    ],
)
def test_a_malformed_configuration_is_refused(config: Any, code: int, problem: str) -> None:
    """Wrong kinds, managedFields, unknown fields, another namespace."""
    with pytest.raises(ApiError) as error:
        apply(a_store(), "configmaps", config)
    assert error.value.code == code
    assert problem in error.value.message


def test_an_apply_needs_kind_and_version() -> None:
    """A bare configuration could be anything."""
    with pytest.raises(ApiError) as error:
        a_store().patch("configmaps", "m", {"data": {}}, namespace="x", kind=PatchKind.APPLY)
    assert error.value.code == 400


def test_an_apply_of_a_status_does_not_create() -> None:
    """There is no status without an object."""
    store = a_store()
    with pytest.raises(ApiError) as error:
        apply(store, "pods", {"metadata": {"name": "p"}, "status": {"phase": "Running"}}, subresource="status")
    assert error.value.code == 404


def test_entries_are_sorted_by_operation_time_and_name() -> None:
    """Applied ones first."""
    store = a_store()
    make(store, "configmaps", config_map(a="1"))
    store.clock.sleep(1)
    store.patch("configmaps", "m", {"data": {"b": "1"}}, namespace="x", manager="a-later-one")
    store.clock.sleep(1)
    applied = apply(store, "configmaps", config_map(c="1"))
    assert [entry["manager"] for entry in applied["metadata"]["managedFields"]] == ["t", "test", "a-later-one"]


def test_many_updaters_share_an_entry() -> None:
    """Beyond ten, the oldest become `ancient-changes`."""
    store = a_store()
    make(store, "configmaps", config_map(first="1"))
    for number in range(12):
        store.clock.sleep(1)
        store.patch("configmaps", "m", {"data": {f"k{number}": "1"}}, namespace="x", manager=f"m{number}")
    entries = store.get("configmaps", "m", namespace="x")["metadata"]["managedFields"]
    assert len(entries) == managed.MANAGER_LIMIT
    assert entries[0]["manager"] == "ancient-changes" or "ancient-changes" in {entry["manager"] for entry in entries}


def test_merging_interleaves_lists_by_the_configuration() -> None:
    """Shared items follow the configuration's order; live ones stay where they stood."""
    kind = schema_of(PODS).fields["spec"].type.fields["containers"].type
    live = [{"name": name} for name in ("a", "b", "c")]
    config = [{"name": name, "image": "i"} for name in ("c", "z", "a")]
    merged = fieldsets.merge(live, config, kind)
    assert [item["name"] for item in merged] == ["c", "z", "a", "b"]


def test_comparison_treats_new_parents_as_members() -> None:
    """A map that was not there is itself an added field; one that was is not."""
    kind = schema_of(SERVICES)
    before = empty_object(SERVICES)
    after = {**before, "metadata": {"labels": {"a": "b"}}}
    assert fieldsets.compare(before, after, kind).added == {
        ("f:metadata", "f:labels"),
        ("f:metadata", "f:labels", "f:a"),
    }
