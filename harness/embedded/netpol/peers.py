"""Who may be at the other end of one rule: pods by selector, addresses by block. Pure.

Source: NetworkPolicyPeer of networking.k8s.io/v1. Pods become elements of a named set, so that a new pod costs one
element; blocks become ranges inside the rule, with each block's own exceptions already taken out.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.embedded.netpol import faults
from harness.embedded.netpol.faults import Broken
from harness.embedded.netpol.labels import selects
from harness.embedded.netpol.model import Pod, Policy
from harness.embedded.nft.ruleset import Family

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class World:
    """All pods that policies can mean, and the labels of their namespaces."""

    pods: tuple[Pod, ...]
    namespaces: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Peers:
    """The resolved `from` or `to` of a rule in one family. `anyone` means no restriction, of any kind."""

    anyone: bool = False
    by_selector: bool = False
    pods: tuple[Pod, ...] = ()
    blocks: tuple[Network, ...] = ()

    @property
    def every_address(self) -> bool:
        """The blocks leave nobody out."""
        return any(block.prefixlen == 0 for block in self.blocks)

    def has(self, pod: Pod, family: Family) -> bool:
        """Whether a pod is among them, by selector or by address."""
        if self.anyone or pod in self.pods:
            return True
        address = pod.address(family)
        return address is not None and any(ipaddress.ip_address(address) in block for block in self.blocks)


def resolve(policy: Policy, rule: Mapping[str, Any], world: World, family: Family, broken: Broken) -> Peers:
    """A missing or empty list of peers restricts nobody; peers that match nobody admit nobody."""
    peers = rule.get(policy.direction.peers_field)
    if not peers:
        return Peers(anyone=True)
    chosen: dict[tuple[str, str], Pod] = {}
    blocks: list[Network] = []
    for peer in peers:
        if peer.get("ipBlock"):
            blocks += _block(peer["ipBlock"], family, broken, policy.namespace)
        else:
            chosen.update({(pod.namespace, pod.name): pod for pod in _selected(peer, policy, world, broken)})
    return Peers(
        by_selector=any(not peer.get("ipBlock") for peer in peers),
        pods=tuple(chosen[key] for key in sorted(chosen)),
        blocks=_collapsed(blocks),
    )


def _selected(peer: Mapping[str, Any], policy: Policy, world: World, broken: Broken) -> Iterable[Pod]:
    pod_selector, namespace_selector = peer.get("podSelector"), peer.get("namespaceSelector")
    has_both = pod_selector is not None and namespace_selector is not None
    if has_both and broken.here(faults.EITHER_SELECTOR, policy.namespace):
        yield from _selected({"podSelector": pod_selector}, policy, world, broken)
        yield from _selected({"namespaceSelector": namespace_selector}, policy, world, broken)
        return
    everywhere = broken.here(faults.BARE_SELECTOR_EVERYWHERE, policy.namespace)
    for pod in world.pods:
        if namespace_selector is None:
            in_namespace = pod.namespace == policy.namespace or everywhere
        else:
            # A pod whose namespace is not known (yet) is in no namespace that a selector could choose.
            labels = world.namespaces.get(pod.namespace)
            in_namespace = labels is not None and selects(namespace_selector, labels)
        if in_namespace and selects(pod_selector, pod.labels):
            yield pod


def _block(block: Mapping[str, Any], family: Family, broken: Broken, namespace: str) -> list[Network]:
    """A block without its own exceptions, as networks. Host bits are ignored."""
    whole = ipaddress.ip_network(block["cidr"], strict=False)
    if whole.version != family.version:
        return []
    left: list[Network] = [whole]
    if broken.here(faults.EXCEPT_IGNORED, namespace):
        return left
    for text in block.get("except") or ():
        hole = ipaddress.ip_network(text, strict=False)
        if hole.version == family.version:
            left = [part for network in left for part in _without(network, hole)]
    return left


def _without(network: Network, hole: Network) -> Iterable[Network]:
    if not network.overlaps(hole):
        yield network
    elif network.prefixlen < hole.prefixlen:
        yield from network.address_exclude(hole)  # type: ignore[arg-type]  # both are of one version


def _collapsed(blocks: Iterable[Network]) -> tuple[Network, ...]:
    return tuple(ipaddress.collapse_addresses(blocks))  # type: ignore[type-var]  # all of one version
