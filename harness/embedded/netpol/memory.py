"""What an agent with certain faults remembers: labels and selectors as it first saw them. Without faults, nothing.

Three planted faults are about time, not about verdicts. The compiler stays pure; it is given what such an agent
believes. When a fault ends the agent sees things as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from harness.embedded.netpol import faults
from harness.embedded.netpol.faults import Broken
from harness.embedded.netpol.model import Object


class Memory:
    """Of one node's agent. Keyed by uid: a successor under the same name is somebody new."""

    def __init__(self) -> None:
        self._pod_labels: dict[str, Any] = {}
        self._namespace_labels: dict[str, Any] = {}
        self._selectors: dict[str, Any] = {}

    def pods(self, objects: Iterable[Object], broken: Broken) -> tuple[Object, ...]:
        """Pods, with the labels the agent takes them to have (policy/61)."""
        believed, self._pod_labels = _labels_frozen(
            objects, self._pod_labels, lambda pod: broken.here(faults.POD_LABELS_FROZEN, pod["metadata"]["namespace"])
        )
        return believed

    def namespaces(self, objects: Iterable[Object], broken: Broken) -> tuple[Object, ...]:
        """Namespaces, with the labels the agent takes them to have (policy/60)."""
        believed, self._namespace_labels = _labels_frozen(
            objects,
            self._namespace_labels,
            lambda one: broken.here(faults.NAMESPACE_LABELS_FROZEN, one["metadata"]["name"]),
        )
        return believed

    def policies(self, objects: Iterable[Object], broken: Broken) -> tuple[Object, ...]:
        """Policies, with the podSelector the agent takes them to have (policy/62)."""
        believed = []
        selectors: dict[str, Any] = {}
        for one in objects:
            uid = one["metadata"].get("uid", "")
            current = one["spec"].get("podSelector")
            frozen = broken.here(faults.SELECTOR_FROZEN, one["metadata"]["namespace"])
            selectors[uid] = self._selectors.get(uid, current) if frozen else current
            believed.append({**one, "spec": {**one["spec"], "podSelector": selectors[uid]}} if frozen else one)
        self._selectors = selectors
        return tuple(believed)


def _labels_frozen(
    objects: Iterable[Object], known: dict[str, Any], is_frozen: Callable[[Object], bool]
) -> tuple[tuple[Object, ...], dict[str, Any]]:
    believed = []
    labels: dict[str, Any] = {}
    for one in objects:
        uid = one["metadata"].get("uid", "")
        current = one["metadata"].get("labels")
        frozen = is_frozen(one)
        labels[uid] = known.get(uid, current) if frozen else current
        believed.append({**one, "metadata": {**one["metadata"], "labels": labels[uid]}} if frozen else one)
    return tuple(believed), labels
