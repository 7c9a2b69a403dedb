"""resolv.conf, hosts and hostname against what pods of a real cluster saw."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.embedded.kubelet.resolver import HostnameError, fqdn, hostname_of, hosts_file, resolver_of, short_hostname
from harness.embedded.kubelet.spec import HostResolver, NodeSpec

RECORDED = json.loads((Path(__file__).parents[3] / "recordings" / "resolver.json").read_text())
NODES = {
    "lab-worker": ("172.18.0.4", "fc00:f853:ccd:e793::4"),
    "lab-worker2": ("172.18.0.2", "fc00:f853:ccd:e793::2"),
}


def node(name: str = "lab-worker") -> NodeSpec:
    addresses = NODES[name]
    return NodeSpec(name, Path("/nowhere"), addresses, ("10.244.1.0/24",))


def pod(name: str = "web", *, namespace: str = "shop", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec}


def recorded(name: str) -> tuple[dict[str, Any], NodeSpec, dict[str, Any]]:
    seen = RECORDED["observed"][name]
    return pod(name, namespace="rec-dns", **seen["spec"]), node(seen["node"]), seen


@pytest.mark.parametrize("name", RECORDED["observed"])
def test_resolv_conf_is_the_recorded_one(name: str) -> None:
    """Every recorded pod gets the resolv.conf that a real kubelet wrote for it."""
    one, where, seen = recorded(name)
    assert resolver_of(one, where).render() == seen["resolv.conf"]


@pytest.mark.parametrize("name", RECORDED["observed"])
def test_hosts_file_is_the_recorded_one(name: str) -> None:
    """Every recorded pod gets the hosts file that a real kubelet wrote for it."""
    one, where, seen = recorded(name)
    assert hosts_file(one, where, addresses=(seen["pod_ip"],)) == seen["hosts"]


@pytest.mark.parametrize("name", RECORDED["observed"])
def test_hostname_is_the_recorded_one(name: str) -> None:
    """Every recorded pod has the hostname that the real one had."""
    one, where, seen = recorded(name)
    assert hostname_of(one, where) == seen["hostname"]


def test_a_dual_stack_pod_has_a_hosts_line_per_address() -> None:
    """Both addresses of a pod lead to its names."""
    text = hosts_file(pod("a", subdomain="hl"), node(), addresses=("10.244.1.9", "fd00:10:244:1::9"))
    assert text.endswith(
        "10.244.1.9\ta.hl.shop.svc.cluster.local\ta\nfd00:10:244:1::9\ta.hl.shop.svc.cluster.local\ta\n"
    )


def test_a_wrong_cluster_dns_replaces_the_nameserver_only() -> None:
    """A wrongly set kubelet gives another server and the same search list."""
    right, wrong = resolver_of(pod(), node()), resolver_of(pod(), node(), cluster_dns=("192.0.2.53",))
    assert wrong.nameservers == ("192.0.2.53",)
    assert (wrong.searches, wrong.options) == (right.searches, right.options)


def test_a_wrong_cluster_dns_leaves_other_policies_alone() -> None:
    """Pods that do not use cluster DNS are not hurt by its wrong address."""
    for policy in ("Default", "None"):
        one = pod(dnsPolicy=policy)
        assert resolver_of(one, node(), cluster_dns=("192.0.2.53",)) == resolver_of(one, node())


def test_nameservers_stop_at_three() -> None:
    """A resolv.conf has at most three nameservers, the cluster's first."""
    one = pod(dnsConfig={"nameservers": [f"192.0.2.{last}" for last in range(1, 5)]})
    assert resolver_of(one, node()).nameservers == ("10.96.0.10", "192.0.2.1", "192.0.2.2")


def test_searches_stop_at_thirty_two() -> None:
    """A search list has at most 32 entries, the cluster's first."""
    searches = resolver_of(pod(dnsConfig={"searches": [f"s{n}.test" for n in range(40)]}), node()).searches
    assert len(searches) == 32
    assert searches[0] == "shop.svc.cluster.local"


def test_searches_stop_at_2048_characters() -> None:
    """A search list that is too long loses its last entries."""
    long = [f"{letter * 60}.test" for letter in "abcdefghijklmnopqrstuvwxyz" + "ABCDEFGHIJ"]
    searches = resolver_of(pod(dnsConfig={"searches": long}), node()).searches
    assert len(" ".join(searches)) <= 2048
    assert searches[:4][-1] == long[0]


def test_repeated_servers_and_searches_are_said_once() -> None:
    """What the pod asks for and the cluster gives anyway is not repeated."""
    one = pod(dnsConfig={"nameservers": ["10.96.0.10"], "searches": ["cluster.local"]})
    found = resolver_of(one, node())
    assert found.nameservers == ("10.96.0.10",)
    assert found.searches.count("cluster.local") == 1


def test_the_nodes_own_searches_follow_the_clusters() -> None:
    """A ClusterFirst pod also searches where its node does."""
    where = NodeSpec(
        "n", Path("/nowhere"), ("172.18.0.2",), ("10.244.0.0/24",), resolver=HostResolver(searches=("corp.test",))
    )
    assert resolver_of(pod(), where).searches == (
        "shop.svc.cluster.local",
        "svc.cluster.local",
        "cluster.local",
        "corp.test",
    )


def test_an_empty_resolver_is_an_empty_file() -> None:
    """dnsPolicy None without servers says nothing at all."""
    assert resolver_of(pod(dnsPolicy="None"), node()).render() == ""


def test_a_full_hostname_beyond_the_kernels_limit_is_refused() -> None:
    """setHostnameAsFQDN with more than 64 characters is an error that says so."""
    one = pod("a" * 50, subdomain="hl", setHostnameAsFQDN=True)
    with pytest.raises(HostnameError, match=r"FQDN .* is too long"):
        hostname_of(one, node())


def test_a_cut_hostname_does_not_end_in_a_dash() -> None:
    """A name cut at 63 characters stays a valid label."""
    assert short_hostname(pod("x" * 62 + "-y")) == "x" * 62


def test_without_a_subdomain_there_is_no_full_name() -> None:
    """A hostname alone makes no DNS name."""
    assert fqdn(pod(hostname="h"), node()) == ""
