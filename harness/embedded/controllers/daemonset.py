"""Keeps one pod on every node that takes it (apps/v1 DaemonSet).

A node takes it when node selector, required node affinity and tolerations say so, cordoned and not-ready nodes
included. The scheduler places the pods: each asks for its node by name. Updates remove old pods first, no more than
maxUnavailable at a time.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from harness.embedded.controllers.backends import has_ended, is_ready
from harness.embedded.controllers.changes import Change, Create, delete, patch_status
from harness.embedded.controllers.deployment import template_hash
from harness.embedded.controllers.replicaset import is_available, zero_as_absent
from harness.embedded.controllers.scheduler import tolerated, wanted_node
from harness.embedded.controllers.snapshot import Obj, Snapshot, controlled_by, is_leaving

READS = ("daemonsets.apps", "pods", "nodes")
RESOURCE = "daemonsets.apps"
REVISION = "controller-revision-hash"
NODE_FIELD = "metadata.name"
ALWAYS_TOLERATED = (
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
)
FOR_HOST_NETWORK = ("node.kubernetes.io/network-unavailable", "NoSchedule")

Placed = Mapping[str, Sequence[Obj]]
"""Pods by the node they are on or ask for."""


def reconcile(snapshot: Snapshot) -> list[Change]:
    """Pods to make and to remove, and what to report."""
    changes: list[Change] = []
    for item in snapshot.all(RESOURCE):
        placed: dict[str, list[Obj]] = defaultdict(list)
        for pod in snapshot.owned_by("pods", item["metadata"]["uid"]):
            placed[node_of(pod)].append(pod)
        wanted = [node["metadata"]["name"] for node in snapshot.all("nodes") if _takes(item, node)]
        if not is_leaving(item):
            changes += _progress(item, wanted, placed, snapshot.now)
        changes += _report(item, wanted, placed, snapshot.now)
    return changes


def node_of(pod: Obj) -> str:
    """The node a pod is on, or asks for."""
    if name := pod["spec"].get("nodeName"):
        return str(name)
    affinity: Any = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    terms = (affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms") or ()
    for field in (field for term in terms for field in term.get("matchFields") or ()):
        if field["key"] == NODE_FIELD and field["operator"] == "In":
            return str(field["values"][0])
    return ""


def _takes(item: Obj, node: Obj) -> bool:
    spec = item["spec"]["template"]["spec"]
    if not wanted_node(spec, node) or spec.get("nodeName", node["metadata"]["name"]) != node["metadata"]["name"]:
        return False
    having = {"tolerations": _tolerations(spec)}
    taints = (node.get("spec") or {}).get("taints") or ()
    return all(tolerated(t, having) for t in taints if t["effect"] in ("NoSchedule", "NoExecute"))


def _tolerations(spec: Obj) -> list[Obj]:
    always = (*ALWAYS_TOLERATED, *((FOR_HOST_NETWORK,) if spec.get("hostNetwork") else ()))
    added = [{"key": key, "operator": "Exists", "effect": effect} for key, effect in always]
    own = list(spec.get("tolerations") or ())
    return own + [toleration for toleration in added if toleration not in own]


def _progress(item: Obj, wanted: Sequence[str], placed: Placed, now: float) -> list[Change]:
    changes: list[Change] = []
    for node, pods in placed.items():
        alive = [pod for pod in pods if not has_ended(pod)]
        surplus = alive if node not in wanted else sorted(alive, key=_seniority)[1:]
        ended = [pod for pod in pods if has_ended(pod)]
        changes += [delete("pods", pod) for pod in (*ended, *surplus) if not is_leaving(pod)]
    missing = [node for node in wanted if not placed.get(node)]
    return changes + [Create("pods", _pod(item, node)) for node in missing] or _update(item, wanted, placed, now)


def _seniority(pod: Obj) -> tuple[bool, str, str]:
    """Pods that have a node come first, then the oldest."""
    meta = pod["metadata"]
    return not pod["spec"].get("nodeName"), meta.get("creationTimestamp") or "", meta["name"]


def _update(item: Obj, wanted: Sequence[str], placed: Placed, now: float) -> list[Change]:
    """Old pods go: those that serve nobody at once, the others while few enough nodes are without an available pod."""
    strategy = item["spec"].get("updateStrategy") or {}
    if strategy.get("type") == "OnDelete":
        return []
    most = _share((strategy.get("rollingUpdate") or {}).get("maxUnavailable", 1), len(wanted))
    pods = [pod for node in wanted for pod in placed.get(node, ())]
    down = [pod for pod in pods if not _is_up(item, pod, now)]
    old = [pod for pod in pods if _revision_of(pod) != template_hash(item["spec"]["template"])]
    broken = [pod for pod in old if pod in down]
    healthy = [pod for pod in old if pod not in down][: max(0, most - len(down))]
    return [delete("pods", pod) for pod in (*broken, *healthy) if not is_leaving(pod)]


def _share(value: int | str, of: int) -> int:
    if isinstance(value, str) and value.endswith("%"):
        return max(1, math.ceil(int(value[:-1]) * of / 100))
    return int(value)


def _is_up(item: Obj, pod: Obj, now: float) -> bool:
    min_ready = int(item["spec"].get("minReadySeconds") or 0)
    return not is_leaving(pod) and is_available(pod, min_ready=min_ready, now=now)


def _revision_of(pod: Obj) -> str:
    return str((pod["metadata"].get("labels") or {}).get(REVISION) or "")


def _pod(item: Obj, node: str) -> Obj:
    meta, template = item["metadata"], item["spec"]["template"]
    own, spec = template.get("metadata") or {}, template["spec"]
    here = {"matchFields": [{"key": NODE_FIELD, "operator": "In", "values": [node]}]}
    pinned = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [here]}}
    affinity = {**(spec.get("affinity") or {}), "nodeAffinity": pinned}
    labels = dict(own.get("labels") or {}) | {REVISION: template_hash(template)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": f"{meta['name']}-",
            "namespace": meta["namespace"],
            "labels": labels,
            "annotations": dict(own.get("annotations") or {}),
            "ownerReferences": controlled_by(item, kind="DaemonSet", api_version="apps/v1"),
        },
        "spec": {**spec, "affinity": affinity, "tolerations": _tolerations(spec)},
    }


def _report(item: Obj, wanted: Sequence[str], placed: Placed, now: float) -> list[Change]:
    newest = template_hash(item["spec"]["template"])
    first = [min(pods, key=_seniority) for node in wanted if (pods := placed.get(node))]
    available = sum(_is_up(item, pod, now) for pod in first)
    counts = {
        "desiredNumberScheduled": len(wanted),
        "currentNumberScheduled": len(first),
        "numberMisscheduled": sum(1 for node, pods in placed.items() if pods and node not in wanted),
        "numberReady": sum(is_ready(pod) and not is_leaving(pod) for pod in first),
        "updatedNumberScheduled": sum(_revision_of(pod) == newest for pod in first),
        "numberAvailable": available,
        "numberUnavailable": len(wanted) - available,
        "observedGeneration": item["metadata"].get("generation", 0),
    }
    old = item.get("status") or {}
    if all((old.get(field) or 0) == value for field, value in counts.items()):
        return []
    kept = ("desiredNumberScheduled", "currentNumberScheduled", "numberMisscheduled", "numberReady")
    return [patch_status(RESOURCE, item, zero_as_absent(counts, keep=(*kept, "observedGeneration")))]
