"""Static NetworkPolicy cases on nine pods: which of the catalogue's are asked by default, and how they are set up."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from suites.catalogue import policy_cases, requirements

KILL_SET = (
    "POL-328", "POL-221", "POL-254", "POL-337", "POL-405", "POL-114", "POL-308", "POL-152", "POL-154", "POL-214",
    "POL-262", "POL-118", "POL-161", "POL-162a", "POL-259", "POL-311", "POL-326", "POL-332", "POL-412",
)  # fmt: skip
"""Together these kill all 65 wrong evaluators of the catalogue's section 3.4."""

FUNDAMENTALS = (
    "POL-101", "POL-102", "POL-103", "POL-104", "POL-105", "POL-106", "POL-107", "POL-108",
    "POL-201", "POL-203", "POL-205", "POL-253", "POL-301", "POL-321", "POL-323", "POL-331",
)  # fmt: skip
"""The sentences of the specification one by one, so that a red run names the one that fell."""

TIERS: Mapping[str, Mapping[str, str | None]] = {
    "tier": {"a": "q", "b": "r", "c": None},
    "tier0": {"a": "q", "b": "r", "c": ""},
}
"""Value of the label `tier` on the pods of a name: T9t and T9t0 of the catalogue."""

TEAMS: Mapping[str, str | None] = {"x": None, "y": "t1", "z": ""}
"""Value of the label `team` on the namespaces of T9t."""


def chosen() -> tuple[str, ...]:
    """The ids asked by default, in catalogue order."""
    wanted = {*KILL_SET, *FUNDAMENTALS}
    return tuple(id_ for id_ in policy_cases() if id_ in wanted)


def statement(id_: str) -> str:
    """The requirement's sentence; variants of one requirement (POL-162a) share it."""
    return str(requirements()[requirement_id(id_)]["statement"])


def requirement_id(id_: str) -> str:
    """The requirement a case decides: its id without the letter of a variant."""
    return id_.rstrip("abcdefgh")


def has_policies(id_: str) -> bool:
    """Whether the case is about policies at all: one is about their absence."""
    return bool(policy_cases()[id_]["p"])


def policies(id_: str, pods: Mapping[str, str]) -> list[tuple[str, dict[str, Any]]]:
    """The case's policies: namespace letter and spec, its blocks rewritten for the addresses of these nine pods."""
    return [(namespace, _placed(spec, pods)) for namespace, spec in policy_cases()[id_]["p"]]


def _placed(spec: Mapping[str, Any], pods: Mapping[str, str]) -> dict[str, Any]:
    """A spec with every block of addresses rewritten."""
    placed = dict(spec)
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        if spec.get(direction):
            placed[direction] = [
                {**rule, peers: [new for peer in rule[peers] for new in _peers(peer, pods)]}
                if rule.get(peers)
                else rule
                for rule in spec[direction]
            ]
    return placed


def _peers(peer: Mapping[str, Any], pods: Mapping[str, str]) -> list[dict[str, Any]]:
    if "ipBlock" not in peer:
        return [dict(peer)]
    return [{"ipBlock": block} for block in blocks(peer["ipBlock"], pods)]


def blocks(block: Mapping[str, Any], pods: Mapping[str, str]) -> list[dict[str, Any]]:
    """A block of the catalogue's topology, where each namespace has a network of its own, for pods as they really are.

    A block of some pods becomes one block for each of them; one with exceptions covers all pods and leaves out, one by
    one, those that it excepts and those that it did not cover. A block of everything stays.
    """
    network = ipaddress.ip_network(block["cidr"])
    if network.prefixlen == 0:
        return [dict(block)]
    inside = _members(network)
    if "except" not in block:
        whole = len(inside) == len(pods)
        return (
            [{"cidr": cover(pods.values())}]
            if whole
            else [{"cidr": _alone(pods[ref])} for ref in pods if ref in inside]
        )
    excepted = {ref for each in block["except"] for ref in _members(ipaddress.ip_network(each))}
    left_out = [ref for ref in pods if ref not in inside or ref in excepted]
    return [{"cidr": cover(pods.values()), "except": [_alone(pods[ref]) for ref in left_out]}]


def _members(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> set[str]:
    """The pods whose address in the catalogue's topology lies in a network: 10.<namespace>.0.<pod>, counted from 1."""
    model = {f"{n}/{p}": f"10.{i}.0.{j}" for i, n in enumerate("xyz", 1) for j, p in enumerate("abc", 1)}
    return {ref for ref, address in model.items() if ipaddress.ip_address(address) in network}


def _alone(address: str) -> str:
    return str(ipaddress.ip_network(address))


def cover(addresses: Iterable[str]) -> str:
    """The smallest network that holds all of these addresses of one family."""
    several = [ipaddress.ip_address(address) for address in addresses]
    network = ipaddress.ip_network(several[0])
    while not all(address in network for address in several):
        network = network.supernet()
    return str(network)


def topology(id_: str) -> str:
    """`tier`, `tier0`, `web`, or "" for plain nine pods."""
    return str(policy_cases()[id_].get("k") or "")
