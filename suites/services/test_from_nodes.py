"""Services dialled by nodes: clients in the network of their node, at ClusterIPs and node ports, under both policies.

Source: Service v1 (core), KEP-2086 (internalTrafficPolicy), KEP-1669; catalogue groups 1.2.1, 1.2.4, 1.2.6 and 1.2.7.
"""

from __future__ import annotations

from harness.suite import (
    Arena,
    Check,
    ClusterFacts,
    Dial,
    Family,
    PodShape,
    Via,
    requirement,
    service,
)
from suites.services.by_hand import HTTP, LEAVING, delivered, endpoint, slice_of

ALL, ONE = {"app": "agent"}, {"pod": "a"}
LOCAL_IN, LOCAL_OUT = {"internalTrafficPolicy": "Local"}, {"externalTrafficPolicy": "Local"}


def on_nodes(arena: Arena, cluster: ClusterFacts) -> list[str]:
    """A client in the network of each sampled node, in their order. They serve nothing: ports are the nodes' own."""
    several = {
        f"h/n{place}": PodShape(ports=(), host_network=True, node=node) for place, node in enumerate(cluster.sample)
    }
    arena.start(several)
    return list(several)


def at_node(client: str, node: str, family: Family, *, answered: bool = True) -> Dial:
    """A node at a node port of a node."""
    return Dial(client, via=Via.NODE_PORT, entry=node, family=family, answered=answered)


@requirement("SVC-004", "SVC-082", "SVC-092", "SVC-151", "SVC-164", "SVC-175", needs=("hostnet", "nodes2"))
def test_nodes_reach_services(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Nodes reach ClusterIPs and node ports; policy Local keeps them to a node's own backends, and their address."""
    family = cluster.families[0]
    clients = on_nodes(arena, cluster)
    spec = {"ports": [HTTP], "ipFamilies": [str(family)]}
    home, other = arena.pods["x/a"].node, arena.pods["x/b"].node
    here = [endpoint(arena, ref, family) for ref in arena.table if arena.pods[ref].node == home]
    arena.apply(
        service("plain", {**spec, "type": "NodePort", "selector": ONE}),
        service("near", {**spec, "selector": ALL, **LOCAL_IN}),
        service("entered", {**spec, "type": "NodePort", "selector": ONE, **LOCAL_OUT}),
        service("sticky", {**spec, "type": "NodePort", "sessionAffinity": "ClientIP", **LOCAL_OUT}),
        service("leaving", {**spec, "type": "NodePort", **LOCAL_OUT}),
        slice_of("sticky", here, family=family),
        slice_of("leaving", [endpoint(arena, "x/a", family, conditions=LEAVING)], family=family),
    )
    dialling = clients[cluster.sample.index(other)]
    wanted = {
        "plain": [
            *(Dial(client, family=family, answered=True) for client in clients),
            *(at_node(client, cluster.sample[place], family) for place, client in enumerate(clients)),
        ],
        "near": [Dial(client, family=family, answered=True) for client in clients],
        "entered": [at_node(dialling, home, family)],
        "sticky": [at_node(dialling, home, family)],
        "leaving": [at_node(dialling, home, family)],
    }
    delivered(arena, check, "nodes served", wanted)
