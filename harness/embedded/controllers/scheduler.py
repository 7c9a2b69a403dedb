"""Gives pods a node. Follows kube-scheduler's filters that a network test can meet, and spreads by count.

Filters: Ready nodes, cordoning, taints, nodeSelector, required node affinity, required pod (anti-)affinity, host ports.
Not here: resources (nodes of the embedded cluster have no weight), preferences, topologySpreadConstraints, preemption.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from harness.effects.clock import rfc3339
from harness.embedded.controllers.changes import Change, Patch, patch_status
from harness.embedded.controllers.selectors import has_all, matches, node_matches
from harness.embedded.controllers.snapshot import Obj, Snapshot, controller_uid, is_leaving

READS = ("pods", "nodes", "namespaces")
UNSCHEDULABLE = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


def reconcile(snapshot: Snapshot) -> list[Change]:
    """Bind every waiting pod that fits somewhere; say of the others why not."""
    pods = [pod for pod in snapshot.all("pods") if not _ended(pod)]
    placed = [pod for pod in pods if pod["spec"].get("nodeName")]
    waiting = sorted((pod for pod in pods if _wants_node(pod)), key=_seniority)
    changes: list[Change] = []
    for pod in waiting:
        refusals: Counter[str] = Counter()
        fits = [node for node in snapshot.all("nodes") if not _refused(pod, node, placed, snapshot, refusals)]
        if not fits:
            changes += _unschedulable(pod, len(snapshot.all("nodes")), refusals, snapshot.now)
            continue
        name = min(fits, key=lambda node: _crowding(pod, node, placed))["metadata"]["name"]
        placed.append(pod | {"spec": pod["spec"] | {"nodeName": name}})
        changes.append(_bind(pod, name))
    return changes


def _bind(pod: Obj, node: str) -> Patch:
    meta = pod["metadata"]
    return Patch("pods", meta["namespace"], meta["name"], {"spec": {"nodeName": node}}, "binding")


def _wants_node(pod: Obj) -> bool:
    spec = pod["spec"]
    mine = (spec.get("schedulerName") or "default-scheduler") == "default-scheduler"
    return mine and not spec.get("nodeName") and not spec.get("schedulingGates") and not is_leaving(pod)


def _ended(pod: Obj) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def _seniority(pod: Obj) -> tuple[str, str, str]:
    meta = pod["metadata"]
    return meta.get("creationTimestamp") or "", meta["namespace"], meta["name"]


def _refused(pod: Obj, node: Obj, placed: Sequence[Obj], snapshot: Snapshot, refusals: Counter[str]) -> bool:
    """Whether the node is out; the reason is counted, in the scheduler's own words."""
    reason = _refusal(pod, node, placed, snapshot)
    refusals[reason] += bool(reason)
    return bool(reason)


def _refusal(pod: Obj, node: Obj, placed: Sequence[Obj], snapshot: Snapshot) -> str:
    spec = pod["spec"]
    if not _is_ready(node):
        return "node(s) were not ready"
    if node.get("spec", {}).get("unschedulable") and not tolerated(UNSCHEDULABLE, spec):
        return "node(s) were unschedulable"
    for taint in node.get("spec", {}).get("taints") or ():
        if taint["effect"] in ("NoSchedule", "NoExecute") and not tolerated(taint, spec):
            return f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value') or ''}}}"
    if not wanted_node(spec, node):
        return "node(s) didn't match Pod's node affinity/selector"
    here = [p for p in placed if p["spec"]["nodeName"] == node["metadata"]["name"]]
    if _ports_taken(pod, here):
        return "node(s) didn't have free ports for the requested pod ports"
    return _neighbours_refuse(pod, node, placed, snapshot)


def _is_ready(node: Obj) -> bool:
    conditions = node.get("status", {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def tolerated(taint: Obj, spec: Obj) -> bool:
    """Whether a pod's wishes put up with a taint."""
    return any(_tolerates(toleration, taint) for toleration in spec.get("tolerations") or ())


def _tolerates(toleration: Obj, taint: Obj) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    if (toleration.get("operator") or "Equal") == "Exists":
        return True
    return bool(toleration.get("key")) and (toleration.get("value") or "") == (taint.get("value") or "")


def wanted_node(spec: Obj, node: Obj) -> bool:
    """Whether a pod's node selector and required node affinity admit a node."""
    if not has_all(spec.get("nodeSelector") or {}, node["metadata"].get("labels") or {}):
        return False
    required = _required(spec, "nodeAffinity")
    return not required or any(node_matches(term, node) for term in required.get("nodeSelectorTerms") or ())


def _required(spec: Obj, kind: str) -> Any:
    affinity = (spec.get("affinity") or {}).get(kind) or {}
    return affinity.get("requiredDuringSchedulingIgnoredDuringExecution")


def _host_ports(pod: Obj) -> set[tuple[str, str, int]]:
    return {
        (port.get("hostIP") or "0.0.0.0", port.get("protocol") or "TCP", port["hostPort"])
        for container in pod["spec"].get("containers") or ()
        for port in container.get("ports") or ()
        if port.get("hostPort")
    }


def _ports_taken(pod: Obj, here: Iterable[Obj]) -> bool:
    wanted = _host_ports(pod)
    taken = {port for other in here for port in _host_ports(other)} if wanted else set()
    anywhere = "0.0.0.0"
    return any(
        (protocol, number) == (p, n) and (ip == i or anywhere in (ip, i))
        for ip, protocol, number in wanted
        for i, p, n in taken
    )


def _neighbours_refuse(pod: Obj, node: Obj, placed: Sequence[Obj], snapshot: Snapshot) -> str:
    for term in _required(pod["spec"], "podAntiAffinity") or ():
        if any(_selected(term, pod, other, snapshot) for other in _in_domain(term, node, placed, snapshot)):
            return "node(s) didn't match pod anti-affinity rules"
    for other in placed:
        for term in _required(other["spec"], "podAntiAffinity") or ():
            if _selected(term, other, pod, snapshot) and other in _in_domain(term, node, placed, snapshot):
                return "node(s) didn't satisfy existing pods anti-affinity rules"
    for term in _required(pod["spec"], "podAffinity") or ():
        friends = [other for other in placed if _selected(term, pod, other, snapshot)]
        first_of_its_kind = not friends and _selected(term, pod, pod, snapshot)
        if not first_of_its_kind and not _in_domain(term, node, friends, snapshot):
            return "node(s) didn't match pod affinity rules"
    return ""


def _in_domain(term: Obj, node: Obj, placed: Iterable[Obj], snapshot: Snapshot) -> list[Obj]:
    """The placed pods whose node shares this node's value of the term's topology key."""
    topology = term["topologyKey"]
    value = (node["metadata"].get("labels") or {}).get(topology)
    domain = {
        other["metadata"]["name"]
        for other in snapshot.all("nodes")
        if value is not None and (other["metadata"].get("labels") or {}).get(topology) == value
    }
    return [pod for pod in placed if pod["spec"]["nodeName"] in domain]


def _selected(term: Obj, owner: Obj, other: Obj, snapshot: Snapshot) -> bool:
    namespace = other["metadata"]["namespace"]
    names = set(term.get("namespaces") or ())
    if "namespaceSelector" in term:
        labels = ((snapshot.get("namespaces", namespace) or {}).get("metadata") or {}).get("labels") or {}
        inside = namespace in names or matches(term["namespaceSelector"], labels)
    else:
        inside = namespace in (names or {owner["metadata"]["namespace"]})
    return inside and matches(term.get("labelSelector"), other["metadata"].get("labels") or {})


def _crowding(pod: Obj, node: Obj, placed: Iterable[Obj]) -> tuple[int, int, str]:
    """Fewest siblings first, then fewest pods: replicas end up on different nodes."""
    name = node["metadata"]["name"]
    here = [other for other in placed if other["spec"]["nodeName"] == name]
    return sum(_siblings(pod, other) for other in here), len(here), name


def _siblings(pod: Obj, other: Obj) -> bool:
    if pod["metadata"]["namespace"] != other["metadata"]["namespace"]:
        return False
    owner = controller_uid(pod)
    if owner:
        return owner == controller_uid(other)
    labels = pod["metadata"].get("labels") or {}
    return bool(labels) and labels == (other["metadata"].get("labels") or {})


def _unschedulable(pod: Obj, nodes: int, refusals: Counter[str], now: float) -> list[Change]:
    told = ", ".join(f"{count} {reason}" for reason, count in sorted(refusals.items()) if count)
    message = f"0/{nodes} nodes are available: {told}." if told else "no nodes available to schedule pods"
    conditions = (pod.get("status") or {}).get("conditions") or []
    before: Obj = next((c for c in conditions if c["type"] == "PodScheduled"), {})
    if (before.get("status"), before.get("message")) == ("False", message):
        return []
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": message,
        "lastProbeTime": None,
        "lastTransitionTime": before.get("lastTransitionTime") or rfc3339(now),
    }
    others = [c for c in conditions if c["type"] != "PodScheduled"]
    return [patch_status("pods", pod, {"phase": "Pending", "conditions": [*others, condition]})]
