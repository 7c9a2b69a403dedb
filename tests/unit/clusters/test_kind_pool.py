"""Addresses for LoadBalancer Services: in the nodes' network, used by nobody, and different for every cluster."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from harness.clusters.kind.pool import as_items, choose
from harness.clusters.provider import ClusterError

V4, V6 = "172.18.0.0/16", "fc00:f853:ccd:e793::/64"


def network(*containers: tuple[str, str, str], subnets: tuple[str, ...] = (V4, V6)) -> dict[str, Any]:
    """What the engine says of a network with containers: name, IPv4 and IPv6 address."""
    config = [{"Subnet": each, "Gateway": "x"} for each in subnets]
    there = {
        str(number): {"Name": name, "IPv4Address": v4 and f"{v4}/16", "IPv6Address": v6 and f"{v6}/64"}
        for number, (name, v4, v6) in enumerate(containers)
    }
    return {"Name": "kind", "IPAM": {"Config": config}, "Containers": there}


def nodes(cluster: str, first: int, count: int = 3) -> list[tuple[str, str, str]]:
    """Containers of a cluster with addresses that follow each other."""
    return [(f"{cluster}-{n}", f"172.18.0.{n}", f"fc00:f853:ccd:e793::{n:x}") for n in range(first, first + count)]


def names(containers: list[tuple[str, str, str]]) -> list[str]:
    """Their names."""
    return [name for name, _, _ in containers]


def addresses(told: str) -> set[int]:
    """Every address of a range."""
    first, last = (int(ipaddress.ip_address(each)) for each in told.split("-"))
    return set(range(first, last + 1))


def test_a_range_lies_in_the_upper_half_of_each_family() -> None:
    """Engines give away addresses from the low end."""
    mine = nodes("a", 2)
    assert choose(network(*mine), names(mine), families="dual") == [
        "172.18.128.64-172.18.128.95",
        "fc00:f853:ccd:e793:8000::40-fc00:f853:ccd:e793:8000::5f",
    ]
    assert as_items(choose(network(*mine), names(mine), families="ipv4")) == '"172.18.128.64-172.18.128.95"'


def test_clusters_side_by_side_come_to_different_ranges() -> None:
    """Without asking each other, from any of them, also when they are made at the same time."""
    clusters = [nodes(name, 2 + 3 * number) for number, name in enumerate("abcdefgh")]
    there = network(*[each for cluster in clusters for each in cluster])
    for families in ("ipv4", "ipv6"):
        ranges = [addresses(choose(there, names(cluster), families=families)[0]) for cluster in clusters]
        assert len(set.union(*ranges)) == 32 * len(clusters)


@pytest.mark.parametrize("prefix", [16, 20, 24, 26])
def test_a_range_stays_in_its_network(prefix: int) -> None:
    """Also in a small one, where it is smaller; never the address that is everybody's."""
    there = ipaddress.ip_network(f"172.18.0.0/{prefix}")
    mine = nodes("a", 2)
    found = addresses(choose(network(*mine, subnets=(str(there),)), names(mine), families="ipv4")[0])
    assert all(ipaddress.ip_address(each) in there for each in found)
    assert int(there.broadcast_address) not in found
    assert len(found) >= 8


def test_a_range_in_which_a_container_lives_is_left_alone() -> None:
    """The next node's is taken."""
    mine = nodes("a", 2)
    there = network(*mine, ("other", "172.18.128.70", ""))
    assert choose(there, names(mine), families="ipv4") == ["172.18.128.96-172.18.128.127"]


def test_a_range_that_somebody_else_owns_is_left_alone() -> None:
    """In a small network two containers may own the same; neither takes it."""
    mine, subnets = nodes("a", 2, 2), ("172.18.0.0/24",)
    theirs = [("b", "172.18.0.17", "")]
    assert choose(network(*mine, *theirs, subnets=subnets), names(mine), families="ipv4") == [
        "172.18.0.152-172.18.0.159"
    ]
    theirs.append(("c", "172.18.0.18", ""))
    with pytest.raises(ClusterError, match=r"'kind' \(172\.18\.0\.0/24\) has no free part"):
        choose(network(*mine, *theirs, subnets=subnets), names(mine), families="ipv4")


@pytest.mark.parametrize(
    ("told", "families", "said"),
    [
        (network(subnets=(V4,)), "dual", "no free part"),
        (network(*nodes("a", 2), subnets=(V4,)), "dual", "has no IPv6 subnet"),
        (network(*nodes("a", 2), subnets=()), "ipv4", "has no IPv4 subnet"),
        (network(*nodes("a", 2), subnets=("172.18.0.0/29",)), "ipv4", "no free part"),
        ({}, "ipv4", "has no IPv4 subnet"),
    ],
)
def test_a_network_that_has_none_is_said(told: dict[str, Any], families: str, said: str) -> None:
    """No nodes on it, a family it lacks, too small, not told at all."""
    with pytest.raises(ClusterError, match=said) as error:
        choose(told, names(nodes("a", 2)), families=families)
    assert "\n" not in str(error.value)
