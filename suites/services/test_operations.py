"""Services, their addresses and the ranges these come from, as API objects.

Source: Service v1 (core), ServiceCIDR and IPAddress v1 (networking.k8s.io, KEP-1880); catalogue group 1.2.11.
"""

from __future__ import annotations

from typing import Any

from harness.suite import (
    Arena,
    Check,
    Difference,
    Findings,
    Lifecycle,
    Symptom,
    field_findings,
    lifecycle_findings,
    refusal_findings,
    requirement,
    service,
    try_create,
)

RANGES, ADDRESSES = "servicecidrs.networking.k8s.io", "ipaddresses.networking.k8s.io"
NETWORKING = "networking.k8s.io/v1"
FREE = "198.51.100.7"
"""An address that no Service has (RFC 5737)."""


@requirement("SVC-289")
def test_service_operations(arena: Arena, check: Check) -> None:
    """Services can be found in every namespace, and go through every operation, their status too."""
    nobodys = {
        "type": "LoadBalancer",
        "loadBalancerClass": "harness.test/nobody",
        "allocateLoadBalancerNodePorts": False,
    }
    made = service("life", {**nobodys, "ports": [{"port": 80}]})
    status = {"loadBalancer": {"ingress": [{"ip": FREE, "ipMode": "VIP"}]}}
    patch = {"spec": {"ports": [{"port": 81}]}}
    life = Lifecycle(made, "spec.ports.0.port", patch, patched=81, replaced=82, status=status)
    check.now(lifecycle_findings(arena, life))


@requirement("SVC-291", needs=("svccidr-api",))
def test_addresses_are_in_the_books(arena: Arena, check: Check) -> None:
    """Each cluster address has an IPAddress that names its Service, and loses it with the Service; ranges are there."""
    check.now(Findings.joined([ranges_there(arena), requests_judged(arena)]))
    (made,) = arena.apply(service("svc", {"ipFamilyPolicy": "PreferDualStack", "ports": [{"port": 80}]}))
    check.eventually("entered", lambda: entries(arena, made, there=True), within=check.waits.service_program)
    arena.delete("services", "svc")
    check.eventually("struck", lambda: entries(arena, made, there=False), within=check.waits.service_program)


def ranges_there(arena: Arena) -> Findings:
    """The range `kubernetes` is there and ready."""
    found = {each["metadata"]["name"]: each for each in arena.kube.list(RANGES).items}
    conditions = (found.get("kubernetes", {}).get("status") or {}).get("conditions") or ()
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return _wrong([] if ready else [Difference("ServiceCIDR kubernetes", "Ready", str(conditions or sorted(found)))])


def requests_judged(arena: Arena) -> Findings:
    """For show: what can be, is taken; a name that is no address and a range that is none are refused."""
    free, nobodys = {"name": FREE}, {"parentRef": {"resource": "things", "name": "t"}}
    for_show = {"name": "harness-for-show"}
    asked: list[tuple[str, dict[str, str], dict[str, Any], str]] = [
        ("IPAddress", free, nobodys, ""),
        ("ServiceCIDR", for_show, {"cidrs": ["198.51.100.0/24"]}, ""),
        ("IPAddress", {"name": "no-address"}, nobodys, "metadata.name"),
        ("IPAddress", free, {}, "spec.parentRef"),
        ("ServiceCIDR", for_show, {"cidrs": []}, "spec.cidrs"),
    ]
    found = []
    for kind, metadata, spec, refused in asked:
        reply = try_create(arena, {"apiVersion": NETWORKING, "kind": kind, "metadata": metadata, "spec": spec})
        what = f"{kind} {metadata['name']} with {spec}"
        found.append(refusal_findings(what, reply, refused) if refused else field_findings(what, reply, {}))
    return Findings.joined(found)


def entries(arena: Arena, made: dict[str, Any], *, there: bool) -> Findings:
    """One look at the entries of a Service's addresses."""
    parent = {"resource": "services", "namespace": made["metadata"]["namespace"], "name": made["metadata"]["name"]}
    found = []
    for address in made["spec"]["clusterIPs"]:
        entry = arena.kube.find(ADDRESSES, address)
        seen = {key: value for key, value in ((entry or {}).get("spec", {}).get("parentRef") or {}).items() if value}
        if there and seen != parent:
            found.append(Difference(f"IPAddress {address}", f"of {parent}", str(seen or "missing"), "KEP-1880"))
        elif not there and seen == parent:
            found.append(Difference(f"IPAddress {address}", "gone", "still there", "KEP-1880"))
    return _wrong(found)


def _wrong(found: list[Difference]) -> Findings:
    return Findings(tuple(found), frozenset({Symptom.API_ANSWER_WRONG} if found else ()))
