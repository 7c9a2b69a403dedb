"""kind clusters of runs that were killed: found by the marks on their node containers, and removed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from harness.clusters.kind.engine import Engine, Kind, Tell, Tools, engine, silent, sweep_scratch
from harness.clusters.kind.marks import Found, clusters, is_leftover
from harness.clusters.provider import ClusterError
from harness.effects import process
from harness.effects.run import RunError

__all__ = ["COMPLETE", "found", "is_complete", "leftovers", "present", "remove", "strangers", "sweep", "sweep_scratch"]

COMPLETE = "/harness.dev/complete"
"""A file in the first node of a kept cluster: everything was installed."""


def present(tools: Tools) -> bool:
    """Whether there is an engine that answers and a kind; without both there are no clusters to look for."""
    try:
        engine(tools).info()
        Kind(tools).version()
    except ClusterError:
        return False
    return True


def found(docker: Engine) -> dict[str, Found]:
    """Every kind cluster of this machine. Raises ClusterError."""
    return clusters(docker.clusters())


def is_complete(docker: Engine, cluster: Found) -> bool:
    """Whether a kept cluster was ever finished. One that is stopped cannot be asked and counts as finished."""
    first = f"{cluster.name}-control-plane"
    if first not in cluster.containers:
        return False
    if not cluster.running:
        return True
    with contextlib.suppress(RunError):
        return docker.execute(first, "test", "-e", COMPLETE, check=False).code == 0
    return True


def leftovers(docker: Engine) -> list[Found]:
    """Clusters that a dead run left behind. Raises ClusterError."""
    return [
        each
        for each in found(docker).values()
        if is_leftover(each, lives=process.lives, complete=lambda cluster: is_complete(docker, cluster))
    ]


def sweep(tools: Tools, *, tell: Tell = silent) -> list[str]:
    """Remove what dead runs left on this machine; the names of the clusters. Raises ClusterError."""
    docker, kind = engine(tools), Kind(tools)
    names = [each.name for each in leftovers(docker)]
    for name in names:
        tell(f"removing kind cluster {name} of a run that was killed")
        remove(docker, kind, name)
    return names


def remove(docker: Engine, kind: Kind, name: str) -> None:
    """Delete a cluster and see it gone; somebody else may delete it at the same time. Raises ClusterError."""
    problem = ""
    for _ in range(3):
        try:
            _remove_beside(docker, name)
            kind.delete(name)
        except RunError as error:
            problem = error.line
        if name not in found(docker):
            return
    raise ClusterError(f"kind cluster {name} cannot be removed: {problem or 'its containers come back'}")


def _remove_beside(docker: Engine, name: str) -> None:
    """End what runs beside the nodes, remove what it made, and then it: it knows what that was. Raises RunError."""
    there = found(docker).get(name)
    if there is None or there.mark is None:
        return
    docker.kill(there.beside)
    for label in there.makes:
        docker.remove(docker.labelled(f"{label}={name}"))
    docker.remove(there.beside)


def strangers(docker: Engine) -> Iterator[str]:
    """Clusters of ours whose owner cannot be asked from here. Raises ClusterError."""
    for each in found(docker).values():
        if each.mark is not None and process.lives(each.mark.owner) is None:
            yield f"{each.name} (made by {each.mark.owner})"
