"""Which pod answers at a port of a node: hostPorts, by address, number and protocol. Pure, from API objects only.

Source: core/v1 ContainerPort (`hostPort`, `hostIP`); catalogue NET-028…037. Pods in the network of their node serve its
ports themselves and are not meant.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from harness.oracle.snapshot import Raw, Snapshot

UNSPECIFIED = ("0.0.0.0", "::")
ENDED = ("Succeeded", "Failed")


def behind(snapshot: Snapshot, *, node: str, address: str, port: int, protocol: str = "TCP") -> tuple[Raw, int] | None:
    """The pod on `node` that answers who dials this address of the node, and its own port; None: nobody may.

    `address` is one of the node's, or loopback when the node itself dials.
    """
    wanted = ipaddress.ip_address(address)
    for pod in snapshot.pods:
        spec, status = pod["spec"], pod.get("status") or {}
        if spec.get("nodeName") != node or spec.get("hostNetwork") or status.get("phase") in ENDED:
            continue
        if not any(ipaddress.ip_address(each["ip"]).version == wanted.version for each in status.get("podIPs") or ()):
            continue
        for number, at, spoken, own in _host_ports(pod):
            if (number, spoken) == (port, protocol) and (at is None or at == wanted):
                return pod, own
    return None


def _host_ports(pod: Raw) -> Iterator[tuple[int, object, str, int]]:
    """Number, address (None: every one), protocol, and the container's own port, of each hostPort."""
    for container in pod["spec"].get("containers") or ():
        for each in container.get("ports") or ():
            if each.get("hostPort"):
                said = each.get("hostIP") or UNSPECIFIED[0]
                at = None if said in UNSPECIFIED else ipaddress.ip_address(said)
                yield each["hostPort"], at, each.get("protocol") or "TCP", each["containerPort"]
