"""Who may answer behind a Service address, from which address the client may appear, and how it fails when nobody may.

Reads Services and EndpointSlices as they are; whether the slices are right is `endpointslices`' question.
Source: Service API, KEP-1669 (terminating), KEP-2086 (internalTrafficPolicy), KEP-1860 (ipMode), KEP-2433, KEP-4444
(hints); catalogue SVC-001..309. Rows the catalogue calls implementation-specific are `undefined` here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.model.refs import Family
from harness.oracle.endpointslices import HEADLESS_LABEL
from harness.oracle.policy.endpoints import addresses_of
from harness.oracle.services.values import (
    Backend,
    Client,
    Delivery,
    Failure,
    Source,
    Via,
    Where,
    networks_of,
    node_client,
    of_family,
    zone_of,
)
from harness.oracle.snapshot import Raw, Snapshot, labels_of, name_of, namespace_of

PROXY_NAME_LABEL = "service.kubernetes.io/service-proxy-name"
AFFINITY_TIMEOUT = 10800
"""The API's default, in seconds."""


def deliver(
    snapshot: Snapshot,
    service: Raw,
    *,
    via: Via,
    port: int | str,
    client: Client,
    family: Family = Family.V4,
    protocol: str = "TCP",
    entry: str = "",
) -> Delivery:
    """What must become of new connections. `port`: the Service's port, by number or name; `entry`: the node dialled by
    NodePort (its address), or the node a load balancer picked, when known.
    """
    if via is Via.NODE_PORT and not entry:
        raise ValueError("a NodePort is dialled at some node: say which as `entry`")
    chosen = _port(service, port, protocol)
    if chosen is None:
        return _nobody(client, Failure.DEAD, f"the Service has no port {port}/{protocol}")
    if reason := _not_proxied(service):
        return _nobody(client, Failure.DEAD, reason)
    if via is Via.LOAD_BALANCER and (reason := _outside_ranges(service, client, family)):
        return _nobody(client, Failure.DEAD, reason)
    endpoints = _endpoints(snapshot, service, chosen, family, headless=via is Via.HEADLESS)
    if via is Via.HEADLESS:
        ready = [each for each in endpoints if each.ready]
        return _delivery(
            service, client, family, ready, Source(frozenset(of_family(client, family)), why="pod network"), ()
        )
    if _external_and_local(service, via):
        return _external_local(service, via, client, family, endpoints, entry)
    local = via is Via.CLUSTER_IP and service["spec"].get("internalTrafficPolicy") == "Local"
    at = entry if via is Via.NODE_PORT or client.where is Where.OUTSIDE else client.node
    usable = _fallback(each for each in endpoints if not local or each.node == at)
    why: tuple[str, ...] = (f"internalTrafficPolicy Local: backends on {at} only",) if local else ()
    if not local and any(each.ready for each in usable):
        # Hints are about ready backends: of those that only go on serving while they end, each will do.
        usable, hint = _hinted(usable, at, zone_of(snapshot, at) if at else client.zone)
        why += (hint,) if hint else ()
    failure = Failure.DEAD if local and _fallback(endpoints) else Failure.REFUSED
    if client.where is Where.OUTSIDE and via is Via.LOAD_BALANCER:
        failure = Failure.DEAD
    made = _delivery(service, client, family, usable, _source(snapshot, via, client, family, entry), why, failure)
    return replace(made, undefined=_left_open(service, via))


@dataclass(frozen=True)
class _Endpoint:
    backend: Backend
    ready: bool
    serving: bool
    terminating: bool
    node: str
    for_nodes: frozenset[str]
    for_zones: frozenset[str]


def _port(service: Raw, port: int | str, protocol: str) -> Mapping[str, Any] | None:
    for each in service["spec"].get("ports") or ():
        if (each.get("protocol") or "TCP") == protocol and port in (each["port"], each.get("name")):
            found: Mapping[str, Any] = each
            return found
    return None


def _not_proxied(service: Raw) -> str:
    if PROXY_NAME_LABEL in labels_of(service):
        return f"label {PROXY_NAME_LABEL}: the cluster's proxy stands aside"
    return ""


def _outside_ranges(service: Raw, client: Client, family: Family) -> str:
    ranges = [ipaddress.ip_network(each) for each in service["spec"].get("loadBalancerSourceRanges") or ()]
    if not ranges:
        return ""
    addresses = [ipaddress.ip_address(each) for each in of_family(client, family)]
    if any(address in each for address in addresses for each in ranges):
        return ""
    return f"loadBalancerSourceRanges do not hold {client.text}"


def _endpoints(
    snapshot: Snapshot, service: Raw, port: Mapping[str, Any], family: Family, *, headless: bool
) -> list[_Endpoint]:
    """The endpoints of one port in one family: by port name and protocol, first address only, no address twice.

    Slices labelled as headless are for names alone: proxies do not look at them.
    """
    wanted = (port.get("name") or "", port.get("protocol") or "TCP")
    found: dict[tuple[str, int], _Endpoint] = {}
    for each in snapshot.slices_of(namespace_of(service), name_of(service)):
        if each.get("addressType") != family or (HEADLESS_LABEL in labels_of(each) and not headless):
            continue
        numbers = [
            one["port"]
            for one in each.get("ports") or ()
            if (one.get("name") or "", one.get("protocol") or "TCP") == wanted and one.get("port") is not None
        ]
        for number in numbers:
            for endpoint in each.get("endpoints") or ():
                made = _endpoint(endpoint, int(number))
                before = found.get((made.backend.address, made.backend.port))
                if before is None or (before.terminating and not made.terminating):
                    found[made.backend.address, made.backend.port] = made
    return list(found.values())


def _endpoint(endpoint: Mapping[str, Any], number: int) -> _Endpoint:
    conditions, hints = endpoint.get("conditions") or {}, endpoint.get("hints") or {}
    target, ready = endpoint.get("targetRef") or {}, conditions.get("ready") is not False
    pod = f"{target.get('namespace', '')}/{target['name']}" if target.get("kind") == "Pod" else ""
    node = str(endpoint.get("nodeName") or "")
    serving = conditions.get("serving")
    return _Endpoint(
        Backend(str(ipaddress.ip_address(endpoint["addresses"][0])), number, pod, node),
        ready,
        ready if serving is None else bool(serving),
        bool(conditions.get("terminating")),
        node,
        frozenset(str(each["name"]) for each in hints.get("forNodes") or ()),
        frozenset(str(each["name"]) for each in hints.get("forZones") or ()),
    )


def _fallback(endpoints: Iterable[_Endpoint]) -> list[_Endpoint]:
    """The ready ones; when there are none, those that still serve while they terminate (KEP-1669)."""
    several = list(endpoints)
    return [each for each in several if each.ready] or [each for each in several if each.serving and each.terminating]


def _hinted(endpoints: list[_Endpoint], node: str, zone: str) -> tuple[list[_Endpoint], str]:
    """Hints narrow the choice only when every endpoint has one and some are meant for the place of the client."""
    for kind, place, hints in (("node", node, "for_nodes"), ("zone", zone, "for_zones")):
        if place and endpoints and all(getattr(each, hints) for each in endpoints):
            meant = [each for each in endpoints if place in getattr(each, hints)]
            if meant:
                return meant, f"hints: backends for {kind} {place}"
    return endpoints, ""


def _external_and_local(service: Raw, via: Via) -> bool:
    return via is not Via.CLUSTER_IP and service["spec"].get("externalTrafficPolicy") == "Local"


def _external_local(
    service: Raw, via: Via, client: Client, family: Family, endpoints: list[_Endpoint], entry: str
) -> Delivery:
    """externalTrafficPolicy Local: the entry node's backends, and the client's address kept."""
    kept = Source(frozenset(of_family(client, family)), frozenset(), why="externalTrafficPolicy Local keeps the source")
    everywhere = _fallback(endpoints)
    if client.where is Where.POD:
        made = _delivery(
            service, client, family, everywhere, kept, ("inside the cluster the address is short-circuited",)
        )
        left = (
            "" if via is Via.LOAD_BALANCER else "pods at external addresses with Local are left to the implementation"
        )
        return replace(made, undefined=left or _left_open(service, via))
    if client.where is Where.NODE and (via is not Via.NODE_PORT or client.node == entry):
        any_node = replace(kept, any=True, why="short-circuited at the node itself")
        left = "a node at its own external addresses with Local is left to the implementation"
        return replace(_delivery(service, client, family, everywhere, any_node, ()), undefined=left)
    if not entry:
        return _delivery(
            service, client, family, everywhere, kept, ("a balancer picks nodes with backends",), Failure.DEAD
        )
    local = _fallback(each for each in endpoints if each.node == entry)
    failure = Failure.DEAD if everywhere or client.where is Where.OUTSIDE else Failure.REFUSED
    why = (f"externalTrafficPolicy Local: backends on {entry} only",)
    return replace(_delivery(service, client, family, local, kept, why, failure), undefined=_left_open(service, via))


def _left_open(service: Raw, via: Via) -> str:
    if HEADLESS_LABEL in labels_of(service):
        # kubernetes/kubernetes#134623: the label was meant for slices; proxies before 1.35 heed it on Services, too.
        return f"label {HEADLESS_LABEL} on a Service: proxies before 1.35 stand aside, later ones look at slices"
    if via is not Via.LOAD_BALANCER:
        return ""
    ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    if any(each.get("ipMode") == "Proxy" for each in ingress):
        return "ipMode Proxy: the balancer itself answers"
    return ""


def _source(snapshot: Snapshot, via: Via, client: Client, family: Family, entry: str) -> Source:
    own, networks = frozenset(of_family(client, family)), frozenset(networks_of(client.networks, family))
    if via is Via.CLUSTER_IP and client.where is Where.POD:
        return Source(own, why="a pod's address is kept through a ClusterIP")
    if via is Via.CLUSTER_IP and client.where is Where.NODE:
        others = _others(snapshot, client, {client.node}, family)
        return Source(own, networks, why="some address of the node", rewritten=True, others=others)
    if via is Via.CLUSTER_IP:
        return Source(any=True, why="a ClusterIP dialled from outside is not promised")
    masquerading = [node_client(snapshot, each) for each in {entry, client.node} if each]
    addresses = own.union(*(of_family(each, family) for each in masquerading))
    ranges = networks.union(*(networks_of(each.networks, family) for each in masquerading))
    if client.where is Where.OUTSIDE and not entry:
        return Source(any=True, why="any node may have taken it in and rewritten the source")
    others = _others(snapshot, client, {entry, client.node}, family)
    why = "the node it came in by may rewrite the source"
    return Source(addresses, ranges, why=why, rewritten=True, others=others)


def _others(snapshot: Snapshot, client: Client, nodes: set[str], family: Family) -> frozenset[str]:
    """What belongs to other pods than the client, and to other nodes than these.

    The ranges of those nodes are theirs only where pods have addresses of the range of their node: network plugins with
    an address management of their own give them out as they like.
    """
    pods = [(pod, each) for pod in snapshot.pods for each in addresses_of(pod) if not pod["spec"].get("hostNetwork")]
    elsewhere = [node_client(snapshot, name_of(each)) for each in snapshot.nodes if name_of(each) not in nodes]
    found = {each for _, each in pods if each not in client.addresses}
    found.update(address for node in elsewhere for address in node.addresses)
    if all(_in_range_of_its_node(snapshot, pod, each) for pod, each in pods):
        found.update(network for node in elsewhere for network in node.networks)
    return frozenset(each for each in found if Family.of(each) is family)


def _in_range_of_its_node(snapshot: Snapshot, pod: Raw, address: str) -> bool:
    node = str(pod["spec"].get("nodeName") or "")
    networks = node_client(snapshot, node).networks if node else ()
    return any(ipaddress.ip_address(address) in ipaddress.ip_network(each) for each in networks)


def _delivery(
    service: Raw,
    client: Client,
    family: Family,
    usable: list[_Endpoint],
    source: Source,
    why: tuple[str, ...],
    failure: Failure = Failure.REFUSED,
) -> Delivery:
    spec = service["spec"]
    affinity = None
    if spec.get("sessionAffinity") == "ClientIP":
        config = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
        affinity = int(config.get("timeoutSeconds") or AFFINITY_TIMEOUT)
    if usable and not any(each.ready for each in usable):
        why += ("only terminating backends are left: they go on serving",)
    backends = frozenset(each.backend for each in usable)
    mine = {str(ipaddress.ip_address(each)) for each in of_family(client, family)}
    own = frozenset(each for each in backends if each.address in mine)
    return Delivery(backends, failure, source, affinity, "", why, client.text, own)


def _nobody(client: Client, failure: Failure, why: str) -> Delivery:
    return Delivery(frozenset(), failure, Source(any=True), why=(why,), client=client.text)
