"""Which addresses of the nodes' network a LoadBalancer implementation may give away. Pure.

Engines hand out addresses from the low end of a network; ours are in its upper half, which is cut into shares. Every
container owns the share whose number is its own address's, counted from the beginning of the network, and a cluster
takes a share that one of its nodes owns and no other container: clusters that stand side by side, of whatever maker,
come to different ones without asking each other.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.clusters.provider import ClusterError

LARGEST, SMALLEST = 32, 8
"""Addresses in a share: every worker of a large run holds a few Services; a small network has less to give."""

MOST = 4096
"""Shares that are counted: the rest of an IPv6 network is never needed."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def choose(network: Mapping[str, Any], nodes: Sequence[str], *, families: str) -> list[str]:
    """A range of addresses for each family (`172.18.128.64-172.18.128.95`). Raises ClusterError when none is free.

    `network` is what the engine says of it, `nodes` the names of the cluster's containers.
    """
    versions = {"ipv4": (4,), "ipv6": (6,), "dual": (4, 6)}[families]
    return [_range(network, nodes, version) for version in versions]


def as_items(ranges: Iterable[str]) -> str:
    """The ranges as items of a YAML list."""
    return ", ".join(f'"{each}"' for each in ranges)


def _range(network: Mapping[str, Any], nodes: Sequence[str], version: int) -> str:
    subnet = _subnet(network, version)
    room = subnet.num_addresses // 2
    share = min(LARGEST, max(SMALLEST, room // 64))
    # The last address of an IPv4 network is everybody's.
    count = min((room - 1) // share, MOST)
    begin = int(subnet.network_address) + room
    used = _used(network, version)
    if count > 0:
        taken = {(int(each) - begin) // share for each, name in used if int(each) >= begin}
        owned = {
            True: [_owned(each, subnet, count) for each, name in used if name in nodes],
            False: [_owned(each, subnet, count) for each, name in used if name not in nodes],
        }
        for number in owned[True]:
            if number not in owned[False] and number not in taken:
                first = begin + number * share
                return f"{_address(first, version)}-{_address(first + share - 1, version)}"
    raise ClusterError(
        f"the network {network.get('Name', '')!r} ({subnet}) has no free part for LoadBalancer addresses: remove "
        "containers that use it, or make it larger"
    )


def _subnet(network: Mapping[str, Any], version: int) -> Network:
    for each in (network.get("IPAM") or {}).get("Config") or []:
        subnet = ipaddress.ip_network(each["Subnet"])
        if subnet.version == version:
            return subnet
    raise ClusterError(
        f"the network {network.get('Name', '')!r} has no IPv{version} subnet to take LoadBalancer addresses from"
    )


def _used(network: Mapping[str, Any], version: int) -> list[tuple[Address, str]]:
    """Addresses of one family that are in use, each with the name of its container."""
    key = f"IPv{version}Address"
    found = [(each.get(key), str(each.get("Name", ""))) for each in (network.get("Containers") or {}).values()]
    return sorted((ipaddress.ip_interface(told).ip, name) for told, name in found if told)


def _owned(address: Address, subnet: Network, count: int) -> int:
    return (int(address) - int(subnet.network_address)) % count


def _address(number: int, version: int) -> Address:
    return ipaddress.IPv4Address(number) if version == 4 else ipaddress.IPv6Address(number)
