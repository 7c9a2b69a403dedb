"""kind clusters that stay: found by name, and removed when somebody asks. Nobody else's cluster is touched."""

from __future__ import annotations

from harness.clusters.kind import leftovers
from harness.clusters.kind.engine import Kind, Tools, engine
from harness.clusters.kind.marks import Stay
from harness.clusters.provider import ClusterError
from harness.effects import process


def names(tools: Tools) -> list[str]:
    """Names of the clusters that the harness keeps on this machine. Raises ClusterError."""
    there = leftovers.found(engine(tools)).values()
    return sorted(each.name for each in there if each.mark is not None and each.mark.stay is Stay.KEPT)


def remove(name: str, tools: Tools) -> None:
    """Remove a kept cluster. Raises ClusterError when there is none of that name, or it is not ours to remove."""
    docker, kind = engine(tools), Kind(tools)
    docker.info()
    kind.version()
    there = leftovers.found(docker).get(name)
    if there is None:
        known = ", ".join(names(tools)) or "none"
        raise ClusterError(f"no kind cluster named {name!r} is kept here; there are: {known}")
    if there.mark is None or there.mark.stay is not Stay.KEPT:
        raise ClusterError(
            f"the kind cluster {name!r} was not kept by the harness and stays: kind delete cluster --name {name}"
        )
    if process.lives(there.mark.owner) is not False and not leftovers.is_complete(docker, there):
        raise ClusterError(f"the kind cluster {name!r} is being made ({there.mark.owner}): end that first, or wait")
    leftovers.remove(docker, kind, name)
