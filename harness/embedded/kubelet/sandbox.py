"""A pod's sandbox: the namespaces its containers share, attached to the pod network. It outlives its containers."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any

from harness.embedded.kubelet import cni
from harness.embedded.kubelet.hostports import mappings
from harness.embedded.kubelet.oci import SandboxPaths
from harness.embedded.kubelet.spec import NodeSpec
from harness.embedded.netns import namespace
from harness.embedded.netns.fabric import POD_SYSCTLS
from harness.embedded.netns.namespace import Kind


class SandboxError(Exception):
    """A sandbox could not be made; the text goes into the event."""


@dataclass(frozen=True)
class Sandbox:
    """A pod's namespaces and what the network gave it."""

    paths: SandboxPaths
    addresses: tuple[str, ...]
    node_link: str = ""


async def open_sandbox(pod: dict[str, Any], node: NodeSpec, *, hostname: str) -> Sandbox:
    """Make the namespaces of a pod and attach them. Raises SandboxError, with nothing left behind."""
    base = _base(pod)
    try:
        wanted = sysctls_of(pod)
        if pod["spec"].get("hostNetwork"):
            await namespace.make_async(base, kinds=(Kind.UTS, Kind.IPC), hostname=hostname)
            paths = SandboxPaths(node.netns, namespace.beside(base, Kind.UTS), namespace.beside(base, Kind.IPC))
            return Sandbox(paths, node.addresses)
        kinds = (Kind.NET, Kind.UTS, Kind.IPC)
        await namespace.make_async(base, kinds=kinds, hostname=hostname, sysctls={**POD_SYSCTLS, **wanted})
        given = await cni.add(node, sandbox=pod["metadata"]["uid"], netns=base, pod=_names(pod), mappings=mappings(pod))
    except (namespace.NamespaceError, cni.CniError, OSError) as error:
        await close_sandbox(pod, node)
        raise SandboxError(f"Failed to create pod sandbox: {error}") from error
    return Sandbox(SandboxPaths(*(namespace.beside(base, kind) for kind in kinds)), given.addresses, given.node_link)


async def close_sandbox(pod: dict[str, Any], node: NodeSpec) -> None:
    """Detach and remove a pod's namespaces; harmless when there are none."""
    base = _base(pod)
    if base.exists():
        # A plugin that cannot tidy up is outlived by removing the namespace, which takes the links along.
        with contextlib.suppress(cni.CniError):
            await cni.delete(node, sandbox=pod["metadata"]["uid"], netns=base, pod=_names(pod), mappings=mappings(pod))
    await asyncio.to_thread(namespace.remove, base)


def sysctls_of(pod: dict[str, Any]) -> dict[str, str]:
    """The pod's own sysctls. Raises SandboxError for one that is not of a network namespace."""
    entries = (pod["spec"].get("securityContext") or {}).get("sysctls") or ()
    wanted = {entry["name"]: str(entry["value"]) for entry in entries}
    if strange := sorted(name for name in wanted if not name.startswith("net.")):
        raise SandboxError(f"forbidden sysctl: {', '.join(strange)} not allowlisted")
    if wanted and pod["spec"].get("hostNetwork"):
        raise SandboxError(f"forbidden sysctl: {', '.join(sorted(wanted))} not allowed with host net enabled")
    return wanted


def _base(pod: dict[str, Any]) -> Any:
    return namespace.NAMED / f"pod-{pod['metadata']['uid']}"


def _names(pod: dict[str, Any]) -> dict[str, str]:
    meta = pod["metadata"]
    return {"K8S_POD_NAMESPACE": meta["namespace"], "K8S_POD_NAME": meta["name"], "K8S_POD_UID": meta["uid"]}
