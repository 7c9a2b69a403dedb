"""Keeps as many pods as a ReplicaSet wants (apps/v1).

Pods of the set are those whose controller it is; strays that match its selector are not adopted.
"""

from __future__ import annotations

from datetime import datetime

from harness.embedded.controllers.backends import has_ended, is_ready, ready_since
from harness.embedded.controllers.changes import Change, Create, delete, patch_status
from harness.embedded.controllers.snapshot import Obj, Snapshot, controlled_by, is_leaving

READS = ("replicasets.apps", "pods")
RESOURCE = "replicasets.apps"


def reconcile(snapshot: Snapshot) -> list[Change]:
    """Pods to make and to remove, and the counts to report."""
    changes: list[Change] = []
    for item in snapshot.all(RESOURCE):
        pods = [p for p in snapshot.owned_by("pods", item["metadata"]["uid"]) if not is_leaving(p) and not has_ended(p)]
        if not is_leaving(item):
            changes += _scale(item, pods)
        changes += _report(item, pods, snapshot.now)
    return changes


def _scale(item: Obj, pods: list[Obj]) -> list[Change]:
    missing = int(item["spec"].get("replicas", 1)) - len(pods)
    if missing > 0:
        return [Create("pods", _pod(item)) for _ in range(missing)]
    return [delete("pods", pod) for pod in sorted(pods, key=_dispensable)[:-missing]] if missing else []


def _pod(item: Obj) -> Obj:
    meta = item["metadata"]
    template = item["spec"]["template"]
    own = template.get("metadata") or {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": f"{meta['name']}-",
            "namespace": meta["namespace"],
            "labels": dict(own.get("labels") or {}),
            "annotations": dict(own.get("annotations") or {}),
            "ownerReferences": controlled_by(item, kind="ReplicaSet", api_version="apps/v1"),
        },
        "spec": template["spec"],
    }


def _dispensable(pod: Obj) -> tuple[bool, bool, bool, str]:
    """Sorted first: without a node, not running, not ready; then the youngest."""
    running = (pod.get("status") or {}).get("phase") == "Running"
    age = pod["metadata"].get("creationTimestamp") or ""
    inverse = "".join(chr(255 - ord(c)) for c in age)
    return bool(pod["spec"].get("nodeName")), running, is_ready(pod), inverse


def is_available(pod: Obj, *, min_ready: int, now: float) -> bool:
    """Whether the pod has been ready for `minReadySeconds`."""
    if not is_ready(pod):
        return False
    if not min_ready:
        return True
    since = ready_since(pod)
    return bool(since) and now - datetime.fromisoformat(since).timestamp() >= min_ready


def _report(item: Obj, pods: list[Obj], now: float) -> list[Change]:
    spec = item["spec"]
    labels = (spec["template"].get("metadata") or {}).get("labels") or {}
    min_ready = int(spec.get("minReadySeconds") or 0)
    status = {
        "replicas": len(pods),
        "fullyLabeledReplicas": sum(labels.items() <= (p["metadata"].get("labels") or {}).items() for p in pods),
        "readyReplicas": sum(is_ready(p) for p in pods),
        "availableReplicas": sum(is_available(p, min_ready=min_ready, now=now) for p in pods),
        "observedGeneration": item["metadata"].get("generation", 0),
    }
    old = item.get("status") or {}
    if all((old.get(name) or 0) == value for name, value in status.items()):
        return []
    return [patch_status(RESOURCE, item, zero_as_absent(status, keep=("replicas", "observedGeneration")))]


def zero_as_absent(status: dict[str, int], *, keep: tuple[str, ...]) -> dict[str, int | None]:
    """Counts as the API shows them: zero is left out, which in a merge patch is null."""
    return {name: value if value or name in keep else None for name, value in status.items()}
