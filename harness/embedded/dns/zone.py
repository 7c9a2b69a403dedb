"""The cluster's Services, slices and namespaces, indexed the way questions come in. A value: nothing here waits.

The indexes are made on first use: a change of the cluster costs nothing until somebody asks.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from harness.embedded.dns.records import Name

Obj = dict[str, Any]
Key = tuple[str, str]

NO_PORT = -1
"""Stands for "has no ports": such endpoints have addresses and no SRV records."""


@dataclass(frozen=True)
class Quirks:
    """Deliberate defects of the server, all off when it is healthy. faults.py says when they are on."""

    unready_served: bool = False
    unset_is_unready: bool = False
    unready_never_published: bool = False
    serving_is_ready: bool = False
    first_slice_only: bool = False
    swapped_ports: bool = False
    outside_addresses: bool = False
    wildcards: bool = False


HEALTHY = Quirks()


def always_healthy(namespace: str) -> Quirks:
    """The quirks of a server without faults."""
    del namespace
    return HEALTHY


@dataclass(frozen=True)
class Endpoint:
    """One address behind a Service, on one port."""

    address: str
    label: str
    """Its name below the Service: the hostname, or its address with dashes."""
    port: int
    port_name: str
    protocol: str


@dataclass(frozen=True)
class Zone:
    """What the server knows at one moment."""

    services: Iterable[Obj] = ()
    slices: Iterable[Obj] = ()
    namespaces: Iterable[str] = ()
    domain: Name = ("cluster", "local")
    serial: int = 0
    ttl: int = 30
    local: tuple[str, ...] = ()
    """The server's own addresses: the Services they stand behind are the zone's name servers."""
    quirks: Callable[[str], Quirks] = field(default=always_healthy)

    @cached_property
    def _services(self) -> dict[Key, Obj]:
        return {(s["metadata"]["namespace"], s["metadata"]["name"]): s for s in self.services}

    @cached_property
    def _slices(self) -> dict[Key, list[Obj]]:
        index: dict[Key, list[Obj]] = defaultdict(list)
        for item in self.slices:
            meta = item["metadata"]
            service = (meta.get("labels") or {}).get("kubernetes.io/service-name")
            if service:
                index[meta["namespace"], service].append(item)
        return index

    @cached_property
    def _namespaces(self) -> frozenset[str]:
        return frozenset(self.namespaces)

    @cached_property
    def _by_cluster_ip(self) -> dict[str, Obj]:
        return {_plain(ip): s for s in self.services for ip in self.addresses(s)}

    @cached_property
    def _by_endpoint_ip(self) -> dict[str, list[tuple[Key, str]]]:
        index: dict[str, dict[tuple[Key, str], None]] = defaultdict(dict)
        for key in self._slices:
            for endpoint in self.endpoints(*key):
                index[_plain(endpoint.address)][key, endpoint.label] = None
        return {ip: list(names) for ip, names in index.items()}

    def has_namespace(self, namespace: str) -> bool:
        """Whether a namespace of this name exists."""
        return namespace in self._namespaces

    def service(self, namespace: str, name: str) -> Obj | None:
        """The Service, or None."""
        return self._services.get((namespace, name))

    def addresses(self, service: Obj) -> list[str]:
        """The addresses in a Service's name: its own; with the quirk, those from outside the cluster too."""
        outside = outside_ips(service) if self.quirks(service["metadata"]["namespace"]).outside_addresses else []
        return [*cluster_ips(service), *outside]

    def services_in(self, namespace: str) -> list[Obj]:
        """Every Service of a namespace."""
        return [service for (space, _), service in self._services.items() if space == namespace]

    def service_at(self, address: str) -> Obj | None:
        """The Service with this cluster address."""
        return self._by_cluster_ip.get(_plain(address))

    def endpoint_names_at(self, address: str) -> list[tuple[Key, str]]:
        """Which Services this address stands behind, and under which label."""
        return self._by_endpoint_ip.get(_plain(address), [])

    def endpoints(self, namespace: str, service: str) -> Iterator[Endpoint]:
        """Every address of every ready endpoint, once per port."""
        quirks = self.quirks(namespace)
        known = self._slices.get((namespace, service), [])
        for item in known[:1] if quirks.first_slice_only else known:
            ports = [_port(p) for p in item.get("ports") or ()] or [(NO_PORT, "", "")]
            for member in item.get("endpoints") or ():
                if not _is_ready(member.get("conditions") or {}, quirks):
                    continue
                for address in member["addresses"]:
                    label = member.get("hostname") or dashed(address)
                    for number, name, protocol in ports:
                        yield Endpoint(address, label, number, name, protocol)


def _port(port: Obj) -> tuple[int, str, str]:
    number = port.get("port")
    return NO_PORT if number is None else number, port.get("name") or "", port.get("protocol") or "TCP"


def _is_ready(conditions: Obj, quirks: Quirks) -> bool:
    """Readers of slices take an unset condition for true (discovery/v1 EndpointConditions)."""
    ready = conditions.get("ready")
    if quirks.serving_is_ready:
        ready = conditions.get("serving")
    if quirks.unready_served:
        return True
    if quirks.unready_never_published and conditions.get("serving") is False:
        return False
    return (not quirks.unset_is_unready) if ready is None else bool(ready)


def dashed(address: str) -> str:
    """The label of an endpoint without hostname. A label may not end in a dash, hence the 0."""
    label = address.replace(".", "-").replace(":", "-")
    return f"{label}0" if label.endswith("-") else label


def cluster_ips(service: Obj) -> list[str]:
    """The Service's own addresses; none for headless and ExternalName ones."""
    spec = service["spec"]
    ips = spec.get("clusterIPs") or [spec.get("clusterIP")]
    return [ip for ip in ips if ip and ip != "None"]


def outside_ips(service: Obj) -> list[str]:
    """Addresses by which a Service is reached from outside."""
    entries = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    return [*(service["spec"].get("externalIPs") or ()), *(entry["ip"] for entry in entries if entry.get("ip"))]


def _plain(address: str) -> str:
    """One spelling per address; what is not an address (FQDN slices) stays as it is."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return address
