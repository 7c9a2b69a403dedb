"""Services that follow slices written by hand: several slices, hints, endpoints that are leaving, labels.

Source: EndpointSlice v1 (discovery.k8s.io), KEP-1669 (terminating endpoints), KEP-2433 and KEP-3015 (hints); catalogue
groups 1.2.4 to 1.2.6.
"""

from __future__ import annotations

from dataclasses import replace

from harness.suite import (
    Arena,
    Check,
    ClusterFacts,
    Dial,
    Family,
    Findings,
    Send,
    Symptom,
    Tcp,
    requirement,
    service,
    services_findings,
    unanswered,
)
from suites.services.by_hand import (
    GONE_QUIET,
    HTTP,
    LEAVING,
    UNREADY,
    delivered,
    endpoint,
    slice_of,
    to_node,
    to_zone,
)

CLIENTS = ("y/a", "y/b", "y/c")
"""One on each of three nodes; none of them is a backend here."""
HEADLESS_LABEL = "service.kubernetes.io/headless"
"""On a slice: for names alone, proxies leave it (and before 1.35 Services that have it)."""
TWO_PORTS = [HTTP, {"name": "other", "port": 81, "targetPort": 81}]


def by(clients: tuple[str, ...], family: Family, *, port: int = 80, answered: bool = True) -> list[Dial]:
    """These clients at the ClusterIP."""
    return [Dial(client, port=port, family=family, answered=answered) for client in clients]


@requirement("SVC-118", "SVC-119")
def test_slices_are_merged(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Several slices of one Service count together: their addresses, and each port's own."""
    family = cluster.families[0]
    one, two = (endpoint(arena, ref, family) for ref in ("x/b", "z/b"))
    arena.apply(
        service("addresses", {"ports": [HTTP], "ipFamilies": [str(family)]}),
        service("ports", {"ports": TWO_PORTS, "ipFamilies": [str(family)]}),
        slice_of("addresses", [one], family=family),
        slice_of("addresses", [two], number=2, family=family),
        slice_of("ports", [one], ports=[{"name": "http", "port": 80, "protocol": "TCP"}], family=family),
        slice_of("ports", [two], number=2, ports=[{"name": "other", "port": 81, "protocol": "TCP"}], family=family),
    )
    both = [*by(CLIENTS, family), *by(CLIENTS, family, port=81)]
    delivered(arena, check, "slices merged", {"addresses": by(CLIENTS, family), "ports": both})


@requirement("SVC-103", "SVC-104", "SVC-105", needs=("zones2", "nodes3"))
def test_zone_hints(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Zone hints keep traffic where it is meant, unless a ready endpoint has none or none is meant for the client."""
    family = cluster.families[0]
    here, there = cluster.node_zone(arena.pods["x/a"].node), cluster.node_zone(arena.pods["x/c"].node)
    near, far = (endpoint(arena, ref, family, **to_zone(zone)) for ref, zone in (("x/a", here), ("x/c", there)))
    waiting = endpoint(arena, "x/b", family, conditions=UNREADY)
    slices = {
        "hinted": [near, far],
        "partly": [near, endpoint(arena, "x/c", family)],
        "strange": [endpoint(arena, ref, family, **to_zone("no-such-zone")) for ref in ("x/a", "x/c")],
        "waiting": [near, far, waiting],
    }
    arena.apply(*(service(name, {"ports": [HTTP], "ipFamilies": [str(family)]}) for name in slices))
    arena.apply(*(slice_of(name, endpoints, family=family) for name, endpoints in slices.items()))
    delivered(arena, check, "hints followed", dict.fromkeys(slices, by(CLIENTS, family)))


@requirement("SVC-097", "SVC-098", needs=("zones2", "nodes3", "k8s>=1.31"))
def test_traffic_stays_in_its_zone(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """trafficDistribution PreferClose keeps traffic in the client's zone, and leaves it where that has no backend."""
    family = cluster.families[0]
    spec = {"trafficDistribution": "PreferClose", "ports": [HTTP], "ipFamilies": [str(family)]}
    arena.apply(
        service("everywhere", {**spec, "selector": {"app": "agent"}}),
        service("elsewhere", {**spec, "selector": {"pod": "c"}}),
    )
    delivered(arena, check, "zones kept", dict.fromkeys(("everywhere", "elsewhere"), by(CLIENTS, family)))


@requirement("SVC-099", "SVC-100", needs=("nodes3", "k8s>=1.34"))
def test_traffic_stays_on_its_node(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """PreferSameNode keeps traffic on the client's node, leaves it when nobody is ready there, and comes back."""
    family = cluster.families[0]
    one_family = {"ports": [HTTP], "ipFamilies": [str(family)]}
    arena.apply(
        service("every", {**one_family, "selector": {"app": "agent"}, "trafficDistribution": "PreferSameNode"}),
        service("by-hand", one_family),
    )
    for ready, what in ((True, "nodes kept"), (False, "one is not ready"), (True, "ready again")):
        several = [
            endpoint(
                arena,
                ref,
                family,
                conditions={"ready": ready or ref != "x/b"},
                **to_node(arena.pods[ref].node),
            )
            for ref in ("x/a", "x/b", "x/c")
        ]
        arena.apply(slice_of("by-hand", several, family=family))
        delivered(arena, check, what, dict.fromkeys(("every", "by-hand"), by(CLIENTS, family)))


@requirement("SVC-150", "SVC-152", needs=("nodes2",))
def test_last_resort(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """With internalTrafficPolicy Local a node falls back to its own endpoints that leave and still serve, no others."""
    family = cluster.families[0]
    local = {"ports": [HTTP], "ipFamilies": [str(family)], "internalTrafficPolicy": "Local"}
    arena.apply(
        service("serving", local),
        service("quiet", {"ports": [HTTP], "ipFamilies": [str(family)]}),
        slice_of("serving", [endpoint(arena, "x/b", family, conditions=LEAVING)], family=family),
        slice_of("quiet", [endpoint(arena, "x/c", family, conditions=GONE_QUIET)], family=family),
    )
    home = arena.pods["x/b"].node
    own = tuple(ref for ref in CLIENTS if arena.pods[ref].node == home)
    others = tuple(ref for ref in CLIENTS if arena.pods[ref].node != home)
    wanted = {
        "serving": [*by(own, family), *by(others, family, answered=False)],
        "quiet": by(CLIENTS[:1], family, answered=False),
    }
    delivered(arena, check, "leaving endpoints serve their node", wanted)


@requirement("SVC-026", "SVC-148")
def test_established_connections_stay(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A connection goes on when its backend begins to leave, others come, and other Services come and go."""
    family, old = cluster.families[0], arena.pods["x/b"]
    (made,) = arena.apply(service("svc", {"ports": [HTTP], "ipFamilies": [str(family)]}))
    arena.apply(slice_of("svc", [endpoint(arena, "x/b", family)], family=family))
    delivered(arena, check, "one backend", {"svc": by(CLIENTS, family)})
    host = str(made["spec"]["clusterIP"])
    check.now(_still(arena, Tcp(host, 80, keep="established"), by=old.full))
    changed = [endpoint(arena, "x/b", family, conditions=LEAVING), endpoint(arena, "x/c", family)]
    arena.apply(slice_of("svc", changed, family=family))
    arena.apply(*(service(f"other-{n}", {"ports": [HTTP], "selector": {"app": "agent"}}) for n in range(5)))

    def look() -> Findings:
        new = services_findings(arena, {"svc": by(CLIENTS, family)})
        return Findings.joined([new, _still(arena, Send("established"), by=old.full)])

    check.eventually("new ones elsewhere, the old one goes on", look, within=check.waits.service_program)


def _still(arena: Arena, ask: Tcp | Send, *, by: str) -> Findings:
    """Whether the one connection that `y/a` keeps leads to this backend."""
    (told,) = arena.ask("y/a", ask)
    wrong = unanswered("y/a on its established connection", told, by=by, rule="established connections are kept")
    return Findings(tuple(wrong), frozenset({Symptom.SERVICE_ADDRESS_FAILS, Symptom.SLICES_RIGHT} if wrong else ()))


@requirement("SVC-115", "SVC-116")
def test_left_to_another_proxy(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """The cluster's proxy keeps away from headless slices and from another proxy's Services, until the label goes."""
    family = cluster.families[0]
    mark = "service.kubernetes.io/service-proxy-name"
    selected = {"ports": [HTTP], "selector": {"app": "agent"}, "ipFamilies": [str(family)]}
    several = slice_of("headless", [endpoint(arena, ref, family) for ref in ("x/b", "x/c")], family=family)
    labels = several["metadata"]["labels"]
    aside = {**several, "metadata": {**several["metadata"], "labels": {**labels, HEADLESS_LABEL: ""}}}
    arena.apply(
        service("plain", selected),
        service("headless", {"ports": [HTTP], "ipFamilies": [str(family)]}),
        aside,
        service("anothers", selected, labels={mark: "another"}),
    )
    # Whoever stands aside may refuse or leave packets to others: that nobody answers is all there is to it.
    dead = [replace(each, refusal=False) for each in by(CLIENTS[:1], family, answered=False)]
    delivered(arena, check, "left alone", {"plain": by(CLIENTS, family), "headless": dead, "anothers": dead})
    arena.apply(several)
    arena.patch("services", "anothers", {"metadata": {"labels": {mark: None}}})
    delivered(arena, check, "taken over", dict.fromkeys(("headless", "anothers"), by(CLIENTS, family)))


@requirement("SVC-309", needs=("dual",))
def test_one_family_has_no_endpoints(arena: Arena, check: Check) -> None:
    """Endpoints of one family serve that family alone: the other one refuses."""
    arena.apply(
        service("svc", {"ports": [HTTP], "ipFamilyPolicy": "RequireDualStack"}),
        slice_of("svc", [endpoint(arena, "x/b", Family.V4)], family=Family.V4),
    )
    dials = [*by(CLIENTS, Family.V4), *by(CLIENTS[:1], Family.V6, answered=False)]
    delivered(arena, check, "one family", {"svc": dials})
