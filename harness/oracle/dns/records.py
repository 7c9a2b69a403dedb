"""Which records a cluster's DNS zone must hold, and which it may: one function per section of the specification.

Source: Kubernetes DNS-Based Service Discovery, schema version 1.1.0 (sections in each function's docstring). What it
leaves open and deployed servers do (CoreDNS names endpoints by their dashed address) is MAY: allowed, never demanded.
"""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.model.dns import canonical_name
from harness.model.refs import Family
from harness.oracle.dns.names import dashed, join, reverse_name
from harness.oracle.snapshot import Raw, Snapshot, name_of, namespace_of

SCHEMA_VERSION = "1.1.0"
ADDRESS_TYPES = {Family.V4: "A", Family.V6: "AAAA"}


class Standing(enum.IntEnum):
    """How firmly a record stands."""

    MAY = 0
    """Deployed servers serve it; nothing demands it."""
    MUST = 1


@dataclass(frozen=True)
class Owned:
    """A record of the zone. SRV rdata is `port target`: priority and weight are not prescribed."""

    owner: str
    type: str
    rdata: str
    section: str
    standing: Standing = Standing.MUST


@dataclass(frozen=True)
class Endpoint:
    """A ready endpoint address of a Service, as its slices give it."""

    address: str
    host: str
    """Its label under the Service: hostname, or the dashed address."""
    ports: tuple[tuple[str, str, int], ...]
    """(name, protocol, number); unnamed ports have an empty name."""
    first: bool = True
    """Slices may list several addresses; consumers are told to use the first."""


def all_records(snapshot: Snapshot, zone: str) -> Iterator[Owned]:
    """Every record that follows from the API objects."""
    yield from schema_version(zone)
    for service in snapshot.services:
        yield from of_service(snapshot, service, zone)


def of_service(snapshot: Snapshot, service: Raw, zone: str) -> Iterator[Owned]:
    """The records of one Service, by its kind."""
    name = join(name_of(service), namespace_of(service), "svc", zone)
    if service["spec"].get("type") == "ExternalName":
        yield from external_name(service, name)
        return
    endpoints = list(ready_endpoints(snapshot, service))
    if is_headless(service):
        yield from headless_addresses(name, endpoints)
        yield from headless_ports(name, endpoints)
        yield from headless_reverse(snapshot, name, endpoints)
        return
    yield from clusterip_addresses(service, name)
    yield from clusterip_ports(service, name)
    yield from clusterip_reverse(service, name)
    yield from clusterip_endpoints(name, endpoints)


def schema_version(zone: str) -> Iterator[Owned]:
    """Section 2.2."""
    yield Owned(join("dns-version", zone), "TXT", f'"{SCHEMA_VERSION}"', "2.2")


def clusterip_addresses(service: Raw, name: str) -> Iterator[Owned]:
    """Section 2.3.1: an A or AAAA for each ClusterIP, and nothing else at the name."""
    for address in cluster_ips(service):
        yield Owned(name, address_type(address), address, "2.3.1")


def clusterip_ports(service: Raw, name: str) -> Iterator[Owned]:
    """Section 2.3.2: an SRV for each named port, to the Service's own name, with the Service's port.

    Allowed besides (section 3): all ports at the bare name, addresses at the port's name, the name without underscores.
    """
    for port in service["spec"].get("ports") or ():
        label, protocol, rdata = port.get("name") or "", _protocol(port), f"{port['port']} {name}"
        yield Owned(name, "SRV", rdata, "3", Standing.MAY)
        owner = join(f"_{label}", f"_{protocol}", name)
        yield Owned(owner, "SRV", rdata, "2.3.2", Standing.MUST if label else Standing.MAY)
        if label:
            yield Owned(join(label, protocol, name), "SRV", rdata, "3", Standing.MAY)
        for address in cluster_ips(service):
            yield Owned(owner, address_type(address), address, "3", Standing.MAY)
            if label:
                yield Owned(join(label, protocol, name), address_type(address), address, "3", Standing.MAY)


def clusterip_reverse(service: Raw, name: str) -> Iterator[Owned]:
    """Section 2.3.3."""
    for address in cluster_ips(service):
        yield Owned(reverse_name(address), "PTR", name, "2.3.3")


def clusterip_endpoints(name: str, endpoints: list[Endpoint]) -> Iterator[Owned]:
    """Section 3: names below a ClusterIP Service are not defined; CoreDNS has one for each endpoint, and its PTR."""
    for each in endpoints:
        host = join(each.host, name)
        yield Owned(host, address_type(each.address), each.address, "3", Standing.MAY)
        yield Owned(reverse_name(each.address), "PTR", host, "3", Standing.MAY)
        for _, _, number in each.ports:
            yield Owned(host, "SRV", f"{number} {host}", "3", Standing.MAY)


def headless_addresses(name: str, endpoints: list[Endpoint]) -> Iterator[Owned]:
    """Section 2.4.1: ready endpoints at the Service's name, and each at its own."""
    for each in endpoints:
        standing = Standing.MUST if each.first else Standing.MAY
        yield Owned(name, address_type(each.address), each.address, "2.4.1", standing)
        yield Owned(join(each.host, name), address_type(each.address), each.address, "2.4.1", standing)


def headless_ports(name: str, endpoints: list[Endpoint]) -> Iterator[Owned]:
    """Section 2.4.2: for each named port an SRV to every ready endpoint that has it.

    The number is the endpoint's port: the one that accepts connections there. The section's wording says the Service's.
    """
    for each in endpoints:
        host = join(each.host, name)
        standing = Standing.MUST if each.first else Standing.MAY
        for label, protocol, number in each.ports:
            rdata = f"{number} {host}"
            yield Owned(name, "SRV", rdata, "3", Standing.MAY)
            yield Owned(host, "SRV", rdata, "3", Standing.MAY)
            owner = join(f"_{label}", f"_{protocol}", name)
            yield Owned(owner, "SRV", rdata, "2.4.2", standing if label else Standing.MAY)
            yield Owned(owner, address_type(each.address), each.address, "3", Standing.MAY)
            if label:
                plain = join(label, protocol, name)
                yield Owned(plain, "SRV", rdata, "3", Standing.MAY)
                yield Owned(plain, address_type(each.address), each.address, "3", Standing.MAY)


def headless_reverse(snapshot: Snapshot, name: str, endpoints: list[Endpoint]) -> Iterator[Owned]:
    """Section 2.4.3: every ready endpoint's PTR, to its own name. Nodes' and strangers' addresses only may have one."""
    ours = _pod_network_addresses(snapshot)
    for each in endpoints:
        standing = Standing.MUST if each.first and each.address in ours else Standing.MAY
        yield Owned(reverse_name(each.address), "PTR", join(each.host, name), "2.4.3", standing)


def external_name(service: Raw, name: str) -> Iterator[Owned]:
    """Section 2.5: one CNAME. An address as externalName makes none: CNAMEs lead to names."""
    target = str(service["spec"]["externalName"])
    if not is_address(target):
        yield Owned(name, "CNAME", canonical_name(target), "2.5")


def ready_endpoints(snapshot: Snapshot, service: Raw) -> Iterator[Endpoint]:
    """The ready addresses in the slices joined to a Service. Unset `ready` counts as ready; `serving` does not."""
    for each in snapshot.slices_of(namespace_of(service), name_of(service)):
        if each.get("addressType") not in {"IPv4", "IPv6"}:
            continue
        ports = tuple(
            (port.get("name") or "", _protocol(port), int(port["port"]))
            for port in each.get("ports") or ()
            if port.get("port") is not None
        )
        for endpoint in each.get("endpoints") or ():
            if (endpoint.get("conditions") or {}).get("ready") is False:
                continue
            for index, address in enumerate(endpoint["addresses"]):
                host = endpoint.get("hostname") or dashed(address)
                yield Endpoint(str(ipaddress.ip_address(address)), host.lower(), ports, first=index == 0)


def is_headless(service: Raw) -> bool:
    """spec.clusterIP None."""
    return bool(service["spec"].get("clusterIP") == "None")


def cluster_ips(service: Raw) -> tuple[str, ...]:
    """The ClusterIPs of every family; none for headless and ExternalName Services."""
    spec = service["spec"]
    found = spec.get("clusterIPs") or ([spec["clusterIP"]] if spec.get("clusterIP") else [])
    return tuple(str(ipaddress.ip_address(each)) for each in found if each != "None")


def address_type(address: str) -> str:
    """A or AAAA."""
    return ADDRESS_TYPES[Family.of(address)]


def is_address(text: str) -> bool:
    """Whether a name is really a literal address."""
    try:
        ipaddress.ip_address(text.rstrip("."))
    except ValueError:
        return False
    return True


def _protocol(port: Mapping[str, Any]) -> str:
    return str(port.get("protocol") or "TCP").lower()


def _pod_network_addresses(snapshot: Snapshot) -> set[str]:
    return {
        str(ipaddress.ip_address(each["ip"]))
        for pod in snapshot.pods
        if not pod["spec"].get("hostNetwork")
        for each in (pod.get("status") or {}).get("podIPs") or ()
    }
