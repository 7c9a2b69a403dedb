"""What is done to the nodes of a cluster that was just made, and what they are waited for."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.clusters.addon import Rollout
from harness.clusters.addon_install import await_rollouts
from harness.clusters.cni import Plugins
from harness.clusters.downloads import Downloads
from harness.clusters.kind.config import Plan
from harness.clusters.kind.engine import Engine
from harness.clusters.kind.mirror import FOLDER as MIRRORS
from harness.clusters.kind.mirror import Mirror
from harness.clusters.kind.packing import packed
from harness.clusters.provider import ClusterError
from harness.kube.client import Kube
from harness.kube.errors import Conflict, WaitTimeout

CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
NOT_BALANCED = "node.kubernetes.io/exclude-from-external-load-balancers"
CONDITION = "node.kubernetes.io/"
"""How the keys of taints begin that follow a node's conditions."""

PLUGIN_FOLDER = "/opt/cni/bin"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""What engines call them, and what everybody else does."""

UNTAINT_ATTEMPTS = 5
"""A node is changed by others a few times while it becomes Ready."""

KUBE_PROXY = Rollout("DaemonSet", "kube-system", "kube-proxy")
CLUSTER_DNS = Rollout("Deployment", "kube-system", "coredns")


def take_pods(kube: Kube, *, balanced: bool = False) -> None:
    """Let ordinary pods run on control-plane nodes too: in a cluster of ours they are just more nodes.

    `balanced` lets load balancers lead to them as well: kubeadm keeps those away, and a pod there would be missed.
    """
    for name in [node["metadata"]["name"] for node in kube.list("nodes").items]:
        for attempt in range(UNTAINT_ATTEMPTS):
            try:
                _untaint(kube, kube.get("nodes", name), balanced=balanced)
                break
            except Conflict:
                # Controllers change taints, too.
                if attempt == UNTAINT_ATTEMPTS - 1:
                    raise


def _untaint(kube: Kube, node: Mapping[str, Any], *, balanced: bool) -> None:
    metadata, taints = node["metadata"], node["spec"].get("taints") or []
    kept = [taint for taint in taints if taint.get("key") != CONTROL_PLANE]
    changed: dict[str, Any] = {"resourceVersion": metadata["resourceVersion"]}
    if balanced and NOT_BALANCED in (metadata.get("labels") or {}):
        changed["labels"] = {NOT_BALANCED: None}
    if kept != taints or "labels" in changed:
        kube.patch("nodes", metadata["name"], {"metadata": changed, "spec": {"taints": kept or None}})


def settle(kube: Kube, plan: Plan, rollouts: Sequence[Rollout], *, timeout: float) -> None:
    """Wait until network, nodes and cluster DNS are there, each for `timeout`. Raises ClusterError, KubeError."""
    proxy = [] if plan.kube_proxy == "none" else [KUBE_PROXY]
    await_rollouts(kube, [*rollouts, *proxy], timeout=timeout)
    try:
        kube.wait_all("nodes", _all_ready, timeout=timeout, what="nodes Ready")
    except WaitTimeout as error:
        late = ", ".join(_complaints(kube.list("nodes").items)) or "there are none"
        raise ClusterError(f"nodes were not Ready after {timeout:g} s: {late}") from error
    await_rollouts(kube, [CLUSTER_DNS], timeout=timeout)


def _all_ready(nodes: Sequence[Mapping[str, Any]]) -> bool:
    return bool(nodes) and not list(_complaints(nodes))


def _complaints(nodes: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for node in nodes:
        conditions = {each["type"]: each for each in (node.get("status") or {}).get("conditions") or []}
        ready = conditions.get("Ready", {})
        if ready.get("status") != "True":
            yield f"{node['metadata']['name']}: {ready.get('message') or 'says nothing'}"
            continue
        # A node is Ready a moment before the taint that kept pods away is gone.
        if away := [each["key"] for each in node["spec"].get("taints") or [] if each["key"].startswith(CONDITION)]:
            yield f"{node['metadata']['name']}: Ready, and still tainted {', '.join(away)}"


def plugins_for(docker: Engine, plugins: Plugins, *, downloads: Downloads) -> bytes:
    """The CNI plugin programs that nodes here need, as an archive. Raises ClusterError, RunError."""
    architecture = platform(docker.info()).partition("/")[2]
    if architecture not in plugins.archives:
        raise ClusterError(f"there are no CNI plugins for {architecture}: {', '.join(plugins.archives)}")
    return only(downloads.get(plugins.archives[architecture]), plugins.files)


def add_plugins(docker: Engine, nodes: Sequence[str], archive: bytes) -> None:
    """Copy CNI plugin programs into every node. Raises RunError."""
    for node in nodes:
        docker.execute(node, "tar", "--extract", "--file", "-", "--directory", PLUGIN_FOLDER, stdin=archive)


def only(archive: bytes, names: Sequence[str]) -> bytes:
    """A tar archive with just these files of a compressed one. Raises ClusterError when one is not in it."""
    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as full:
        there = {member.name.rpartition("/")[2]: member for member in full.getmembers() if member.isfile()}
        for name in names:
            content = full.extractfile(there[name]) if name in there else None
            if content is None:
                raise ClusterError(f"the archive of CNI plugins has no {name}")
            found[name] = content.read()
    return packed(found, mode=0o755)


def add_mirror(docker: Engine, nodes: Sequence[str], mirror: Mirror, images: Iterable[str]) -> None:
    """Tell every node's containerd where the images of these registries are. Raises RunError."""
    archive = packed(mirror.host_files(images))
    for node in nodes:
        docker.execute(node, "mkdir", "-p", MIRRORS)
        docker.execute(node, "tar", "--extract", "--file", "-", "--directory", MIRRORS, stdin=archive)


def platform(info: Mapping[str, Any]) -> str:
    """What the engine runs, as images name it: `linux/amd64`."""
    told = str(info.get("Architecture", "x86_64"))
    return f"linux/{ARCHITECTURES.get(told, told)}"
