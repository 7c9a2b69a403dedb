"""The resources the embedded cluster serves: names, verbs, subresources. Facts for discovery and dispatch.

Resources are named as kubectl names them: plural, with the group unless it is the core group.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
_READ_WRITE = ("get", "patch", "update")
_PROXY = ("create", "delete", "get", "patch", "update")


@dataclass(frozen=True)
class Subresource:
    """A subresource as discovery shows it. `group` and `version` are set where its kind lives elsewhere."""

    name: str
    verbs: tuple[str, ...]
    kind: str
    group: str = ""
    version: str = ""


@dataclass(frozen=True)
class Resource:
    """One served resource."""

    group: str
    version: str
    plural: str
    singular: str
    kind: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    subresources: tuple[Subresource, ...] = ()
    storage_version_hash: str = ""
    deprecation: str = ""
    """What every answer about it warns of."""
    generation: bool = False
    """Whether a change of what is wished bumps metadata.generation."""

    @cached_property
    def api_version(self) -> str:
        """`apiVersion` of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @cached_property
    def qualified(self) -> str:
        """The name in errors and on command lines: `services`, `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @cached_property
    def qualified_kind(self) -> str:
        """The kind in errors: `Service`, `Deployment.apps`."""
        return f"{self.kind}.{self.group}" if self.group else self.kind

    def has(self, verb: str) -> bool:
        """Whether the resource itself knows a verb."""
        return verb in self.verbs

    def subresource(self, name: str) -> Subresource | None:
        """The subresource of that name, if there is one."""
        return next((sub for sub in self.subresources if sub.name == name), None)

    def __str__(self) -> str:
        return self.qualified

    def __hash__(self) -> int:
        return hash((self.group, self.plural))


def _status(kind: str) -> Subresource:
    return Subresource("status", _READ_WRITE, kind)


def _scale() -> Subresource:
    return Subresource("scale", _READ_WRITE, "Scale", group="autoscaling", version="v1")


_POD_SUBRESOURCES = (
    Subresource("binding", ("create",), "Binding"),
    Subresource("eviction", ("create",), "Eviction", group="policy", version="v1"),
    Subresource("exec", ("create", "get"), "PodExecOptions"),
    Subresource("log", ("get",), "Pod"),
    Subresource("proxy", _PROXY, "PodProxyOptions"),
    _status("Pod"),
)

RESOURCES: tuple[Resource, ...] = (
    Resource(
        "", "v1", "configmaps", "configmap", "ConfigMap", short_names=("cm",), storage_version_hash="qFsyl6wFWjQ="
    ),
    Resource(
        "",
        "v1",
        "endpoints",
        "endpoints",
        "Endpoints",
        short_names=("ep",),
        storage_version_hash="fWeeMqaN/OA=",
        deprecation="v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
    ),
    Resource("", "v1", "events", "event", "Event", short_names=("ev",), storage_version_hash="r2yiGXH7wu8="),
    Resource(
        "",
        "v1",
        "namespaces",
        "namespace",
        "Namespace",
        namespaced=False,
        short_names=("ns",),
        verbs=("create", "delete", "get", "list", "patch", "update", "watch"),
        subresources=(Subresource("finalize", ("update",), "Namespace"), _status("Namespace")),
        storage_version_hash="Q3oi5N2YM8M=",
    ),
    Resource(
        "",
        "v1",
        "nodes",
        "node",
        "Node",
        namespaced=False,
        short_names=("no",),
        subresources=(_status("Node"),),
        storage_version_hash="XwShjMxG9Fs=",
    ),
    Resource(
        "",
        "v1",
        "pods",
        "pod",
        "Pod",
        short_names=("po",),
        categories=("all",),
        subresources=_POD_SUBRESOURCES,
        storage_version_hash="xPOwRZ+Yhw8=",
        generation=True,
    ),
    Resource("", "v1", "secrets", "secret", "Secret", storage_version_hash="S6u1pOWzb84="),
    Resource(
        "",
        "v1",
        "serviceaccounts",
        "serviceaccount",
        "ServiceAccount",
        short_names=("sa",),
        subresources=(Subresource("token", ("create",), "TokenRequest", group="authentication.k8s.io", version="v1"),),
        storage_version_hash="pbx9ZvyFpBE=",
    ),
    Resource(
        "",
        "v1",
        "services",
        "service",
        "Service",
        short_names=("svc",),
        categories=("all",),
        subresources=(Subresource("proxy", _PROXY, "ServiceProxyOptions"), _status("Service")),
        storage_version_hash="0/CO1lhkEBI=",
    ),
    Resource(
        "apps",
        "v1",
        "daemonsets",
        "daemonset",
        "DaemonSet",
        short_names=("ds",),
        categories=("all",),
        subresources=(_status("DaemonSet"),),
        storage_version_hash="dd7pWHUlMKQ=",
        generation=True,
    ),
    Resource(
        "apps",
        "v1",
        "deployments",
        "deployment",
        "Deployment",
        short_names=("deploy",),
        categories=("all",),
        subresources=(_scale(), _status("Deployment")),
        storage_version_hash="8aSe+NMegvE=",
        generation=True,
    ),
    Resource(
        "apps",
        "v1",
        "replicasets",
        "replicaset",
        "ReplicaSet",
        short_names=("rs",),
        categories=("all",),
        subresources=(_scale(), _status("ReplicaSet")),
        storage_version_hash="P1RzHs8/mWQ=",
        generation=True,
    ),
    Resource(
        "apps",
        "v1",
        "statefulsets",
        "statefulset",
        "StatefulSet",
        short_names=("sts",),
        categories=("all",),
        subresources=(_scale(), _status("StatefulSet")),
        storage_version_hash="H+vl74LkKdo=",
        generation=True,
    ),
    Resource(
        "authorization.k8s.io",
        "v1",
        "selfsubjectaccessreviews",
        "selfsubjectaccessreview",
        "SelfSubjectAccessReview",
        namespaced=False,
        verbs=("create",),
    ),
    Resource(
        "batch",
        "v1",
        "jobs",
        "job",
        "Job",
        categories=("all",),
        subresources=(_status("Job"),),
        storage_version_hash="mudhfqk/qZY=",
        generation=True,
    ),
    Resource("coordination.k8s.io", "v1", "leases", "lease", "Lease", storage_version_hash="gqkMMb/YqFM="),
    Resource(
        "discovery.k8s.io",
        "v1",
        "endpointslices",
        "endpointslice",
        "EndpointSlice",
        storage_version_hash="qgS0xkrxYAI=",
        generation=True,
    ),
    Resource(
        "networking.k8s.io",
        "v1",
        "ingressclasses",
        "ingressclass",
        "IngressClass",
        namespaced=False,
        storage_version_hash="l/iqIbDgFyQ=",
        generation=True,
    ),
    Resource(
        "networking.k8s.io",
        "v1",
        "ingresses",
        "ingress",
        "Ingress",
        short_names=("ing",),
        subresources=(_status("Ingress"),),
        storage_version_hash="39NQlfNR+bo=",
        generation=True,
    ),
    Resource(
        "networking.k8s.io",
        "v1",
        "ipaddresses",
        "ipaddress",
        "IPAddress",
        namespaced=False,
        short_names=("ip",),
        storage_version_hash="3f/plJFChNE=",
        generation=True,
    ),
    Resource(
        "networking.k8s.io",
        "v1",
        "networkpolicies",
        "networkpolicy",
        "NetworkPolicy",
        short_names=("netpol",),
        storage_version_hash="YpfwF18m1G8=",
        generation=True,
    ),
    Resource(
        "networking.k8s.io",
        "v1",
        "servicecidrs",
        "servicecidr",
        "ServiceCIDR",
        namespaced=False,
        subresources=(_status("ServiceCIDR"),),
        storage_version_hash="gNLvruQhW2g=",
        generation=True,
    ),
    Resource(
        "faults.harness.dev",
        "v1",
        "faults",
        "fault",
        "Fault",
        namespaced=False,
        generation=True,
    ),
    Resource(
        "faults.harness.dev",
        "v1",
        "packettraces",
        "packettrace",
        "PacketTrace",
        namespaced=False,
        verbs=("create",),
    ),
)
"""Every served resource, core group first."""

_BY_NAME = {resource.qualified: resource for resource in RESOURCES}
_BY_PATH = {(resource.group, resource.version, resource.plural): resource for resource in RESOURCES}
_BY_KIND = {(resource.group, resource.version, resource.kind): resource for resource in RESOURCES}


def by_name(name: str) -> Resource:
    """The resource called `name`, for example "services" or "deployments.apps". Raises KeyError."""
    return _BY_NAME[name]


def by_path(group: str, version: str, plural: str) -> Resource | None:
    """The resource behind a URL path, or None."""
    return _BY_PATH.get((group, version, plural))


def by_kind(group: str, version: str, kind: str) -> Resource | None:
    """The resource whose objects have that kind, or None."""
    return _BY_KIND.get((group, version, kind))
