"""Keeps the pods of StatefulSets (apps/v1): lasting names, one after the other, newest template from the top down.

OrderedReady: a pod is made when all before it are available, and scaling down takes the highest one by one. Parallel:
all at once, both ways; updates still go one by one. Not here: revisions as objects, so a pod below the partition that
goes away comes back with the present template.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.embedded.controllers.backends import has_ended, is_ready
from harness.embedded.controllers.changes import Change, Create, delete, patch_status
from harness.embedded.controllers.deployment import template_hash
from harness.embedded.controllers.replicaset import is_available, zero_as_absent
from harness.embedded.controllers.snapshot import Obj, Snapshot, controlled_by, is_leaving

READS = ("statefulsets.apps", "pods")
RESOURCE = "statefulsets.apps"
REVISION = "controller-revision-hash"
POD_NAME = "statefulset.kubernetes.io/pod-name"
POD_INDEX = "apps.kubernetes.io/pod-index"


def reconcile(snapshot: Snapshot) -> list[Change]:
    """Pods to make and to remove, and what to report."""
    changes: list[Change] = []
    for item in snapshot.all(RESOURCE):
        pods = _by_ordinal(item, snapshot.owned_by("pods", item["metadata"]["uid"]))
        if not is_leaving(item):
            changes += _progress(item, pods, snapshot.now)
        changes += _report(item, pods, snapshot.now)
    return changes


def _by_ordinal(item: Obj, pods: Sequence[Obj]) -> dict[int, Obj]:
    """The set's pods by the number at the end of their names."""
    prefix = f"{item['metadata']['name']}-"
    found: dict[int, Obj] = {}
    for pod in pods:
        number = str(pod["metadata"]["name"]).removeprefix(prefix)
        if number.isdigit():
            found[int(number)] = pod
    return found


def revision(item: Obj) -> str:
    """The name of the present template."""
    return f"{item['metadata']['name']}-{template_hash(item['spec']['template'])}"


def _wanted(item: Obj) -> range:
    spec = item["spec"]
    start = int((spec.get("ordinals") or {}).get("start") or 0)
    return range(start, start + int(spec.get("replicas", 1)))


def _progress(item: Obj, pods: Mapping[int, Obj], now: float) -> list[Change]:
    """One step: what has ended goes, what is missing comes, then what is too much goes, then old templates go."""
    wanted = _wanted(item)
    ordered = item["spec"].get("podManagementPolicy") != "Parallel"
    changes: list[Change] = []
    for ordinal in wanted:
        pod = pods.get(ordinal)
        if pod is None:
            changes.append(Create("pods", _pod(item, ordinal)))
        elif has_ended(pod) and not is_leaving(pod):
            changes.append(delete("pods", pod))
        if ordered and (changes or not _is_up(item, pod, now)):
            return changes
    surplus = [pods[ordinal] for ordinal in sorted(pods, reverse=True) if ordinal not in wanted]
    if surplus:
        going = [pod for pod in surplus[: 1 if ordered else None] if not is_leaving(pod)]
        return changes + [delete("pods", pod) for pod in going]
    return changes or _update(item, pods, now)


def _is_up(item: Obj, pod: Obj | None, now: float) -> bool:
    """Whether the next one may follow."""
    if pod is None or is_leaving(pod):
        return False
    return is_available(pod, min_ready=int(item["spec"].get("minReadySeconds") or 0), now=now)


def _update(item: Obj, pods: Mapping[int, Obj], now: float) -> list[Change]:
    """The highest pod of an old template goes, once all above it are up."""
    strategy = item["spec"].get("updateStrategy") or {}
    if strategy.get("type") == "OnDelete":
        return []
    partition = int((strategy.get("rollingUpdate") or {}).get("partition") or 0)
    for ordinal in reversed(_wanted(item)):
        pod = pods.get(ordinal)
        if ordinal < partition or pod is None:
            return []
        if _revision_of(pod) != revision(item):
            return [] if is_leaving(pod) else [delete("pods", pod)]
        if not _is_up(item, pod, now):
            return []
    return []


def _revision_of(pod: Obj) -> str:
    return str((pod["metadata"].get("labels") or {}).get(REVISION) or "")


def _pod(item: Obj, ordinal: int) -> Obj:
    meta, template = item["metadata"], item["spec"]["template"]
    own = template.get("metadata") or {}
    name = f"{meta['name']}-{ordinal}"
    given = {REVISION: revision(item), POD_NAME: name, POD_INDEX: str(ordinal)}
    spec = {**template["spec"], "hostname": name}
    if subdomain := item["spec"].get("serviceName"):
        spec["subdomain"] = subdomain
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": meta["namespace"],
            "labels": dict(own.get("labels") or {}) | given,
            "annotations": dict(own.get("annotations") or {}),
            "ownerReferences": controlled_by(item, kind="StatefulSet", api_version="apps/v1"),
        },
        "spec": spec,
    }


def _report(item: Obj, pods: Mapping[int, Obj], now: float) -> list[Change]:
    old = item.get("status") or {}
    newest = revision(item)
    members = [pod for pod in pods.values() if not has_ended(pod)]
    fresh = [pod for pod in members if _revision_of(pod) == newest and not is_leaving(pod)]
    ready = [pod for pod in members if is_ready(pod)]
    min_ready = int(item["spec"].get("minReadySeconds") or 0)
    replicas = len(_wanted(item))
    rolled = len(fresh) == replicas == len(members) and all(pod in ready for pod in fresh)
    current = newest if rolled else str(old.get("currentRevision") or newest)
    counts = {
        "replicas": len(members),
        "readyReplicas": len(ready),
        "availableReplicas": sum(is_available(pod, min_ready=min_ready, now=now) for pod in ready),
        "currentReplicas": sum(_revision_of(pod) == current and not is_leaving(pod) for pod in members),
        "updatedReplicas": len(fresh),
        "observedGeneration": item["metadata"].get("generation", 0),
        "collisionCount": 0,
    }
    names = {"currentRevision": current, "updateRevision": newest}
    if all((old.get(field) or 0) == value for field, value in counts.items()) and names.items() <= old.items():
        return []
    kept = ("replicas", "availableReplicas", "observedGeneration", "collisionCount")
    return [patch_status(RESOURCE, item, {**zero_as_absent(counts, keep=kept), **names})]
