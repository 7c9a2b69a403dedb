"""What a node's health check port says of a Service: whether a load balancer should send traffic there.

Source: Service v1 (`healthCheckNodePort`), KEP-1669 (a terminating backend takes no new traffic from balancers).
Only the status is promised of every implementation; body and headers are kube-proxy's.
"""

from __future__ import annotations

from harness.oracle.snapshot import Raw, Snapshot, name_of, namespace_of


def ready_on(snapshot: Snapshot, service: Raw, node: str) -> int:
    """How many backends of a Service are ready on a node. A backend of two families counts once."""
    found: set[str] = set()
    for each in snapshot.slices_of(namespace_of(service), name_of(service)):
        for endpoint in each.get("endpoints") or ():
            ready = (endpoint.get("conditions") or {}).get("ready") is not False
            if ready and endpoint.get("nodeName") == node:
                target = endpoint.get("targetRef") or {}
                found.add(str(target.get("name") or endpoint["addresses"][0]))
    return len(found)


def health_status(snapshot: Snapshot, service: Raw, node: str) -> int | None:
    """The HTTP status at a node's health check port; None when the Service has no such port."""
    spec = service["spec"]
    wanted = (spec.get("type"), spec.get("externalTrafficPolicy")) == ("LoadBalancer", "Local")
    if not wanted or not spec.get("healthCheckNodePort"):
        return None
    return 200 if ready_on(snapshot, service, node) else 503
