"""The door to a place outside a cluster, as a kubeconfig tells it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.clusters.kubeconfig import KubeconfigCluster
from harness.clusters.outside import EXTENSION, Door, door_of, with_door
from harness.clusters.provider import ClusterError

DOOR = Door(("nsenter", "--net=/run/netns/outside"), "/usr/bin/python3")


def document(extension: Any = None) -> dict[str, Any]:
    """Two clusters; the first has the extension."""
    own = {"extensions": [{"name": "somebody.else", "extension": 1}, {"name": EXTENSION, "extension": extension}]}
    return {
        "clusters": [
            {"name": "c", "cluster": {"server": "https://h:1", **(own if extension is not None else {})}},
            {"name": "d", "cluster": {"server": "https://h:2"}},
        ],
        "contexts": [{"name": "one", "context": {"cluster": "c"}}, {"name": "two", "context": {"cluster": "d"}}],
        "current-context": "one",
    }


def test_what_is_written_is_read() -> None:
    """A door that was put into a kubeconfig is the one its contexts lead to; the document given stays as it was."""
    plain = document()
    told = with_door(plain, DOOR)
    assert door_of(told, "two") == door_of(told, None) == DOOR
    assert plain == document()
    assert door_of(with_door(told, Door(("other",))), "one") == Door(("other",))


def test_the_door_belongs_to_a_cluster() -> None:
    """Another context of the same file has another cluster, and no door; foreign extensions are none."""
    told = document({"command": ["ssh", "jump"]})
    assert door_of(told, "one") == Door(("ssh", "jump"), "python3")
    assert door_of(told, "two") is None
    assert door_of({"contexts": [{"name": "one"}]}, "one") is None


@pytest.mark.parametrize(
    "odd",
    [{}, {"command": "nsenter"}, {"command": []}, {"command": [1]}, {"command": ["a"], "python": ""}, ["nsenter"]],
)
def test_what_is_no_door_is_refused_in_one_line(odd: Any, tmp_path: Path) -> None:
    """A wrong extension is refused before anything begins, and the line says how to write it."""
    file = tmp_path / "config"
    file.write_text(yaml.safe_dump(document(odd)))
    with pytest.raises(ClusterError, match=r"^kubeconfig: extension harness.dev/outside: [^\n]*$"):
        KubeconfigCluster(path=file, context="one").create()
