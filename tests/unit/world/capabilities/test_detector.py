"""Facts of a cluster by its API: yes, no, or unknown with the reason."""

from __future__ import annotations

from typing import Any

import pytest

from harness.kube.errors import KubeError
from harness.kube.patience import Patience
from harness.model.capability import NEEDS, Fact, State
from harness.report import capabilities
from harness.world.capabilities.detector import FACTS, Detector
from harness.world.capabilities.reads import Reads
from tests.unit.suite.ground import FakeKube, node
from tests.unit.world.capabilities.kindlike import (
    COREFILE,
    Cluster,
    agent,
    cluster,
    config,
    detector,
    pod,
    serve_cidrs,
    without,
)


def fact(kube: Any, name: str) -> Fact:
    return detector(kube).fact(name)


def state(kube: Any, name: str) -> str:
    return str(fact(kube, name).state)


def test_every_need_of_the_vocabulary_is_found_out() -> None:
    """A need without a fact could never be met, nor skipped."""
    assert set(NEEDS) <= set(FACTS)


def test_a_kubeadm_cluster_in_two_lines() -> None:
    """The header names version, nodes, families, plugin, proxy, DNS and its settings, and what is not known."""
    found = detector(cluster()).all()
    found["node-network"] = Fact.yes(why="its certificate")
    assert capabilities.lines(found) == [
        "Kubernetes v1.36.2, 2 nodes, dual-stack, CNI kindnet, kube-proxy iptables, "
        "DNS CoreDNS v1.14.1 (pods insecure, cache 30, ready, health, loadbalance)",
        "Services in 10.96.0.0/16 fd00:10:96::/112, pods on the control plane, policies untried, "
        "LoadBalancer untried, no IngressClass, nodes reached from here",
    ]


def test_nothing_readable_is_unknown_and_never_no() -> None:
    """Without the right to read anything, no fact says no."""
    kube = Cluster()
    kube.refused = {"nodes", "pods", "services", "configmaps", "/apis", "/apis/networking.k8s.io/v1"}
    kube.refused |= {"ingressclasses.networking.k8s.io"}
    found = detector(kube, "kubeconfig").all()
    assert {name for name, each in found.items() if each.state is State.NO} == set()
    assert {name for name, each in found.items() if each.state is State.YES} == {"kubernetes"}
    assert "cannot list nodes" in found["nodes2"].why


def test_odd_objects_do_not_end_a_run() -> None:
    """What lacks a field that such objects have leaves its fact unknown, and the other facts as they are."""
    kube = cluster()
    kube.objects["pods", "kube-system", "coredns-1"]["spec"]["containers"] = []
    kube.objects["servicecidrs.networking.k8s.io", "", "kubernetes"]["spec"]["cidrs"] = ["not an address"]
    found = detector(kube).all()
    assert [str(found[name].state) for name in ("dns", "dual", "cni")] == ["unknown", "unknown", "yes"]
    assert "not as expected" in found["dns"].why


def test_a_fact_nobody_knows_is_an_error() -> None:
    """Not unknown: it is a mistake of ours."""
    with pytest.raises(KeyError):
        fact(cluster(), "nodse2")


@pytest.mark.parametrize(("need", "there"), [("k8s>=1.36", "yes"), ("k8s>=1.4", "yes"), ("k8s>=1.37", "no")])
def test_versions_are_numbers(need: str, there: str) -> None:
    """1.4 is older than 1.36."""
    assert state(cluster(), need) == there


def test_a_version_that_is_none_is_unknown() -> None:
    """A server that does not say which Kubernetes it is."""
    kube: Any = cluster()
    kube.server_version = lambda: {"gitVersion": "devel"}
    assert state(kube, "k8s>=1.20") == "unknown"


@pytest.mark.parametrize(
    ("daemon_set", "namespace", "name"),
    [
        ("kindnet", "kube-system", "kindnet"),
        ("calico-node", "calico-system", "calico"),
        ("kube-flannel-ds", "kube-flannel", "flannel"),
        ("weave-net", "kube-system", "weave"),
        ("cilium", "kube-system", "cilium"),
        ("kube-router", "kube-system", "kube-router"),
        ("antrea-agent", "kube-system", "antrea"),
    ],
)
def test_a_plugin_is_known_by_its_daemon_set(daemon_set: str, namespace: str, name: str) -> None:
    """Named as its data file is, with the DaemonSet that says so."""
    kube = cluster()
    without(kube, "kindnet")
    agent(kube, daemon_set, namespace=namespace)
    found = fact(kube, "cni")
    assert (found.state, found.value) == (State.YES, name)
    assert f"{namespace}/{daemon_set}" in found.why


def test_a_plugin_nobody_knows_is_unknown() -> None:
    """Not "no": something moves the packets. What merely runs beside a plugin is none."""
    kube = cluster()
    without(kube, "kindnet")
    agent(kube, "cilium-envoy")
    found = fact(kube, "cni")
    assert found.state is State.UNKNOWN
    assert "n1" in found.why


def test_two_plugins_are_both_told() -> None:
    """One chained behind the other, or left behind by somebody."""
    kube = cluster()
    agent(kube, "cilium")
    assert fact(kube, "cni").value == "kindnet and cilium"


@pytest.mark.parametrize(
    ("mode", "need"), [("iptables", "kp-iptables"), ("nftables", "kp-nft"), ("ipvs", "kp-ipvs"), ('""', "kp-iptables")]
)
def test_the_mode_of_kube_proxy(mode: str, need: str) -> None:
    """As its ConfigMap says; empty is iptables. The other modes are not there."""
    kube = cluster(mode=mode)
    assert state(kube, "kp") == "yes"
    assert {name: state(kube, name) for name in ("kp-iptables", "kp-nft", "kp-ipvs")} == {
        **dict.fromkeys(("kp-iptables", "kp-nft", "kp-ipvs"), "no"),
        need: "yes",
    }


@pytest.mark.parametrize("text", [None, "{", "[]", "mode: kernelspace"])
def test_a_mode_that_cannot_be_read_is_unknown(text: str | None) -> None:
    """kube-proxy is there; which mode it has is not known."""
    kube = cluster()
    del kube.objects["configmaps", "kube-system", "kube-proxy"]
    if text is not None:
        config(kube, "kube-proxy", {"config.conf": text})
    assert (state(kube, "kp"), fact(kube, "kp").value) == ("yes", "unknown")
    assert state(kube, "kp-nft") == "unknown"


def test_a_config_map_we_may_not_read_is_unknown() -> None:
    """With the server's own words."""
    kube = cluster()
    kube.refused = {"configmaps"}
    assert state(kube, "kp") == "yes"
    assert "cannot list configmaps" in fact(kube, "kp-nft").why
    assert state(kube, "dns-settings") == "unknown"


def test_no_kube_proxy_is_replaced() -> None:
    """Without its pod on a node every mode is absent."""
    kube = cluster()
    without(kube, "kube-proxy")
    assert (state(kube, "kp"), fact(kube, "kp").value) == ("no", "replaced")
    assert state(kube, "kp-iptables") == "no"


def test_a_static_kube_proxy_counts() -> None:
    """A pod of the node's own manifest has no DaemonSet."""
    kube = cluster()
    without(kube, "kube-proxy")
    kube.put(pod("kube-proxy-n1", labels={"component": "kube-proxy"}))
    assert state(kube, "kp") == "yes"


def test_nodes_that_take_no_pods_do_not_count() -> None:
    """Two Ready nodes, one of them tainted: one is schedulable, and its name is told."""
    kube = cluster()
    kube.put(node("n2", taints=[{"key": "control-plane", "effect": "NoSchedule"}]))
    kube.objects["nodes", "", "n2"]["metadata"]["labels"]["node-role.kubernetes.io/control-plane"] = ""
    assert fact(kube, "nodes2") == Fact.no(why="found 1 (n1)")
    assert state(kube, "control-plane") == "no"
    assert fact(kube, "nodes").value == "2 nodes, 1 take pods"


def test_a_managed_control_plane_is_unknown() -> None:
    """No node is labelled: nobody can tell whether it would take pods."""
    kube = FakeKube()
    kube.put(node("n1"))
    assert state(kube, "control-plane") == "unknown"


def test_zones_are_counted_by_label() -> None:
    """Nodes without the label are in no zone."""
    kube = cluster()
    kube.objects["nodes", "", "n1"]["metadata"]["labels"]["topology.kubernetes.io/zone"] = "a"
    assert fact(kube, "zones2") == Fact.no(why="found 1 (a)")
    kube.objects["nodes", "", "n2"]["metadata"]["labels"]["topology.kubernetes.io/zone"] = "b"
    assert (state(kube, "zones2"), state(kube, "zones3")) == ("yes", "no")


def test_families_are_those_pods_have() -> None:
    """A plugin that gives one address leaves a cluster of two pod networks single-stack."""
    kube = cluster()
    without(kube, "coredns")
    kube.put(pod("coredns-2", labels={"k8s-app": "kube-dns"}, addresses=["10.244.0.7"]))
    assert [state(kube, name) for name in ("v4", "v6", "dual")] == ["yes", "no", "no"]
    assert "pods IPv4 (pod kube-system/coredns-2), Services IPv4 and IPv6 (ServiceCIDRs)" in fact(kube, "dual").why


def test_without_the_service_cidr_api_a_dry_run_tells() -> None:
    """Older servers are asked for a Service of both families, which is not kept."""
    kube: Any = cluster()
    kube.networking = []
    assert (state(kube, "dual"), state(kube, "svccidr-api"), state(kube, "service-cidrs")) == ("no", "no", "unknown")
    kube = cluster()
    kube.networking = []
    before = dict(kube.objects)
    kube.dry = lambda obj: {**obj, "spec": {**obj["spec"], "ipFamilies": ["IPv4", "IPv6"]}}
    assert state(kube, "dual") == "yes"
    assert kube.objects == before


def test_a_dry_run_that_is_refused_leaves_it_unknown() -> None:
    """Neither yes nor no."""
    kube: Any = cluster()
    kube.networking = []

    def refuse(obj: Any) -> Any:
        raise KubeError("no rights")

    kube.dry = refuse
    assert fact(kube, "dual") == Fact.unknown("no rights")


def test_service_cidrs_begin_with_the_clusters_own() -> None:
    """Others come after it."""
    kube = cluster(dual=False)
    serve_cidrs(kube, "10.96.0.0/16")
    extra = {"metadata": {"name": "added"}, "spec": {"cidrs": ["10.200.0.0/24"]}}
    kube.objects = {("servicecidrs.networking.k8s.io", "", "added"): extra, **kube.objects}
    assert fact(kube, "service-cidrs").value == "10.96.0.0/16 10.200.0.0/24"


@pytest.mark.parametrize(
    ("corefile", "told"),
    [
        (COREFILE.replace("pods insecure", "pods verified"), "pods verified, cache 30, ready, health, loadbalance"),
        (COREFILE.replace("pods insecure", ""), "pods disabled, cache 30, ready, health, loadbalance"),
        ("example.org {\n forward . 1.1.1.1\n autopath\n}\ncluster.local {\n kubernetes\n}\n", "pods disabled"),
        (".:53 {\n kubernetes {\n  pods verified\n }\n autopath @kubernetes\n}", "pods verified, autopath"),
    ],
)
def test_settings_of_the_server_that_serves_the_zone(corefile: str, told: str) -> None:
    """Other server blocks do not count, and pods are disabled unless said."""
    kube = cluster()
    config(kube, "coredns", {"Corefile": corefile})
    assert fact(kube, "dns-settings").value == told


@pytest.mark.parametrize(
    "corefile", ["", ".:53 {\n forward . 1.1.1.1\n}\n", "}}{", ".:53 {\n{\nready\n}\n}", "{\n{\nx"]
)
def test_a_corefile_without_kubernetes_is_unknown(corefile: str) -> None:
    """What serves the zone is somewhere else."""
    kube = cluster()
    config(kube, "coredns", {"Corefile": corefile})
    assert state(kube, "dns-settings") == "unknown"


def test_coredns_says_its_version_only_with_chaos() -> None:
    """With the plugin, or of another server, only asking tells."""
    assert state(cluster(), "dns-version") == "no"
    kube = cluster()
    config(kube, "coredns", {"Corefile": COREFILE.replace("    errors", "    errors\n    chaos")})
    assert state(kube, "dns-version") == "unknown"


def test_a_dns_of_another_name_is_told_by_its_image() -> None:
    """And one whose pods carry another label is unknown."""
    kube = cluster()
    without(kube, "coredns")
    assert state(kube, "dns") == "unknown"
    kube.put(pod("d", labels={"k8s-app": "kube-dns"}, addresses=["10.244.0.9"], image="r:5000/a/kube-dns:1.2@sha256:0"))
    assert fact(kube, "dns").value == "kube-dns 1.2"


def test_node_local_dns() -> None:
    """Its DaemonSet has a pod on the node, or it is not there."""
    kube = cluster()
    assert state(kube, "node-local-dns") == "no"
    kube = cluster()
    agent(kube, "node-local-dns")
    assert state(kube, "node-local-dns") == "yes"


def balanced(kube: FakeKube, ingress: list[dict[str, str]]) -> None:
    spec = {"type": "LoadBalancer", "ipFamilies": ["IPv4"]}
    metadata = {"name": "web", "namespace": "shop"}
    status = {"loadBalancer": {"ingress": ingress}}
    kube.put({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec, "status": status})


def test_a_load_balancer_is_there_when_a_service_has_an_address() -> None:
    """One that waits for an address says nothing; who would give it is told."""
    kube = cluster()
    agent(kube, "speaker", namespace="metallb-system")
    balanced(kube, [])
    assert (state(kube, "lb"), fact(kube, "lb").value) == ("unknown", "MetalLB")
    kube = cluster()
    balanced(kube, [{"ip": "172.18.255.200"}])
    assert fact(kube, "lb") == Fact.yes(why="Service shop/web has an address")


def test_a_cluster_is_not_listed_for_its_load_balancers() -> None:
    """Of thousands of Services only those are asked for that could tell."""
    kube: Any = cluster()
    listed, asked = kube.list, []
    kube.list = lambda resource, **how: (asked.append((resource, how)), listed(resource, **how))[1]
    fact(kube, "lb")
    assert [how for resource, how in asked if resource == "services"] == [{"fields": "spec.type=LoadBalancer"}]


def test_a_class_alone_is_no_ingress_controller() -> None:
    """Whether it lives is not known; without a class, or where none could be, there is none."""
    kube = cluster()
    assert fact(kube, "ing") == Fact.no(why="no IngressClass")
    kube.networking = []
    assert fact(kube, "ing") == Fact.no(why="the Ingress API is not served")
    kube = cluster()
    kube.put({"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": "contour"}})
    assert (state(kube, "ing"), fact(kube, "ing").value) == ("unknown", "contour")


def test_only_in_clusters_made_for_tests_is_anything_made_outside_namespaces() -> None:
    """A kind cluster and one that can be broken on request; never somebody else's."""
    assert str(Detector(Reads(cluster(), kind="kind", patience=Patience())).fact("admin").state) == "yes"
    found = Detector(Reads(cluster(), kind="kubeconfig", patience=Patience())).fact("admin")
    assert (str(found.state), found.why) == (
        "no",
        "in an existing cluster nothing is made outside the run's own namespaces",
    )


def test_optional_groups_are_named() -> None:
    """Those of Kubernetes itself are not."""
    kube = cluster()
    kube.groups = [{"name": "apps", "versions": [{"version": "v1"}]}, {"name": "gateway.networking.k8s.io"}]
    assert fact(kube, "apis").value == "gateway.networking.k8s.io"


def test_an_embedded_cluster_enforces_and_breaks_on_request() -> None:
    """By where it comes from, or by its API when somebody else's kubeconfig leads to it."""
    assert str(detector(cluster(), "embedded").fact("network-policy").state) == "yes"
    kube = cluster()
    assert (state(kube, "faults"), state(kube, "network-policy")) == ("no", "unknown")
    kube = cluster()
    kube.groups = [{"name": "faults.harness.dev", "versions": [{"version": "v1"}]}]
    assert (state(kube, "faults"), state(kube, "network-policy")) == ("yes", "yes")
    assert fact(kube, "cni").value == "embedded"


def test_what_was_found_is_not_asked_again() -> None:
    """Each request is made once, however many facts follow from it."""
    kube = cluster()
    found = detector(kube)
    found.all()
    found.all()
    assert len(kube.requests) == len(set(kube.requests)) > 0
