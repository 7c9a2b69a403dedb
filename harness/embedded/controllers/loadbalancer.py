"""Gives LoadBalancer Services addresses out of a pool, per family, and takes them back.

What is allocated is read from the Services themselves: their `status.loadBalancer` is the ledger. Services with a
`loadBalancerClass` are somebody else's. Source: core/v1 ServiceStatus; KEP-1860 for `ipMode`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator

from harness.embedded.controllers.changes import Change, Patch, patch_status
from harness.embedded.controllers.snapshot import Obj, Snapshot, is_leaving

READS = ("services",)
FINALIZER = "service.kubernetes.io/load-balancer-cleanup"


def reconciler(pools: Iterable[tuple[str, str]]) -> Callable[[Snapshot], list[Change]]:
    """The reconcile function for pools given as (first, last) addresses, in both families."""
    ranges = [(ipaddress.ip_address(first), ipaddress.ip_address(last)) for first, last in pools]

    def addresses(family: str) -> Iterator[str]:
        version = 6 if family == "IPv6" else 4
        for first, last in ranges:
            if first.version == version:
                yield from (str(ipaddress.ip_address(n)) for n in range(int(first), int(last) + 1))

    def contains(address: str) -> bool:
        ip = ipaddress.ip_address(address)
        return any(first.version == ip.version and int(first) <= int(ip) <= int(last) for first, last in ranges)

    def reconcile(snapshot: Snapshot) -> list[Change]:
        taken = {ip for service in snapshot.all("services") if _is_ours(service) for ip in _held(service)}
        changes: list[Change] = []
        for service in sorted(snapshot.all("services"), key=lambda s: str(s["metadata"].get("creationTimestamp"))):
            if _is_ours(service):
                changes += _grant(service, taken, addresses, contains)
            else:
                changes += _take_back(service)
        return changes

    return reconcile


def _is_ours(service: Obj) -> bool:
    spec = service["spec"]
    return spec.get("type") == "LoadBalancer" and not spec.get("loadBalancerClass") and not is_leaving(service)


def _held(service: Obj) -> list[str]:
    ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    return [entry["ip"] for entry in ingress if entry.get("ip")]


def _grant(
    service: Obj, taken: set[str], addresses: Callable[[str], Iterator[str]], contains: Callable[[str], bool]
) -> list[Change]:
    families = service["spec"].get("ipFamilies") or ["IPv4"]
    held = {("IPv6" if ":" in ip else "IPv4"): ip for ip in _held(service) if contains(ip)}
    foreign = any(not contains(ip) for ip in _held(service))
    wish = service["spec"].get("loadBalancerIP") or ""
    given = []
    for family in families:
        ip = held.get(family) or _pick(family, wish, taken, addresses, contains)
        if ip:
            taken.add(ip)
            given.append(ip)
    changes: list[Change] = []
    if FINALIZER not in (service["metadata"].get("finalizers") or ()):
        changes.append(_finalizers(service, [*(service["metadata"].get("finalizers") or ()), FINALIZER]))
    if given != _held(service) and not foreign:
        ingress = [{"ip": ip, "ipMode": "VIP"} for ip in given]
        changes.append(patch_status("services", service, {"loadBalancer": {"ingress": ingress or None}}))
    return changes


def _pick(
    family: str,
    wish: str,
    taken: set[str],
    addresses: Callable[[str], Iterator[str]],
    contains: Callable[[str], bool],
) -> str:
    """The wished address where it can be had and nothing else; otherwise the first free one; "" when there is none."""
    if wish and (":" in wish) == (family == "IPv6"):
        return wish if contains(wish) and wish not in taken else ""
    return next((ip for ip in addresses(family) if ip not in taken), "")


def _take_back(service: Obj) -> list[Change]:
    """A Service that is no longer ours to serve: the address first, then the finalizer that kept it."""
    finalizers = service["metadata"].get("finalizers") or []
    if FINALIZER not in finalizers:
        return []
    changes: list[Change] = []
    if _held(service):
        changes.append(patch_status("services", service, {"loadBalancer": {"ingress": None}}))
    return [*changes, _finalizers(service, [f for f in finalizers if f != FINALIZER])]


def _finalizers(service: Obj, wanted: list[str]) -> Patch:
    meta = service["metadata"]
    return Patch("services", meta["namespace"], meta["name"], {"metadata": {"finalizers": wanted or None}})
