"""Services: who may answer behind an address, seen from where, from which source; from API objects only.

client = pod_client(snapshot, "x", "a")              # or node_client(snapshot, "n1"), outside_client("192.0.2.1")
delivery = deliver(snapshot, service, via=Via.CLUSTER_IP, port=80, client=client, family=Family.V4)
delivery.backends; delivery.failure; delivery.source; delivery.affinity; delivery.undefined
judge_arrivals(delivery, [Arrival(Seen.REACHED, address="10.244.1.5", port=8080, source="10.244.2.3")], complete=True)
"""

from harness.oracle.services.deliver import AFFINITY_TIMEOUT, deliver
from harness.oracle.services.health import health_status
from harness.oracle.services.judge import judge_arrivals
from harness.oracle.services.values import (
    Arrival,
    Backend,
    Client,
    Delivery,
    Failure,
    Source,
    Via,
    Where,
    node_client,
    outside_client,
    pod_client,
)

__all__ = [
    "AFFINITY_TIMEOUT",
    "Arrival",
    "Backend",
    "Client",
    "Delivery",
    "Failure",
    "Source",
    "Via",
    "Where",
    "deliver",
    "health_status",
    "judge_arrivals",
    "node_client",
    "outside_client",
    "pod_client",
]
