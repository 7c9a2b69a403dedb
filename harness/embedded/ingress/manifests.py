"""The Ingress controller as objects: a namespace, a Deployment behind a Service of type LoadBalancer, and its class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.embedded.ingress.model import CONTROLLER

Obj = dict[str, Any]

NAMESPACE = NAME = "ingress"
CLASS = "haproxy"
IMAGE = "embedded.harness.dev/ingress:v1"
HOME = "/run/ingress"
LABELS = {"app.kubernetes.io/name": "ingress"}


def manifests(*, families: Sequence[str] = ("IPv4",), jitter: float = 0.0, image: str = IMAGE) -> list[Obj]:
    """The objects in the order they are to be applied. The class is no default."""
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _meta()},
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "IngressClass",
            "metadata": {"name": CLASS},
            "spec": {"controller": CONTROLLER},
        },
        _service(families),
        _deployment(image, jitter),
    ]


def _meta() -> Obj:
    return {"name": NAME, "namespace": NAMESPACE, "labels": dict(LABELS)}


def _service(families: Sequence[str]) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _meta(),
        "spec": {
            "type": "LoadBalancer",
            "ipFamilies": list(families),
            "ipFamilyPolicy": "SingleStack" if len(families) == 1 else "RequireDualStack",
            "selector": dict(LABELS),
            "ports": [
                {"name": "http", "port": 80, "protocol": "TCP", "targetPort": 80},
                {"name": "https", "port": 443, "protocol": "TCP", "targetPort": 443},
            ],
        },
    }


def _deployment(image: str, jitter: float) -> Obj:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _meta(),
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": dict(LABELS)},
            "template": {"metadata": {"labels": dict(LABELS)}, "spec": _pod(image, jitter)},
        },
    }


def _pod(image: str, jitter: float) -> Obj:
    return {
        "serviceAccountName": NAME,
        "terminationGracePeriodSeconds": 5,
        "containers": [
            {
                "name": "controller",
                "image": image,
                "imagePullPolicy": "IfNotPresent",
                "command": ["python3", "-m", "harness.embedded.ingress"],
                "env": [{"name": "JITTER", "value": f"{jitter:g}"}],
                "ports": [
                    {"name": "http", "containerPort": 80, "protocol": "TCP"},
                    {"name": "https", "containerPort": 443, "protocol": "TCP"},
                ],
                "livenessProbe": _ready() | {"initialDelaySeconds": 10, "timeoutSeconds": 5},
                "readinessProbe": _ready() | {"periodSeconds": 1, "timeoutSeconds": 5},
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]},
                    "readOnlyRootFilesystem": True,
                },
                "volumeMounts": [{"name": "home", "mountPath": HOME}],
            }
        ],
        "volumes": [{"name": "home", "emptyDir": {}}],
    }


def _ready() -> Obj:
    """HAProxy itself answers."""
    return {"httpGet": {"path": "/ready", "port": 8080, "scheme": "HTTP"}}
