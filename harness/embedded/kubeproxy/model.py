"""Services and EndpointSlices as the proxy sees them: one value per Service port, one per endpoint. Pure.

Source: the API types core/v1 Service and discovery.k8s.io/v1 EndpointSlice. Not validation: the store has done that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from harness.embedded.nft.ruleset import Family

Object = dict[str, Any]

SERVICE_OF_SLICE = "kubernetes.io/service-name"
OTHER_PROXY = "service.kubernetes.io/service-proxy-name"
HEADLESS = "service.kubernetes.io/headless"
DEFAULT_AFFINITY_SECONDS = 10800


@dataclass(frozen=True)
class Snapshot:
    """Everything the rules of one node depend on."""

    node: str
    addresses: tuple[str, ...]
    pod_cidrs: tuple[str, ...]
    families: tuple[str, ...] = ("IPv4", "IPv6")
    service_cidrs: tuple[str, ...] = ()
    zone: str = ""
    services: tuple[Object, ...] = ()
    slices: tuple[Object, ...] = ()
    faults: tuple[Object, ...] = ()
    old_node_ports: tuple[OldNodePort, ...] = ()


@dataclass(frozen=True)
class OldNodePort:
    """A node port (`protocol . number`) that its Service has given up, with the Service as it was (services/F75)."""

    node_port: str
    service: Object
    slices: tuple[Object, ...]

    def as_snapshot(self, snapshot: Snapshot) -> Snapshot:
        """A world in which the Service still is as it was, and alone."""
        return replace(snapshot, services=(self.service,), slices=self.slices, old_node_ports=())


@dataclass(frozen=True)
class Endpoint:
    """One address and port that may take traffic."""

    address: str
    port: int
    is_local: bool
    is_ready: bool
    is_serving: bool
    is_terminating: bool
    node_hints: frozenset[str] = frozenset()
    zone_hints: frozenset[str] = frozenset()

    @property
    def target(self) -> str:
        """As nft's `dnat to` takes it."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(frozen=True)
class ServicePort:
    """One port of one Service in one family, with every front end that leads to it."""

    namespace: str
    name: str
    port_name: str
    protocol: str
    port: int
    node_port: int
    cluster_ips: tuple[str, ...]
    external_ips: tuple[str, ...]
    balancer_ips: tuple[str, ...]
    source_ranges: tuple[str, ...]
    affinity_seconds: int
    is_internal_local: bool
    is_external_local: bool
    is_external: bool
    endpoints: tuple[Endpoint, ...] = field(default=())

    @property
    def label(self) -> str:
        """`namespace/name/protocol/port name`: the readable part of every name we make for it."""
        return f"{self.namespace}/{self.name}/{self.protocol}/{self.port_name}"

    @property
    def uses_cluster_endpoints(self) -> bool:
        """Endpoints of all nodes matter: by policy, or because local clients of an outside address are let past it."""
        return not self.is_internal_local or self.is_external

    @property
    def uses_local_endpoints(self) -> bool:
        """Some traffic may only go to this node's endpoints."""
        return self.is_internal_local or self.is_external_local


def service_ports(snapshot: Snapshot, family: Family) -> list[ServicePort]:
    """Every port of every Service this proxy serves, with its endpoints, in a fixed order."""
    slices = _by_service(snapshot.slices, family)
    ports: list[ServicePort] = []
    for service in sorted(snapshot.services, key=_name):
        if not is_served(service):
            continue
        for spec in service["spec"].get("ports") or ():
            protocol = (spec.get("protocol") or "TCP").lower()
            endpoints = _endpoints(slices.get(_name(service), ()), spec.get("name") or "", protocol, node=snapshot.node)
            ports.append(_service_port(service, spec, protocol, family, endpoints))
    return ports


def is_served(service: Object) -> bool:
    """Whether a proxy has anything to do: not headless, not a DNS alias, not handed to another proxy."""
    labels = service["metadata"].get("labels") or {}
    spec = service["spec"]
    if spec.get("type") == "ExternalName" or spec.get("clusterIP") in {None, "", "None"}:
        return False
    return OTHER_PROXY not in labels  # the other label counts on slices (since 1.35)


def _name(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _service_port(
    service: Object, port: Object, protocol: str, family: Family, endpoints: tuple[Endpoint, ...]
) -> ServicePort:
    spec = service["spec"]
    kind = spec.get("type") or "ClusterIP"
    external_ips = _of_family(spec.get("externalIPs") or (), family)
    is_external = kind in {"NodePort", "LoadBalancer"} or bool(spec.get("externalIPs"))
    return ServicePort(
        namespace=_name(service)[0],
        name=_name(service)[1],
        port_name=port.get("name") or "",
        protocol=protocol,
        port=port["port"],
        node_port=port.get("nodePort") or 0,
        cluster_ips=_of_family(spec.get("clusterIPs") or [spec["clusterIP"]], family),
        external_ips=external_ips,
        balancer_ips=_of_family(_captured_balancer_ips(service), family),
        source_ranges=_of_family([entry.strip() for entry in spec.get("loadBalancerSourceRanges") or ()], family),
        affinity_seconds=_affinity_seconds(spec),
        is_internal_local=spec.get("internalTrafficPolicy") == "Local",
        is_external_local=is_external and spec.get("externalTrafficPolicy") == "Local",
        is_external=is_external,
        endpoints=endpoints,
    )


def _captured_balancer_ips(service: Object) -> Iterable[str]:
    """Addresses of the balancer that mean the Service itself. With ipMode Proxy the balancer wants the traffic."""
    for entry in ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ():
        if entry.get("ip") and entry.get("ipMode", "VIP") == "VIP":
            yield entry["ip"]


def _affinity_seconds(spec: Mapping[str, Any]) -> int:
    """0: no affinity."""
    if spec.get("sessionAffinity") != "ClientIP":
        return 0
    config = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
    return int(config.get("timeoutSeconds") or DEFAULT_AFFINITY_SECONDS)


def _of_family(addresses: Iterable[str], family: Family) -> tuple[str, ...]:
    return tuple(one for one in addresses if (":" in one) == (family is Family.IPV6))


def _by_service(slices: Iterable[Object], family: Family) -> dict[tuple[str, str], list[Object]]:
    wanted = "IPv4" if family is Family.IPV4 else "IPv6"
    found: dict[tuple[str, str], list[Object]] = {}
    for one in slices:
        labels = one["metadata"].get("labels") or {}
        # A slice of another address type, of no Service, or of one that wants no proxy, is none of our business.
        if one.get("addressType") != wanted or SERVICE_OF_SLICE not in labels or HEADLESS in labels:
            continue
        found.setdefault((one["metadata"].get("namespace", ""), labels[SERVICE_OF_SLICE]), []).append(one)
    return found


def _endpoints(slices: Iterable[Object], port_name: str, protocol: str, *, node: str) -> tuple[Endpoint, ...]:
    """The endpoints of one Service port, each address once: of duplicates the more useful one counts."""
    best: dict[tuple[str, int], Endpoint] = {}
    for one in slices:
        for number in _numbers(one, port_name, protocol):
            for raw in one.get("endpoints") or ():
                endpoint = _endpoint(raw, number, node=node)
                key = (endpoint.address, endpoint.port)
                if key not in best or _usefulness(endpoint) > _usefulness(best[key]):
                    best[key] = endpoint
    return tuple(best[key] for key in sorted(best))


def _numbers(one: Object, port_name: str, protocol: str) -> Iterable[int]:
    for port in one.get("ports") or ():
        same = (port.get("name") or "") == port_name and (port.get("protocol") or "TCP").lower() == protocol
        if same and port.get("port"):
            yield port["port"]


def _endpoint(raw: Object, port: int, *, node: str) -> Endpoint:
    conditions, hints = raw.get("conditions") or {}, raw.get("hints") or {}
    is_ready = conditions.get("ready") is not False
    serving = conditions.get("serving")
    return Endpoint(
        address=raw["addresses"][0],
        port=port,
        is_local=raw.get("nodeName") == node,
        is_ready=is_ready,
        is_serving=is_ready if serving is None else bool(serving),
        is_terminating=bool(conditions.get("terminating")),
        node_hints=_places(hints.get("forNodes")),
        zone_hints=_places(hints.get("forZones")),
    )


def _places(hints: list[Object] | None) -> frozenset[str]:
    return frozenset([hint["name"] for hint in hints]) if hints else frozenset()


def _usefulness(endpoint: Endpoint) -> tuple[bool, bool]:
    return endpoint.is_ready, endpoint.is_serving
