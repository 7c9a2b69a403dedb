"""Removes what has lost its owners, and carries out foreground and orphaning deletion (metav1 ownerReferences).

Kinds that are not served here are never taken for missing. Before anything is removed its owners are asked for at the
API: a cached copy may not have seen them yet.
"""

from __future__ import annotations

from harness.embedded.controllers.changes import Change, Collect, Patch, delete
from harness.embedded.controllers.namespace import CONTENT
from harness.embedded.controllers.snapshot import Obj, Snapshot, is_leaving

OWNED = (*(resource for resource in CONTENT if resource != "events"), "ingressclasses.networking.k8s.io")
READS = ("nodes", "namespaces", *OWNED)
RESOURCE_OF = {
    ("v1", "Node"): "nodes",
    ("v1", "Namespace"): "namespaces",
    ("v1", "Pod"): "pods",
    ("v1", "Service"): "services",
    ("v1", "Endpoints"): "endpoints",
    ("v1", "ConfigMap"): "configmaps",
    ("v1", "Secret"): "secrets",
    ("v1", "ServiceAccount"): "serviceaccounts",
    ("apps/v1", "Deployment"): "deployments.apps",
    ("apps/v1", "ReplicaSet"): "replicasets.apps",
    ("apps/v1", "StatefulSet"): "statefulsets.apps",
    ("apps/v1", "DaemonSet"): "daemonsets.apps",
    ("batch/v1", "Job"): "jobs.batch",
    ("discovery.k8s.io/v1", "EndpointSlice"): "endpointslices.discovery.k8s.io",
    ("networking.k8s.io/v1", "Ingress"): "ingresses.networking.k8s.io",
    ("networking.k8s.io/v1", "NetworkPolicy"): "networkpolicies.networking.k8s.io",
    ("coordination.k8s.io/v1", "Lease"): "leases.coordination.k8s.io",
}
CLUSTER_SCOPED = ("nodes", "namespaces")
FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"

Owners = tuple[tuple[str, str, str, str], ...]
"""Resource, namespace, name and uid of each owner."""


def reconcile(snapshot: Snapshot) -> list[Change]:
    """What has to go, and which deletions may complete."""
    uids = {str(o["metadata"]["uid"]) for resource in READS for o in snapshot.all(resource)}
    changes: list[Change] = []
    for resource in OWNED:
        for item in snapshot.all(resource):
            if item["metadata"].get("ownerReferences") and not is_leaving(item):
                changes += _orphaned(resource, item, uids)
    return changes + _deletions(snapshot)


def _orphaned(resource: str, item: Obj, uids: set[str]) -> list[Change]:
    references = item["metadata"]["ownerReferences"]
    if any(r["uid"] in uids for r in references):
        return []
    owners = _owners(item)
    return [Collect(delete(resource, item), owners)] if owners else []


def _owners(item: Obj) -> Owners:
    """Where each owner would be; nothing when one of them is of a kind that is not served here."""
    found = []
    for reference in item["metadata"]["ownerReferences"]:
        resource = RESOURCE_OF.get((reference["apiVersion"], reference["kind"]))
        if resource is None:
            return ()
        namespace = "" if resource in CLUSTER_SCOPED else item["metadata"].get("namespace") or ""
        found.append((resource, namespace, reference["name"], reference["uid"]))
    return tuple(found)


def _deletions(snapshot: Snapshot) -> list[Change]:
    changes: list[Change] = []
    waiting = [
        (resource, item)
        for resource in READS
        for item in snapshot.all(resource)
        if is_leaving(item) and {FOREGROUND, ORPHAN} & set(item["metadata"].get("finalizers") or ())
    ]
    for resource, item in waiting:
        dependents = [(r, d) for r in OWNED for d in snapshot.all(r) if _depends(d, item)]
        if FOREGROUND in item["metadata"]["finalizers"]:
            changes += [delete(r, d) for r, d in dependents if not is_leaving(d)]
            if not any(_blocks(d, item) for _, d in dependents):
                changes.append(_without(resource, item, FOREGROUND))
        else:
            changes += [_released(r, d, item) for r, d in dependents]
            changes += [] if dependents else [_without(resource, item, ORPHAN)]
    return changes


def _depends(item: Obj, owner: Obj) -> bool:
    uid = owner["metadata"]["uid"]
    return any(r["uid"] == uid for r in item["metadata"].get("ownerReferences") or ())


def _blocks(item: Obj, owner: Obj) -> bool:
    uid = owner["metadata"]["uid"]
    return any(r["uid"] == uid and r.get("blockOwnerDeletion") for r in item["metadata"].get("ownerReferences") or ())


def _without(resource: str, item: Obj, finalizer: str) -> Patch:
    meta = item["metadata"]
    rest = [f for f in meta["finalizers"] if f != finalizer]
    return Patch(resource, meta.get("namespace") or "", meta["name"], {"metadata": {"finalizers": rest or None}})


def _released(resource: str, item: Obj, owner: Obj) -> Patch:
    meta = item["metadata"]
    rest = [r for r in meta["ownerReferences"] if r["uid"] != owner["metadata"]["uid"]]
    return Patch(resource, meta.get("namespace") or "", meta["name"], {"metadata": {"ownerReferences": rest or None}})
