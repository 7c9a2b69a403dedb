"""Keeps the slice of the API server's own Service as its Endpoints say, as API servers do themselves.

Neither the endpoint controllers nor mirroring touch it: the Service `kubernetes` has no selector, and its Endpoints say
that they are not to be mirrored.
"""

from __future__ import annotations

from harness.embedded.controllers import faults
from harness.embedded.controllers.changes import Change, Update
from harness.embedded.controllers.snapshot import Obj, Snapshot

READS = ("endpoints", "endpointslices.discovery.k8s.io", faults.RESOURCE)
RESOURCE = "endpointslices.discovery.k8s.io"
NAME, NAMESPACE = "kubernetes", "default"
FORMER: Obj = {"addresses": ["192.0.2.80"], "conditions": {"ready": False}}
"""An API server that is no more (TEST-NET-1)."""


def reconcile(snapshot: Snapshot) -> list[Change]:
    """The slice, when it differs."""
    told = snapshot.get("endpoints", NAME, namespace=NAMESPACE)
    item = snapshot.get(RESOURCE, NAME, namespace=NAMESPACE)
    if told is None or item is None:
        return []
    addresses = [each["ip"] for subset in told.get("subsets") or () for each in subset.get("addresses") or ()]
    wanted: list[Obj] = [{"addresses": addresses, "conditions": {"ready": True}}]
    if faults.former_servers_stay(snapshot, NAMESPACE):
        wanted.append(FORMER)
    return [] if item.get("endpoints") == wanted else [Update(RESOURCE, item | {"endpoints": wanted})]
