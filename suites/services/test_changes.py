"""Services that change while they are dialled: selectors, ports, types, policies, deletion.

Source: Service v1 (core).
"""

from __future__ import annotations

from harness.suite import (
    Arena,
    Check,
    ClusterFacts,
    Dial,
    Difference,
    Findings,
    Result,
    Seen,
    Tcp,
    Verdict,
    Via,
    answered_by,
    requirement,
    service,
    service_findings,
)
from suites.services.dialled import ALL, CLIENTS, DATAGRAM, HTTP, dials, made_ports, nobody_answers, settle


@requirement("SVC-019")
def test_selector_moves(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Changing the selector moves all traffic to the newly selected pods."""
    arena.apply(service("svc", {"selector": {"pod": "a"}, "ports": [HTTP]}))
    settle(arena, check, cluster, "before the change")
    arena.apply(service("svc", {"selector": {"pod": "b"}, "ports": [HTTP]}))
    settle(arena, check, cluster, "selector changed")


@requirement("SVC-016")
def test_ports_come_and_go(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A port added to a Service opens beside the old one; a port taken away closes, and the other stays."""
    second = {"name": "second", "port": 8080, "targetPort": 81}
    arena.apply(service("svc", {"selector": ALL, "ports": [HTTP]}))
    settle(arena, check, cluster, "one port", dead=(8080,))
    arena.apply(service("svc", {"selector": ALL, "ports": [HTTP, second]}))
    settle(arena, check, cluster, "port added", ports=(80, 8080))
    arena.apply(service("svc", {"selector": ALL, "ports": [second]}))
    settle(arena, check, cluster, "port taken away", ports=(8080,), dead=(80,))


@requirement("SVC-018")
def test_port_moves(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Changing the number of a Service's port opens the new one and closes the old one."""
    arena.apply(service("svc", {"selector": ALL, "ports": [HTTP]}))
    settle(arena, check, cluster, "before the change")
    arena.apply(service("svc", {"selector": ALL, "ports": [{**HTTP, "port": 81}]}))
    settle(arena, check, cluster, "port moved", ports=(81,), dead=(80,))


@requirement("SVC-017")
def test_target_port_moves(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Changing the targetPort redirects new connections, and none goes to the old one any more."""
    arena.apply(service("svc", {"selector": ALL, "ports": [HTTP]}))
    settle(arena, check, cluster, "before the change")
    arena.apply(service("svc", {"selector": ALL, "ports": [{**HTTP, "targetPort": 81}]}))
    settle(arena, check, cluster, "target port changed")


@requirement("SVC-008")
def test_target_port_defaults(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Without a targetPort the Service's own port is the target, and the API says so."""
    (made,) = arena.apply(service("svc", {"selector": {"pod": "a"}, "ports": [{"port": 81}]}))
    settle(arena, check, cluster, "Service delivers", ports=(81,))
    told = str(made["spec"]["ports"][0].get("targetPort"))
    check.now(Findings((Difference("targetPort", "81", told, "Service v1 defaults"),) if told != "81" else ()))


@requirement("SVC-021", "SVC-030")
def test_two_services_on_the_same_pods(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Services may share pods and port numbers; deleting one closes it and leaves the other alone."""
    made = {
        name: arena.apply(service(name, {"selector": selector, "ports": [HTTP]}))[0]
        for name, selector in (("one", ALL), ("two", {"pod": "b"}))
    }
    settle(arena, check, cluster, "first Service", name="one")
    settle(arena, check, cluster, "second Service", name="two")
    arena.delete("services", "one")
    gone = [(str(made["one"]["spec"]["clusterIP"]), 80)]
    check.eventually("first Service dead", lambda: _dead(arena, gone), within=check.waits.service_program)
    settle(arena, check, cluster, "second Service alone", name="two")


@requirement("SVC-023")
def test_deleted_service_is_dead(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """After a Service is deleted none of its backends answers at its ClusterIP."""
    (made,) = arena.apply(service("svc", {"selector": ALL, "ports": [HTTP]}))
    settle(arena, check, cluster, "before deletion")
    arena.delete("services", "svc")
    gone = [(str(made["spec"]["clusterIP"]), 80)] * 3
    check.eventually("ClusterIP dead", lambda: _dead(arena, gone), within=check.waits.service_program)


def _dead(arena: Arena, targets: list[tuple[str, int]]) -> Findings:
    former = {arena.pods[ref].full for ref in ("x/a", "x/b", "x/c")}
    return nobody_answers(arena, targets, clients=CLIENTS, former=former)


@requirement("SVC-091", needs=("nodes2",))
def test_internal_policy_becomes_local(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """With internalTrafficPolicy Local nobody answers on nodes without backends, where somebody answered before."""
    spec = {"selector": {"pod": "c"}, "ports": [HTTP]}
    arena.apply(service("svc", spec))
    home = arena.pods["x/c"].node
    own = [ref for ref in arena.table if arena.pods[ref].node == home and ref != "x/c"][:2]
    other = [ref for ref in arena.table if arena.pods[ref].node != home][:3]

    def look(*, local: bool) -> Findings:
        family = cluster.families[0]
        several = [Dial(ref, family=family, answered=True) for ref in own]
        several += [Dial(ref, family=family, answered=not local) for ref in other]
        return service_findings(arena, "svc", several)

    check.eventually("answered on every node", lambda: look(local=False), within=check.waits.service_program)
    arena.apply(service("svc", {**spec, "internalTrafficPolicy": "Local"}))
    check.eventually("answered on its own node only", lambda: look(local=True), within=check.waits.service_program)


@requirement("SVC-264")
def test_type_changes(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """ClusterIP to NodePort opens the port and keeps the address."""
    (made,) = arena.apply(service("svc", {"selector": ALL, "ports": [HTTP]}))
    settle(arena, check, cluster, "ClusterIP")
    (changed,) = arena.apply(service("svc", {"type": "NodePort", "selector": ALL, "ports": [HTTP]}))
    several = _at_every_node(cluster, CLIENTS)
    check.eventually("NodePort", lambda: service_findings(arena, "svc", several), within=check.waits.service_program)
    if made["spec"]["clusterIP"] != changed["spec"]["clusterIP"]:
        both = (str(made["spec"]["clusterIP"]), str(changed["spec"]["clusterIP"]))
        check.now(Findings((Difference("clusterIP after the change", both[0], both[1], "immutable"),)))
    settle(arena, check, cluster, "ClusterIP still")


@requirement("SVC-167")
def test_one_node_port_for_two_protocols(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """TCP and UDP of one Service may share the number of their NodePort, and both answer there."""
    (made,) = arena.apply(service("svc", {"type": "NodePort", "selector": ALL, "ports": [HTTP]}))
    (number,) = made_ports(made)
    both = [{**HTTP, "nodePort": number}, {**DATAGRAM, "nodePort": number}]
    arena.apply(service("svc", {"type": "NodePort", "selector": ALL, "ports": both}))
    several = [*_at_every_node(cluster, ["y/b"]), *_at_every_node(cluster, ["y/b"], protocol="UDP")]
    check.eventually("both", lambda: service_findings(arena, "svc", several), within=check.waits.service_program)


@requirement("SVC-160", needs=("nodes2",))
def test_node_port_service_answers_by_every_address(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A NodePort Service answers by its name, by its ClusterIP, and at the address of every node."""
    arena.apply(service("svc", {"type": "NodePort", "selector": ALL, "ports": [HTTP]}))
    backends = {arena.pods[ref].full for ref in ("x/a", "x/b", "x/c")}
    several = [*dials(cluster, 80), *_at_every_node(cluster, ["y/b"])]

    def look() -> Findings:
        by_address = service_findings(arena, "svc", several)
        told = arena.ask("y/b", *[Tcp(f"svc.{arena.namespace('x')}", 80, timeout=2.0)] * len(backends))
        wrong = [
            Difference("y/b → svc by name", "one of its backends", str(result), "SVC-160", _verdict(result))
            for result in told
            if answered_by(result) not in backends
        ]
        return Findings.joined([by_address, Findings(tuple(wrong))])

    check.eventually("every address", look, within=check.waits.service_program)


def _verdict(result: Result) -> Verdict:
    return Verdict.UNKNOWN if result.seen is Seen.UNMEASURED else Verdict.FAIL


def _at_every_node(cluster: ClusterFacts, clients: list[str] | tuple[str, ...], protocol: str = "TCP") -> list[Dial]:
    family = cluster.families[0]
    return [
        Dial(client, via=Via.NODE_PORT, entry=node, family=family, protocol=protocol, answered=True)
        for client in clients
        for node in cluster.sample
    ]
