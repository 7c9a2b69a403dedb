"""The Node object and its Lease: what a kubelet says of its node (pure), and the task that keeps saying it.

Follows the nodes of tests/recordings/api.json.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import platform
from collections.abc import Mapping
from typing import Any

from harness.effects.clock import Clock, rfc3339, rfc3339_micro
from harness.embedded.api import Api
from harness.embedded.kubelet.spec import NodeSpec
from harness.embedded.store.errors import ApiError

VERSION = "v1.36.0"
LEASES = "leases.coordination.k8s.io"
LEASE_NAMESPACE = "kube-node-lease"
LEASE_SECONDS = 40
HEARTBEAT = 10.0
"""Seconds between renewals: a kubelet's default, a quarter of the lease."""

_HEALTHY = {
    "MemoryPressure": ("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    "DiskPressure": ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    "PIDPressure": ("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
}


def node_object(node: NodeSpec) -> dict[str, Any]:
    """The Node as it is created. All nodes take pods, the control plane's too."""
    architecture = _architecture()
    labels = {
        "beta.kubernetes.io/arch": architecture,
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": architecture,
        "kubernetes.io/hostname": node.name,
        "kubernetes.io/os": "linux",
    }
    if node.zone:
        labels["topology.kubernetes.io/zone"] = node.zone
    if node.control_plane:
        labels["node-role.kubernetes.io/control-plane"] = ""
        labels["node.kubernetes.io/exclude-from-external-load-balancers"] = ""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node.name, "labels": labels},
        "spec": {
            "podCIDR": node.pod_cidrs[0],
            "podCIDRs": list(node.pod_cidrs),
            "providerID": f"embedded://{node.name}",
        },
    }


def node_status(
    node: NodeSpec, *, ready: bool, now: float, before: Mapping[str, Any] | None = None, reason: str = ""
) -> dict[str, Any]:
    """The Node's status. Transition times of what has not changed are kept from the status `before`."""
    amounts = {
        "cpu": str(os.cpu_count() or 1),
        "memory": f"{_memory_kib()}Ki",
        "pods": "110",
        "ephemeral-storage": "1Gi",
    }
    kept = {one["type"]: one for one in (before or {}).get("conditions") or ()}
    rows = [(kind, False, *said) for kind, said in _HEALTHY.items()]
    if ready:
        rows.append(("Ready", True, "KubeletReady", "kubelet is posting ready status"))
    else:
        rows.append(("Ready", False, "KubeletNotReady", reason))
    return {
        "capacity": amounts,
        "allocatable": dict(amounts),
        "conditions": [_condition(*row, before=kept.get(row[0]), now=now) for row in rows],
        "addresses": [
            *({"type": "InternalIP", "address": address} for address in node.addresses),
            {"type": "Hostname", "address": node.name},
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "nodeInfo": _node_info(node),
    }


def _condition(
    kind: str, holds: bool, reason: str, message: str, *, before: Mapping[str, Any] | None, now: float
) -> dict[str, Any]:
    status, stamp = "True" if holds else "False", rfc3339(now)
    since = before["lastTransitionTime"] if before and before["status"] == status else stamp
    return {
        "type": kind,
        "status": status,
        "lastHeartbeatTime": stamp,
        "lastTransitionTime": since,
        "reason": reason,
        "message": message,
    }


def _node_info(node: NodeSpec) -> dict[str, Any]:
    identity = hashlib.sha256(node.name.encode()).hexdigest()[:32]
    return {
        "machineID": identity,
        "systemUUID": identity,
        "bootID": identity,
        "kernelVersion": platform.release(),
        "osImage": "embedded (Linux network namespaces)",
        "containerRuntimeVersion": "crun://1",
        "kubeletVersion": VERSION,
        "kubeProxyVersion": "",
        "operatingSystem": "linux",
        "architecture": _architecture(),
    }


def _architecture() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def _memory_kib() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024


def lease_object(node: NodeSpec, *, now: float) -> dict[str, Any]:
    """The node's heartbeat."""
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": node.name, "namespace": LEASE_NAMESPACE},
        "spec": {"holderIdentity": node.name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": rfc3339_micro(now)},
    }


class NodeKeeper:
    """Registers the node, keeps its Lease fresh, and says when it stops."""

    def __init__(self, api: Api, node: NodeSpec, clock: Clock) -> None:
        self._api = api
        self._node = node
        self._clock = clock
        self._beating: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Create or take over the Node, say that it is ready, and begin to renew the Lease. Raises ApiError."""
        wanted = node_object(self._node)
        try:
            await self._api.create("nodes", wanted)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            labels = {"metadata": {"labels": wanted["metadata"]["labels"]}, "spec": wanted["spec"]}
            await self._api.patch("nodes", self._node.name, labels)
        await self._post(ready=True)
        self._beating = asyncio.create_task(self._beat(), name=f"lease {self._node.name}")

    async def stop(self) -> None:
        """Say that the node is no longer ready."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
        with contextlib.suppress(ApiError, OSError):
            await self._post(ready=False, reason="node is shutting down")

    async def _post(self, *, ready: bool, reason: str = "") -> None:
        before = (await self._api.get("nodes", self._node.name)).get("status")
        status = node_status(self._node, ready=ready, now=self._clock.wall(), before=before, reason=reason)
        await self._api.patch("nodes", self._node.name, {"status": status}, subresource="status")

    async def _beat(self) -> None:
        while True:
            # The namespace of leases may come after the first kubelet: the next beat will find it.
            with contextlib.suppress(ApiError, OSError):
                await self._renew()
            await self._clock.pause(HEARTBEAT)

    async def _renew(self) -> None:
        lease = lease_object(self._node, now=self._clock.wall())
        try:
            await self._api.patch(LEASES, self._node.name, {"spec": lease["spec"]}, namespace=LEASE_NAMESPACE)
        except ApiError as error:
            if error.reason != "NotFound":
                raise
            await self._api.create(LEASES, lease, namespace=LEASE_NAMESPACE)
