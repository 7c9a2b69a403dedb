"""Services dialled from a machine that is not in the cluster: NodePorts and load balancers as their users see them.

Source: Service v1 (core); catalogue groups 1.2.7 (NodePort) and 1.2.9 (LoadBalancer). ClusterIPs and pods are promised
to nobody outside, so nothing is judged by them.
"""

from __future__ import annotations

from collections.abc import Iterable

from harness.suite import (
    Arena,
    ArenaPod,
    Check,
    ClusterFacts,
    Dial,
    Difference,
    Findings,
    Payload,
    Symptom,
    Via,
    requirement,
    service,
    service_findings,
    unanswered,
)
from suites.services.dialled import ALL, DATAGRAM, HTTP

ONE = {"pod": "a"}
ATTEMPTS = 20
LARGE = 1 << 20
"""Bytes of a body that no path with too large packets gets through."""
DUAL = {"ipFamilyPolicy": "PreferDualStack"}
LOCAL = {"externalTrafficPolicy": "Local"}


def node_ports(
    cluster: ClusterFacts, *, protocol: str = "TCP", nodes: Iterable[str] = (), answered: bool = True
) -> list[Dial]:
    """From outside at port 80 of every node, or of these, in each family of the cluster."""
    way = {"via": Via.NODE_PORT, "protocol": protocol, "attempts": ATTEMPTS, "answered": answered}
    chosen = list(nodes) or cluster.node_names
    return [Dial("outside", family=family, entry=node, **way) for family in cluster.families for node in chosen]


@requirement("SVC-166", "SVC-174", "SVC-188", needs=("np-x",))
def test_node_ports(arena: Arena, check: Check, cluster: ClusterFacts, outside: ArenaPod) -> None:
    """A NodePort answers outside on every node, over TCP and UDP, with every backend wherever it is."""
    arena.apply(
        service("all", {"type": "NodePort", "selector": ALL, "ports": [HTTP, DATAGRAM], **DUAL}),
        service("one", {"type": "NodePort", "selector": ONE, "ports": [HTTP], **DUAL}),
    )

    def look() -> Findings:
        everywhere = [*node_ports(cluster), *node_ports(cluster, protocol="UDP")]
        return Findings.joined(
            [service_findings(arena, "all", everywhere), service_findings(arena, "one", node_ports(cluster))]
        )

    check.eventually("NodePorts answer outside", look, within=check.waits.service_program)


@requirement("SVC-176", "SVC-177", "SVC-181", needs=("np-x", "nodes2"))
def test_local_node_ports(arena: Arena, check: Check, cluster: ClusterFacts, outside: ArenaPod) -> None:
    """With externalTrafficPolicy Local only nodes with a backend answer outside, and the backend sees who asked."""
    arena.apply(service("one", {"type": "NodePort", "selector": ONE, "ports": [HTTP], **DUAL, **LOCAL}))
    backend = arena.pods["x/a"].node
    others = [name for name in cluster.node_names if name != backend]

    def local() -> Findings:
        dials = [*node_ports(cluster, nodes=[backend]), *node_ports(cluster, nodes=others, answered=False)]
        return service_findings(arena, "one", dials)

    check.eventually("Local keeps the source", local, within=check.waits.service_program)
    arena.patch("services", "one", {"spec": {"externalTrafficPolicy": "Cluster"}})
    check.eventually(
        "Cluster answers everywhere",
        lambda: service_findings(arena, "one", node_ports(cluster)),
        within=check.waits.service_program,
    )
    arena.patch("services", "one", {"spec": LOCAL})
    check.eventually("Local again", local, within=check.waits.service_program)


@requirement("SVC-189", needs=("np-x", "nodes2"))
def test_large_bodies(arena: Arena, check: Check, cluster: ClusterFacts, outside: ArenaPod) -> None:
    """A mebibyte passes both ways between outside and a backend, also when it comes in by another node."""
    (made,) = arena.apply(service("one", {"type": "NodePort", "selector": ONE, "ports": [HTTP], **DUAL}))
    number, target = made["spec"]["ports"][0]["nodePort"], arena.pods["x/a"]

    def look() -> Findings:
        ways = [(name, family) for family in cluster.families for name in cluster.node_names]
        told = arena.ask(
            "outside", *(Payload(cluster.node_address(name, family), number, LARGE) for name, family in ways)
        )
        found: list[Difference] = []
        for (name, family), result in zip(ways, told, strict=True):
            what = f"outside ⇄ {name} ⇄ x/a, {family}, 1 MiB"
            found += unanswered(what, result, by=target.full)
            counts = tuple(result.details.get(each) for each in ("took", "received"))
            if result.answer is not None and (counts != (LARGE, LARGE) or result.details.get("unharmed") is not True):
                found.append(Difference(what, "all of it, unharmed", f"arrived, back: {counts}"))
        return Findings(tuple(found), frozenset({Symptom.POD_ADDRESS_FAILS} if found else ()))

    check.eventually("large bodies pass", look, within=check.waits.service_program)
