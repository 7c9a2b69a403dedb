"""Resources by the names kubectl uses, and the paths they are served under. Data only.

Names are plural, with the group when there is one: `services`, `endpointslices.discovery.k8s.io`. What is not in this
table is looked up in the cluster's own discovery, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote


@dataclass(frozen=True)
class Served:
    """A resource as a server serves it."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def name(self) -> str:
        """As kubectl names it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        """As objects name it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, *, namespace: str | None = None, name: str | None = None, subresource: str = "") -> str:
        """The URL path of a collection or an object."""
        parts = ["/apis", self.group, self.version] if self.group else ["/api", self.version]
        if self.namespaced and namespace:
            parts += ["namespaces", quote(namespace, safe="")]
        parts.append(self.plural)
        if name is not None:
            parts.append(quote(name, safe=""))
        if subresource:
            parts.append(subresource)
        return "/".join(parts)


KNOWN: tuple[Served, ...] = (
    Served("", "v1", "namespaces", "Namespace", namespaced=False),
    Served("", "v1", "nodes", "Node", namespaced=False),
    Served("", "v1", "pods", "Pod"),
    Served("", "v1", "services", "Service"),
    Served("", "v1", "endpoints", "Endpoints"),
    Served("", "v1", "configmaps", "ConfigMap"),
    Served("", "v1", "secrets", "Secret"),
    Served("", "v1", "serviceaccounts", "ServiceAccount"),
    Served("", "v1", "events", "Event"),
    Served("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice"),
    Served("coordination.k8s.io", "v1", "leases", "Lease"),
    Served("apps", "v1", "deployments", "Deployment"),
    Served("apps", "v1", "replicasets", "ReplicaSet"),
    Served("apps", "v1", "statefulsets", "StatefulSet"),
    Served("apps", "v1", "daemonsets", "DaemonSet"),
    Served("batch", "v1", "jobs", "Job"),
    Served("networking.k8s.io", "v1", "servicecidrs", "ServiceCIDR", namespaced=False),
    Served("networking.k8s.io", "v1", "ipaddresses", "IPAddress", namespaced=False),
    Served("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy"),
    Served("networking.k8s.io", "v1", "ingresses", "Ingress"),
    Served("networking.k8s.io", "v1", "ingressclasses", "IngressClass", namespaced=False),
    Served("rbac.authorization.k8s.io", "v1", "roles", "Role"),
    Served("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding"),
    Served("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", namespaced=False),
    Served("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False),
    Served("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False),
    Served("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced=False),
    Served("faults.harness.dev", "v1", "faults", "Fault", namespaced=False),
    Served("faults.harness.dev", "v1", "packettraces", "PacketTrace", namespaced=False),
)

BY_NAME: dict[str, Served] = {served.name: served for served in KNOWN}
BY_KIND: dict[tuple[str, str], Served] = {(served.api_version, served.kind): served for served in KNOWN}


def split_name(name: str) -> tuple[str, str]:
    """`plural.group` into its two parts; the group is empty for the core."""
    plural, _, group = name.partition(".")
    return plural, group


def from_discovery(group: str, version: str, entry: dict[str, Any]) -> Served:
    """One entry of an APIResourceList."""
    return Served(group, version, str(entry["name"]), str(entry["kind"]), namespaced=bool(entry.get("namespaced")))
