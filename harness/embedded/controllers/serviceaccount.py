"""What every namespace gets: the ServiceAccount `default` and the ConfigMap `kube-root-ca.crt`.

Two controllers of kube-controller-manager in one function; both make again what was deleted, and leave a namespace
that is going away alone.
"""

from __future__ import annotations

from collections.abc import Callable

from harness.embedded.controllers.changes import Change, Create, Patch
from harness.embedded.controllers.snapshot import Obj, Snapshot, is_leaving

READS = ("namespaces", "serviceaccounts", "configmaps")
ROOT_CA = "kube-root-ca.crt"
DESCRIPTION = "The certificate by which pods recognise this cluster's API server."


def reconciler(ca: str) -> Callable[[Snapshot], list[Change]]:
    """The reconcile function that hands out this CA certificate (PEM)."""

    def reconcile(snapshot: Snapshot) -> list[Change]:
        changes: list[Change] = []
        for namespace in snapshot.all("namespaces"):
            if not is_leaving(namespace):
                changes += _account(snapshot, namespace["metadata"]["name"])
                changes += _root_ca(snapshot, namespace["metadata"]["name"], ca)
        return changes

    return reconcile


def _account(snapshot: Snapshot, namespace: str) -> list[Change]:
    if snapshot.get("serviceaccounts", "default", namespace=namespace):
        return []
    account: Obj = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "default", "namespace": namespace},
    }
    return [Create("serviceaccounts", account)]


def _root_ca(snapshot: Snapshot, namespace: str, ca: str) -> list[Change]:
    there = snapshot.get("configmaps", ROOT_CA, namespace=namespace)
    if there is None:
        config: Obj = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": ROOT_CA,
                "namespace": namespace,
                "annotations": {"kubernetes.io/description": DESCRIPTION},
            },
            "data": {"ca.crt": ca},
        }
        return [Create("configmaps", config)]
    if (there.get("data") or {}).get("ca.crt") != ca:
        return [Patch("configmaps", namespace, ROOT_CA, {"data": {"ca.crt": ca}})]
    return []
