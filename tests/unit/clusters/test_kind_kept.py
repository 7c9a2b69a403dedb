"""Kept kind clusters: found by name, removed when asked; nobody else's is touched."""

from __future__ import annotations

import pytest

from harness.clusters.kind import kept, leftovers
from harness.clusters.kind.marks import Mark, Stay
from harness.clusters.provider import ClusterError
from harness.effects import process
from tests.unit.clusters.kind_machine import Machine

DEAD = f"{process.machine()}/999999999/1"


@pytest.fixture
def machine() -> Machine:
    """With a kept cluster, one that is being made, one of a run, and a stranger's."""
    there = Machine()
    there.add("mine", Mark(DEAD, Stay.KEPT, "abc").path)
    there.files.add(("mine-control-plane", leftovers.COMPLETE))
    there.add("half", Mark(process.identity(), Stay.KEPT, "abc").path)
    there.add("run", Mark(process.identity(), Stay.RUN, "abc").path)
    there.add("stranger")
    return there


def test_kept_clusters_are_found_and_removed(machine: Machine) -> None:
    """By name; the others stay."""
    assert kept.names(machine.tools) == ["half", "mine"]
    kept.remove("mine", machine.tools)
    assert machine.clusters == {"half", "run", "stranger"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nobody", "no kind cluster named 'nobody' is kept here; there are: half, mine"),
        ("run", "was not kept by the harness and stays"),
        ("stranger", "was not kept by the harness and stays: kind delete cluster --name stranger"),
        ("half", "is being made"),
    ],
)
def test_what_is_not_a_kept_cluster_stays(machine: Machine, name: str, said: str) -> None:
    """One line that says why and what to do."""
    before = machine.clusters
    with pytest.raises(ClusterError, match=said):
        kept.remove(name, machine.tools)
    assert machine.clusters == before
