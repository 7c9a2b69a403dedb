"""What one NetworkPolicy says: its directions, whom it selects, which peers and ports a rule admits.

Every `..._miss` function returns why something does not match, and the empty text when it does.
Source: networking.k8s.io/v1 field comments and defaults; catalogue policy, parts 4.1, 4.4, 4.5.
"""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from harness.model.refs import Family
from harness.oracle.policy import select
from harness.oracle.policy.endpoints import EndKind, Endpoint, Lane
from harness.oracle.snapshot import Raw, Snapshot, name_of, namespace_of


class Direction(enum.StrEnum):
    """A policyType."""

    INGRESS = "Ingress"
    EGRESS = "Egress"


class HostNetwork(enum.StrEnum):
    """How an engine treats host-network pods; Kubernetes allows either, consistently."""

    NODE = "node"
    """As their node: never isolated, never matched by selectors. What most engines do."""
    POD = "pod"


@dataclass(frozen=True)
class Reading:
    """One way of reading what Kubernetes leaves open."""

    host_network: HostNetwork = HostNetwork.NODE
    end_port: bool = True
    blocks_see_cluster: bool = True
    """Whether an ipBlock matches the addresses of pods and nodes; identity-based engines may not."""

    def is_pod(self, end: Endpoint) -> bool:
        """Whether policies may select it, as subject or as peer."""
        return end.kind is EndKind.POD or (end.kind is EndKind.HOST_POD and self.host_network is HostNetwork.POD)


def policy_name(policy: Raw) -> str:
    """`namespace/name`"""
    return f"{namespace_of(policy)}/{name_of(policy)}"


def directions(policy: Raw) -> frozenset[Direction]:
    """policyTypes, or their default: Ingress, and Egress when there is at least one egress rule."""
    spec = policy["spec"]
    if stated := spec.get("policyTypes"):
        return frozenset(Direction(each) for each in stated)
    return frozenset(Direction) if spec.get("egress") else frozenset({Direction.INGRESS})


def rules_of(policy: Raw, direction: Direction) -> list[Mapping[str, Any]]:
    """The rules of a direction. Missing, null and empty are the same: no rule."""
    return list(policy["spec"].get("ingress" if direction is Direction.INGRESS else "egress") or ())


def selecting(snapshot: Snapshot, subject: Endpoint, direction: Direction) -> Iterator[Raw]:
    """The policies that isolate a pod in a direction: those of its own namespace that select it."""
    for policy in snapshot.policies_in(subject.namespace):
        if direction in directions(policy) and select.matches(policy["spec"].get("podSelector"), subject.labels):
            yield policy


def peers_miss(
    policy: Raw, rule: Mapping[str, Any], direction: Direction, other: Endpoint, *, family: Family, reading: Reading
) -> str:
    """Why no peer of a rule is `other`. A rule without peers admits every endpoint of any kind."""
    peers = rule.get("from" if direction is Direction.INGRESS else "to") or ()
    misses = []
    for peer in peers:
        miss = peer_miss(policy, peer, other, family=family, reading=reading)
        if not miss:
            return ""
        misses.append(miss)
    return "; ".join(misses)


def peer_miss(policy: Raw, peer: Mapping[str, Any], other: Endpoint, *, family: Family, reading: Reading) -> str:
    """Why one peer is not `other`: an ipBlock by address, otherwise pods by their namespace AND their labels."""
    if (block := peer.get("ipBlock")) is not None:
        if other.kind is not EndKind.EXTERNAL and not reading.blocks_see_cluster:
            return f"ipBlock {block['cidr']} is taken not to match {other.kind}s"
        return block_miss(block, other.address(family))
    if not reading.is_pod(other):
        return f"a selector never matches {other.kind} {other}"
    if (selector := peer.get("namespaceSelector")) is not None:
        if miss := select.why_not(selector, other.namespace_labels):
            return f"namespace {other.namespace}: {miss}"
    elif other.namespace != namespace_of(policy):
        return f"a podSelector alone means pods of {namespace_of(policy)}, not of {other.namespace}"
    if miss := select.why_not(peer.get("podSelector"), other.labels):
        return f"pod {other}: {miss}"
    return ""


def block_miss(block: Mapping[str, Any], address: str) -> str:
    """Why an ipBlock does not hold an address. Its excepts take away from itself only."""
    found = _address(address)
    if found not in _network(block["cidr"]):
        return f"{address} is not in {block['cidr']}"
    for each in block.get("except") or ():
        if found in _network(each):
            return f"{address} is in the excepted {each} of {block['cidr']}"
    return ""


def ports_miss(rule: Mapping[str, Any], lane: Lane, destination: Endpoint, *, reading: Reading) -> str:
    """Why no port entry of a rule matches. A rule without ports admits every protocol and port."""
    misses = []
    for entry in rule.get("ports") or ():
        miss = port_miss(entry, lane, destination, reading=reading)
        if not miss:
            return ""
        misses.append(miss)
    return "; ".join(misses)


def port_miss(entry: Mapping[str, Any], lane: Lane, destination: Endpoint, *, reading: Reading) -> str:
    """Why one port entry does not match: its protocol (default TCP), then number, range, or name at the destination."""
    protocol, port = entry.get("protocol") or "TCP", entry.get("port")
    if protocol != lane.protocol:
        return f"{port or 'any port'}/{protocol} is not {lane}"
    if port is None:
        return ""
    if isinstance(port, str):
        return _name_miss(port, lane, destination, reading=reading)
    last = entry.get("endPort") if reading.end_port else None
    if last is not None:
        return "" if port <= lane.port <= last else f"{port}-{last}/{protocol} does not hold {lane}"
    return "" if port == lane.port else f"{port}/{protocol} is not {lane}"


def _name_miss(name: str, lane: Lane, destination: Endpoint, *, reading: Reading) -> str:
    if not reading.is_pod(destination):
        return f"port {name!r} cannot be resolved: {destination} is no pod"
    declared = [each for each in destination.named_ports if each.name == name]
    if any(each.protocol == lane.protocol and each.number == lane.port for each in declared):
        return ""
    if not declared:
        return f"{destination} declares no port {name!r}"
    return f"port {name!r} of {destination} is " + ", ".join(f"{each.number}/{each.protocol}" for each in declared)


@lru_cache(maxsize=4096)
def _network(cidr: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(cidr, strict=False)  # host bits are ignored, as the API does


@lru_cache(maxsize=4096)
def _address(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(address)
