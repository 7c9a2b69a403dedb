"""Whose a kind cluster is: only what a dead run of ours left behind is ever taken for a leftover."""

from __future__ import annotations

from typing import Any

import pytest

from harness.clusters.kind.marks import Found, Mark, Stay, clusters, is_leftover

DEAD, ALIVE, ELSEWHERE = "here/1/2", "here/3/4", "elsewhere/5/6"
LIVES = {DEAD: False, ALIVE: True, ELSEWHERE: None}


def node(cluster: str, name: str, *mounts: str, running: bool = True) -> dict[str, Any]:
    """A container as `docker inspect` tells it."""
    return {
        "Name": f"/{name}",
        "State": {"Running": running},
        "Config": {"Labels": {"io.x-k8s.kind.cluster": cluster}},
        "Mounts": [{"Destination": mount} for mount in mounts],
    }


@pytest.mark.parametrize("stay", list(Stay))
def test_a_mark_is_read_as_it_was_written(stay: Stay) -> None:
    """Among other mounts."""
    mark = Mark("host.name/12/345", stay, "abcdef")
    assert Mark.of(["/var", mark.path, "/lib/modules"]) == mark


@pytest.mark.parametrize(
    "path",
    [
        "/var",
        "/harness.dev",
        "/harness.dev/cluster-of/x",
        "/harness.dev/cluster-of/a/1/2/forever/d",
        "/harness.dev/cluster-of/a/1/run/d",
        "/other/harness.dev/cluster-of/a/1/2/run/d",
    ],
)
def test_anything_else_is_no_mark(path: str) -> None:
    """A path that only resembles a mark claims nothing."""
    assert Mark.of([path]) is None


def test_clusters_are_told_by_their_containers() -> None:
    """By kind's label; a container without it belongs to no cluster; one that stands still stops the whole."""
    mark = Mark(DEAD, Stay.RUN, "d")
    found = clusters(
        [
            node("a", "a-control-plane", mark.path),
            node("a", "a-worker", mark.path, running=False),
            node("b", "b-control-plane"),
            {"Name": "/other", "Config": {"Labels": None}, "Mounts": None},
        ]
    )
    assert found == {
        "a": Found("a", ("a-control-plane", "a-worker"), running=False, mark=mark),
        "b": Found("b", ("b-control-plane",), running=True, mark=None),
    }


def test_one_unmarked_node_disowns_a_cluster() -> None:
    """What is not wholly ours is not ours."""
    mark = Mark(DEAD, Stay.RUN, "d")
    assert clusters([node("a", "a-1", mark.path), node("a", "a-2")])["a"].mark is None


@pytest.mark.parametrize(
    ("owner", "stay", "complete", "left"),
    [
        (DEAD, Stay.RUN, True, True),
        (DEAD, Stay.RUN, False, True),
        (DEAD, Stay.KEPT, True, False),
        (DEAD, Stay.KEPT, False, True),
        (ALIVE, Stay.RUN, False, False),
        (ALIVE, Stay.KEPT, False, False),
        (ELSEWHERE, Stay.RUN, False, False),
        (ELSEWHERE, Stay.KEPT, False, False),
    ],
)
def test_only_what_the_dead_left_is_a_leftover(owner: str, stay: Stay, complete: bool, left: bool) -> None:
    """A kept cluster stays when it was finished; what nobody can tell stays, too."""
    found = Found("harness-x", ("n",), running=True, mark=Mark(owner, stay, "d"))
    assert is_leftover(found, lives=LIVES.__getitem__, complete=lambda _: complete) is left


def test_a_name_like_ours_is_no_mark() -> None:
    """A cluster of somebody who likes our names is never touched."""
    found = Found("harness-e72cc3", ("harness-e72cc3-control-plane",), running=True, mark=None)
    assert not is_leftover(found, lives=lambda _: False, complete=lambda _: False)
