"""EndpointSlice (discovery.k8s.io/v1) and Endpoints: defaults and rules."""

from __future__ import annotations

from typing import Any

from harness.embedded.store import names
from harness.embedded.store.fields import Faults
from harness.embedded.store.strategy import Strategy

Object = dict[str, Any]
ADDRESS_TYPES = ("FQDN", "IPv4", "IPv6")
PROTOCOLS = ("SCTP", "TCP", "UDP")
MAX_ENDPOINTS = 1000
MAX_PORTS = 20000
MAX_ADDRESSES = 100
MAX_HINTS = 8


def _default_slice(obj: Object) -> None:
    for port in obj.get("ports") or ():
        port.setdefault("name", "")
        port.setdefault("protocol", "TCP")


def _validate_slice(obj: Object, faults: Faults) -> None:
    sort = obj.get("addressType", "")
    if not sort:
        faults.required("addressType")
    elif sort not in ADDRESS_TYPES:
        faults.unsupported("addressType", sort, ADDRESS_TYPES)
    endpoints = obj.get("endpoints") or ()
    if len(endpoints) > MAX_ENDPOINTS:
        faults.too_many("endpoints", len(endpoints), MAX_ENDPOINTS)
        return
    for index, endpoint in enumerate(endpoints):
        _validate_endpoint(endpoint, f"endpoints[{index}]", sort, faults)
    _validate_ports(obj.get("ports") or (), faults)


def _validate_endpoint(endpoint: Object, path: str, sort: str, faults: Faults) -> None:
    addresses = endpoint.get("addresses") or ()
    if not addresses:
        faults.required(f"{path}.addresses", "must contain at least 1 address")
    elif len(addresses) > MAX_ADDRESSES:
        faults.too_many(f"{path}.addresses", len(addresses), MAX_ADDRESSES)
    for index, address in enumerate(addresses):
        where = f"{path}.addresses[{index}]"
        if sort == "FQDN":
            for problem in names.subdomain(address.rstrip(".")):
                faults.invalid(where, address, problem)
        else:
            _validate_address(address, where, sort, faults)
    for field in ("forZones", "forNodes"):
        hints = (endpoint.get("hints") or {}).get(field) or ()
        if len(hints) > MAX_HINTS:
            faults.too_many(f"{path}.hints.{field}", len(hints), MAX_HINTS)
    if "hostname" in endpoint:
        for problem in names.label(endpoint["hostname"]):
            faults.invalid(f"{path}.hostname", endpoint["hostname"], problem)
    if "nodeName" in endpoint:
        for problem in names.subdomain(endpoint["nodeName"]):
            faults.invalid(f"{path}.nodeName", endpoint["nodeName"], problem)


def _validate_address(address: str, path: str, sort: str, faults: Faults) -> None:
    parsed = names.address(address)
    if parsed is None:
        faults.invalid(path, address, names.IP_MESSAGE)
        return
    if sort in ("IPv4", "IPv6") and names.family_of(address) != sort:
        faults.invalid(path, address, f"must be an {sort} address")
    _reachable(address, path, faults)


def _reachable(address: str, path: str, faults: Faults) -> None:
    """Addresses that can never be an endpoint."""
    parsed = names.address(address)
    if parsed is None:
        faults.invalid(path, address, names.IP_MESSAGE)
    elif parsed.is_unspecified:
        faults.invalid(path, address, f"may not be unspecified ({address})")
    elif parsed.is_loopback:
        faults.invalid(path, address, "may not be in the loopback range (127.0.0.0/8, ::1/128)")
    elif parsed.is_link_local:
        faults.invalid(path, address, "may not be in the link-local range (169.254.0.0/16, fe80::/10)")
    elif parsed.is_multicast and (parsed.version == 4 and str(parsed).startswith("224.0.0.")):
        faults.invalid(path, address, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")


def _validate_ports(ports: Any, faults: Faults) -> None:
    seen: set[str] = set()
    for index, port in enumerate(ports):
        name = port.get("name") or ""
        if name in seen:
            faults.duplicate(f"ports[{index}].name", name)
        seen.add(name)
        if name:
            for problem in names.label(name):
                faults.invalid(f"ports[{index}].name", name, problem)
        if "port" in port:
            for problem in names.port_number(port["port"]):
                faults.invalid(f"ports[{index}].port", port["port"], problem)
        if port.get("protocol") not in PROTOCOLS:
            faults.unsupported(f"ports[{index}].protocol", port.get("protocol"), PROTOCOLS)


def _validate_slice_update(new: Object, old: Object, faults: Faults) -> None:
    faults.immutable("addressType", new.get("addressType"), old.get("addressType"))


def _default_endpoints(obj: Object) -> None:
    for subset in obj.get("subsets") or ():
        for port in subset.get("ports") or ():
            port.setdefault("protocol", "TCP")


def _validate_endpoints(obj: Object, faults: Faults) -> None:
    for index, subset in enumerate(obj.get("subsets") or ()):
        path = f"subsets[{index}]"
        ready, waiting = subset.get("addresses") or (), subset.get("notReadyAddresses") or ()
        if not ready and not waiting:
            faults.required(path, "must specify `addresses` or `notReadyAddresses`")
        for field, addresses in (("addresses", ready), ("notReadyAddresses", waiting)):
            for number, address in enumerate(addresses):
                _reachable(address.get("ip", ""), f"{path}.{field}[{number}].ip", faults)
        ports = subset.get("ports") or ()
        for number, port in enumerate(ports):
            where = f"{path}.ports[{number}]"
            if len(ports) > 1 and not port.get("name"):
                faults.required(f"{where}.name")
            for problem in names.port_number(port.get("port", 0)):
                faults.invalid(f"{where}.port", port.get("port", 0), problem)
            if port.get("protocol") not in PROTOCOLS:
                faults.unsupported(f"{where}.protocol", port.get("protocol"), PROTOCOLS)


ENDPOINT_SLICE = Strategy(default=_default_slice, validate=_validate_slice, validate_update=_validate_slice_update)
ENDPOINTS = Strategy(default=_default_endpoints, validate=_validate_endpoints, create_on_update=True)
