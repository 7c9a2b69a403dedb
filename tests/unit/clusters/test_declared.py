"""What a plugin is said to do against what was found: contradictions only, and only what the cluster could show."""

from __future__ import annotations

from typing import Any

import pytest

from harness.clusters import cni, declared
from harness.clusters.ingress import Ingress
from harness.clusters.kind import Request
from harness.clusters.loadbalancer import LoadBalancer
from harness.model.capability import NEEDS, Fact

NO, YES, UNKNOWN = Fact.no(why="a probe"), Fact.yes(why="a probe"), Fact.unknown("no rights")
RUNS = Fact.yes("iptables", why="its DaemonSet")


def told(name: str, families: str = "dual", kube_proxy: str = "iptables", **found: Fact) -> list[str]:
    facts = {key.replace("_", "-"): fact for key, fact in found.items()}
    keep = "mine" if name == "none" else None
    asked = Request(cni=cni.load(name), families=families, kube_proxy=kube_proxy, keep=keep)
    return declared.contradictions(asked, facts)


@pytest.mark.parametrize(
    ("name", "found", "said"),
    [
        ("kindnet", {"network_policy": NO}, "network-policy: yes (enforces NetworkPolicy), but no was found: a probe"),
        ("flannel", {"network_policy": YES}, "network-policy: no (enforces NetworkPolicy), but yes was found: a probe"),
        ("kindnet", {"dual": NO}, "dual-stack: yes (two families), but no was found"),
        ("kindnet", {"v6": NO, "families": YES}, "ipv6: yes (IPv6 alone), but no was found"),
        ("kindnet", {"kp": NO}, "replaces-kube-proxy: no (proxies Services itself), but yes was found"),
        (
            "cilium",
            {"kp": RUNS, "without": YES},
            "replaces-kube-proxy: yes (proxies Services itself), but no was found",
        ),
        ("calico", {"cni": Fact.yes("flannel", why="its DaemonSet")}, "CNI calico was asked for, but CNI flannel"),
    ],
)
def test_a_contradiction_is_one_clear_line(name: str, found: dict[str, Any], said: str) -> None:
    """What is declared, what was found, and why we think so."""
    families = "ipv6" if found.pop("families", None) else "dual"
    kube_proxy = "none" if found.pop("without", None) else "iptables"
    (line,) = told(name, families, kube_proxy, **found)
    assert said in line
    assert f"CNI {name}" in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("name", "families", "kube_proxy", "found"),
    [
        ("kindnet", "dual", "iptables", {"network_policy": YES, "dual": YES, "kp": RUNS}),
        ("kindnet", "dual", "iptables", {"network_policy": UNKNOWN, "dual": UNKNOWN, "kp": UNKNOWN, "cni": UNKNOWN}),
        ("kindnet", "ipv4", "iptables", {"dual": NO, "v6": NO}),
        ("calico", "dual", "iptables", {"dual": NO}),
        ("cilium", "dual", "iptables", {"kp": RUNS}),
        ("cilium", "dual", "none", {"kp": NO}),
        ("calico", "dual", "iptables", {"cni": Fact.yes("calico and cilium", why="their DaemonSets")}),
        ("none", "dual", "iptables", {"cni": Fact.yes("flannel", why="its DaemonSet")}),
    ],
    ids=["as-declared", "unknown", "one-family-made", "partly", "both-proxies", "replaced", "chained", "own"],
)
def test_what_agrees_or_is_not_known_is_no_contradiction(
    name: str, families: str, kube_proxy: str, found: dict[str, Any]
) -> None:
    """Unknown contradicts nothing, nor does what the cluster was not made for."""
    assert told(name, families, kube_proxy, **found) == []


def test_a_plugin_that_was_found_is_held_to_its_own_file() -> None:
    """One we know by its name; nothing is declared of others."""
    assert declared.of_plugin({"cni": Fact.yes("kindnet", why="")})["network-policy"] == "yes"
    assert declared.of_plugin({"cni": UNKNOWN}) == {}
    assert declared.of_plugin({}) == {}


def test_a_load_balancer_that_was_installed_is_held_to_it() -> None:
    """One that gives no address contradicts its own installation; where none was asked for, nothing does."""
    asked = Request(cni=cni.load("kindnet"), lb=LoadBalancer.load("metallb"))
    assert declared.of_request(asked)["lb"] == "yes"
    assert declared.contradictions(asked, {"lb": UNKNOWN}) == []
    (line,) = declared.contradictions(asked, {"lb": NO})
    assert line == "LoadBalancer metallb was installed, but no LoadBalancer was found: a probe"
    without = Request(cni=cni.load("kindnet"))
    assert "lb" not in declared.of_request(without)
    assert declared.contradictions(without, {"lb": NO}) == []


def test_a_controller_that_was_installed_is_promised() -> None:
    """Who was made with an Ingress controller is held to it, who was not is not; the embedded cluster has its own."""
    asked = Request(cni=cni.load("kindnet"), ingress=Ingress.load("traefik"))
    assert declared.of_request(asked)["ing"] == "yes"
    assert "ing" not in declared.of_request(Request(cni=cni.load("kindnet")))
    assert declared.of_embedded("dual")["ing"] == "yes"


@pytest.mark.parametrize(
    ("version", "tested"),
    [("v1.31.9", False), ("v1.32.0", True), ("v1.34.7", True), ("v1.35.0", False), ("v2.0.0", False), ("odd", True)],
)
def test_versions_that_an_add_on_is_not_tested_with_are_pointed_out(version: str, *, tested: bool) -> None:
    """Its own project's range is told beside what this cluster is; it may work, so that nothing is refused."""
    asked = Request(cni=cni.load("kindnet"), ingress=Ingress.load("contour"))
    lines = declared.contradictions(asked, {"kubernetes": Fact.yes(version, why="the API")})
    said = f"Ingress contour v1.33.6: its own project tests it with Kubernetes 1.32 to 1.34, and this is {version}"
    assert lines == ([] if tested else [said])


def test_a_range_may_have_no_beginning() -> None:
    """Weave's continuation says only up to where."""
    asked = Request(cni=cni.load("weave"), families="ipv4")
    (line,) = declared.contradictions(asked, {"kubernetes": Fact.yes("v1.36.2", why="the API")})
    assert "Kubernetes to 1.29" in line
    assert declared.contradictions(asked, {"kubernetes": Fact.yes("v1.9.0", why="the API")}) == []
    assert declared.contradictions(asked, {"kubernetes": Fact.unknown("no rights")}) == []


@pytest.mark.parametrize(
    ("asked", "needs"),
    [
        ({}, "dual kp kp-iptables nodes2 nodes3 v4 v6 zones2"),
        ({"nodes": 3, "control_plane_takes_pods": False, "families": "ipv6"}, "kp kp-iptables nodes2 v6 zones2"),
        ({"nodes": 1, "families": "ipv4", "kube_proxy": "nftables"}, "kp kp-nft v4"),
    ],
)
def test_a_cluster_is_held_to_what_it_was_made_to_have(asked: dict[str, Any], needs: str) -> None:
    """By the words of tests' needs, all of which exist."""
    held = declared.of_request(Request(cni=cni.load("kindnet"), **asked))
    assert sorted(name for name in held if name in NEEDS and name != "network-policy") == needs.split()
    assert set(declared.of_embedded("dual")) <= set(NEEDS)
