"""The add-on's objects are the ones kubeadm's users know."""

from __future__ import annotations

from harness.embedded.dns.manifests import manifests


def test_the_addon_has_the_names_everybody_expects() -> None:
    """Account, configuration, Service and Deployment are named and labelled as kubeadm does."""
    objects = {(o["kind"], o["metadata"]["name"]): o for o in manifests(["10.96.0.10"])}
    assert set(objects) == {
        ("ServiceAccount", "coredns"),
        ("ConfigMap", "coredns"),
        ("Service", "kube-dns"),
        ("Deployment", "coredns"),
    }
    assert all(o["metadata"]["namespace"] == "kube-system" for o in objects.values())
    service = objects["Service", "kube-dns"]["spec"]
    assert [(p["name"], p["protocol"], p["port"]) for p in service["ports"]] == [
        ("dns", "UDP", 53),
        ("dns-tcp", "TCP", 53),
        ("metrics", "TCP", 9153),
    ]
    pod = objects["Deployment", "coredns"]["spec"]["template"]
    assert pod["metadata"]["labels"] == service["selector"] == {"k8s-app": "kube-dns"}
    assert pod["spec"]["containers"][0]["readinessProbe"]["httpGet"]["port"] == 8181


def test_a_dual_stack_service_asks_for_both_families() -> None:
    """Both addresses are pinned, and the policy requires both."""
    service = manifests(["10.96.0.10", "fd00:10:96::a"], families=("IPv4", "IPv6"))[2]["spec"]
    assert service["clusterIPs"] == ["10.96.0.10", "fd00:10:96::a"]
    assert (service["ipFamilies"], service["ipFamilyPolicy"]) == (["IPv4", "IPv6"], "RequireDualStack")
