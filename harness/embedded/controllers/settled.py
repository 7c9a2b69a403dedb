"""Skips namespaces in which nothing has changed since nothing had to be done.

Working out endpoints is the dearest thing controllers do, and most changes in a cluster concern one namespace.
Objects from a cache are replaced, never altered, so comparing them is mostly comparing identities.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harness.embedded.controllers import faults
from harness.embedded.controllers.snapshot import Obj, Snapshot

Inputs = tuple[Any, ...]


class Settled:
    """What each namespace looked like when it was last found in order."""

    def __init__(self, written: str) -> None:
        self._written = written
        """The resource the controller writes: it is mended when somebody else alters it."""
        self._seen: dict[str, Inputs] = {}

    def inputs(self, snapshot: Snapshot, namespace: str) -> Inputs:
        """Everything the endpoints of a namespace follow from, and the endpoints as they are."""
        own = (snapshot.in_namespace(resource, namespace) for resource in ("services", "pods", self._written))
        return (*own, _nodes(snapshot), snapshot.all(faults.RESOURCE))

    def knows(self, namespace: str, inputs: Inputs) -> bool:
        """Whether these very inputs were found in order before."""
        return self._seen.get(namespace) == inputs

    def keep_only(self, namespaces: Iterable[str]) -> None:
        """Forget namespaces that are no more."""
        for gone in self._seen.keys() - set(namespaces):
            del self._seen[gone]

    def note(self, namespace: str, inputs: Inputs, *, in_order: bool) -> None:
        """Remember the outcome of a look."""
        if in_order:
            self._seen[namespace] = inputs
        else:
            self._seen.pop(namespace, None)


def _nodes(snapshot: Snapshot) -> dict[str, Obj]:
    """Of the nodes only names and labels matter; their status changes all the time."""
    return {node["metadata"]["name"]: node["metadata"].get("labels") or {} for node in snapshot.all("nodes")}
