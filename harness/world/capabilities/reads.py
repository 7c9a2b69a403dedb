"""What detection reads of the API, each once: nodes, the pods of one node, the cluster DNS, a few lists.

The pods of one node tell which DaemonSets there are, for a network plugin and kube-proxy have a pod on every node: no
right to read DaemonSets is asked for, and a cluster of thousands of pods is not listed.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from harness.kube.client import Kube
from harness.kube.errors import NotFound
from harness.kube.patience import Patience

SYSTEM = "kube-system"
DNS_LABELS = "k8s-app=kube-dns"

TROUBLES = frozenset(
    f"node.kubernetes.io/{each}"
    for each in ("not-ready", "unreachable", "network-unavailable", "disk-pressure", "memory-pressure", "pid-pressure")
)
"""Taints that Kubernetes itself puts on nodes that are not well, and takes away again."""

Object = dict[str, Any]


class Reads:
    """The API as detection sees it. Raises KubeError; what was read once is kept."""

    def __init__(self, kube: Kube, *, kind: str = "", patience: Patience | None = None) -> None:
        self.kube = kube
        self.kind = kind
        """Where the cluster comes from: `embedded`, `kind`, `kubeconfig`."""
        self._patient = patience or Patience()
        self._lists: dict[str, list[Object]] = {}
        self._configs: dict[str, dict[str, str]] = {}

    @functools.cached_property
    def version(self) -> str:
        """As the server tells it: `v1.36.2`."""
        return str(self.kube.server_version().get("gitVersion", ""))

    @functools.cached_property
    def nodes(self) -> tuple[Object, ...]:
        """Ready Linux nodes by name."""
        return tuple(node for node in self._all_nodes if is_ready_linux(node))

    @functools.cached_property
    def lame_nodes(self) -> tuple[str, ...]:
        """Names of the Linux nodes that would take ordinary pods if they were well."""
        lame = [node for node in self._all_nodes if _is_linux(node) and not (is_ready_linux(node) and takes_pods(node))]
        return tuple(str(node["metadata"]["name"]) for node in lame if takes_pods(node, despite=TROUBLES))

    @functools.cached_property
    def _all_nodes(self) -> tuple[Object, ...]:
        found = self._patient(lambda: self.kube.list("nodes")).items
        return tuple(sorted(found, key=lambda node: str(node["metadata"]["name"])))

    @functools.cached_property
    def node_pods(self) -> tuple[Object, ...]:
        """The pods of one node: of the first that takes ordinary pods, else of the first."""
        chosen = next((node for node in self.nodes if takes_pods(node)), None) or next(iter(self.nodes), None)
        if chosen is None:
            return ()
        name = str(chosen["metadata"]["name"])
        found = self._patient(lambda: self.kube.list("pods", fields=f"spec.nodeName={name}")).items
        return tuple(pod for pod in found if pod.get("spec", {}).get("nodeName") == name)

    @property
    def looked_at(self) -> str:
        """The node whose pods were looked at."""
        return str(self.node_pods[0]["spec"]["nodeName"]) if self.node_pods else "none"

    @functools.cached_property
    def dns_pods(self) -> tuple[Object, ...]:
        """Pods of the cluster DNS."""
        return tuple(self._patient(lambda: self.kube.list("pods", namespace=SYSTEM, labels=DNS_LABELS)).items)

    @functools.cached_property
    def balanced_services(self) -> tuple[Object, ...]:
        """Services of type LoadBalancer: a few, of the thousands that a cluster may have."""
        found = self._patient(lambda: self.kube.list("services", fields="spec.type=LoadBalancer")).items
        return tuple(each for each in found if each["spec"].get("type") == "LoadBalancer")

    @functools.cached_property
    def api_service(self) -> Object:
        """The API's own Service."""
        return self._patient(lambda: self.kube.get("services", "kubernetes", namespace="default"))

    @functools.cached_property
    def api_groups(self) -> Mapping[str, tuple[str, ...]]:
        """The groups that are served, each with its versions."""
        told = self._patient(lambda: self.kube.raw("GET", "/apis")).json()
        return {
            str(group["name"]): tuple(str(each["version"]) for each in group.get("versions") or [])
            for group in told.get("groups") or []
        }

    @functools.cached_property
    def networking(self) -> frozenset[str]:
        """Resources that `networking.k8s.io/v1` serves."""
        told = self._patient(lambda: self.kube.raw("GET", "/apis/networking.k8s.io/v1")).json()
        return frozenset(str(each["name"]) for each in told.get("resources") or [])

    def listed(self, resource: str) -> list[Object]:
        """All objects of a resource."""
        if resource not in self._lists:
            self._lists[resource] = self._patient(lambda: self.kube.list(resource)).items
        return self._lists[resource]

    def config(self, name: str, key: str) -> str | None:
        """A text of a ConfigMap in kube-system; None when there is none."""
        if name not in self._configs:
            try:
                found = self._patient(lambda: self.kube.get("configmaps", name, namespace=SYSTEM))
            except NotFound:
                found = {}
            self._configs[name] = {each: str(text) for each, text in (found.get("data") or {}).items()}
        return self._configs[name].get(key)

    def daemon_set(self, *names: str) -> str | None:
        """The first of these DaemonSets, or one whose name goes on after a dash, with a pod on the node looked at."""
        for namespace, owner in self._daemon_sets():
            if any(owner == name or owner.startswith(f"{name}-") for name in names):
                return f"{namespace}/{owner}"
        return None

    def _daemon_sets(self) -> list[tuple[str, str]]:
        return sorted(
            {
                (str(pod["metadata"].get("namespace", "")), str(owner["name"]))
                for pod in self.node_pods
                for owner in pod["metadata"].get("ownerReferences") or []
                if owner.get("kind") == "DaemonSet"
            }
        )


def is_ready_linux(node: Mapping[str, Any]) -> bool:
    """Ready, and not Windows."""
    conditions = {each["type"]: each["status"] for each in node.get("status", {}).get("conditions") or []}
    return conditions.get("Ready") == "True" and _is_linux(node)


def _is_linux(node: Mapping[str, Any]) -> bool:
    return bool((node["metadata"].get("labels") or {}).get("kubernetes.io/os", "linux") == "linux")


def takes_pods(node: Mapping[str, Any], *, despite: frozenset[str] = frozenset()) -> bool:
    """No taint (but those named) keeps ordinary pods away, and it is not cordoned."""
    spec = node.get("spec", {})
    taints = [each for each in spec.get("taints") or [] if each.get("effect") in {"NoSchedule", "NoExecute"}]
    return not [each for each in taints if each.get("key") not in despite] and not spec.get("unschedulable")
