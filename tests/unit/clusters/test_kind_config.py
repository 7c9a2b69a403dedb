"""What is asked of a kind cluster, and the configuration made of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from harness.clusters import cni, declared
from harness.clusters.ingress import Ingress
from harness.clusters.kind import Request, config
from harness.clusters.kind.config import Plan
from harness.clusters.kind.marks import Mark, Stay
from harness.clusters.kind.mirror import CONFIG, Mirror
from harness.clusters.kind.request import gates
from harness.clusters.kind.versions import Version
from harness.clusters.loadbalancer import LoadBalancer
from harness.clusters.provider import ClusterError

KINDNET, NONE, CALICO, CILIUM = cni.load("kindnet"), cni.load("none"), cni.load("calico"), cni.load("cilium")
METALLB, CONTOUR = LoadBalancer.load("metallb"), Ingress.load("contour")
V4_ONLY = replace(METALLB, families=("ipv4",))
MARK = Mark("here/12/34", Stay.RUN, "abc")


def planned(request: Request, *, version: Version | None = None, cgroup_v1: bool = False) -> Plan:
    """A plan of run `r1`."""
    return request.plan(run="r1", image="i", version=version, cgroup_v1=cgroup_v1)


def networking(request: Request) -> dict[str, Any]:
    """The networking of its configuration."""
    found: dict[str, Any] = config.document(planned(request), mark=None)["networking"]
    return found


def test_the_default_is_three_nodes_dual_stack() -> None:
    """Nothing asked: kindnet, three nodes, both families, a name derived from the run."""
    made = config.document(planned(Request(cni=KINDNET)), mark=None)
    assert made["name"] == "harness-r1"
    assert [node["role"] for node in made["nodes"]] == ["control-plane", "worker", "worker"]
    assert made["networking"] == {
        "ipFamily": "dual",
        "apiServerAddress": "127.0.0.1",
        "podSubnet": "10.244.0.0/16,fd00:10:244::/56",
        "serviceSubnet": "10.96.0.0/16,fd00:10:96::/112",
        "disableDefaultCNI": False,
        "kubeProxyMode": "iptables",
    }
    assert "kubeadmConfigPatches" not in made
    assert "featureGates" not in made


@pytest.mark.parametrize(
    ("families", "pods", "services"),
    [
        ("ipv4", "10.244.0.0/16", "10.96.0.0/16"),
        ("ipv6", "fd00:10:244::/56", "fd00:10:96::/112"),
        ("dual", "10.244.0.0/16,fd00:10:244::/56", "10.96.0.0/16,fd00:10:96::/112"),
    ],
)
def test_subnets_follow_the_families(families: str, pods: str, services: str) -> None:
    """One subnet for each family there is."""
    told = networking(Request(cni=KINDNET, families=families))
    assert (told["podSubnet"], told["serviceSubnet"]) == (pods, services)


def test_what_is_asked_is_what_is_written() -> None:
    """Every option lands in the configuration."""
    asked = Request(
        cni=KINDNET,
        nodes=2,
        families="ipv4",
        kube_proxy="nftables",
        pod_subnet="10.9.0.0/16",
        service_subnet="10.8.0.0/20",
        feature_gates={"A": True, "B": False},
        keep="mine",
    )
    made = config.document(planned(asked), mark=None)
    assert made["name"] == "mine"
    assert len(made["nodes"]) == 2
    assert made["featureGates"] == {"A": True, "B": False}
    assert made["networking"]["kubeProxyMode"] == "nftables"
    assert (made["networking"]["podSubnet"], made["networking"]["serviceSubnet"]) == ("10.9.0.0/16", "10.8.0.0/20")


def test_a_plugin_brings_its_own_settings() -> None:
    """Its subnet, its families, its mode of kube-proxy; kind's own plugin is left out."""
    calico = networking(Request(cni=CALICO, families="ipv4"))
    assert (calico["podSubnet"], calico["disableDefaultCNI"]) == ("192.168.0.0/16", True)
    assert networking(Request(cni=CILIUM))["kubeProxyMode"] == "none"
    assert networking(Request(cni=cni.load("weave")))["ipFamily"] == "ipv4"


@pytest.mark.parametrize(
    ("version", "cgroup_v1", "patched"),
    [
        (Version(1, 36, 2), True, True),
        (Version(1, 35), True, True),
        (Version(1, 34, 9), True, False),
        (Version(1, 36, 2), False, False),
        (None, True, False),
    ],
)
def test_kubelets_are_told_to_bear_cgroup_v1(version: Version | None, cgroup_v1: bool, patched: bool) -> None:
    """From 1.35 on, on such a machine only; older kubelets do not know the field."""
    made = config.document(planned(Request(cni=KINDNET), version=version, cgroup_v1=cgroup_v1), mark=None)
    wanted = [{"kind": "KubeletConfiguration", "failCgroupV1": False}] if patched else []
    assert [yaml.safe_load(each) for each in made.get("kubeadmConfigPatches", [])] == wanted


@pytest.mark.parametrize(
    ("nodes", "zones"),
    [
        (1, [None]),
        (2, ["zone-1", "zone-2"]),
        (3, ["zone-1", "zone-1", "zone-2"]),
        (4, ["zone-1", "zone-1", "zone-2", "zone-2"]),
    ],
)
def test_several_nodes_stand_in_two_zones(nodes: int, zones: list[str | None]) -> None:
    """By the well-known label, spread evenly; a single node is in none."""
    made = config.document(planned(Request(cni=KINDNET, nodes=nodes)), mark=None)
    assert [node.get("labels", {}).get("topology.kubernetes.io/zone") for node in made["nodes"]] == zones


@pytest.mark.parametrize("tainted", [True, False])
def test_workers_alone_stand_in_two_zones(tainted: bool) -> None:
    """Where a control plane that takes no pods is left out, zones are left that can be told apart, or are not held."""
    for nodes in range(1, 8):
        made = Request(cni=KINDNET, nodes=nodes, control_plane_takes_pods=not tainted)
        several = config.document(planned(made), mark=None)["nodes"][int(tainted and nodes > 1) :]
        zones = {zone for node in several if (zone := node.get("labels", {}).get(config.ZONE))}
        assert (len(zones) == 2) is ("zones2" in declared.of_request(made))


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"nodes": 1}, ""),
        ({"nodes": 2, "control_plane_takes_pods": False}, "nodes are labelled with zones"),
        ({}, "nodes are labelled with zones, control plane takes pods"),
        ({"nodes": 1, "lb": METALLB}, "load balancers lead to the control plane"),
    ],
)
def test_what_is_not_stock_is_told(asked: dict[str, Any], told: str) -> None:
    """Only what kind would not have done for the same options."""
    assert ", ".join(planned(Request(cni=KINDNET, **asked)).changes) == told


def test_a_told_kubelet_is_not_stock() -> None:
    """Where cgroup v1 is borne by a setting of ours."""
    plan = planned(Request(cni=KINDNET, nodes=1), version=Version(1, 36), cgroup_v1=True)
    assert plan.changes == ("kubelets bear cgroup v1",)


def test_every_node_carries_the_mark() -> None:
    """Whose it is stands on each node, read-only, and survives being written as YAML."""
    made = yaml.safe_load(config.render(planned(Request(cni=KINDNET)), mark=MARK))
    for node in made["nodes"]:
        (mount,) = node["extraMounts"]
        assert mount == {"hostPath": "/dev/null", "containerPath": MARK.path, "readOnly": True}


def test_a_digest_tells_settings_apart() -> None:
    """Equal plans have equal digests, whoever makes them; every setting counts."""
    plan = planned(Request(cni=KINDNET, keep="k"))
    others = [
        replace(plan, nodes=2),
        replace(plan, families="ipv4"),
        replace(plan, kube_proxy="nftables"),
        replace(plan, image="other"),
        replace(plan, cni=CALICO),
        replace(plan, cni=replace(KINDNET, version="2")),
        replace(plan, control_plane_takes_pods=False),
        replace(plan, feature_gates={"A": True}),
        replace(plan, service_subnet="10.1.0.0/16"),
        replace(plan, lb=METALLB),
        replace(plan, lb=replace(METALLB, version="2")),
        replace(plan, ingress=CONTOUR),
        replace(plan, mirror=Mirror.parse("m")),
    ]
    assert len({plan.settings(), *(each.settings() for each in others)}) == 1 + len(others)
    assert planned(Request(cni=KINDNET, keep="k")).settings() == plan.settings()


def test_a_lone_control_plane_always_takes_pods() -> None:
    """With one node there is nowhere else."""
    assert planned(Request(cni=KINDNET, nodes=1, control_plane_takes_pods=False)).control_plane_takes_pods
    assert not planned(Request(cni=KINDNET, nodes=2, control_plane_takes_pods=False)).control_plane_takes_pods


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"nodes": 0}, "--nodes 0: a cluster has 1 to 32 nodes"),
        ({"nodes": 33}, "1 to 32"),
        ({"cni": CALICO, "families": "ipv6"}, "CNI calico does ipv4, dual"),
        ({"kube_proxy": "none"}, "CNI kindnet does not replace kube-proxy"),
        ({"cni": CILIUM, "kube_proxy": "ipvs"}, "CNI cilium works with none, iptables"),
        ({"cni": NONE}, "--cni none leaves every node NotReady"),
        ({"keep": "Mine"}, "--keep Mine: a name has"),
        ({"keep": "a" * 50}, "1 to 49 characters"),
        ({"keep": "-a"}, "begins with a letter or digit"),
        ({"pod_subnet": "10.0.0.0"}, "takes ipv4 and ipv6"),
        ({"pod_subnet": "10.0.0.1/8"}, "has host bits set"),
        ({"pod_subnet": "all"}, "--pod-subnet all"),
        ({"families": "ipv4", "service_subnet": "fd00::/112"}, "--families ipv4 takes ipv4"),
        ({"families": "ipv4", "service_subnet": "10.0.0.0/16,10.1.0.0/16"}, "one subnet each"),
        ({"lb": V4_ONLY}, "--lb metallb: it does ipv4, and the cluster is dual: add --families ipv4"),
        ({"lb": METALLB, "kube_proxy": "ipvs"}, "--lb metallb: it works with kube-proxy iptables, nftables, none, and"),
        ({"cni": NONE, "keep": "k", "lb": METALLB}, "--lb metallb: nothing runs without a network plugin"),
        ({"cni": NONE, "keep": "k", "ingress": CONTOUR}, "--ingress contour: nothing runs without a network plugin"),
    ],
)
def test_contradictions_are_refused_in_one_line(asked: dict[str, Any], said: str) -> None:
    """Each names the option and what would do."""
    with pytest.raises(ClusterError) as told:
        Request(**{"cni": KINDNET, **asked})
    assert said in str(told.value)
    assert "\n" not in str(told.value)


def test_a_mirror_reaches_the_nodes_containerd() -> None:
    """It is told where to look; without a mirror nothing is changed."""
    mirrored = config.document(planned(Request(cni=KINDNET, mirror=Mirror.parse("m"))), mark=None)
    assert mirrored["containerdConfigPatches"] == [CONFIG]
    assert "containerdConfigPatches" not in config.document(planned(Request(cni=KINDNET)), mark=None)


def test_no_plugin_is_for_those_who_keep_the_cluster() -> None:
    """Then somebody can install one."""
    assert planned(Request(cni=NONE, keep="bare")).keep


def test_nftables_needs_a_kubernetes_that_has_it() -> None:
    """Known once the node image is; an image that tells no version is tried."""
    asked = Request(cni=KINDNET, kube_proxy="nftables")
    with pytest.raises(ClusterError, match=r"needs Kubernetes 1\.31\.0 or newer, the node image has 1\.30\.4"):
        planned(asked, version=Version(1, 30, 4))
    assert planned(asked, version=Version(1, 31)).kube_proxy == "nftables"
    assert planned(asked).kube_proxy == "nftables"


def test_gates_are_names_with_booleans() -> None:
    """Anything else is said with the form that would do."""
    assert gates(["A=true", "B=false"]) == {"A": True, "B": False}
    for bad in ("A", "A=yes", "=true", "A B=true"):
        with pytest.raises(ClusterError, match="NAME=true or NAME=false"):
            gates([bad])


def test_the_headline_says_what_is_made() -> None:
    """Plugin and whether it ever passed, nodes, families, proxy, and whether the cluster stays."""
    assert Request(cni=KINDNET).headline() == (
        f"kind cluster (made and removed by this run): CNI {KINDNET.title}, 3 nodes, dual-stack, kube-proxy iptables"
    )
    kept = Request(cni=CALICO, keep="c", nodes=1, k8s="1.35", families="ipv4").headline()
    assert kept.startswith("kind cluster (kept as 'c'): CNI calico v3.32.1")
    assert kept.endswith("1 node, ipv4, kube-proxy iptables, Kubernetes 1.35")
    full = Request(cni=KINDNET, lb=METALLB, ingress=CONTOUR, mirror=Mirror.parse("m:5000")).headline()
    assert f"LoadBalancer {METALLB.title}, Ingress {CONTOUR.title}, 3 nodes" in full
    assert full.endswith("images from m:5000")


@pytest.mark.parametrize(
    "subnets",
    [
        {"pod_subnet": "10.96.0.0/12"},
        {"service_subnet": "10.244.7.0/24"},
        {"pod_subnet": "10.1.0.0/16", "service_subnet": "10.1.0.0/16"},
    ],
)
def test_pods_and_services_share_no_addresses(subnets: dict[str, str]) -> None:
    """Given ones are held against each other and against what is taken where none is given."""
    with pytest.raises(ClusterError, match=r"^pods in .* and Services in .* would share addresses: change"):
        planned(Request(cni=KINDNET, families="ipv4", **subnets))


def test_the_same_numbers_of_two_families_are_no_clash() -> None:
    """Subnets of different families have nothing in common."""
    plan = planned(Request(cni=KINDNET, pod_subnet="0.0.0.0/8,::/8", service_subnet="10.0.0.0/16,fd00::/112"))
    assert plan.service_subnet == "10.0.0.0/16,fd00::/112"
