"""Empties namespaces that are being deleted, says what is left, and lets them go (core/v1 Namespace, "finalization").

Pods end gracefully like any deleted pod; the namespace waits for them. The last look before letting go is taken at the
API itself and not at a cached copy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from harness.effects.clock import rfc3339
from harness.embedded.controllers.changes import Change, Finalize, delete, patch_status
from harness.embedded.controllers.snapshot import Obj, Snapshot, is_leaving

CONTENT = (
    "pods",
    "jobs.batch",
    "statefulsets.apps",
    "daemonsets.apps",
    "deployments.apps",
    "replicasets.apps",
    "services",
    "endpoints",
    "endpointslices.discovery.k8s.io",
    "ingresses.networking.k8s.io",
    "networkpolicies.networking.k8s.io",
    "configmaps",
    "secrets",
    "serviceaccounts",
    "leases.coordination.k8s.io",
    "events",
)
"""Everything that can be in a namespace; owners before what they own, so that nothing is made again."""

READS = ("namespaces", *CONTENT)
FINALIZER = "kubernetes"


def reconcile(snapshot: Snapshot) -> list[Change]:
    """Deletions, conditions and, where nothing is left, the end."""
    changes: list[Change] = []
    for namespace in snapshot.all("namespaces"):
        if is_leaving(namespace):
            changes += _empty(namespace, snapshot)
    return changes


def _empty(namespace: Obj, snapshot: Snapshot) -> list[Change]:
    name = namespace["metadata"]["name"]
    left = {resource: snapshot.in_namespace(resource, name) for resource in CONTENT}
    changes: list[Change] = [delete(r, item) for r, items in left.items() for item in items if not is_leaving(item)]
    remaining = {resource: items for resource, items in left.items() if items}
    changes += _conditions(namespace, remaining, snapshot.now)
    if not remaining and FINALIZER in (namespace.get("spec") or {}).get("finalizers", ()):
        changes.append(Finalize(name, CONTENT))
    return changes


def _conditions(namespace: Obj, remaining: Mapping[str, Sequence[Obj]], now: float) -> list[Change]:
    wanted = [
        _condition("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered"),
        _condition(
            "NamespaceDeletionGroupVersionParsingFailure",
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed",
        ),
        _condition(
            "NamespaceDeletionContentFailure",
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization",
        ),
        _content_remaining(remaining),
        _finalizers_remaining(remaining),
    ]
    before = {c["type"]: c for c in (namespace.get("status") or {}).get("conditions") or ()}
    if all(_same(before.get(c["type"]), c) for c in wanted):
        return []
    stamped = [before[c["type"]] if _same(before.get(c["type"]), c) else c | _since(before, c, now) for c in wanted]
    return [patch_status("namespaces", namespace, {"phase": "Terminating", "conditions": stamped})]


def _condition(kind: str, reason: str, message: str, *, status: str = "False") -> Obj:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def _content_remaining(remaining: Mapping[str, Sequence[Obj]]) -> Obj:
    kind = "NamespaceContentRemaining"
    if not remaining:
        return _condition(kind, "ContentRemoved", "All content successfully removed")
    counts = ", ".join(f"{_dotted(r)} has {len(items)} resource instances" for r, items in sorted(remaining.items()))
    return _condition(kind, "SomeResourcesRemain", f"Some resources are remaining: {counts}", status="True")


def _finalizers_remaining(remaining: Mapping[str, Sequence[Obj]]) -> Obj:
    kind = "NamespaceFinalizersRemaining"
    every = (f for items in remaining.values() for item in items for f in item["metadata"].get("finalizers") or ())
    counts = ", ".join(f"{finalizer} in {n} resource instances" for finalizer, n in sorted(Counter(every).items()))
    if not counts:
        return _condition(kind, "ContentHasNoFinalizers", "All content-preserving finalizers finished")
    message = f"Some content in the namespace has finalizers remaining: {counts}"
    return _condition(kind, "SomeFinalizersRemain", message, status="True")


def _dotted(resource: str) -> str:
    """Core resources end in a dot in these messages: `pods.` is the plural and an empty group."""
    return resource if "." in resource else f"{resource}."


def _same(old: Obj | None, new: Obj) -> bool:
    return old is not None and all(old.get(field) == new[field] for field in ("status", "reason", "message"))


def _since(before: dict[str, Obj], condition: Obj, now: float) -> Obj:
    old = before.get(condition["type"])
    kept = old and old["status"] == condition["status"]
    return {"lastTransitionTime": old["lastTransitionTime"] if old and kept else rfc3339(now)}
