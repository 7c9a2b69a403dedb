"""The books of cluster addresses: an IPAddress for each one a Service has, and the blocks that ServiceCIDRs name.

What a Service is given or gives back is entered in the same transaction (KEP-1880: there, the entry is what makes the
address taken). IPAddresses that clients make take their address from the pool; ServiceCIDRs extend it.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable
from typing import Any

from harness.embedded.store.allocation import ServiceAddresses
from harness.embedded.store.names import family_of
from harness.embedded.store.resources import Resource, by_name
from harness.embedded.store.selectors import Filter
from harness.embedded.store.storage import Storage

Object = dict[str, Any]
SERVICES = by_name("services")
RANGES = by_name("servicecidrs.networking.k8s.io")
ADDRESSES = by_name("ipaddresses.networking.k8s.io")
FAMILY = "ipaddress.kubernetes.io/ip-family"
MANAGED_BY = "ipaddress.kubernetes.io/managed-by"
ALLOCATOR = "ipallocator.k8s.io"


class Ledger:
    """Keeps IPAddress objects and the pools in step."""

    def __init__(self, storage: Storage, addresses: ServiceAddresses, rng: random.Random) -> None:
        self._storage = storage
        self._addresses = addresses
        self._random = rng

    def entered(self, resource: Resource, new: Object, old: Object | None, now: str) -> None:
        """An object is about to be written."""
        match resource.kind:
            case "Service":
                before, after = _addresses_of(old), _addresses_of(new)
                self._strike(address for address in before if address not in after)
                for address in after:
                    if address not in before:
                        self._enter(address, new, now)
            case "IPAddress" if old is None:
                self._addresses.hold(new["metadata"]["name"])
            case "ServiceCIDR":
                self._addresses.extend(_cidrs(new))

    def removed(self, resource: Resource, last: Object) -> None:
        """An object is about to be removed."""
        match resource.kind:
            case "Service":
                self._addresses.release(last)
                self._strike(_addresses_of(last))
            case "IPAddress":
                self._addresses.free(last["metadata"]["name"])
            case "ServiceCIDR":
                named = {c for each in self._storage.select(RANGES, Filter()) if each is not last for c in _cidrs(each)}
                self._addresses.shrink([cidr for cidr in _cidrs(last) if cidr not in named])

    def mended(self, resource: Resource, gone: Object, now: str) -> None:
        """An object was removed: an entry that somebody took out while its Service has the address is made again."""
        parent = gone["spec"].get("parentRef") or {} if resource.kind == "IPAddress" else {}
        if parent.get("resource") == "services":
            service = self._storage.find(SERVICES, parent.get("namespace"), parent.get("name", ""))
            if gone["metadata"]["name"] in _addresses_of(service):
                self._addresses.hold(gone["metadata"]["name"])
                self._enter(gone["metadata"]["name"], service or {}, now)

    def _enter(self, address: str, service: Object, now: str) -> None:
        if self._storage.find(ADDRESSES, None, address) is None:
            entry = ip_address(address, service["metadata"])
            number = uuid.UUID(int=self._random.getrandbits(128), version=4)
            entry["metadata"] |= {"uid": str(number), "creationTimestamp": now, "generation": 1}
            self._storage.put(ADDRESSES, entry, None)

    def _strike(self, addresses: Iterable[str]) -> None:
        for address in addresses:
            entry = self._storage.find(ADDRESSES, None, address)
            if entry is not None:
                self._storage.remove(ADDRESSES, entry)


def ip_address(address: str, service: Object) -> Object:
    """The entry for a Service's address, by the Service's metadata."""
    parent = {"group": "", "resource": "services", "namespace": service["namespace"], "name": service["name"]}
    labels = {FAMILY: family_of(address), MANAGED_BY: ALLOCATOR}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IPAddress",
        "metadata": {"name": address, "labels": labels},
        "spec": {"parentRef": {field: value for field, value in parent.items() if value}},
    }


def _cidrs(item: Object) -> list[str]:
    return item["spec"].get("cidrs") or []


def _addresses_of(service: Object | None) -> list[str]:
    found = (service or {}).get("spec", {}).get("clusterIPs") or ()
    return [address for address in found if address != "None"]
