"""Planted faults of the endpoint controllers: every place where they may be broken on purpose, and how.

Ids are those of the catalogue of Service faults. Each function is asked at the one spot it concerns.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.embedded.api.faults import active
from harness.embedded.controllers.selectors import has_all
from harness.embedded.controllers.snapshot import Obj, Snapshot

RESOURCE = "faults.faults.harness.dev"


def is_active(snapshot: Snapshot, fault: str, namespace: str) -> bool:
    """Whether the fault is planted for this namespace."""
    return active(snapshot.all(RESOURCE), fault, namespace=namespace) is not None


def terminating_pods_vanish(snapshot: Snapshot, pod: Obj) -> bool:
    """services/F35: terminating pods leave the endpoints at once, so nothing is left to fall back to."""
    return is_active(snapshot, "services/F35", pod["metadata"]["namespace"])


def ended_pods_count(snapshot: Snapshot, pod: Obj) -> bool:
    """services/F38: pods that have ended stay published."""
    return is_active(snapshot, "services/F38", pod["metadata"]["namespace"])


def lost_slices_stay_lost(snapshot: Snapshot, namespace: str) -> Obj | None:
    """services/F60: a slice that somebody deleted is not made again; with `edits`, nor is one that was edited."""
    return active(snapshot.all(RESOURCE), "services/F60", namespace=namespace)


def unready_pods_wait(snapshot: Snapshot, service: Obj) -> bool:
    """services/F99 (ours): publishNotReadyAddresses is not read."""
    return is_active(snapshot, "services/F99", service["metadata"]["namespace"])


def slices_are_silent(snapshot: Snapshot, namespace: str) -> bool:
    """services/F95 (ours): slices do not say when what brought them about was."""
    return is_active(snapshot, "services/F95", namespace)


def labels_are_left_out(snapshot: Snapshot, namespace: str) -> bool:
    """services/F96 (ours): slices have no labels but those by which they are found."""
    return is_active(snapshot, "services/F96", namespace)


def external_name_selects(snapshot: Snapshot, service: Obj) -> bool:
    """services/F63: a selector on an ExternalName Service produces endpoints."""
    return is_active(snapshot, "services/F63", service["metadata"]["namespace"])


def first_pod_names_the_port(snapshot: Snapshot, namespace: str) -> bool:
    """services/F70: a named target port is looked up in the first pod only, for all of them."""
    return is_active(snapshot, "services/F70", namespace)


def vanished_node_blocks(snapshot: Snapshot, service: Obj) -> bool:
    """services/F61: one selected pod on a node that does not exist keeps all slices of its Service as they are."""
    namespace = service["metadata"]["namespace"]
    if not is_active(snapshot, "services/F61", namespace):
        return False
    selected = service["spec"].get("selector") or {}
    pods = (p for p in snapshot.in_namespace("pods", namespace) if has_all(selected, p["metadata"].get("labels") or {}))
    names = {str(pod["spec"].get("nodeName") or "") for pod in pods} - {""}
    return any(snapshot.get("nodes", name) is None for name in names)


def mirror_is_stuck(snapshot: Snapshot, namespace: str) -> bool:
    """services/F59 of the mirroring controller: slices stay as they were when it began, and no new ones come."""
    return is_active(snapshot, "services/F59", namespace)


def new_services_wait(snapshot: Snapshot, namespace: str) -> bool:
    """services/F87 (ours): Services that have no slice yet get none."""
    return is_active(snapshot, "services/F87", namespace)


def former_servers_stay(snapshot: Snapshot, namespace: str) -> bool:
    """services/F97 (ours): an API server that is no more stays in the slice of its Service."""
    return is_active(snapshot, "services/F97", namespace)


def hints_are_left_out(snapshot: Snapshot, service: Obj) -> bool:
    """services/F85 (ours): trafficDistribution is ignored, and endpoints get no hints."""
    return is_active(snapshot, "services/F85", service["metadata"]["namespace"])


@dataclass
class StaleView:
    """services/F59: while planted, the endpoint controllers go on seeing the pods as they were when it began."""

    _frozen: dict[str, list[Obj]] = field(default_factory=dict)

    def apply(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot as a controller with a stuck cache sees it."""
        namespaces = {namespace["metadata"]["name"] for namespace in snapshot.all("namespaces")}
        stuck = {name for name in namespaces if is_active(snapshot, "services/F59", name)}
        for name in self._frozen.keys() - stuck:
            del self._frozen[name]
        if not stuck:
            return snapshot
        for name in stuck - self._frozen.keys():
            self._frozen[name] = list(snapshot.in_namespace("pods", name))
        fresh = [pod for pod in snapshot.all("pods") if pod["metadata"]["namespace"] not in stuck]
        old = [pod for name in sorted(stuck) for pod in self._frozen[name]]
        return Snapshot(dict(snapshot.objects) | {"pods": [*fresh, *old]}, now=snapshot.now)
