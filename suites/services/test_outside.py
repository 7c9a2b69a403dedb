"""Services dialled from a machine that is not in the cluster: NodePorts and load balancers as their users see them.

Source: Service v1 (core); catalogue groups 1.2.7 (NodePort) and 1.2.9 (LoadBalancer). ClusterIPs and pods are promised
to nobody outside, so nothing is judged by them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.suite import (
    Arena,
    ArenaPod,
    Check,
    ClusterFacts,
    Dial,
    Difference,
    Family,
    Findings,
    Payload,
    Symptom,
    Via,
    requirement,
    service,
    services_settle,
    unanswered,
)
from suites.services.dialled import ALL, DATAGRAM, HTTP

OUTSIDE = "outside"
ONE = {"pod": "a"}
ATTEMPTS = 20
LARGE = 1 << 20
"""Bytes of a body that no path with too large packets gets through."""
DUAL = {"ipFamilyPolicy": "PreferDualStack"}
LOCAL = {"externalTrafficPolicy": "Local"}
LB_PATIENCE = 15.0
"""Seconds until a cluster that gives no LoadBalancer address counts as one that has no implementation."""


def at_nodes(
    cluster: ClusterFacts, *, protocol: str = "TCP", nodes: Iterable[str] = (), answered: bool = True
) -> list[Dial]:
    """From outside at the NodePort of port 80 of every node, or of these, in each family of the cluster."""
    ways = [(family, node) for family in cluster.families for node in nodes or cluster.sample]
    return [
        Dial(
            OUTSIDE,
            via=Via.NODE_PORT,
            protocol=protocol,
            family=family,
            entry=node,
            attempts=ATTEMPTS,
            answered=answered,
        )
        for family, node in ways
    ]


def at_balancer(
    families: Iterable[Family], *, port: int = 80, protocol: str = "TCP", answered: bool = True
) -> list[Dial]:
    """From outside at the balancer's address, in each of these families."""
    return [
        Dial(
            OUTSIDE,
            via=Via.LOAD_BALANCER,
            port=port,
            protocol=protocol,
            family=family,
            attempts=ATTEMPTS,
            answered=answered,
        )
        for family in families
    ]


def balanced(arena: Arena, check: Check, cluster: ClusterFacts, name: str, spec: Mapping[str, Any]) -> list[Family]:
    """Apply a LoadBalancer Service, and wait for its addresses; their families."""
    arena.apply(service(name, {"type": "LoadBalancer", **spec}))
    space = arena.namespace("x")
    cluster.await_loadbalancer(name, namespace=space, patience=LB_PATIENCE, timeout=check.waits.loadbalancer_address)
    status = arena.kube.get("services", name, namespace=space)["status"]
    return [Family.of(each["ip"]) for each in status["loadBalancer"]["ingress"] if each.get("ip")]


@requirement("SVC-166", "SVC-174", "SVC-188", needs=("np-x",))
def test_node_ports(arena: Arena, check: Check, cluster: ClusterFacts, outside: ArenaPod) -> None:
    """A NodePort answers outside on every node, over TCP and UDP, with every backend wherever it is."""
    arena.apply(
        service("all", {"type": "NodePort", "selector": ALL, "ports": [HTTP, DATAGRAM], **DUAL}),
        service("one", {"type": "NodePort", "selector": ONE, "ports": [HTTP], **DUAL}),
    )

    everywhere = [*at_nodes(cluster), *at_nodes(cluster, protocol="UDP")]
    services_settle(arena, check, "NodePorts answer outside", {"all": everywhere, "one": at_nodes(cluster)})


@requirement("SVC-176", "SVC-177", "SVC-181", needs=("np-x", "nodes2"))
def test_local_node_ports(arena: Arena, check: Check, cluster: ClusterFacts, outside: ArenaPod) -> None:
    """With externalTrafficPolicy Local only nodes with a backend answer outside, and the backend sees who asked."""
    arena.apply(service("one", {"type": "NodePort", "selector": ONE, "ports": [HTTP], **DUAL}))
    backend = arena.pods["x/a"].node
    others = [name for name in cluster.sample if name != backend]
    local = [*at_nodes(cluster, nodes=[backend]), *at_nodes(cluster, nodes=others, answered=False)]
    for policy, several in (("Local", local), ("Cluster", at_nodes(cluster))):
        arena.patch("services", "one", {"spec": {"externalTrafficPolicy": policy}})
        services_settle(arena, check, f"NodePorts with {policy}", {"one": several})


@requirement("SVC-189", needs=("np-x", "nodes2"))
def test_large_bodies(arena: Arena, check: Check, cluster: ClusterFacts, outside: ArenaPod) -> None:
    """A mebibyte passes both ways between outside and a backend, also when it comes in by another node."""
    (made,) = arena.apply(service("one", {"type": "NodePort", "selector": ONE, "ports": [HTTP], **DUAL}))
    number, target = made["spec"]["ports"][0]["nodePort"], arena.pods["x/a"]

    def look() -> Findings:
        ways = [(name, family) for family in cluster.families for name in cluster.sample]
        told = arena.ask(
            OUTSIDE, *(Payload(cluster.node_address(name, family), number, LARGE) for name, family in ways)
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


@requirement("SVC-221", "SVC-223", "SVC-242", "SVC-249", needs=("lb", "np-x"))
def test_load_balancer(arena: Arena, check: Check, cluster: ClusterFacts, outside: ArenaPod) -> None:
    """A balancer's addresses answer outside, over TCP and UDP on one port, in each family, with every backend."""
    families = balanced(arena, check, cluster, "all", {"selector": ALL, "ports": [HTTP, DATAGRAM], **DUAL})
    several = [*at_balancer(families), *at_balancer(families, protocol="UDP")]
    services_settle(arena, check, "balancer answers outside", {"all": several})


@requirement("SVC-234", needs=("lb", "np-x"))
def test_local_load_balancer(arena: Arena, check: Check, cluster: ClusterFacts, outside: ArenaPod) -> None:
    """With externalTrafficPolicy Local backends behind a balancer see who asked outside."""
    families = balanced(arena, check, cluster, "one", {"selector": ONE, "ports": [HTTP], **LOCAL})
    services_settle(arena, check, "balancer keeps the source", {"one": at_balancer(families)})


@requirement("SVC-225", "SVC-230", "SVC-231", "SVC-232", needs=("lb", "np-x"))
def test_who_a_balancer_turns_away(arena: Arena, check: Check, cluster: ClusterFacts, outside: ArenaPod) -> None:
    """Source ranges keep others out of the balancer's address, and of nothing else; a port given up answers nobody."""
    own, family = outside.address(cluster.families[0]), cluster.families[0]
    everybody = ["0.0.0.0/1", "128.0.0.0/1"] if family is Family.V4 else ["::/1", "8000::/1"]
    nobody = ["255.0.0.0/32"] if family is Family.V4 else ["ff00::/128"]
    single = {"ipFamilyPolicy": "SingleStack", "selector": ALL, "ports": [HTTP]}
    for name in ("walled", "moved"):
        balanced(arena, check, cluster, name, {**single, "loadBalancerSourceRanges": [_alone(own)]})
    both, node = at_balancer([family]), at_nodes(cluster, nodes=cluster.sample[:1])
    services_settle(arena, check, "listed sources pass", {"walled": both, "moved": both})
    arena.patch("services", "walled", {"spec": {"loadBalancerSourceRanges": nobody}})
    before = _front_end(arena, "moved")
    arena.patch("services", "moved", {"spec": {"ports": [{**HTTP, "port": 81}], "loadBalancerSourceRanges": everybody}})
    in_one = [each for each in node if each.family is family]
    turned = [*at_balancer([family], answered=False), *in_one, Dial("y/b", family=family)]
    given_up = [*at_balancer([family], port=81), *at_balancer([family], answered=False)]
    services_settle(arena, check, "others are turned away", {"walled": turned, "moved": given_up})
    if (after := _front_end(arena, "moved")) != before:
        check.now(Findings((Difference("address and nodePort of a Service whose port changed", before, after),)))


def _front_end(arena: Arena, name: str) -> str:
    """A balanced Service's addresses and NodePorts."""
    made = arena.kube.get("services", name, namespace=arena.namespace("x"))
    addresses = [each.get("ip") for each in made["status"]["loadBalancer"]["ingress"]]
    return f"{addresses} {[each.get('nodePort') for each in made['spec']['ports']]}"


def _alone(address: str) -> str:
    return f"{address}/{128 if ':' in address else 32}"
