"""Services that become something else: types, affinity, protocols and node ports that change while they are dialled.

Several change at once, each on its own, so that one wait serves all. Source: Service v1 (core); catalogue groups 1.2.1,
1.2.3 and 1.2.10.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harness.suite import (
    Arena,
    Check,
    ClusterFacts,
    Dial,
    Family,
    Filled,
    Findings,
    Question,
    Reply,
    Via,
    field_findings,
    name_findings,
    requirement,
    service,
    services_findings,
    zone_snapshot,
)
from suites.services.by_hand import DATAGRAM, HTTP, delivered
from suites.services.dialled import made_ports, nobody_answers

CLIENTS = ("y/a", "y/b")
ALL = {"app": "agent"}
BACKENDS = ("x/a", "x/b", "x/c")


def at_address(family: Family, *, protocol: str = "TCP", clients: Iterable[str] = CLIENTS) -> list[Dial]:
    """At the ClusterIP."""
    return [Dial(client, protocol=protocol, family=family, answered=True) for client in clients]


def at_nodes(cluster: ClusterFacts, *, port: int = 80) -> list[Dial]:
    """At the node port of a port, on each sampled node."""
    family = cluster.families[0]
    return [
        Dial("y/b", via=Via.NODE_PORT, entry=node, port=port, family=family, answered=True) for node in cluster.sample
    ]


def _closed(arena: Arena, targets: list[tuple[str, int]]) -> Findings:
    """None of the former backends answers at addresses that were given up."""
    return nobody_answers(arena, targets, clients=["y/b"], former={arena.pods[ref].full for ref in BACKENDS})


@requirement("SVC-260", "SVC-261", "SVC-262", "SVC-263")
def test_external_names(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """An ExternalName becomes a ClusterIP or NodePort Service that serves, and again a name without address or port."""
    family = cluster.families[0]
    alias = {"type": "ExternalName", "externalName": "target.example.test"}
    served: dict[str, dict[str, Any]] = {
        "one": {"selector": ALL, "ports": [HTTP], "ipFamilies": [str(family)]},
        "two": {"type": "NodePort", "selector": ALL, "ports": [HTTP], "ipFamilies": [str(family)]},
    }
    arena.apply(*(service(name, alias) for name in served))
    made = arena.apply(*(service(name, spec) for name, spec in served.items()))
    delivered(arena, check, "names serve", {"one": at_address(family), "two": at_nodes(cluster)})
    former = [(str(each["spec"]["clusterIP"]), 80) for each in made]
    former += [(cluster.node_address(node, family), made_ports(made[1])[0]) for node in cluster.sample]
    space = arena.namespace("x")
    again = arena.apply(*(service(name, alias) for name in served))
    nothing = {"spec.clusterIP": Filled.NO, "spec.ports.0.nodePort": Filled.NO}
    check.now(Findings.joined(field_findings(str(each["metadata"]["name"]), Reply(each), nothing) for each in again))
    questions = [Question(f"{name}.{space}.svc.{cluster.zone}.", "CNAME") for name in served]

    def look() -> Findings:
        objects = zone_snapshot(arena, "x")
        named = name_findings(arena, cluster, questions, client="y/b", snapshot=objects, present=True)
        return Findings.joined([named, _closed(arena, former)])

    check.eventually("Services are names", look, within=check.waits.dns_program)


@requirement("SVC-015", "SVC-172", "SVC-265")
def test_front_ends_move(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A protocol taken away leaves the other one; a node port that moves, or is given up, closes where it was."""
    family = cluster.families[0]
    spec = {"selector": ALL, "ipFamilies": [str(family)]}
    node_port = {**spec, "type": "NodePort"}
    made = arena.apply(
        service("without-udp", {**spec, "ports": [HTTP, DATAGRAM]}),
        service("without-tcp", {**spec, "ports": [HTTP, DATAGRAM]}),
        service("moved", {**node_port, "ports": [HTTP]}),
        service("inward", {**node_port, "ports": [HTTP]}),
    )
    tcp, udp = at_address(family), at_address(family, protocol="UDP")
    both = [*tcp, *udp]
    nodes = at_nodes(cluster)
    before = {"without-udp": both, "without-tcp": both, "moved": nodes, "inward": nodes}
    delivered(arena, check, "as they were", before)
    former = [(cluster.node_address(node, family), made_ports(each)[0]) for each in made[2:] for node in cluster.sample]
    changed = arena.apply(
        service("without-udp", {**spec, "ports": [HTTP]}),
        service("without-tcp", {**spec, "ports": [DATAGRAM]}),
        # A port of another name and number is another port, and is given a node port of its own.
        service("moved", {**node_port, "ports": [{"name": "renamed", "port": 81, "targetPort": 80}]}),
        service("inward", {**spec, "type": "ClusterIP", "ports": [HTTP]}),
    )
    check.now(field_findings("inward", Reply(changed[3]), {"spec.ports.0.nodePort": Filled.NO}))
    gone_udp = Dial("y/a", protocol="UDP", family=family, answered=False, refusal=False)
    gone_tcp = Dial("y/a", family=family, answered=False, refusal=False)
    after = {
        "without-udp": [*tcp, gone_udp],
        "without-tcp": [*udp, gone_tcp],
        "moved": at_nodes(cluster, port=81),
        "inward": tcp,
    }

    def look() -> Findings:
        return Findings.joined([services_findings(arena, after), _closed(arena, former)])

    check.eventually("as they are now", look, within=check.waits.service_program)


@requirement("SVC-073", "SVC-074", "SVC-075")
def test_affinity_is_switched(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Affinity that is switched on keeps clients, at the ClusterIP and at node ports; switched off, it spreads them."""
    family = cluster.families[0]
    spec = {"type": "NodePort", "selector": ALL, "ports": [HTTP], "ipFamilies": [str(family)]}
    several = [*at_address(family), *at_nodes(cluster)]
    for affinity, what in (("None", "spread"), ("ClientIP", "kept"), ("None", "spread again")):
        arena.apply(service("svc", {**spec, "sessionAffinity": affinity}))
        delivered(arena, check, what, {"svc": several})
