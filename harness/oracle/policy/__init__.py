"""NetworkPolicy (networking.k8s.io/v1): what must happen to a flow, from API objects only.

    a, b = pod_end(snapshot, "x", "a"), pod_end(snapshot, "y", "b")
    decision = verdict(snapshot, a, b, port=80, protocol="TCP")     # decision.want: ALLOW, DENY or UNDEFINED
    print("\\n".join(explain(decision)))
    cells = table(snapshot, {"x/a": a, "y/b": b}, lanes=[Lane(80, "TCP")])   # {Cell("x/a", "y/b", Lane): Want}

Through a Service: take the backend that answered (harness.oracle.services) and ask for it and its target port.
"""

from harness.oracle.policy.endpoints import (
    EndKind,
    Endpoint,
    Flow,
    Lane,
    NotAnEndpointError,
    external_end,
    node_end,
    pod_end,
    pods,
)
from harness.oracle.policy.evaluate import Assumptions, Decision, Miss, Side, verdict
from harness.oracle.policy.explain import explain, reason
from harness.oracle.policy.rules import Direction, HostNetwork
from harness.oracle.policy.table import TCP_80_81_UDP_80_81, Cell, denied, table

__all__ = [
    "TCP_80_81_UDP_80_81",
    "Assumptions",
    "Cell",
    "Decision",
    "Direction",
    "EndKind",
    "Endpoint",
    "Flow",
    "HostNetwork",
    "Lane",
    "Miss",
    "NotAnEndpointError",
    "Side",
    "denied",
    "explain",
    "external_end",
    "node_end",
    "pod_end",
    "pods",
    "reason",
    "table",
    "verdict",
]
