"""Facts about address families: of pods, of Services, and whether a cluster has both.

Pods are looked at, not promises: a node may have pod networks of two families and a plugin that uses one. Sources:
PodStatus.podIPs, ServiceCIDR v1 (networking.k8s.io), KEP-563 (dual-stack).
"""

from __future__ import annotations

import ipaddress
from typing import Any

from harness.kube.errors import Invalid, KubeError
from harness.model.capability import Fact
from harness.model.refs import Family
from harness.world.capabilities.reads import Reads
from harness.world.ownership import SELECT_OURS

Families = tuple[tuple[Family, ...], str]
"""In the cluster's order, and how we know."""


def pods(reads: Reads) -> Families:
    """The families of pods' addresses."""
    for pod in (*reads.dns_pods, *reads.node_pods):
        addresses = [each["ip"] for each in pod.get("status", {}).get("podIPs") or []]
        if addresses and not pod["spec"].get("hostNetwork"):
            return _families(addresses), f"pod {pod['metadata']['namespace']}/{pod['metadata']['name']}"
    return _node_networks(reads)


def services(reads: Reads) -> Families:
    """The families Services can have: by the ServiceCIDR API, else by what a Service for both is answered."""
    if cidrs := _cidrs(reads):
        return _families(cidrs), "ServiceCIDRs"
    try:
        stored = reads.kube.create(_for_both(), dry_run=True)
    except Invalid:
        return _own(reads), "a Service that requires both families is refused"
    return tuple(Family(each) for each in stored["spec"]["ipFamilies"]), "a Service for both families is accepted"


def of_cluster(reads: Reads) -> tuple[Family, ...]:
    """The families promises are about, in the order Services get them: those that pods have as well."""
    used, _ = pods(reads)
    try:
        offered, _ = services(reads)
    except KubeError:
        return used
    both = tuple(each for each in offered if each in used)
    return both or used


def family(wanted: Family, reads: Reads) -> Fact:
    """Whether pods have addresses of a family."""
    used, how = pods(reads)
    return Fact.whether(wanted in used, why=f"{how} has {_text(used)}" if used else how)


def dual(reads: Reads) -> Fact:
    """Whether pods and Services have both families."""
    used, how = pods(reads)
    offered, known = services(reads)
    both = len(used) == 2 and len(offered) == 2
    return Fact.whether(both, why=f"pods {_text(used)} ({how}), Services {_text(offered)} ({known})")


def cidrs(reads: Reads) -> Fact:
    """The networks of cluster addresses."""
    if "servicecidrs" not in reads.networking:
        return Fact.unknown("the ServiceCIDR API is not served")
    return Fact.yes(" ".join(_cidrs(reads)), why="ServiceCIDRs")


def _cidrs(reads: Reads) -> list[str]:
    if "servicecidrs" not in reads.networking:
        return []
    found = reads.listed("servicecidrs.networking.k8s.io")
    first = sorted(found, key=lambda each: str(each["metadata"]["name"]) != "kubernetes")
    return [str(cidr) for each in first for cidr in each["spec"].get("cidrs") or []]


def _node_networks(reads: Reads) -> Families:
    networks = [cidr for node in reads.nodes for cidr in node.get("spec", {}).get("podCIDRs") or []]
    if networks:
        return _families(networks), "the nodes' pod networks"
    return _own(reads), "Service default/kubernetes"


def _own(reads: Reads) -> tuple[Family, ...]:
    """The family of the API's own Service: the cluster's first."""
    return tuple(Family(each) for each in reads.api_service["spec"].get("ipFamilies") or ["IPv4"])


def _for_both() -> dict[str, Any]:
    key, _, value = SELECT_OURS.partition("=")
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"generateName": "harness-both-", "namespace": "default", "labels": {key: value}},
        "spec": {"ipFamilyPolicy": "RequireDualStack", "ports": [{"port": 80}]},
    }


def _families(addresses: list[str]) -> tuple[Family, ...]:
    numbers = [ipaddress.ip_network(each, strict=False).version for each in addresses]
    return tuple(dict.fromkeys(Family.V4 if each == 4 else Family.V6 for each in numbers))


def _text(families: tuple[Family, ...]) -> str:
    return " and ".join(str(each) for each in families) or "no addresses"
