"""What an agent with certain faults remembers: labels and policies as it first saw them. Without faults, nothing.

Some planted faults are about time, not about verdicts. The compiler stays pure; it is given what such an agent
believes. When a fault ends the agent sees things as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from harness.embedded.netpol import faults
from harness.embedded.netpol.faults import Broken
from harness.embedded.netpol.model import Object

FROZEN = {
    faults.SELECTOR_FROZEN: ("podSelector",),
    faults.TYPES_FROZEN: ("policyTypes",),
    faults.RULES_FROZEN: ("ingress", "egress"),
}
"""What of a policy's spec is not looked at again."""


class Memory:
    """Of one node's agent. Keyed by uid: a successor under the same name is somebody new."""

    def __init__(self) -> None:
        self._pod_labels: dict[str, Any] = {}
        self._namespace_labels: dict[str, Any] = {}
        self._specs: dict[str, dict[str, Any]] = {}
        self._kept: dict[tuple[str, str], Object] = {}

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
        """Policies as the agent takes them: with parts of their specs as they were (policy/62, 63, 65), also those
        that were deleted (policy/64).
        """
        believed = []
        specs: dict[str, dict[str, Any]] = {}
        for one in self._with_deleted(objects, broken):
            uid, space = one["metadata"].get("uid", ""), one["metadata"]["namespace"]
            stuck = {key for fault, keys in FROZEN.items() if broken.here(fault, space) for key in keys}
            known = self._specs.get(uid) or one["spec"]
            specs[uid] = {**one["spec"], **{key: known.get(key) for key in stuck}}
            believed.append({**one, "spec": specs[uid]} if stuck else one)
        self._specs = specs
        return tuple(believed)

    def _with_deleted(self, objects: Iterable[Object], broken: Broken) -> list[Object]:
        """What goes is kept only if it was seen while the fault was there: one that went just before is gone."""
        there = {(one["metadata"]["namespace"], one["metadata"]["name"]): one for one in objects}
        gone = {key: one for key, one in self._kept.items() if _uid(there.get(key)) != _uid(one)}
        gone = {key: one for key, one in gone.items() if broken.here(faults.NEVER_DELETED, key[0])}
        believed = there | gone
        self._kept = {key: one for key, one in believed.items() if broken.here(faults.NEVER_DELETED, key[0])}
        return list(believed.values())


def _uid(one: Object | None) -> Any:
    return None if one is None else one["metadata"].get("uid")


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
