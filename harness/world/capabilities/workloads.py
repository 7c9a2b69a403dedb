"""Facts about what runs in a cluster: network plugin, kube-proxy, cluster DNS, load balancer, Ingress, APIs.

Sources: the manifests of the plugins (names of their DaemonSets), kubeadm's ConfigMaps `kube-proxy` and `coredns`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from harness.kube.errors import KubeError
from harness.model.capability import Fact
from harness.world.capabilities import corefile
from harness.world.capabilities.reads import SYSTEM, Reads
from harness.world.ownership import is_ours

PLUGINS: Mapping[str, tuple[str, ...]] = {
    "kindnet": ("kindnet",),
    "calico": ("calico-node",),
    "flannel": ("kube-flannel",),
    "weave": ("weave-net",),
    "cilium": ("cilium",),
    "kube-router": ("kube-router",),
    "antrea": ("antrea-agent",),
}
"""Network plugins, named as our data files name them, and their DaemonSets."""

NOT_THE_AGENT = ("cilium-envoy", "cilium-node-init")
"""DaemonSets beside a plugin's own."""

BALANCERS: Mapping[str, tuple[str, ...]] = {
    "MetalLB": ("speaker", "metallb-speaker"),
    "kube-vip": ("kube-vip",),
    "ServiceLB": ("svclb",),
}
OPTIONAL_GROUPS = ("gateway.networking.k8s.io", "policy.networking.k8s.io", "metrics.k8s.io")
"""API groups that a cluster may have or not, and that say what can be asked of it."""

PROXY_LABELS = ({"k8s-app": "kube-proxy"}, {"component": "kube-proxy"})
MODES = {"iptables": "kp-iptables", "ipvs": "kp-ipvs", "nftables": "kp-nft"}


def version(reads: Reads) -> Fact:
    """Which Kubernetes it is."""
    return Fact.yes(reads.version, why="/version") if reads.version else Fact.unknown("/version names none")


def plugin(reads: Reads) -> Fact:
    """Which network plugin has a pod on the nodes."""
    if faults(reads).state == "yes":
        return Fact.yes("embedded", why="the reference data plane of an embedded cluster")
    found = {name: there for name, names in PLUGINS.items() if (there := _agent(reads, names))}
    if not found:
        return Fact.unknown(f"no DaemonSet of a known plugin has a pod on node {reads.looked_at}")
    return Fact.yes(" and ".join(found), why=", ".join(f"DaemonSet {each}" for each in found.values()))


def _agent(reads: Reads, names: tuple[str, ...]) -> str | None:
    there = reads.daemon_set(*names)
    return None if there is None or there.partition("/")[2] in NOT_THE_AGENT else there


def proxy(reads: Reads) -> Fact:
    """Whether kube-proxy runs on the nodes, and in which mode."""
    if not reads.node_pods:
        return Fact.unknown("no pods of a node could be looked at")
    there = reads.daemon_set("kube-proxy") or next((_full(pod) for pod in reads.node_pods if _is_proxy(pod)), None)
    if there is None:
        return Fact.no(value="replaced", why=f"no kube-proxy has a pod on node {reads.looked_at}")
    mode, how = _mode(reads)
    return Fact.yes(mode, why=f"{there}, {how}")


def proxy_mode(mode: str, reads: Reads) -> Fact:
    """Whether it runs in a mode."""
    found = proxy(reads)
    if found.state != "yes":
        return found
    if found.value not in MODES:
        return Fact.unknown(found.why)
    return Fact.whether(found.value == mode, why=f"its mode is {found.value}")


def _mode(reads: Reads) -> tuple[str, str]:
    """The mode, or `unknown`, and how we know."""
    where = f"ConfigMap {SYSTEM}/kube-proxy"
    try:
        text = reads.config("kube-proxy", "config.conf")
        told: Any = yaml.safe_load(text) if text is not None else None
    except KubeError as error:
        return "unknown", f"its mode cannot be read: {error}"
    except yaml.YAMLError:
        told = None
    if not isinstance(told, dict):
        return "unknown", f"its mode cannot be read: no {where} with config.conf"
    # Empty means what the platform is best at: iptables on Linux.
    mode = str(told.get("mode") or "iptables")
    return (mode, where) if mode in MODES else ("unknown", f"{where} names mode {mode!r}")


def _is_proxy(pod: Mapping[str, Any]) -> bool:
    labels = (pod["metadata"].get("labels") or {}).items()
    return pod["metadata"].get("namespace") == SYSTEM and any(each.items() <= labels for each in PROXY_LABELS)


def _full(pod: Mapping[str, Any]) -> str:
    return f"{pod['metadata'].get('namespace')}/{pod['metadata']['name']}"


def dns(reads: Reads) -> Fact:
    """Which cluster DNS runs, by its pods' image."""
    images = {str(pod["spec"]["containers"][0].get("image", "")) for pod in reads.dns_pods}
    if not images:
        return Fact.unknown(f"no pod labelled k8s-app=kube-dns in {SYSTEM}")
    names = sorted(_image(image) for image in images)
    count = len(reads.dns_pods)
    return Fact.yes(" and ".join(names), why=f"{count} pod{'s' if count != 1 else ''} of {SYSTEM}")


def _image(image: str) -> str:
    """`registry.k8s.io/coredns/coredns:v1.13.1@sha256:…` as `CoreDNS v1.13.1`."""
    name, _, tag = image.partition("@")[0].rpartition("/")[2].partition(":")
    return f"{'CoreDNS' if name == 'coredns' else name} {tag}".strip()


def dns_settings(reads: Reads) -> Fact:
    """What its Corefile says: pods' names, caching, and the plugins that change what is promised."""
    text = reads.config("coredns", "Corefile")
    plugins = corefile.server(text or "")
    if not plugins:
        return Fact.unknown(f"no ConfigMap {SYSTEM}/coredns with a Corefile that serves Kubernetes")
    return Fact.yes(corefile.told(plugins), why=f"ConfigMap {SYSTEM}/coredns")


def dns_version(reads: Reads) -> Fact:
    """Whether it says its version when asked: CoreDNS only where its Corefile names `chaos`; others must be asked."""
    plugins = corefile.server(reads.config("coredns", "Corefile") or "")
    if plugins and "chaos" not in plugins:
        return Fact.no(why="its Corefile does not name the plugin chaos")
    return Fact.unknown("only version.bind tells")


def node_local_dns(reads: Reads) -> Fact:
    """Whether a cache on each node stands before the cluster DNS."""
    if not reads.node_pods:
        return Fact.unknown("no pods of a node could be looked at")
    there = reads.daemon_set("node-local-dns", "nodelocaldns")
    return Fact.whether(there is not None, why=there or f"no node-local DNS has a pod on node {reads.looked_at}")


def load_balancer(reads: Reads) -> Fact:
    """Whether some Service has a load balancer's address; who gives them, if it is known."""
    who = " and ".join(name for name, names in BALANCERS.items() if reads.daemon_set(*names))
    served = [
        _full(each) for each in reads.balanced_services if each.get("status", {}).get("loadBalancer", {}).get("ingress")
    ]
    if served:
        return Fact.yes(who, why=f"Service {served[0]} has an address")
    return Fact.unknown("the first Service that asks for one tells", value=who)


def ingress(reads: Reads) -> Fact:
    """Whether there is an Ingress controller: a class, and an Ingress that got an address."""
    if "ingressclasses" not in reads.networking:
        return Fact.no(why="the Ingress API is not served")
    everybodys = reads.listed("ingressclasses.networking.k8s.io")
    classes = sorted(str(each["metadata"]["name"]) for each in everybodys if not is_ours(each))
    if not classes:
        return Fact.no(why="no IngressClass")
    return Fact.unknown("the first Ingress tells whether its controller lives", value=", ".join(classes))


def ours(reads: Reads) -> Fact:
    """Whether objects that belong to no namespace may be made: in a cluster of somebody else's they touch everybody."""
    if reads.kind == "kind" or faults(reads).state == "yes":
        return Fact.yes(why="the cluster is made for tests")
    return Fact.no(why="in an existing cluster nothing is made outside the run's own namespaces")


def optional_apis(reads: Reads) -> Fact:
    """API groups beyond Kubernetes' own that networking tests could ask."""
    there = [each for each in OPTIONAL_GROUPS if each in reads.api_groups]
    return Fact.whether(bool(there), value=", ".join(there), why=f"{len(reads.api_groups)} API groups are served")


def service_cidr_api(reads: Reads) -> Fact:
    """Whether `networking.k8s.io/v1` serves ServiceCIDRs."""
    return Fact.whether("servicecidrs" in reads.networking, why="discovery of networking.k8s.io/v1")


def faults(reads: Reads) -> Fact:
    """Whether the cluster can be broken on request."""
    there = reads.kind == "embedded" or "faults.harness.dev" in reads.api_groups
    return Fact.whether(there, why="API group faults.harness.dev" if there else "no API group faults.harness.dev")


def policy(reads: Reads) -> Fact:
    """Whether NetworkPolicies are enforced: only packets tell, but of the embedded cluster it is known."""
    if faults(reads).state == "yes":
        return Fact.yes(why="the embedded cluster has policy agents of its own")
    return Fact.unknown("only packets tell")
