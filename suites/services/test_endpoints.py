"""Who is an endpoint of a Service: pods by readiness and deletion, and what slices written by hand say.

Source: Service v1 (core), EndpointSlice v1 (discovery.k8s.io), KEP-1669 (terminating endpoints).
"""

from __future__ import annotations

from dataclasses import replace

from harness.suite import (
    Arena,
    Check,
    ClusterFacts,
    Dial,
    PodShape,
    Ready,
    Via,
    endpointslice,
    requirement,
    service,
    service_findings,
)
from suites.services.dialled import HTTP, delivered_while_leaving, dials, settle

TOGGLED = PodShape(labels={"app": "toggled"}, ports=(80,), readiness=True)
UNREADY = replace(TOGGLED, start_unready=True)


@requirement("SVC-140", "SVC-141")
def test_readiness_is_followed(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A pod gets connections only while it is Ready: not before, no longer when it turns unready, and again after."""
    arena.start({"x/d": UNREADY, "x/e": TOGGLED})
    arena.apply(service("svc", {"selector": {"app": "toggled"}, "ports": [HTTP]}))
    settle(arena, check, cluster, "one not ready yet")
    for ready, what in ((True, "both ready"), (False, "one unready"), (True, "both ready again")):
        arena.ask("x/d", Ready(ready=ready))
        arena.await_readiness("x/d", ready=ready)
        settle(arena, check, cluster, what)


@requirement("SVC-143")
def test_unready_pods_are_published(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A pod that is not Ready gets connections when the Service publishes it, and none as long as it does not."""
    arena.start({"x/d": UNREADY})
    spec = {"selector": {"app": "toggled"}, "ports": [HTTP]}
    arena.apply(service("svc", spec))
    nobody = dials(cluster, 80, answered=False)
    within = check.waits.service_program
    check.eventually("not published", lambda: service_findings(arena, "svc", nobody), within=within)
    arena.apply(service("svc", {**spec, "publishNotReadyAddresses": True}))
    settle(arena, check, cluster, "published")


@requirement("SVC-147")
def test_terminating_pod_gets_no_new_connections(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """While a ready backend exists, one that is being deleted gets no new connections, though it would answer."""
    shape = PodShape(labels={"app": "leaving"}, ports=(80,), linger=12)
    arena.start({"x/d": shape, "x/e": shape})
    arena.apply(service("svc", {"selector": {"app": "leaving"}, "ports": [HTTP]}))
    settle(arena, check, cluster, "both serving")
    arena.delete("pods", "d", grace=14)
    several = dials(cluster, 80)
    check.eventually(
        "one terminating",
        lambda: delivered_while_leaving(arena, "x/d", several),
        within=check.waits.service_program,
    )


@requirement("SVC-149", needs=("nodes2",))
def test_only_terminating_pods_are_left(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """When only terminating pods are left that still serve, they keep getting connections, also by NodePort."""
    arena.start({"x/d": PodShape(labels={"app": "last"}, ports=(80,), linger=14)})
    arena.apply(service("svc", {"type": "NodePort", "selector": {"app": "last"}, "ports": [HTTP]}))
    settle(arena, check, cluster, "serving")
    arena.delete("pods", "d", grace=16)
    family = cluster.families[0]
    entries = [Dial("y/b", via=Via.NODE_PORT, entry=node, family=family, answered=True) for node in cluster.sample]
    several = [*dials(cluster, 80), *entries]
    check.eventually(
        "served by a terminating pod",
        lambda: delivered_while_leaving(arena, "x/d", several),
        within=check.waits.service_program,
    )


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
