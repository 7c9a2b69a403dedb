"""What a cluster can do, for people: short, and unknown is said to be unknown."""

from __future__ import annotations

import pytest

from harness.model.capability import NEEDS, VERSION, Fact, need
from harness.report.capabilities import facts_in, lines

NO, UNKNOWN = Fact.no(why="looked"), Fact.unknown("no rights")


def test_nothing_found_is_nothing_said() -> None:
    """A run without a cluster has no such line."""
    assert lines({}) == []


@pytest.mark.parametrize(
    ("name", "fact", "said"),
    [
        ("cni", UNKNOWN, "CNI unknown"),
        ("kp", UNKNOWN, "kube-proxy unknown"),
        ("kp", Fact.no(value="replaced", why="looked"), "no kube-proxy"),
        ("kp", Fact.yes("nftables", why="its ConfigMap"), "kube-proxy nftables"),
        ("dns", UNKNOWN, "DNS unknown"),
        ("network-policy", NO, "policies not enforced"),
        ("network-policy", Fact.yes(why="a probe"), "policies enforced"),
        ("lb", Fact.unknown("untried", value="MetalLB"), "LoadBalancer untried MetalLB"),
        ("lb", NO, "no LoadBalancer"),
        ("lb", Fact.yes(why="a Service got one"), "LoadBalancer addresses"),
        ("service-cidrs", Fact.yes("10.96.0.0/16", why="ServiceCIDRs"), "Services in 10.96.0.0/16"),
        ("ing", Fact.unknown("untried", value="contour"), "Ingress untried contour"),
        ("node-local-dns", Fact.yes(why="its DaemonSet"), "node-local DNS"),
        ("apis", Fact.yes("gateway.networking.k8s.io", why="discovery"), "gateway.networking.k8s.io"),
        ("control-plane", NO, "no pods on the control plane"),
        ("node-network", Fact.no(value="pods stand in", why="no route"), "nodes not reached from here, pods stand in"),
        (
            "node-network",
            Fact.unknown("silence", value="pods stand in"),
            "nodes perhaps not reached from here, pods stand in",
        ),
    ],
)
def test_each_fact_in_a_few_words(name: str, fact: Fact, said: str) -> None:
    """What there is, what is not there, and what nobody could tell read differently."""
    assert lines({name: fact}) == [said]


def test_what_a_cluster_calls_its_parts_is_one_printable_line() -> None:
    """Text from a cluster steers no terminal, begins no line, and ends somewhere."""
    (line,) = lines({"dns": Fact.yes("CoreDNS\n\x1b[2Jfound: all is well " + "x" * 5000, why="its Corefile")})
    assert line.startswith("DNS CoreDNS \ufffd[2Jfound: all")
    assert len(line) <= 1000
    assert not {"\n", "\x1b"} & set(line)


def test_facts_survive_the_record() -> None:
    """What run.json carries is what was found; a record made without them has none."""
    found = {"cni": Fact.yes("kindnet", why="its DaemonSet"), "lb": UNKNOWN, "v6": NO}
    assert facts_in({"capabilities": {name: each.as_dict() for name, each in found.items()}}) == found
    assert facts_in({"kind": "embedded"}) == {}


def test_the_vocabulary_is_closed() -> None:
    """A need by name, a version, and nothing else."""
    assert all(need(name) is not None for name in NEEDS)
    version = need("k8s>=1.33")
    assert version is not None
    assert version.words == "Kubernetes 1.33 or newer"
    assert VERSION.fullmatch("k8s>=1") is None
    assert [need(name) for name in ("ipv4", "k8s>=1", "k8s>=1.33.1", "")] == [None] * 4
