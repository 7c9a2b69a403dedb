"""Services that change while they are dialled: selectors, ports, readiness, endpoints written by hand, deletion.

Source: Service v1 (core), EndpointSlice v1 (discovery.k8s.io), KEP-1672 (terminating endpoints).
"""

from __future__ import annotations

from harness.suite import (
    Arena,
    Check,
    ClusterFacts,
    Dial,
    Difference,
    Findings,
    PodShape,
    Ready,
    Seen,
    Symptom,
    Tcp,
    Verdict,
    Via,
    endpointslice,
    requirement,
    service,
    service_findings,
)

HTTP = {"name": "http", "port": 80, "targetPort": 80}
CLIENTS = ("x/a", "y/b", "z/c")


def settle(arena: Arena, check: Check, cluster: ClusterFacts, what: str, *, name: str = "svc", port: int = 80) -> None:
    """Wait until a Service delivers as its objects now say, from clients on every node."""
    dials = [Dial(client, port=port, family=cluster.families[0]) for client in CLIENTS]
    check.eventually(what, lambda: service_findings(arena, name, dials), within=check.waits.service_program)


@requirement("SVC-019")
def test_selector_moves(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Changing the selector moves all traffic to the newly selected pods."""
    arena.apply(service("svc", {"selector": {"pod": "a"}, "ports": [HTTP]}))
    settle(arena, check, cluster, "before the change")
    arena.apply(service("svc", {"selector": {"pod": "b"}, "ports": [HTTP]}))
    settle(arena, check, cluster, "selector changed")


@requirement("SVC-016", "SVC-018")
def test_port_moves(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Changing a Service's port opens the new one and closes the old one."""
    arena.apply(service("svc", {"selector": {"app": "agent"}, "ports": [HTTP]}))
    settle(arena, check, cluster, "before the change")
    arena.apply(service("svc", {"selector": {"app": "agent"}, "ports": [{**HTTP, "port": 8080}]}))
    settle(arena, check, cluster, "new port", port=8080)
    settle(arena, check, cluster, "old port closed", port=80)


@requirement("SVC-017")
def test_target_port_moves(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Changing the targetPort redirects new connections, and none goes to the old one any more."""
    arena.apply(service("svc", {"selector": {"app": "agent"}, "ports": [HTTP]}))
    settle(arena, check, cluster, "before the change")
    arena.apply(service("svc", {"selector": {"app": "agent"}, "ports": [{**HTTP, "targetPort": 81}]}))
    settle(arena, check, cluster, "target port changed")


@requirement("SVC-021", "SVC-030")
def test_two_services_on_the_same_pods(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Services may share pods and port numbers; deleting one leaves the other alone."""
    for name, selector in (("one", {"app": "agent"}), ("two", {"pod": "b"})):
        arena.apply(service(name, {"selector": selector, "ports": [HTTP]}))
    settle(arena, check, cluster, "first Service", name="one")
    settle(arena, check, cluster, "second Service", name="two")
    arena.delete("services", "one")
    settle(arena, check, cluster, "second Service alone", name="two")


@requirement("SVC-023")
def test_deleted_service_is_dead(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """After a Service is deleted nobody answers at its ClusterIP."""
    (made,) = arena.apply(service("svc", {"selector": {"app": "agent"}, "ports": [HTTP]}))
    settle(arena, check, cluster, "before deletion")
    address = str(made["spec"]["clusterIP"])
    arena.delete("services", "svc")

    def look() -> Findings:
        told = arena.ask_all({client: [Tcp(address, 80)] * 3 for client in CLIENTS})
        found = [
            Difference(
                f"{client} → {address}:80", "nobody answers", str(result), "Service deleted", _verdict(result.seen)
            )
            for client, results in told.items()
            for result in results
            # An answer that does not say who gave it came from outside: unclaimed packets leave by the default route.
            if result.seen is Seen.UNMEASURED or result.answer is not None
        ]
        return Findings(tuple(dict.fromkeys(found)), frozenset({Symptom.WRONG_BACKEND} if found else ()))

    check.eventually("ClusterIP dead", look, within=check.waits.service_program)


def _verdict(seen: Seen) -> Verdict:
    return Verdict.UNKNOWN if seen is Seen.UNMEASURED else Verdict.FAIL


@requirement("SVC-140", "SVC-141")
def test_readiness_is_followed(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A pod gets connections only while it is Ready: it loses them when it turns unready and regains them after."""
    shape = PodShape(labels={"app": "toggled"}, ports=(80,), readiness=True)
    arena.start({"x/d": shape, "x/e": shape})
    arena.apply(service("svc", {"selector": {"app": "toggled"}, "ports": [HTTP]}))
    settle(arena, check, cluster, "both ready")
    arena.ask("x/d", Ready(ready=False))
    check.eventually("unready in the API", lambda: _ready(arena, "x/d", wanted=False), within=20)
    settle(arena, check, cluster, "one unready")
    arena.ask("x/d", Ready(ready=True))
    check.eventually("ready in the API", lambda: _ready(arena, "x/d", wanted=True), within=20)
    settle(arena, check, cluster, "both ready again")


def _ready(arena: Arena, ref: str, *, wanted: bool) -> Findings:
    pod = arena.kube.get("pods", arena.pods[ref].name, namespace=arena.pods[ref].namespace)
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"]["conditions"])
    if ready is wanted:
        return Findings()
    return Findings((Difference(f"pod {ref} Ready", str(wanted), str(ready), "kubelet"),))


@requirement("SVC-147", "EPS-008")
def test_terminating_pod_gets_no_new_connections(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """While a ready backend exists, one that is being deleted gets no new connections."""
    shape = PodShape(labels={"app": "leaving"}, ports=(80,), linger=12)
    arena.start({"x/d": shape, "x/e": shape})
    arena.apply(service("svc", {"selector": {"app": "leaving"}, "ports": [HTTP]}))
    settle(arena, check, cluster, "both serving")
    arena.delete("pods", "d", grace=14)
    settle(arena, check, cluster, "one terminating")


@requirement("SVC-149")
def test_only_terminating_pods_are_left(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """When only terminating pods are left that still serve, they keep getting connections (KEP-1669)."""
    arena.start({"x/d": PodShape(labels={"app": "last"}, ports=(80,), linger=14)})
    arena.apply(service("svc", {"selector": {"app": "last"}, "ports": [HTTP]}))
    settle(arena, check, cluster, "serving")
    arena.delete("pods", "d", grace=16)
    settle(arena, check, cluster, "served by a terminating pod")


@requirement("SVC-117", "SVC-122")
def test_slice_written_by_hand(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A Service without selector is served by the addresses and ports of the slice written for it."""
    family = cluster.families[0]
    arena.apply(service("svc", {"ports": [HTTP], "ipFamilies": [str(family)]}))
    addresses = [arena.pods[ref].address(family) for ref in ("x/b", "z/a")]
    arena.apply(endpointslice("svc-1", service="svc", addresses=addresses, ports={"http": 81}))
    settle(arena, check, cluster, "manual slice")


@requirement("SVC-123", "SVC-124")
def test_conditions_and_names_of_slices(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """An endpoint that is not ready, or whose port has another name, is not used; unset readiness counts as ready."""
    family = cluster.families[0]
    arena.apply(service("svc", {"ports": [HTTP], "ipFamilies": [str(family)]}))
    good, unready, other = (arena.pods[ref].address(family) for ref in ("x/b", "y/a", "z/a"))
    arena.apply(
        endpointslice("svc-1", service="svc", addresses=[good], ports={"http": 80}, ready=None),
        endpointslice("svc-2", service="svc", addresses=[unready], ports={"http": 80}, ready=False),
        endpointslice("svc-3", service="svc", addresses=[other], ports={"metrics": 80}),
    )
    settle(arena, check, cluster, "only the usable endpoint")


@requirement("SVC-264")
def test_type_changes(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """ClusterIP to NodePort opens the port and keeps the address."""
    (made,) = arena.apply(service("svc", {"selector": {"app": "agent"}, "ports": [HTTP]}))
    settle(arena, check, cluster, "ClusterIP")
    (changed,) = arena.apply(service("svc", {"type": "NodePort", "selector": {"app": "agent"}, "ports": [HTTP]}))
    dials = [
        Dial(client, via=Via.NODE_PORT, entry=node, family=cluster.families[0])
        for client in CLIENTS
        for node in cluster.node_names
    ]
    check.eventually("NodePort", lambda: service_findings(arena, "svc", dials), within=check.waits.service_program)
    if made["spec"]["clusterIP"] != changed["spec"]["clusterIP"]:
        both = (str(made["spec"]["clusterIP"]), str(changed["spec"]["clusterIP"]))
        check.now(Findings((Difference("clusterIP after the change", both[0], both[1], "immutable"),)))
    settle(arena, check, cluster, "ClusterIP still")
