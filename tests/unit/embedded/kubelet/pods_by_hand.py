"""Small pods and nodes for the kubelet's unit tests."""

from pathlib import Path
from typing import Any

from harness.embedded.kubelet.environment import PodFacts
from harness.embedded.kubelet.spec import NodeSpec

NODE = NodeSpec(
    "n1",
    Path("/run/netns/n1"),
    ("172.18.0.2", "fc00:f853:ccd:e793::2"),
    ("10.244.0.0/24", "fd00:10:244::/64"),
)
FACTS = PodFacts(("10.244.0.5", "fd00:10:244::5"), NODE)


def container(name: str = "c", **more: Any) -> dict[str, Any]:
    """A container."""
    return {"name": name, "image": "python:3.12", **more}


def pod(*containers: dict[str, Any], name: str = "web", namespace: str = "shop", **spec: Any) -> dict[str, Any]:
    """A pod of those containers, or of one plain one."""
    return {
        "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}", "labels": {"app": "web"}},
        "spec": {"containers": list(containers) or [container()], **spec},
    }


def service(name: str, *ports: dict[str, Any], ip: str = "10.96.1.1", namespace: str = "shop") -> dict[str, Any]:
    """A Service with a cluster address."""
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"clusterIP": ip, "ports": list(ports)}}
