"""EndpointSlices and Endpoints as API objects, Endpoints mirrored into slices, and those of the API server itself.

Source: EndpointSlice v1 (discovery.k8s.io), Endpoints v1, KEP-752; catalogue group EPS.
"""

from __future__ import annotations

from typing import Any

from harness.suite import (
    Arena,
    Check,
    ClusterFacts,
    Dial,
    Difference,
    Findings,
    Lifecycle,
    Symptom,
    endpointslice,
    lifecycle_findings,
    mirror_findings,
    requirement,
    service,
    service_findings,
    slice_findings,
)

HTTP = {"name": "http", "port": 80, "protocol": "TCP"}
SECOND = {"name": "second", "port": 81, "protocol": "TCP"}
NOTE = "harness.test/note"
GHOST = {
    "nodeName": "no-such-node",
    "terminationGracePeriodSeconds": 0,
    "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {
            "name": "c",
            "image": "registry.invalid/none:1",
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
    ],
}
"""A pod that nobody will ever run, within the restricted profile."""


def endpoints(*subsets: dict[str, Any], labels: Any = None, annotations: Any = None) -> dict[str, Any]:
    """Endpoints written by hand."""
    metadata = {"name": "svc", "labels": labels or {}, "annotations": annotations or {}}
    return {"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata, "subsets": list(subsets)}


def subset(
    *addresses: str, ports: tuple[dict[str, Any], ...] = (HTTP,), unready: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Addresses with the ports they have."""
    made: dict[str, Any] = {"addresses": [{"ip": each} for each in addresses], "ports": list(ports)}
    return made | ({"notReadyAddresses": [{"ip": each} for each in unready]} if unready else {})


@requirement("EPS-005")
def test_slice_operations(arena: Arena, check: Check) -> None:
    """EndpointSlices can be found, created, read, listed, watched, patched, replaced and deleted, one or many."""
    made = endpointslice("life", service="nobody", addresses=["192.0.2.1"], ports={"http": 80})
    made["metadata"].pop("labels")
    path, patch = "ports.0.port", {"ports": [{"name": "http", "port": 81, "protocol": "TCP"}]}
    check.now(lifecycle_findings(arena, Lifecycle(made, path, patch, patched=81, replaced=82)))


@requirement("EPS-035")
def test_endpoints_operations(arena: Arena, check: Check) -> None:
    """Endpoints can be found, created, read, listed, watched, patched, replaced and deleted, one or many."""
    made = endpoints(subset("192.0.2.1")) | {"metadata": {"name": "life"}}
    path, patch = "subsets.0.addresses.0.ip", {"subsets": [subset("192.0.2.2")]}
    check.now(lifecycle_findings(arena, Lifecycle(made, path, patch, patched="192.0.2.2", replaced="192.0.2.3")))


@requirement("EPS-028", "EPS-029", "EPS-030", "EPS-032")
def test_endpoints_are_mirrored(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Endpoints of a Service without selector become slices and follow them, and the Service delivers there."""
    address = {ref: pod.address(cluster.families[0]) for ref, pod in arena.pods.items()}
    second = {"name": "second", "port": 8080, "targetPort": 81}
    arena.apply(service("svc", {"ports": [{**HTTP, "targetPort": 80}, second]}))
    dials = [Dial("y/b", port=port) for port in (80, 8080)]

    def look() -> Findings:
        mirrored = mirror_findings(arena, "svc")
        return mirrored if mirrored.differences else service_findings(arena, "svc", dials)

    told = {"labels": {"team": "blue"}, "annotations": {NOTE: "kept"}}
    arena.apply(endpoints(subset(address["x/a"], ports=(HTTP, SECOND), unready=(address["z/a"],)), **told))
    check.eventually("created", look, within=check.waits.endpoints_program)
    arena.apply(endpoints(subset(address["x/b"]), subset(address["x/b"], ports=(SECOND,)), **told))
    check.eventually("updated", look, within=check.waits.endpoints_program)
    arena.delete("endpoints", "svc")
    check.eventually("deleted", look, within=check.waits.endpoints_program)


@requirement("EPS-031")
def test_what_is_not_mirrored(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Endpoints that say so, and those that leader election keeps, are not mirrored."""
    address = arena.pods["x/a"].address(cluster.families[0])
    arena.apply(service("svc", {"ports": [HTTP]}), endpoints(subset(address)))
    check.eventually("mirrored before", lambda: mirror_findings(arena, "svc"), within=check.waits.endpoints_program)
    for told in (
        {"labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}},
        {"annotations": {"control-plane.alpha.kubernetes.io/leader": "{}"}},
    ):
        arena.apply(endpoints(subset(address), **told))
        check.eventually("not mirrored", lambda: mirror_findings(arena, "svc"), within=check.waits.endpoints_program)


@requirement("EPS-034")
def test_the_api_servers_own(arena: Arena, check: Check) -> None:
    """Endpoints and EndpointSlices of the Service `kubernetes` say the same."""

    def look() -> Findings:
        old = arena.kube.get("endpoints", "kubernetes", namespace="default")
        labels = "kubernetes.io/service-name=kubernetes"
        new = arena.kube.list("endpointslices.discovery.k8s.io", namespace="default", labels=labels).items
        wanted = sorted((a["ip"], p["port"]) for s in old["subsets"] for a in s["addresses"] for p in s["ports"])
        seen = sorted((a, p["port"]) for s in new for e in s["endpoints"] for a in e["addresses"] for p in s["ports"])
        if wanted and wanted == seen:
            return Findings()
        differs = Difference("slices of kubernetes.default", str(wanted or "some"), str(seen), "EPS-034")
        return Findings((differs,), frozenset({Symptom.SLICES_WRONG}))

    check.eventually("agree", look, within=check.waits.endpoints_program)


@requirement("EPS-019")
def test_changes_that_end_slices(arena: Arena, check: Check) -> None:
    """Slices follow pods no longer once a Service is an ExternalName or has no selector; without one they are kept."""
    selected = {"selector": {"part": "one"}, "ports": [HTTP]}
    arena.label("x/a", {"part": "one"})
    left = ("alias", "bare")
    arena.apply(*(service(name, selected) for name in left))
    check.eventually(
        "slices are there",
        lambda: Findings.joined(slice_findings(arena, name) for name in left),
        within=check.waits.endpoints_program,
    )
    alias = {"type": "ExternalName", "externalName": "a.example", "clusterIP": None, "clusterIPs": None}
    arena.patch("services", "alias", {"spec": alias})
    arena.patch("services", "bare", {"spec": {"selector": None}})
    # Whoever has slices for a Service that came later has seen these changes.
    arena.apply(service("followed", selected))
    check.eventually("changes seen", lambda: slice_findings(arena, "followed"), within=check.waits.endpoints_program)
    arena.label("x/b", {"part": "one"})
    newcomer = set(arena.pods["x/b"].addresses)

    def look() -> Findings:
        held = {name: _addresses(arena, name) for name in left}
        wrong = [
            Difference(f"slices of {name}", "without x/b", ", ".join(sorted(held[name])), "EPS-019")
            for name in left
            if held[name] & newcomer
        ]
        if not held["bare"]:
            wrong.append(Difference("slices of bare", "kept", "gone", "EPS-019"))
        follower = slice_findings(arena, "followed")
        return Findings.joined([follower, Findings(tuple(wrong), frozenset({Symptom.SLICES_WRONG} if wrong else ()))])

    check.eventually("the other Service has followed", look, within=check.waits.endpoints_program)


def _addresses(arena: Arena, name: str) -> set[str]:
    """What the slices of a Service hold."""
    return {
        address
        for each in _slices(arena, name)
        for endpoint in each.get("endpoints") or ()
        for address in endpoint["addresses"]
    }


@requirement("EPS-020")
def test_slices_tell_when(arena: Arena, check: Check) -> None:
    """A slice carries the time of what brought it about."""
    arena.apply(service("svc", {"selector": {"app": "agent"}, "ports": [HTTP]}))

    def look() -> Findings:
        if (stale := slice_findings(arena, "svc")).differences:
            return stale
        found = []
        for each in _slices(arena, "svc"):
            stamp = (each["metadata"].get("annotations") or {}).get("endpoints.kubernetes.io/last-change-trigger-time")
            if not stamp or "T" not in stamp or not stamp.endswith("Z"):
                found.append(Difference("last-change-trigger-time", "a moment", str(stamp), "EPS-020"))
        return Findings(tuple(found), frozenset({Symptom.SLICES_WRONG} if found else ()))

    check.eventually("stamped", look, within=check.waits.endpoints_program)


@requirement("EPS-021")
def test_a_pod_on_a_vanished_node(arena: Arena, check: Check) -> None:
    """A pod whose node does not exist is left out, and keeps nobody else out."""
    ghost = {"name": "ghost", "labels": {"app": "agent"}}
    arena.create({"apiVersion": "v1", "kind": "Pod", "metadata": ghost, "spec": GHOST})
    try:
        arena.apply(service("svc", {"selector": {"app": "agent"}, "ports": [HTTP]}))
        within = check.waits.endpoints_program
        check.eventually("others there", lambda: service_findings(arena, "svc", [Dial("y/b")]), within=within)
    finally:
        arena.delete("pods", "ghost", grace=0)  # no kubelet ends it


def _slices(arena: Arena, name: str) -> list[dict[str, Any]]:
    labels = f"kubernetes.io/service-name={name}"
    found = arena.kube.list("endpointslices.discovery.k8s.io", namespace=arena.namespace("x"), labels=labels)
    return list(found.items)
