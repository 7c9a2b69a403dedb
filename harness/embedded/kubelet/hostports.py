"""The hostPorts of a pod as a network plugin is told of them: CNI's port mappings. Pure.

Source: core/v1 ContainerPort; the CNI convention `portMappings`. Ports of a pod in its node's network are the node's
own, and nothing has to lead to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ANYWHERE = {"", "0.0.0.0", "::"}
"""A hostIP that stands for every address of the node."""


def mappings(pod: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One entry for each hostPort of the pod, in the order of its containers."""
    spec = pod["spec"]
    if spec.get("hostNetwork"):
        return []
    stay = [each for each in spec.get("initContainers") or () if each.get("restartPolicy") == "Always"]
    ports = [port for container in (*stay, *spec["containers"]) for port in container.get("ports") or ()]
    return [_mapping(port) for port in ports if port.get("hostPort")]


def _mapping(port: Mapping[str, Any]) -> dict[str, Any]:
    numbers = {"hostPort": port["hostPort"], "containerPort": port["containerPort"]}
    address = port.get("hostIP") or ""
    where = {} if address in ANYWHERE else {"hostIP": address}
    return {**numbers, "protocol": (port.get("protocol") or "TCP").lower(), **where}
