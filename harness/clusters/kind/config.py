"""A kind configuration (v1alpha4) from a plan. Pure: https://kind.sigs.k8s.io/docs/user/configuration/"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import yaml

from harness.clusters.addon import Addon
from harness.clusters.cni import Cni
from harness.clusters.ingress import Ingress
from harness.clusters.kind import mirror
from harness.clusters.kind.marks import NOTHING, Mark
from harness.clusters.kind.versions import Version
from harness.clusters.loadbalancer import LoadBalancer

CGROUP_V1_REFUSED_SINCE = Version(1, 35)
"""From here on a kubelet does not start on cgroup v1 unless it is told to (KEP-5573)."""

ZONE = "topology.kubernetes.io/zone"
ZONES = 2
"""Zones that nodes are spread over: kind puts them in none, and promises about zones could not be asked."""

NO_LB = LoadBalancer(name="none", about="no Service gets an external address")
NO_INGRESS = Ingress(name="none", about="Ingress objects have no effect")


@dataclass(frozen=True)
class Plan:
    """A kind cluster as it is going to be made. `image` None is the one kind comes with."""

    name: str
    nodes: int
    families: str
    kube_proxy: str
    cni: Cni
    image: str | None = None
    version: Version | None = None
    pod_subnet: str = ""
    service_subnet: str = ""
    feature_gates: dict[str, bool] = field(default_factory=dict)
    control_plane_takes_pods: bool = True
    cgroup_v1: bool = False
    keep: bool = False
    lb: LoadBalancer = NO_LB
    ingress: Ingress = NO_INGRESS
    mirror: mirror.Mirror | None = None
    contents: str = ""
    """What the add-ons are made of, as far as their names and versions do not tell."""

    @property
    def addons(self) -> tuple[Addon, ...]:
        """What is put into it, in this order."""
        return (self.cni, self.lb, self.ingress)

    @property
    def pod_subnets(self) -> dict[str, str]:
        """The pod subnets by family, as patches of a CNI name them."""
        return {"ipv6" if ":" in each else "ipv4": each for each in self.pod_subnet.split(",") if each}

    @property
    def changes(self) -> tuple[str, ...]:
        """What tells it from a cluster that `kind create cluster` makes of the same options, for the report."""
        return (
            *(("nodes are labelled with zones",) if self.nodes > 1 else ()),
            *(("control plane takes pods",) if self.control_plane_takes_pods and self.nodes > 1 else ()),
            *(("load balancers lead to the control plane",) if self._balances_control_plane else ()),
            *(("kubelets bear cgroup v1",) if self.bears_cgroup_v1 else ()),
        )

    @property
    def bears_cgroup_v1(self) -> bool:
        """Whether kubelets have to be told; without a version kind turns such a patch into what its kubeadm speaks."""
        return self.cgroup_v1 and self.version is not None and self.version >= CGROUP_V1_REFUSED_SINCE

    @property
    def _balances_control_plane(self) -> bool:
        return self.control_plane_takes_pods and not self.lb.absent

    def settings(self) -> str:
        """A digest of what the cluster is made from: a kept cluster is used again for the same settings only."""
        addons = [(each.name, each.version) for each in self.addons]
        told = [document(self, mark=None), addons, self.image, self.control_plane_takes_pods, str(self.mirror)]
        told.append(self.contents)
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]


def document(plan: Plan, *, mark: Mark | None) -> dict[str, Any]:
    """The configuration as a document; `mark` says on each node whose it is."""
    networking: dict[str, Any] = {
        "ipFamily": plan.families,
        # kind's own choice for IPv6 is ::1, which not every engine can publish a port on.
        "apiServerAddress": "127.0.0.1",
        "podSubnet": plan.pod_subnet,
        "serviceSubnet": plan.service_subnet,
        "disableDefaultCNI": not plan.cni.bundled,
        "kubeProxyMode": plan.kube_proxy,
    }
    roles = ["control-plane", *["worker"] * (plan.nodes - 1)]
    mounts = [] if mark is None else [{"hostPath": NOTHING, "containerPath": mark.path, "readOnly": True}]
    more = {"extraMounts": mounts} if mounts else {}
    whole: dict[str, Any] = {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "name": plan.name,
        "networking": {key: value for key, value in networking.items() if value != ""},
        "nodes": [{"role": role, **_zone(plan, number), **more} for number, role in enumerate(roles)],
    }
    if plan.mirror is not None:
        whole["containerdConfigPatches"] = [mirror.CONFIG]
    if plan.feature_gates:
        whole["featureGates"] = dict(plan.feature_gates)
    if plan.bears_cgroup_v1:
        whole["kubeadmConfigPatches"] = [yaml.safe_dump({"kind": "KubeletConfiguration", "failCgroupV1": False})]
    return whole


def _zone(plan: Plan, number: int) -> dict[str, Any]:
    """The label of the zone a node stands in, neighbours together; a single node is in none, as kind leaves it."""
    return {"labels": {ZONE: f"zone-{number * ZONES // plan.nodes + 1}"}} if plan.nodes > 1 else {}


def render(plan: Plan, *, mark: Mark) -> bytes:
    """The configuration as kind reads it from standard input."""
    return yaml.safe_dump(document(plan, mark=mark), sort_keys=False).encode()
