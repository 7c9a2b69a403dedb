"""The resolver where the recordings are silent: IPv6, chains, odd slices, name servers, names from elsewhere."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from harness.embedded.dns.resolve import LONGEST_CHAIN, address_of

V6_REVERSE = ipaddress.ip_address("fd00:10:96::5").reverse_pointer


def endpoint(*addresses: str, hostname: str = "", **conditions: bool) -> dict[str, Any]:
    return {"addresses": list(addresses), "conditions": conditions} | ({"hostname": hostname} if hostname else {})


def test_a_dual_stack_service_has_both_addresses(cluster: Any) -> None:
    """Each family is answered with its own cluster address, and SRV brings both along."""
    cluster.service("web", "10.96.0.5", "fd00:10:96::5")
    assert cluster.texts("web.$", "A") == ["A 10.96.0.5"]
    assert cluster.texts("web.$", "AAAA") == ["AAAA fd00:10:96::5"]
    additional = cluster.ask("_http._tcp.web.$", "SRV").additional
    assert [record.data for record in additional] == ["10.96.0.5", "fd00:10:96::5"]


def test_a_single_family_leaves_the_other_empty(cluster: Any) -> None:
    """The family a Service does not have is NODATA, never NXDOMAIN."""
    cluster.service("six", "fd00:10:96::6")
    assert cluster.texts("six.$", "A") == ["NOERROR"]


@pytest.mark.parametrize("spelling", [V6_REVERSE, V6_REVERSE.upper()])
def test_ipv6_addresses_reverse_by_nibbles(cluster: Any, spelling: str) -> None:
    """32 nibbles in either case give the Service."""
    cluster.service("web", "10.96.0.5", "fd00:10:96::5")
    assert cluster.texts(spelling, "PTR") == ["PTR web.$."]


@pytest.mark.parametrize(
    "name", ["96.10.in-addr.arpa", "x.5.0.96.10.in-addr.arpa", "05.0.96.10.in-addr.arpa", "300.0.96.10.in-addr.arpa"]
)
def test_malformed_reverse_names_are_nobodys(cluster: Any, name: str) -> None:
    """Incomplete or impossible reverse names go upstream and never name a Service."""
    cluster.service("web", "10.96.0.5")
    assert cluster.texts(name, "PTR") == ["upstream"]
    assert cluster.texts("5.0.96.10.in-addr.arpa", "PTR") == ["PTR web.$."]


def test_address_of_reads_both_families() -> None:
    """Reverse names are the addresses they spell."""
    for text in ("10.96.0.5", "fd00:10:96::5", "::1"):
        pointer = tuple(ipaddress.ip_address(text).reverse_pointer.split("."))
        assert address_of(pointer) == text
    assert address_of(("1", "ip6", "arpa")) == ""


def test_ipv6_endpoints_have_labels_that_end_in_a_digit(cluster: Any) -> None:
    """An address that ends in :: would end its label in a dash; a zero is put behind it."""
    cluster.service("hl")
    cluster.slice("hl", endpoint("fd00::"), endpoint("fd00::1"))
    targets = [text.split()[-1] for text in cluster.texts("_http._tcp.hl.$", "SRV")]
    assert targets == ["fd00--0.hl.$.", "fd00--1.hl.$."]
    assert cluster.texts("fd00--0.hl.$", "AAAA") == ["AAAA fd00::"]


@pytest.mark.parametrize(
    ("conditions", "present"),
    [
        ({}, True),
        ({"ready": True}, True),
        ({"ready": False}, False),
        ({"ready": False, "serving": True, "terminating": True}, False),
        ({"serving": False}, True),
    ],
)
def test_readiness_alone_decides(cluster: Any, conditions: dict[str, bool], present: bool) -> None:
    """`ready` decides and counts as true when unset; serving and terminating do not matter."""
    cluster.service("hl")
    cluster.slice("hl", endpoint("10.244.0.1", **conditions))
    assert cluster.texts("hl.$", "A") == (["A 10.244.0.1"] if present else ["NXDOMAIN"])


def test_slices_join_by_label_and_namespace(cluster: Any) -> None:
    """A slice counts for the Service its label names, in its own namespace only."""
    cluster.service("hl")
    cluster.slice("hl", endpoint("10.244.0.1"))
    cluster.slice("hl", endpoint("10.244.0.2"), namespace="m")
    cluster.slices.append({"metadata": {"name": "hl-x", "namespace": "n"}, "endpoints": [endpoint("10.244.0.3")]})
    assert cluster.texts("hl.$", "A") == ["A 10.244.0.1"]


def test_slices_of_names_become_aliases(cluster: Any) -> None:
    """A slice of FQDNs turns the headless name into a CNAME, and has no SRV."""
    cluster.service("hl")
    cluster.slice("hl", endpoint("db.example.com"))
    assert cluster.texts("hl.$", "A") == ["CNAME db.example.com."]
    assert cluster.texts("_http._tcp.hl.$", "SRV") == ["NOERROR"]


def test_weights_never_reach_zero(cluster: Any) -> None:
    """However many endpoints, each SRV keeps a weight of one."""
    cluster.service("hl")
    cluster.slice("hl", *(endpoint(f"10.244.1.{index}") for index in range(1, 251)))
    assert {text.split()[2] for text in cluster.texts("hl.$", "SRV")} == {"1"}


def test_aliases_are_followed_inside_the_cluster_only(cluster: Any) -> None:
    """A chain ends in addresses, or at a name outside, which is left to upstream."""
    cluster.service("web", "10.96.0.5")
    cluster.alias("one", "two.n.svc.cluster.local")
    cluster.alias("two", "WEB.n.svc.CLUSTER.local")
    cluster.alias("far", "foo.example.com")
    assert cluster.texts("one.$", "A") == ["A 10.96.0.5", "CNAME WEB.n.svc.CLUSTER.local.", "CNAME two.$."]
    answer = cluster.ask("far.$", "AAAA")
    assert (answer.chase, len(answer.answer)) == (("foo", "example", "com"), 1)


def test_loops_end(cluster: Any) -> None:
    """A name that leads to itself, at once or by another, has no address."""
    cluster.alias("self", "self.n.svc.cluster.local")
    cluster.alias("a", "b.n.svc.cluster.local")
    cluster.alias("b", "a.n.svc.cluster.local")
    assert cluster.texts("self.$", "A") == ["NOERROR"]
    assert cluster.texts("a.$", "A") == ["NOERROR"]


@pytest.mark.parametrize(("length", "expected"), [(LONGEST_CHAIN, "A"), (LONGEST_CHAIN + 1, "NOERROR")])
def test_chains_are_followed_so_far(cluster: Any, length: int, expected: str) -> None:
    """Ten aliases are followed, eleven are not."""
    cluster.service("web", "10.96.0.5")
    for index in range(length):
        cluster.alias(f"c{index}", f"{f'c{index + 1}' if index + 1 < length else 'web'}.n.svc.cluster.local")
    assert cluster.texts("c0.$", "A")[0].split()[0] == expected


@pytest.mark.parametrize("name", ["x.alias.$", "_http._tcp.alias.$"])
def test_nothing_lies_below_an_alias(cluster: Any, name: str) -> None:
    """Names below an ExternalName do not exist."""
    cluster.alias("alias", "foo.example.com")
    assert cluster.texts(name, "A") == ["NXDOMAIN"]


@pytest.mark.parametrize("name", ["*.$", "any.$", "*.web.$", "web.*.svc.cluster.local", "*._tcp.web.$"])
def test_stars_are_ordinary_labels(cluster: Any, name: str) -> None:
    """There are no wildcards."""
    cluster.service("web", "10.96.0.5")
    assert cluster.texts(name, "A") == ["NXDOMAIN"]


def test_labels_are_never_joined(cluster: Any) -> None:
    """A dot inside a label does not make two labels of it."""
    from harness.embedded.dns.resolve import resolve

    cluster.service("web", "10.96.0.5")
    answer = resolve(cluster.zone, ("web.n", "svc", "cluster", "local"), 1)
    assert answer is not None
    assert not answer.answer


@pytest.mark.parametrize("name", ["example.com", "xcluster.local", "local", "web.n.svc"])
def test_names_outside_go_upstream(cluster: Any, name: str) -> None:
    """Zones end at labels: what is not below them is not answered from the cluster."""
    cluster.service("web", "10.96.0.5")
    assert cluster.texts(name, "A") == ["upstream"]


def test_the_zone_is_served_by_the_services_of_the_server(cluster: Any) -> None:
    """NS names the Service this server stands behind, with its addresses; without one, ns.dns."""
    cluster.options = {"local": ("10.244.0.2",)}
    assert cluster.texts("cluster.local", "NS") == ["NS ns.dns.cluster.local."]
    cluster.service("kube-dns", "10.96.0.10", "fd00:10:96::a", namespace="kube-system")
    cluster.slice("kube-dns", endpoint("10.244.0.2"), namespace="kube-system")
    assert cluster.texts("cluster.local", "NS") == ["NS kube-dns.kube-system.svc.cluster.local."]
    assert [r.data for r in cluster.ask("cluster.local", "NS").additional] == ["10.96.0.10", "fd00:10:96::a"]
    assert cluster.texts("ns.dns.cluster.local", "A") == ["A 10.96.0.10"]
    assert cluster.texts("ns.dns.cluster.local", "AAAA") == ["AAAA fd00:10:96::a"]


def test_the_letters_of_the_question_come_back(cluster: Any) -> None:
    """Owner and zone are given in the question's letters, the Service in its own."""
    cluster.service("web", "10.96.0.5")
    (record,) = cluster.ask("_HTTP._TCP.WEB.N.SVC.Cluster.LOCAL", "SRV").answer
    assert record.owner == ("_HTTP", "_TCP", "WEB", "N", "SVC", "Cluster", "LOCAL")
    assert record.data.target == ("web", "n", "svc", "Cluster", "LOCAL")
