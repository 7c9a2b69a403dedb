"""Volumes: what they hold, and how a change reaches a reader."""

import base64
from pathlib import Path
from typing import Any

import pytest

from harness.embedded.kubelet.volumes import File, MountError, Sources, contents, make_empty, references, write
from tests.unit.embedded.kubelet.pods_by_hand import FACTS, pod

OBJECTS: dict[tuple[str, str], dict[str, Any]] = {
    ("configmaps", "cfg"): {
        "kind": "ConfigMap",
        "data": {"a": "one", "b": "two"},
        "binaryData": {"z": base64.b64encode(b"\x00\xff").decode()},
    },
    ("secrets", "sec"): {"kind": "Secret", "data": {"pin": base64.b64encode(b"1234").decode()}},
}
SOURCES = Sources(
    pod(),
    FACTS,
    lambda resource, name: OBJECTS.get((resource, name)),
    lambda namespace, account: f"token of {namespace}/{account}",
)


def bytes_of(volume: dict[str, Any]) -> dict[str, bytes]:
    files = contents({"name": "v", **volume}, SOURCES)
    assert files is not None
    return {path: file.content for path, file in files.items()}


def test_a_config_map_is_a_file_per_key() -> None:
    """Text and binary keys are files."""
    assert bytes_of({"configMap": {"name": "cfg"}}) == {"a": b"one", "b": b"two", "z": b"\x00\xff"}


def test_items_choose_and_rename() -> None:
    """Only the items named are there, under their paths."""
    wanted = {"name": "cfg", "items": [{"key": "a", "path": "deep/er"}]}
    assert bytes_of({"configMap": wanted}) == {"deep/er": b"one"}


def test_a_secret_is_decoded() -> None:
    """Secret data reaches the pod as bytes."""
    assert bytes_of({"secret": {"secretName": "sec"}}) == {"pin": b"1234"}


def test_downward_files_hold_fields() -> None:
    """A downwardAPI item is the field's value."""
    items = [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]
    assert bytes_of({"downwardAPI": {"items": items}}) == {"labels": b'app="web"'}


def test_projected_joins_its_sources() -> None:
    """The service account's volume: token, certificate, namespace."""
    sources = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
        {"configMap": {"name": "cfg", "items": [{"key": "a", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
    ]
    assert bytes_of({"projected": {"sources": sources}}) == {
        "token": b"token of shop/default",
        "ca.crt": b"one",
        "namespace": b"shop",
    }


def test_an_item_may_have_its_own_mode() -> None:
    """defaultMode holds for files without a mode."""
    items = [{"key": "a", "path": "a", "mode": 0o400}, {"key": "b", "path": "b"}]
    files = contents({"name": "v", "configMap": {"name": "cfg", "defaultMode": 0o640, "items": items}}, SOURCES)
    assert files is not None
    assert (files["a"].mode, files["b"].mode) == (0o400, 0o640)


@pytest.mark.parametrize(
    ("volume", "words"),
    [
        ({"configMap": {"name": "none"}}, 'configmap "none" not found'),
        ({"secret": {"secretName": "none"}}, 'secret "none" not found'),
        ({"configMap": {"name": "cfg", "items": [{"key": "x", "path": "x"}]}}, "non-existent config key: x"),
        ({"hostPath": {"path": "/"}}, "hostPath volumes are not served"),
        ({"persistentVolumeClaim": {"claimName": "c"}}, "persistentVolumeClaim volumes are not served"),
    ],
)
def test_what_cannot_be_mounted_says_why(volume: dict[str, Any], words: str) -> None:
    """A missing source or a kind of volume that is not served is a mount failure that names it."""
    with pytest.raises(MountError, match=words):
        contents({"name": "v", **volume}, SOURCES)


def test_optional_sources_may_be_missing() -> None:
    """An optional ConfigMap that is not there is an empty volume."""
    assert bytes_of({"configMap": {"name": "none", "optional": True}}) == {}


def test_an_empty_dir_has_no_contents_of_ours() -> None:
    """emptyDir is made, not written."""
    assert contents({"name": "v", "emptyDir": {}}, SOURCES) is None


def test_references_name_what_a_volume_depends_on() -> None:
    """ConfigMaps and Secrets, also inside projected volumes."""
    volume = {"projected": {"sources": [{"configMap": {"name": "cfg"}}, {"secret": {"name": "sec"}}]}}
    assert references(volume) == [("configmaps", "cfg"), ("secrets", "sec")]
    assert references({"secret": {"secretName": "sec"}}) == [("secrets", "sec")]
    assert references({"emptyDir": {}}) == []


def test_a_change_replaces_the_whole_set(tmp_path: Path) -> None:
    """After a change the new files are there, the old ones are not, and nothing of the old set is left over."""
    write(tmp_path, {"a": File(b"1", 0o644), "d/b": File(b"1", 0o644)}, version="1")
    write(tmp_path, {"a": File(b"2", 0o600), "c": File(b"2", 0o644)}, version="2")
    assert (tmp_path / "a").read_bytes() == b"2"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["..2", "..data", "a", "c"]


def test_a_reader_never_sees_half_a_change(tmp_path: Path) -> None:
    """Names lead through one link, so both files change at the same moment."""
    write(tmp_path, {"a": File(b"1", 0o644), "b": File(b"1", 0o644)}, version="1")
    held = (tmp_path / "..data").resolve()
    write(tmp_path, {"a": File(b"2", 0o644), "b": File(b"2", 0o644)}, version="2")
    assert not held.exists()
    assert {(tmp_path / name).resolve().parent.name for name in "ab"} == {"..2"}


def test_an_empty_dir_is_open_to_every_user(tmp_path: Path) -> None:
    """A container that runs as anybody may write to it."""
    make_empty(tmp_path / "v")
    assert (tmp_path / "v").stat().st_mode & 0o777 == 0o777
