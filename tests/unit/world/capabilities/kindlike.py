"""A cluster in a dictionary as kubeadm and kindnet leave one: two nodes, kube-proxy, CoreDNS, ServiceCIDRs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.kube.errors import Forbidden, KubeError
from harness.world.capabilities import Detector, Reads
from tests.unit.suite.ground import FakeKube, node

COREFILE = """\
.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure   # as kubeadm writes it
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30 {
       disable success cluster.local
    }
    loadbalance
}
"""
SYSTEM = "kube-system"
PROXY = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: {}\n"


class Cluster(FakeKube):
    """What is refused is refused as a server without that right for us does."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: set[str] = set()
        """Resources we may not read."""

    def list(self, resource: str, **how: Any) -> Any:
        self._may(resource)
        return super().list(resource, **how)

    def get(self, resource: str, name: str, **how: Any) -> Any:
        self._may(resource)
        return super().get(resource, name, **how)

    def raw(self, method: str, path: str) -> Any:
        self._may(path)
        return super().raw(method, path)

    def _may(self, resource: str) -> None:
        if resource in self.refused:
            raise refusal(resource)


def refusal(resource: str) -> KubeError:
    """What a server says who does not let us."""
    return Forbidden({"code": 403, "message": f"cannot list {resource}"}, asked=f"GET {resource}")


def cluster(*, mode: str = "iptables", dual: bool = True) -> Cluster:
    """The whole cluster."""
    kube = Cluster()
    networks = ["10.244.0.0/24", "fd00:10:244::/64"] if dual else ["10.244.0.0/24"]
    kube.put(node("n1", podCIDRs=networks))
    kube.put(node("n2", podCIDRs=networks))
    kube.objects["nodes", "", "n2"]["metadata"]["labels"]["node-role.kubernetes.io/control-plane"] = ""
    agent(kube, "kindnet")
    agent(kube, "kube-proxy", labels={"k8s-app": "kube-proxy"})
    addresses = ["10.244.0.5", "fd00:10:244::5"] if dual else ["10.244.0.5"]
    kube.put(pod("coredns-1", labels={"k8s-app": "kube-dns"}, addresses=addresses, image="registry/coredns:v1.14.1"))
    config(kube, "kube-proxy", {"config.conf": PROXY.format(mode)})
    config(kube, "coredns", {"Corefile": COREFILE})
    serve_cidrs(kube, *(["10.96.0.0/16", "fd00:10:96::/112"] if dual else ["10.96.0.0/16"]))
    api = {"metadata": {"name": "kubernetes", "namespace": "default"}, "spec": {"ipFamilies": ["IPv4"]}}
    kube.put({"apiVersion": "v1", "kind": "Service", **api})
    return kube


def detector(kube: Any, kind: str = "kind") -> Detector:
    """Its facts."""
    return Detector(Reads(kube, kind=kind))


def pod(
    name: str,
    *,
    labels: Mapping[str, str] | None = None,
    owner: str = "",
    addresses: list[str] | None = None,
    namespace: str = SYSTEM,
    image: str = "agent:v1",
) -> dict[str, Any]:
    """A running pod on n1; on the node's own network when it is given no addresses."""
    owners = [{"kind": "DaemonSet", "name": owner, "controller": True}] if owner else []
    spec: dict[str, Any] = {"nodeName": "n1", "containers": [{"name": "c", "image": image}]}
    spec |= {} if addresses else {"hostNetwork": True}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels or {}), "ownerReferences": owners},
        "spec": spec,
        "status": {"podIPs": [{"ip": each} for each in addresses or ["172.18.0.2"]]},
    }


def agent(
    kube: FakeKube, daemon_set: str, *, labels: Mapping[str, str] | None = None, namespace: str = "kube-system"
) -> None:
    """A DaemonSet's pod on n1."""
    kube.put(pod(f"{daemon_set}-x7k2p", labels=labels, owner=daemon_set, namespace=namespace))


def config(kube: FakeKube, name: str, data: Mapping[str, str]) -> None:
    """A ConfigMap of kube-system."""
    metadata = {"name": name, "namespace": "kube-system"}
    kube.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(data)})


def serve_cidrs(kube: FakeKube, *cidrs: str) -> None:
    """The ServiceCIDR API, with the cluster's own networks."""
    kube.networking = [{"name": name} for name in ("networkpolicies", "ingressclasses", "servicecidrs")]
    made = {"metadata": {"name": "kubernetes"}, "spec": {"cidrs": list(cidrs)}}
    kube.objects["servicecidrs.networking.k8s.io", "", "kubernetes"] = made


def without(kube: FakeKube, prefix: str) -> None:
    """Take away the pods of that name."""
    for key in [each for each in kube.objects if each[0] == "pods" and each[2].startswith(prefix)]:
        del kube.objects[key]
