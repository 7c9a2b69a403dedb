"""LoadBalancer Services whose balancer is the test: addresses, source ranges, health check node ports, affinity.

No implementation of LoadBalancers is needed: the Services carry a class that nobody serves, and the test writes their
status. The addresses are those of pods of its own arena, which nobody else dials at these ports.

Source: Service v1 (core), KEP-1860 (ipMode); catalogue groups 1.2.7 and 1.2.9.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.suite import (
    Arena,
    Check,
    ClusterFacts,
    Dial,
    Difference,
    Family,
    Findings,
    NotApplicable,
    Symptom,
    Tcp,
    Via,
    health_findings,
    requirement,
    service,
    services_findings,
    try_create,
    unanswered,
)
from suites.services.by_hand import LEAVING, NOBODYS, UNREADY, delivered, endpoint, slice_of

PORT = 81
"""Every pod serves it, and Services here lead from it to 80: who answers says whether the Service was in between."""
PORTS = [{"name": "http", "port": PORT, "targetPort": 80}]
ALL = {"app": "agent"}
CLIENTS = ("y/a", "y/b", "y/c")
NOWHERE = {Family.V4: "203.0.113.250", Family.V6: "2001:db8::cb00:71fa"}
"""Documentation addresses (RFC 5737, RFC 3849): no node has them."""


def balanced(name: str, family: Family, **spec: Any) -> dict[str, Any]:
    """A LoadBalancer Service that no implementation serves."""
    mine = {"type": "LoadBalancer", "loadBalancerClass": NOBODYS, "ports": PORTS, "ipFamilies": [str(family)]}
    return service(name, {**mine, **spec})


def announce(arena: Arena, name: str, address: str, mode: str = "VIP") -> None:
    """Say in its status that a Service's balancer has this address."""
    status = {"loadBalancer": {"ingress": [{"ip": address, "ipMode": mode}]}}
    space = arena.namespace("x")
    arena.patient(lambda: arena.kube.patch("services", name, {"status": status}, namespace=space, subresource="status"))


def by_balancer(clients: Sequence[str], family: Family, *, answered: bool = True) -> list[Dial]:
    """These clients at the balancer's address."""
    return [Dial(ref, via=Via.LOAD_BALANCER, port=PORT, family=family, answered=answered) for ref in clients]


@requirement("SVC-235", "SVC-240", "SVC-243", "SVC-244", needs=("k8s>=1.32",))
def test_who_takes_a_balancers_address(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Nodes take a VIP for the Service itself, under both policies, and leave a proxying balancer's address to it."""
    family = cluster.families[0]
    addresses = {"vip": "z/a", "local": "z/b", "proxied": "z/c"}
    local = {"externalTrafficPolicy": "Local", "selector": {"pod": "b"}}
    arena.apply(
        balanced("vip", family, selector=ALL),
        balanced("local", family, **local),
        balanced("proxied", family, selector=ALL),
    )
    for name, ref in addresses.items():
        announce(arena, name, arena.pods[ref].address(family), "Proxy" if name == "proxied" else "VIP")
    balancer = arena.pods["z/c"]

    def look() -> Findings:
        found = services_findings(arena, dict.fromkeys(("vip", "local"), by_balancer(CLIENTS, family)))
        told = arena.ask_all({ref: [Tcp(balancer.address(family), PORT)] for ref in CLIENTS})
        taken = [
            difference
            for ref, (result,) in told.items()
            for difference in unanswered(f"{ref} → proxying balancer", result, by=balancer.full, rule="ipMode Proxy")
        ]
        symptoms = frozenset({Symptom.WRONG_BACKEND, Symptom.SLICES_RIGHT} if taken else ())
        return Findings.joined([found, Findings(tuple(taken), symptoms)])

    check.eventually("addresses taken or left", look, within=check.waits.service_program)
    check.now(_untouched(arena, {name: arena.pods[ref].address(family) for name, ref in addresses.items()}))


def _untouched(arena: Arena, addresses: Mapping[str, str]) -> Findings:
    """Nobody serves a class that is none of theirs: neither status nor finalizers are anybody's but ours."""
    found = []
    for name, address in addresses.items():
        made = arena.kube.get("services", name, namespace=arena.namespace("x"))
        held = [each.get("ip") for each in made["status"]["loadBalancer"].get("ingress") or ()]
        rest = [*held, *(made["metadata"].get("finalizers") or ())]
        if rest != [address]:
            found.append(Difference(f"status and finalizers of {name}", address, ", ".join(map(str, rest)), NOBODYS))
    return Findings(tuple(found))


@requirement("SVC-128")
def test_external_addresses(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """An external address of a Service leads pods to its backends, though no node has it."""
    family = cluster.families[0]
    spec = {"selector": ALL, "ipFamilies": [str(family)]}
    (holder,) = arena.apply(service("holder", {**spec, "type": "NodePort", "ports": PORTS}))
    # Its node port is nobody else's while it is there, and so the address at that port is not either.
    port = int(holder["spec"]["ports"][0]["nodePort"])
    reached = service(
        "svc",
        {**spec, "externalIPs": [NOWHERE[family]], "ports": [{"name": "http", "port": port, "targetPort": 80}]},
    )
    tried = try_create(arena, reached)
    if tried.obj is None:
        raise NotApplicable(f"needs externalIPs, which are not admitted: {tried}")
    arena.apply(reached)
    dials = [Dial(ref, via=Via.EXTERNAL_IP, port=port, family=family, answered=True) for ref in CLIENTS]
    delivered(arena, check, "external address serves", {"svc": dials})


@requirement("SVC-230", "SVC-231", "SVC-232")
def test_source_ranges(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Source ranges admit who is listed at the balancer's address, turn others away, and hold nowhere else."""
    family = cluster.families[0]
    listed = arena.pods["y/a"].address(family)
    whole, nobody = ("0.0.0.0/0", "255.0.0.0/32") if family is Family.V4 else ("::/0", "ff00::/128")
    ranges = {"walled": f"{listed}/{32 if family is Family.V4 else 128}", "open": whole, "shut": nobody}
    for (name, admitted), ref in zip(ranges.items(), ("z/a", "z/b", "z/c"), strict=True):
        arena.apply(balanced(name, family, selector=ALL, loadBalancerSourceRanges=[admitted]))
        announce(arena, name, arena.pods[ref].address(family))
    inside = [
        Dial("y/b", port=PORT, family=family, answered=True),
        Dial("y/b", via=Via.NODE_PORT, entry=cluster.node_names[0], port=PORT, family=family, answered=True),
    ]
    wanted = {
        "walled": [*by_balancer(["y/a"], family), *by_balancer(["y/b"], family, answered=False), *inside],
        "open": by_balancer(CLIENTS, family),
        "shut": by_balancer(["y/c"], family, answered=False),
    }
    delivered(arena, check, "others turned away", wanted)
    arena.patch("services", "walled", {"spec": {"loadBalancerSourceRanges": None}})
    delivered(arena, check, "nobody turned away", {"walled": by_balancer(CLIENTS, family)})


@requirement("SVC-182", "SVC-183", "SVC-184", "SVC-185", "SVC-187", "SVC-236", "SVC-237", needs=("nodes2",))
def test_health_check_node_ports(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Each balanced Service with policy Local tells at a port of its own which nodes have ready backends now."""
    family = cluster.families[0]
    local = {"externalTrafficPolicy": "Local"}
    made = arena.apply(
        balanced("one", family, selector={"pod": "a"}, **local),
        balanced("every", family, selector=ALL, **local),
        balanced("leaving", family, **local),
        slice_of("leaving", [endpoint(arena, "x/c", family, conditions=LEAVING)], family=family),
    )
    several = ("one", "every", "leaving")

    def look(*names: str, closed: tuple[int, ...] = ()) -> Findings:
        still = services_findings(arena, {"leaving": [Dial("y/a", port=PORT, family=family, answered=True)]})
        return Findings.joined([still, health_findings(arena, cluster, names, client="y/b", closed=closed)])

    within = check.waits.service_program
    check.eventually("nodes with backends", lambda: look(*several), within=within)
    number = int(made[1]["spec"]["healthCheckNodePort"])
    arena.patch("services", "one", {"spec": {"selector": {"pod": "b"}}})
    arena.patch("services", "every", {"spec": {"externalTrafficPolicy": "Cluster"}})
    check.eventually("backend moved, port closed", lambda: look("one", closed=(number,)), within=within)
    arena.patch("services", "every", {"spec": {"externalTrafficPolicy": "Local", "healthCheckNodePort": number}})
    check.eventually("port opened again", lambda: look("one", "every"), within=within)


@requirement("SVC-080", "SVC-081")
def test_affinity_ends_with_its_backend(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A client whose backend is not ready any more gets another one and keeps that; also after a time without any."""
    family = cluster.families[0]
    arena.apply(service("svc", {"ports": PORTS, "sessionAffinity": "ClientIP", "ipFamilies": [str(family)]}))
    refs = ("x/b", "x/c", "z/b")

    def ready(*those: str) -> None:
        several = [
            endpoint(arena, ref, family, conditions={"ready": True} if ref in those else UNREADY) for ref in refs
        ]
        arena.apply(slice_of("svc", several, family=family))

    kept = [Dial(ref, port=PORT, family=family, answered=True) for ref in CLIENTS]
    nobody = [Dial("y/a", port=PORT, family=family, answered=False)]
    for those, what in ((refs, "all ready"), (refs[:1], "one left"), ((), "none left"), (refs, "all ready again")):
        ready(*those)
        delivered(arena, check, what, {"svc": kept if those else nobody})
