"""What the user asked of a kind cluster, checked for contradictions before anything is looked at or made. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.clusters.addon import Addon
from harness.clusters.cni import Cni
from harness.clusters.ingress import Ingress
from harness.clusters.kind.config import NO_INGRESS, NO_LB, Plan
from harness.clusters.kind.mirror import Mirror
from harness.clusters.kind.versions import Version
from harness.clusters.loadbalancer import LoadBalancer
from harness.clusters.provider import ClusterError

FAMILIES = ("ipv4", "ipv6", "dual")
KUBE_PROXY = ("iptables", "nftables", "ipvs", "none")
KEPT = "harness"
"""The name of a kept cluster that was given none."""

LONGEST_NAME = 49
"""A node is called <name>-control-plane, and a host name has at most 63 characters."""

NFTABLES_SINCE = Version(1, 31)
"""kind offers kube-proxy's nftables mode from this Kubernetes on."""

POD_SUBNETS = {"ipv4": "10.244.0.0/16", "ipv6": "fd00:10:244::/56"}
SERVICE_SUBNETS = {"ipv4": "10.96.0.0/16", "ipv6": "fd00:10:96::/112"}
"""What kind takes by itself."""

MAX_NODES = 32
"""More nodes of one machine than anyone has run; a typing error is caught before it fills a disk."""


@dataclass(frozen=True)
class Request:
    """The options of a kind cluster; None and empty mean that the CNI's or kind's own choice is taken."""

    cni: Cni
    k8s: str | None = None
    nodes: int = 3
    families: str | None = None
    kube_proxy: str | None = None
    pod_subnet: str = ""
    service_subnet: str = ""
    feature_gates: Mapping[str, bool] = field(default_factory=dict)
    control_plane_takes_pods: bool = True
    keep: str | None = None
    lb: LoadBalancer = NO_LB
    ingress: Ingress = NO_INGRESS
    mirror: Mirror | None = None

    def __post_init__(self) -> None:
        _refuse(_contradictions(self))

    @property
    def chosen_families(self) -> str:
        """The families asked for, else dual-stack where the CNI does it."""
        return self.families or ("dual" if "dual" in self.cni.families else self.cni.families[0])

    @property
    def chosen_proxy(self) -> str:
        """kube-proxy's mode asked for, else the CNI's first."""
        return self.kube_proxy or self.cni.kube_proxy[0]

    @property
    def extras(self) -> list[Addon]:
        """What is put into the cluster when its network is there, in this order."""
        return [each for each in (self.lb, self.ingress) if not each.absent]

    def headline(self) -> str:
        """What kind of cluster this is, for the first lines of a run."""
        made = f"kept as {self.keep!r}" if self.keep else "made and removed by this run"
        parts = [
            *[f"{each.WHAT} {each.title}" for each in (self.cni, *self.extras)],
            f"{self.nodes} node{'s' if self.nodes > 1 else ''}",
            {"dual": "dual-stack"}.get(self.chosen_families, self.chosen_families),
            f"kube-proxy {self.chosen_proxy}",
            f"Kubernetes {self.k8s}" if self.k8s else "",
            f"images from {self.mirror}" if self.mirror else "",
        ]
        return f"kind cluster ({made}): {', '.join(part for part in parts if part)}"

    def plan(self, *, run: str, image: str | None, version: Version | None, cgroup_v1: bool) -> Plan:
        """What is going to be made, with the node image that was chosen. Raises ClusterError."""
        if self.chosen_proxy == "nftables" and version is not None and version < NFTABLES_SINCE:
            _refuse([f"--kube-proxy nftables needs Kubernetes {NFTABLES_SINCE} or newer, the node image has {version}"])
        families = ["ipv4", "ipv6"] if self.chosen_families == "dual" else [self.chosen_families]
        pods = {**POD_SUBNETS, **self.cni.pod_subnets}
        pod_subnet = self.pod_subnet or ",".join(pods[family] for family in families)
        service_subnet = self.service_subnet or ",".join(SERVICE_SUBNETS[family] for family in families)
        _refuse(_overlaps(pod_subnet, service_subnet))
        return Plan(
            name=self.keep or f"harness-{run}",
            nodes=self.nodes,
            families=self.chosen_families,
            kube_proxy=self.chosen_proxy,
            cni=self.cni,
            image=image,
            version=version,
            pod_subnet=pod_subnet,
            service_subnet=service_subnet,
            feature_gates=dict(self.feature_gates),
            control_plane_takes_pods=self.control_plane_takes_pods or self.nodes == 1,
            cgroup_v1=cgroup_v1,
            keep=self.keep is not None,
            lb=self.lb,
            ingress=self.ingress,
            mirror=self.mirror,
        )


def _refuse(reasons: Sequence[str]) -> None:
    if reasons:
        raise ClusterError(reasons[0])


def _contradictions(request: Request) -> list[str]:
    """Everything about the options that cannot be, in one line each."""
    cni, told = request.cni, []
    if not 1 <= request.nodes <= MAX_NODES:
        told.append(f"--nodes {request.nodes}: a cluster has 1 to {MAX_NODES} nodes")
    if request.families is not None and request.families not in cni.families:
        told.append(f"--families {request.families}: CNI {cni.name} does {', '.join(cni.families)}")
    if request.kube_proxy is not None and request.kube_proxy not in cni.kube_proxy:
        told.append(_no_such_proxy(request.kube_proxy, cni))
    if cni.absent and request.keep is None:
        told.append(
            "--cni none leaves every node NotReady and no test could run: add --keep NAME and install one yourself, "
            "or give its manifest with --cni FILE"
        )
    if request.keep is not None and not re.fullmatch(rf"[a-z0-9]([a-z0-9.-]{{0,{LONGEST_NAME - 1}}})", request.keep):
        told.append(
            f"--keep {request.keep}: a name has 1 to {LONGEST_NAME} characters of a-z, 0-9, '.' and '-', "
            "and begins with a letter or digit"
        )
    told += [line for each in request.extras for line in _unfit(each, request)]
    told += _subnets("--pod-subnet", request.pod_subnet, request.chosen_families)
    told += _subnets("--service-subnet", request.service_subnet, request.chosen_families)
    return told


def _unfit(addon: Addon, request: Request) -> list[str]:
    """Why an add-on cannot be on that cluster."""
    given = f"{addon.OPTION} {addon.name}"
    if request.cni.absent:
        return [f"{given}: nothing runs without a network plugin: leave it out with --cni none"]
    told = []
    if request.chosen_families not in addon.families:
        does = f"it does {', '.join(addon.families)}, and the cluster is {request.chosen_families}"
        told.append(f"{given}: {does}: add --families {addon.families[0]}")
    if request.chosen_proxy not in addon.kube_proxy:
        does = f"it works with kube-proxy {', '.join(addon.kube_proxy)}, and the cluster has {request.chosen_proxy}"
        told.append(f"{given}: {does}: choose one with --kube-proxy")
    return told


def _no_such_proxy(mode: str, cni: Cni) -> str:
    if mode == "none":
        return f"--kube-proxy none: CNI {cni.name} does not replace kube-proxy, and Services would not work"
    return f"--kube-proxy {mode}: CNI {cni.name} works with {', '.join(cni.kube_proxy)}"


def _subnets(option: str, given: str, families: str) -> list[str]:
    if not given:
        return []
    try:
        found = [f"ipv{ipaddress.ip_network(each).version}" for each in given.split(",")]
    except ValueError as error:
        return [f"{option} {given}: {error}"]
    wanted = ["ipv4", "ipv6"] if families == "dual" else [families]
    if sorted(found) != wanted:
        return [f"{option} {given}: a cluster of --families {families} takes {' and '.join(wanted)}, one subnet each"]
    return []


def _overlaps(pods: str, services: str) -> list[str]:
    """Addresses that would be a pod's and a Service's."""
    pairs = [(one, other) for one in pods.split(",") for other in services.split(",")]
    both = [(ipaddress.ip_network(one), ipaddress.ip_network(other)) for one, other in pairs]
    return [
        f"pods in {one} and Services in {other} would share addresses: change --pod-subnet or --service-subnet"
        for one, other in both
        if one.version == other.version and one.overlaps(other)
    ]


def gates(given: Sequence[str]) -> dict[str, bool]:
    """Feature gates from `NAME=true` and `NAME=false`. Raises ClusterError."""
    found = {}
    for each in given:
        name, _, value = each.partition("=")
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*", name) or value not in {"true", "false"}:
            raise ClusterError(f"--feature-gate {each}: write it as NAME=true or NAME=false")
        found[name] = value == "true"
    return found
