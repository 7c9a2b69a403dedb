"""Services that are made once and dialled: what they are, from where they are dialled, which requirements that decides.

Backends are arena pods: `pod: c` in x is one pod, `app: agent` all three of x, one per node on a cluster of three.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.suite import Via

ALL = {"app": "agent"}
ONE = {"pod": "c"}
NOBODY = {"pod": "nobody"}
EVERYWHERE = ("z/b", "y/b", "z/c")
"""A client on each of three nodes, none of them a backend: y/b shares a node with x/c, however many nodes there are.

Whether a pod reaches itself through its own Service is asked by the cases of that name, and by no other: what one
network plugin lacks is one finding, not twenty.
"""

HTTP = {"name": "http", "port": 80, "targetPort": 80}
DATAGRAM = {"name": "udp", "port": 80, "protocol": "UDP", "targetPort": 80}


@dataclass(frozen=True, kw_only=True)
class ServiceCase:
    """One Service and the ways it is dialled. `ports` are (port, protocol); every client dials each of them.

    By NodePort every client dials every node.
    """

    name: str
    ids: Sequence[str]
    promise: str
    spec: Mapping[str, Any]
    ports: Sequence[tuple[int, str]] = ((80, "TCP"),)
    dead: Sequence[tuple[int, str]] = ()
    """Ports the Service does not have, dialled as well."""
    clients: Sequence[str] = EVERYWHERE
    every_node: bool = False
    """Whether a pod on each of the other nodes dials as well, also on those that take no ordinary pods."""
    via: Via | Sequence[Via] = Via.CLUSTER_IP
    refuses: bool = False
    """Whether it refuses, which is answered by a limited number of ICMP errors: looks at it are paced."""
    needs: Sequence[str] = ()
    family: str = ""


CASES = (
    ServiceCase(
        name="clusterip/all-backends",
        ids=("SVC-001", "SVC-005", "SVC-040", "SVC-041", "SVC-094"),
        promise="A ClusterIP is answered on every node, by all selected pods and nobody else, who see the client.",
        every_node=True,
        spec={"selector": ALL, "ports": [HTTP]},
    ),
    ServiceCase(
        name="clusterip/udp",
        ids=("SVC-002", "SVC-042", "SVC-043"),
        promise="A UDP Service is answered by all backends, from the address that was asked.",
        spec={"selector": ALL, "ports": [DATAGRAM]},
        ports=((80, "UDP"),),
    ),
    ServiceCase(
        name="clusterip/hairpin",
        ids=("SVC-044", "SVC-046"),
        promise="A pod reaches itself through its own Service, over TCP and UDP.",
        spec={"selector": ONE, "ports": [HTTP, DATAGRAM]},
        ports=((80, "TCP"), (80, "UDP")),
        clients=("x/c",),
    ),
    ServiceCase(
        name="clusterip/hairpin-among-many",
        ids=("SVC-045",),
        promise="A backend that dials its own Service never fails when the choice falls on itself.",
        spec={"selector": ALL, "ports": [HTTP]},
        clients=("x/a", "x/b", "x/c"),
    ),
    ServiceCase(
        name="clusterip/ports",
        ids=("SVC-006", "SVC-007"),
        promise="Each port of a Service leads to its own target port.",
        spec={
            "selector": ALL,
            "ports": [
                {"name": "one", "port": 8080, "targetPort": 80},
                {"name": "two", "port": 8081, "targetPort": 81},
            ],
        },
        ports=((8080, "TCP"), (8081, "TCP")),
    ),
    ServiceCase(
        name="clusterip/named-target",
        ids=("SVC-009",),
        promise="A named targetPort leads to the container port of that name.",
        spec={"selector": ALL, "ports": [{"port": 8000, "targetPort": "serve-81-tcp"}]},
        ports=((8000, "TCP"),),
    ),
    ServiceCase(
        name="clusterip/named-target-differs",
        ids=("SVC-010", "SVC-013"),
        promise="One port name may lead to different numbers on different pods; pods without the name are no backends.",
        spec={"selector": ALL, "ports": [{"port": 8000, "targetPort": "web"}]},
        ports=((8000, "TCP"),),
    ),
    ServiceCase(
        name="clusterip/two-protocols",
        ids=("SVC-014",),
        promise="One port number serves TCP and UDP at once.",
        spec={"selector": ALL, "ports": [HTTP, DATAGRAM]},
        ports=((80, "TCP"), (80, "UDP")),
    ),
    ServiceCase(
        name="clusterip/no-endpoints",
        ids=("SVC-048", "SVC-049"),
        promise="A Service without endpoints refuses, over TCP and UDP.",
        refuses=True,
        spec={"selector": NOBODY, "ports": [HTTP, DATAGRAM]},
        ports=((80, "TCP"), (80, "UDP")),
    ),
    ServiceCase(
        name="clusterip/other-port",
        ids=("SVC-053",),
        promise="A port the Service does not define reaches no backend.",
        spec={"selector": ALL, "ports": [HTTP]},
        dead=((81, "TCP"),),
    ),
    ServiceCase(
        name="affinity/client-ip",
        ids=("SVC-070", "SVC-071"),
        promise="With ClientIP affinity every client keeps its backend, over TCP and UDP.",
        spec={"selector": ALL, "sessionAffinity": "ClientIP", "ports": [HTTP, DATAGRAM]},
        ports=((80, "TCP"), (80, "UDP")),
        clients=("y/a", "y/b", "z/b", "z/c"),
    ),
    ServiceCase(
        name="affinity/none",
        ids=("SVC-072",),
        promise="Without affinity a client's connections are spread over the backends.",
        spec={"selector": ALL, "ports": [HTTP]},
        clients=("y/a",),
    ),
    ServiceCase(
        name="internal-local/own-node",
        ids=("SVC-090",),
        promise="With internalTrafficPolicy Local a pod reaches backends of its own node only.",
        spec={"selector": ALL, "internalTrafficPolicy": "Local", "ports": [HTTP]},
        clients=("y/a", "y/b", "y/c", "z/a", "z/b", "z/c"),
        needs=("nodes2",),
    ),
    ServiceCase(
        name="nodeport/every-backend",
        ids=("SVC-173",),
        promise="A NodePort answers on every node with every backend.",
        spec={"type": "NodePort", "selector": ALL, "ports": [HTTP]},
        via=Via.NODE_PORT,
        needs=("nodes2",),
    ),
    ServiceCase(
        name="nodeport/every-node",
        ids=("SVC-161", "SVC-162", "SVC-163"),
        promise="A NodePort answers also on nodes without a backend, dialled from pods there and elsewhere.",
        spec={"type": "NodePort", "selector": ONE, "ports": [HTTP]},
        via=Via.NODE_PORT,
        needs=("nodes2",),
    ),
    ServiceCase(
        name="nodeport/udp",
        ids=("SVC-165",),
        promise="A UDP NodePort answers on every node.",
        spec={"type": "NodePort", "selector": ALL, "ports": [DATAGRAM]},
        ports=((80, "UDP"),),
        via=Via.NODE_PORT,
    ),
    ServiceCase(
        name="nodeport/no-endpoints",
        ids=("SVC-170",),
        promise="A NodePort without endpoints refuses, over TCP and UDP.",
        refuses=True,
        spec={"type": "NodePort", "selector": NOBODY, "ports": [HTTP, DATAGRAM]},
        ports=((80, "TCP"), (80, "UDP")),
        via=Via.NODE_PORT,
        clients=("y/b",),
    ),
    ServiceCase(
        name="loadbalancer/from-pods",
        ids=("SVC-220", "SVC-222"),
        promise="A LoadBalancer Service gets an address, and pods reach every backend by it.",
        spec={"type": "LoadBalancer", "selector": ALL, "ports": [HTTP]},
        via=Via.LOAD_BALANCER,
        needs=("lb",),
    ),
    ServiceCase(
        name="loadbalancer/clusterip-and-nodeport-too",
        ids=("SVC-224",),
        promise="A LoadBalancer Service serves by its ClusterIP and by its NodePort as well.",
        spec={"type": "LoadBalancer", "selector": ALL, "ports": [HTTP]},
        via=(Via.CLUSTER_IP, Via.NODE_PORT),
        needs=("lb",),
    ),
    ServiceCase(
        name="loadbalancer/no-endpoints",
        ids=("SVC-250",),
        promise="A LoadBalancer address without endpoints refuses pods.",
        refuses=True,
        spec={"type": "LoadBalancer", "selector": NOBODY, "ports": [HTTP]},
        via=Via.LOAD_BALANCER,
        needs=("lb",),
    ),
    ServiceCase(
        name="dual-stack/nodeport",
        ids=("SVC-305",),
        promise="A dual-stack NodePort answers on the nodes' IPv6 addresses.",
        spec={"type": "NodePort", "selector": ALL, "ipFamilyPolicy": "RequireDualStack", "ports": [HTTP]},
        via=Via.NODE_PORT,
        needs=("dual",),
        family="IPv6",
        clients=("y/b",),
    ),
)
