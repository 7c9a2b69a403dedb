"""The cluster DNS add-on as objects, named and labelled as kubeadm does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Obj = dict[str, Any]

NAMESPACE = "kube-system"
IMAGE = "embedded.harness.dev/dns:v1"
LABELS = {"k8s-app": "kube-dns"}
COREFILE = """\
.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    template ANY ANY {
       rcode NXDOMAIN
    }
    loadbalance
}
"""
"""What the server does, in CoreDNS's words. It is not read by it. The last zone is all there is outside the cluster."""


def manifests(
    cluster_ips: Sequence[str],
    *,
    replicas: int = 2,
    families: Sequence[str] = ("IPv4",),
    image: str = IMAGE,
) -> list[Obj]:
    """The objects in the order they are to be applied. `cluster_ips` are the Service's addresses, one per family."""
    account: Obj = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _meta("coredns")}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _meta("coredns"), "data": {"Corefile": COREFILE}}
    return [account, config, _service(cluster_ips, families), _deployment(replicas, image)]


def _meta(name: str, labels: dict[str, str] | None = None) -> Obj:
    return {"name": name, "namespace": NAMESPACE, **({"labels": dict(labels)} if labels else {})}


def _service(cluster_ips: Sequence[str], families: Sequence[str]) -> Obj:
    labels = LABELS | {"kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"}
    policy = "SingleStack" if len(families) == 1 else "RequireDualStack"
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _meta("kube-dns", labels),
        "spec": {
            "type": "ClusterIP",
            "clusterIP": cluster_ips[0],
            "clusterIPs": list(cluster_ips),
            "ipFamilies": list(families),
            "ipFamilyPolicy": policy,
            "selector": dict(LABELS),
            "ports": [
                {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53},
                {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": 53},
                {"name": "metrics", "port": 9153, "protocol": "TCP", "targetPort": 9153},
            ],
        },
    }


def _deployment(replicas: int, image: str) -> Obj:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _meta("coredns", LABELS),
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": dict(LABELS)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
            "template": {"metadata": {"labels": dict(LABELS)}, "spec": _pod(image)},
        },
    }


def _pod(image: str) -> Obj:
    return {
        "serviceAccountName": "coredns",
        "dnsPolicy": "Default",
        "priorityClassName": "system-cluster-critical",
        "terminationGracePeriodSeconds": 30,
        "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"}],
        "containers": [
            {
                "name": "coredns",
                "image": image,
                "imagePullPolicy": "IfNotPresent",
                "command": ["python3", "-m", "harness.embedded.dns"],
                "env": [
                    _from_field("NODE_NAME", "spec.nodeName"),
                    _from_field("POD_IPS", "status.podIPs"),
                ],
                "ports": [
                    {"name": "dns", "containerPort": 53, "protocol": "UDP"},
                    {"name": "dns-tcp", "containerPort": 53, "protocol": "TCP"},
                    {"name": "metrics", "containerPort": 9153, "protocol": "TCP"},
                ],
                "livenessProbe": _get("/health", 8080)
                | {"initialDelaySeconds": 60, "failureThreshold": 5, "timeoutSeconds": 5},
                "readinessProbe": _get("/ready", 8181) | {"periodSeconds": 1, "timeoutSeconds": 5},
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]},
                    "readOnlyRootFilesystem": True,
                },
            }
        ],
    }


def _from_field(name: str, path: str) -> Obj:
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}


def _get(path: str, port: int) -> Obj:
    return {"httpGet": {"path": path, "port": port, "scheme": "HTTP"}}
