"""Whose a kind cluster is, told by its node containers. Pure.

kind offers no labels for node containers, but mounts: each node of ours mounts /dev/null at a path that nobody reads
and that names the run's process, by machine, number and start. The mark is there from the moment a container exists,
also when everything is killed in the middle, and it goes with the container. What has no mark is not ours, whatever it
is called.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CLUSTER_LABEL = "io.x-k8s.kind.cluster"
"""The label kind itself puts on node containers; its value is the cluster's name."""

BESIDE_LABEL = "harness.dev/beside"
"""Our label on a container beside a cluster's nodes; its value is the cluster's name. Its mark is a mount, too."""

MAKES_LABEL = "harness.dev/makes"
"""Which label, with the cluster's name, the containers carry that such a container makes."""

ROOT = "/harness.dev/cluster-of"
NOTHING = "/dev/null"
"""What is mounted: the path is the message."""


class Stay(enum.StrEnum):
    """How long a cluster is meant to stay."""

    RUN = "run"
    """Until its run ends: with a dead owner it is a leftover."""

    KEPT = "kept"
    """Until somebody removes it: a leftover only when its owner died before it was complete."""


@dataclass(frozen=True)
class Mark:
    """Who made a cluster (`effects.process.identity`), for how long, and from which settings (a digest)."""

    owner: str
    stay: Stay
    settings: str

    @property
    def path(self) -> str:
        """Where a node mounts nothing."""
        return f"{ROOT}/{self.owner}/{self.stay}/{self.settings}"

    @classmethod
    def of(cls, paths: Iterable[str]) -> Mark | None:
        """The mark among a container's mount points; None when it has none."""
        for path in paths:
            parts = path.removeprefix(f"{ROOT}/").split("/")
            if path.startswith(f"{ROOT}/") and len(parts) == 5 and parts[3] in set(Stay):
                return cls("/".join(parts[:3]), Stay(parts[3]), parts[4])
        return None


@dataclass(frozen=True)
class Found:
    """A kind cluster on this machine: its node containers, and whose it is (None: not ours).

    `beside` are marked containers beside its nodes, `makes` the label of what those made. A cluster whose nodes were
    removed by somebody else may have left these alone.
    """

    name: str
    containers: tuple[str, ...]
    running: bool
    mark: Mark | None
    beside: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()


def clusters(inspected: Sequence[Mapping[str, Any]]) -> dict[str, Found]:
    """The clusters behind what `docker inspect` says of their containers; one unmarked container disowns a cluster."""
    nodes: dict[str, list[Mapping[str, Any]]] = {}
    for each in inspected:
        name = _label(each, CLUSTER_LABEL) or _label(each, BESIDE_LABEL)
        if name:
            nodes.setdefault(name, []).append(each)
    return {name: _cluster(name, group) for name, group in nodes.items()}


def _cluster(name: str, group: Sequence[Mapping[str, Any]]) -> Found:
    marks = {Mark.of(mount.get("Destination", "") for mount in each.get("Mounts") or []) for each in group}
    nodes = [each for each in group if _label(each, CLUSTER_LABEL)]
    beside = [each for each in group if not _label(each, CLUSTER_LABEL)]
    running = all((each.get("State") or {}).get("Running") for each in nodes)
    makes = {label for each in beside if (label := _label(each, MAKES_LABEL))}
    mark = marks.pop() if len(marks) == 1 else None
    return Found(name, _names(nodes), running, mark, _names(beside), tuple(sorted(makes)))


def _label(container: Mapping[str, Any], label: str) -> str:
    return str(((container.get("Config") or {}).get("Labels") or {}).get(label) or "")


def _names(containers: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(sorted(str(each["Name"]).removeprefix("/") for each in containers))


def is_leftover(found: Found, *, lives: Callable[[str], bool | None], complete: Callable[[Found], bool]) -> bool:
    """Whether a dead run left this cluster behind. An owner of which nothing is known counts as alive."""
    if found.mark is None or lives(found.mark.owner) is not False:
        return False
    return found.mark.stay is Stay.RUN or not complete(found)
