"""resolv.conf, hosts and hostname of recorded pods; limits and merges; the search list."""

from __future__ import annotations

from typing import Any

import pytest

from harness.oracle.dns import (
    HostsFile,
    NodeResolver,
    ResolverFile,
    candidates,
    expected_fqdn,
    expected_hostname,
    expected_hosts,
    expected_resolv_conf,
    judge_hosts,
    judge_resolv_conf,
    parse_hosts,
    parse_resolv_conf,
)

from .recorded import recording

OBSERVED = recording("resolver.json")["observed"]
NODE_FILE = ResolverFile(("172.18.0.1",), (), frozenset({"ndots:0"}))
NODE_HOSTS = {
    "lab-worker": (("172.18.0.4", ("lab-worker",)), ("fc00:f853:ccd:e793::4", ("lab-worker",))),
    "lab-worker2": (("172.18.0.2", ("lab-worker2",)), ("fc00:f853:ccd:e793::2", ("lab-worker2",))),
}
HOST_LINES = (
    ("127.0.0.1", ("localhost",)),
    ("::1", ("localhost", "ip6-localhost", "ip6-loopback")),
    ("fe00::0", ("ip6-localnet",)),
    ("ff00::0", ("ip6-mcastprefix",)),
    ("ff02::1", ("ip6-allnodes",)),
    ("ff02::2", ("ip6-allrouters",)),
)


def node(name: str = "lab-worker", **changes: Any) -> NodeResolver:
    hosts = HostsFile((*HOST_LINES, *NODE_HOSTS[name]))
    return NodeResolver(
        **{"cluster_dns": ("10.96.0.10",), "file": NODE_FILE, "hostname": name, "hosts": hosts, **changes}
    )


def pod(name: str = "p", **spec: Any) -> dict[str, Any]:
    return {"kind": "Pod", "metadata": {"namespace": "x", "name": name}, "spec": spec}


def recorded(name: str) -> dict[str, Any]:
    seen = OBSERVED[name]
    return {
        "kind": "Pod",
        "metadata": {"namespace": "rec-dns", "name": name},
        "spec": {**seen["spec"], "nodeName": seen["node"]},
        "status": {"podIP": seen["pod_ip"], "podIPs": [{"ip": seen["pod_ip"]}]},
    }


@pytest.mark.parametrize("name", sorted(OBSERVED))
def test_recorded_pods_saw_what_is_expected(name: str) -> None:
    """The files and names a real kubelet made are the expected ones."""
    seen, where = OBSERVED[name], node(OBSERVED[name]["node"])
    made = recorded(name)
    assert judge_resolv_conf(expected_resolv_conf(made, where), parse_resolv_conf(seen["resolv.conf"])) == []
    hosts = expected_hosts(made, where)
    assert hosts is not None
    assert judge_hosts(hosts, parse_hosts(seen["hosts"])) == []
    assert expected_hostname(made, where) == seen["hostname"]
    assert expected_fqdn(made, where) == seen["hostname_f"]


@pytest.mark.parametrize("name", sorted(OBSERVED))
def test_a_spoilt_file_is_rejected(name: str) -> None:
    """A lost nameserver, a changed option, a swapped search list, a lost or added host line are all noticed."""
    seen, where = OBSERVED[name], node(OBSERVED[name]["node"])
    expected = expected_resolv_conf(recorded(name), where)
    text = seen["resolv.conf"]
    for spoilt in (text.replace("nameserver", "#"), text.replace("ndots:", "ndots:1"), text + "search a b\n"):
        assert judge_resolv_conf(expected, parse_resolv_conf(spoilt))
    hosts = expected_hosts(recorded(name), where)
    assert hosts is not None
    lines = parse_hosts(seen["hosts"]).lines
    for changed in (lines[1:], (*lines, ("192.0.2.1", ("odd",))), tuple(reversed(lines))):
        assert judge_hosts(hosts, HostsFile(changed))


def test_the_nodes_search_domains_follow_without_duplicates_and_dots() -> None:
    """Cluster domains first, then the node's, then dnsConfig's (DNS-404, 416)."""
    where = node(file=ResolverFile(("9.9.9.9",), ("corp.example.", "cluster.local"), frozenset({"timeout:9"})))
    found = expected_resolv_conf(pod(dnsConfig={"searches": ["svc.cluster.local", "more.example", "."]}), where)
    assert found.search == (
        "x.svc.cluster.local",
        "svc.cluster.local",
        "cluster.local",
        "corp.example",
        "more.example",
        ".",
    )
    assert found.nameservers == ("10.96.0.10",)
    assert found.options == {"ndots:5"}


def test_a_host_network_pod_with_cluster_first_has_the_nodes_file() -> None:
    """The classic surprise (DNS-407)."""
    assert expected_resolv_conf(pod(hostNetwork=True, dnsPolicy="ClusterFirst"), node()) == NODE_FILE


def test_limits_cut_the_later_entries() -> None:
    """Three nameservers, 32 domains, 2048 characters (DNS-415, 418, 420)."""
    config = {"nameservers": [f"192.0.2.{i}" for i in range(5)], "searches": [f"d{i}.test" for i in range(40)]}
    found = expected_resolv_conf(pod(dnsConfig=config), node())
    assert found.nameservers == ("10.96.0.10", "192.0.2.0", "192.0.2.1")
    assert len(found.search) == 32
    long = {"searches": [f"{'x' * 60}.{'y' * 60}.d{i:02}.test" for i in range(20)]}
    found = expected_resolv_conf(pod(dnsConfig=long), node())
    assert 2048 - 130 < len(" ".join(found.search)) <= 2048


def test_options_override_by_name() -> None:
    """A new value replaces, a bare option stays bare (DNS-417)."""
    config = {"options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}]}
    assert expected_resolv_conf(pod(dnsConfig=config), node()).options == {"ndots:2", "edns0"}


def test_an_unknown_policy_is_an_error() -> None:
    """The API server would have refused it."""
    with pytest.raises(ValueError, match="Sometimes"):
        expected_resolv_conf(pod(dnsPolicy="Sometimes"), node())


def test_hostnames_are_cut_and_full_names_need_a_subdomain() -> None:
    """63 characters without a hyphen at the end; setHostnameAsFQDN alone changes nothing (DNS-352, 357)."""
    assert expected_hostname(pod("a" * 62 + "-b"), node()) == "a" * 62
    assert expected_hostname(pod(setHostnameAsFQDN=True), node()) == "p"
    assert expected_fqdn(pod(hostname="h", subdomain="s"), node(cluster_domain="z.test")) == "h.s.x.svc.z.test"
    assert expected_hostname(pod(hostNetwork=True, hostname="h", nodeName="n9"), node(hostname="")) == "n9"


def test_unknown_node_hosts_are_not_judged() -> None:
    """A host-network pod sees its node's file; without it there is no expectation."""
    assert expected_hosts(pod(hostNetwork=True), node(hosts=None)) is None


def test_each_pod_address_has_its_line_and_aliases_come_last() -> None:
    """Both families, then hostAliases (DNS-377, 378)."""
    made = pod(hostAliases=[{"ip": "192.0.2.1", "hostnames": ["a", "b"]}, {"ip": "192.0.2.2"}])
    made["status"] = {"podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}]}
    found = expected_hosts(made, node())
    assert found is not None
    assert found.lines[-4:] == (("10.0.0.1", ("p",)), ("fd00::1", ("p",)), ("192.0.2.1", ("a", "b")), ("192.0.2.2", ()))
    made["status"] = {"podIP": "10.0.0.9"}
    only = expected_hosts(made, node())
    assert only is not None
    assert ("10.0.0.9", ("p",)) in only.lines


def test_comments_and_odd_lines_are_passed_over() -> None:
    """Only known lines of a resolv.conf count; the last search wins."""
    text = "# a\n; b\nsortlist 1.2.3.4\nsearch a\nsearch b c\nnameserver 1.1.1.1\noptions x\noptions y:2\n"
    assert parse_resolv_conf(text) == ResolverFile(("1.1.1.1",), ("b", "c"), frozenset({"x", "y:2"}))


SEARCH = ["x.svc.cluster.local", "svc.cluster.local", "cluster.local"]


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("web", ["web.x.svc.cluster.local.", "web.svc.cluster.local.", "web.cluster.local.", "web."]),
        ("web.y", ["web.y.x.svc.cluster.local.", "web.y.svc.cluster.local.", "web.y.cluster.local.", "web.y."]),
        ("a.b.c.d.e.f", ["a.b.c.d.e.f.", "a.b.c.d.e.f.x.svc.cluster.local.", "a.b.c.d.e.f.svc.cluster.local.",
                         "a.b.c.d.e.f.cluster.local."]),
        ("example.com.", ["example.com."]),
    ],
)  # fmt: skip
def test_the_search_list_is_asked_in_order(name: str, asked: list[str]) -> None:
    """Fewer dots than ndots: list first; otherwise the name first; a trailing dot: only it (DNS-432, 433)."""
    assert candidates(name, search=SEARCH, ndots=5) == asked


@pytest.mark.parametrize(
    ("options", "ndots"), [("options ndots:5 edns0", 5), ("options edns0", 1), ("options ndots:many", 1), ("", 1)]
)
def test_the_dots_from_which_a_name_is_whole_are_read(options: str, ndots: int) -> None:
    """As the file says, else one."""
    assert parse_resolv_conf(f"nameserver 10.96.0.10\n{options}\n").ndots == ndots


def test_candidates_are_bounded_and_asked_once() -> None:
    """Too long names are skipped; a lone dot in the list is the name itself (DNS-422, 449)."""
    long = ".".join(["x" * 60] * 4)
    assert candidates(long, search=SEARCH) == [f"{long}."]
    assert candidates("web", search=["."], ndots=2) == ["web."]
