"""The snapshot finds objects and keeps what it was given."""

from __future__ import annotations

from typing import Any

import pytest

from harness.oracle.snapshot import Snapshot

POD: dict[str, Any] = {"kind": "Pod", "metadata": {"name": "a", "namespace": "x", "labels": {"pod": "a"}}, "spec": {}}
SERVICE: dict[str, Any] = {"kind": "Service", "metadata": {"name": "web", "namespace": "x"}, "spec": {}}
SLICE: dict[str, Any] = {
    "kind": "EndpointSlice",
    "metadata": {"name": "anything", "namespace": "x", "labels": {"kubernetes.io/service-name": "web"}},
}
STRAY: dict[str, Any] = {"kind": "EndpointSlice", "metadata": {"name": "web-1", "namespace": "x"}}
NAMESPACE: dict[str, Any] = {"kind": "Namespace", "metadata": {"name": "x", "labels": {"team": "t"}}}
NODE: dict[str, Any] = {"kind": "Node", "metadata": {"name": "n1"}}


@pytest.fixture
def snapshot() -> Snapshot:
    other = {"kind": "ConfigMap", "metadata": {"name": "c", "namespace": "x"}}
    return Snapshot.of([POD, SERVICE, SLICE, STRAY, NAMESPACE, NODE, other])


def test_objects_are_found_by_name(snapshot: Snapshot) -> None:
    """Each kind has its index; kinds the oracle has no use for are left out."""
    assert snapshot.pod("x", "a") is POD
    assert snapshot.service("x", "web") is SERVICE
    assert snapshot.find_service("x", "nope") is None
    assert snapshot.node("n1") is NODE
    assert snapshot.pods_in("x") == [POD]
    assert snapshot.pods_in("y") == []
    assert len(snapshot.objects()) == 6


def test_slices_are_joined_by_label_not_by_name(snapshot: Snapshot) -> None:
    """A slice with the right name and no label belongs to nobody."""
    assert snapshot.slices_of("x", "web") == [SLICE]
    assert snapshot.slices_of("x", "web-1") == []


def test_namespaces_carry_their_own_name(snapshot: Snapshot) -> None:
    """The name label is there whether the manifest had it or not."""
    assert snapshot.namespace_labels("x") == {"team": "t", "kubernetes.io/metadata.name": "x"}
    assert snapshot.namespace_labels("unknown") == {"kubernetes.io/metadata.name": "unknown"}
    assert snapshot.has_namespace("x")
    assert not snapshot.has_namespace("unknown")


@pytest.mark.parametrize("look", [lambda s: s.pod("x", "b"), lambda s: s.service("x", "b"), lambda s: s.node("n9")])
def test_what_is_not_there_is_an_error_that_lists_what_is(snapshot: Snapshot, look: Any) -> None:
    """A misspelt name says what the snapshot has."""
    with pytest.raises(KeyError, match="in the snapshot; it has"):
        look(snapshot)


def test_an_object_without_kind_is_refused() -> None:
    """The items of a list have no kind: silently dropping them would empty the oracle's world."""
    with pytest.raises(ValueError, match="without kind"):
        Snapshot.of([{"metadata": {"name": "a"}}])


def test_a_changed_moment_is_a_new_snapshot(snapshot: Snapshot) -> None:
    """Replacing puts an object in the place of its namesake, removing takes it out, and the old moment stays."""
    newer = {**POD, "spec": {"nodeName": "n1"}}
    assert snapshot.replacing(newer).pods == (newer,)
    assert snapshot.without(POD).pods == ()
    assert snapshot.pods == (POD,)
    elsewhere = {"kind": "Pod", "metadata": {"name": "a"}, "spec": {}}
    assert len(snapshot.replacing(elsewhere).pods) == 2
