"""Installing an add-on on a cluster that was just made, and waiting until it is there."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.clusters import addon_manifest
from harness.clusters.addon import Addon, Chart, Download, Manifest, Rollout
from harness.clusters.downloads import Downloads
from harness.clusters.provider import ClusterError
from harness.effects.clock import Clock
from harness.effects.run import Completed, RunError
from harness.kube.client import Kube
from harness.kube.errors import KubeError, UnknownResource, WaitTimeout
from harness.kube.patience import AWAY, Patience
from harness.kube.waiting import Object

RESOURCES = {"DaemonSet": "daemonsets.apps", "Deployment": "deployments.apps", "StatefulSet": "statefulsets.apps"}
RENDER_LIMIT = 120.0
"""Seconds Helm may take to fetch and render a chart."""

SERVED_LIMIT = 30.0
"""Seconds a new kind of object may take from its definition to being served."""

SERVED_SPACING = 0.5
"""Seconds between two looks whether it is."""

ADMITTED_LIMIT = 60.0
"""Seconds an admission webhook may take from its rollout to its first answer: certificates, endpoints, every proxy."""

POOL = "pool"
"""What an add-on's data calls the addresses that it may give away."""

Runner = Callable[..., Completed]


@dataclass(frozen=True)
class Ground:
    """What an add-on is installed on, as its data may refer to it.

    `pool` is what no node of the cluster's network uses, as items of a YAML list; empty until there are nodes.
    """

    cluster: str
    families: str
    kube_proxy: str
    pod_subnets: Mapping[str, str]
    pool: str = ""

    @property
    def places(self) -> dict[str, str]:
        """What `%name%` in an add-on's data stands for."""
        subnets = {f"pod_subnet_{family}": net for family, net in self.pod_subnets.items()}
        return {"cluster": self.cluster, POOL: self.pool, **subnets}


def manifest(addon: Addon, ground: Ground, *, downloads: Downloads, run: Runner) -> list[dict[str, Any]]:
    """The objects to install; none for one that is bundled or absent. Raises ClusterError; makes nothing."""
    source = addon.source
    if source is None:
        return []
    if isinstance(source, Chart):
        text = _rendered(source, addon, ground, downloads=downloads, run=run)
    elif isinstance(source, Manifest):
        try:
            text = source.path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise ClusterError(f"{addon.OPTION} {source.path}: {error}") from error
    else:
        text = downloads.get(source).decode()
    settings = {"families": ground.families, "kube_proxy": ground.kube_proxy}
    text = addon_manifest.patched(text, addon, places=ground.places, **settings)
    return addon_manifest.objects(text, where=_where(source))


def afterwards(addon: Addon, ground: Ground) -> list[dict[str, Any]]:
    """The objects to apply when it is rolled out. Raises ClusterError."""
    if not addon.then:
        return []
    return addon_manifest.objects(addon_manifest.filled(addon.then, ground.places), where=f"{addon}: then")


def content(addon: Addon) -> str:
    """A digest of everything that is installed of it: a user's file may change under its name. Raises ClusterError."""
    source = addon.source
    told = replace(addon, about="", capabilities={}, deviations=(), passed=None, source=None)
    path = source.path if isinstance(source, Manifest) else Path(source.chart) if isinstance(source, Chart) else None
    whole = hashlib.sha256(repr(told).encode())
    if path is None or not path.is_absolute():
        whole.update(repr(source).encode())
        return whole.hexdigest()
    try:
        for each in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if each.is_file():
                whole.update(f"{each.relative_to(path)} ".encode() + hashlib.sha256(each.read_bytes()).digest())
    except OSError as error:
        raise ClusterError(f"{addon.OPTION} {path}: {error.strerror}") from error
    return whole.hexdigest()


def _where(source: Download | Chart | Manifest) -> str:
    if isinstance(source, Chart):
        return source.chart
    return source.url if isinstance(source, Download) else str(source.path)


def _rendered(chart: Chart, addon: Addon, ground: Ground, *, downloads: Downloads, run: Runner) -> str:
    if downloads.offline and chart.repository:
        raise ClusterError(f"--offline: {addon} is a Helm chart: give its rendered manifest with {addon.OPTION} FILE")
    values = addon_manifest.chart_values(
        chart, places=ground.places, families=ground.families, kube_proxy=ground.kube_proxy
    )
    command = ["helm", "template", addon.name, chart.chart, "--namespace", "kube-system", "--include-crds"]
    command += ["--repo", chart.repository] if chart.repository else []
    command += ["--version", chart.version] if chart.version else []
    for key, value in values.items():
        command += ["--set-json", f"{key}={json.dumps(value)}"]
    try:
        return run(command, timeout=RENDER_LIMIT).text
    except RunError as error:
        if error.problem == "not found":
            raise ClusterError(
                f"{addon} comes as a Helm chart and helm is not installed: install it, or give a rendered "
                f"manifest with {addon.OPTION} FILE"
            ) from error
        raise ClusterError(f"helm cannot render {chart.chart}: {error.line}") from error


def apply(kube: Kube, manifest: Sequence[Mapping[str, Any]], *, clock: Clock, within: float = AWAY) -> None:
    """Put the objects into the cluster, each tried for `within` seconds while the server cannot. Raises KubeError."""
    patience = Patience(within=within, clock=clock)
    deadline = clock.now() + SERVED_LIMIT
    for each in manifest:
        while True:
            try:
                patience(functools.partial(_put, kube, each))
                break
            except UnknownResource:
                # A kind that was defined a moment ago is served a moment later.
                if clock.now() >= deadline:
                    raise
                clock.sleep(SERVED_SPACING)


def _put(kube: Kube, manifest: Mapping[str, Any]) -> None:
    namespaced = kube.served_kind(manifest).namespaced
    metadata = dict(manifest["metadata"])
    if namespaced:
        metadata.setdefault("namespace", "default")
    else:
        # Some manifests name a namespace where there is none.
        metadata.pop("namespace", None)
    kube.apply({**manifest, "metadata": metadata})


def await_rollouts(kube: Kube, wanted: Sequence[Rollout], *, timeout: float) -> None:
    """Wait until every workload is rolled out, one after the other. Raises ClusterError saying what it lacks."""
    for each in wanted:
        try:
            kube.wait(RESOURCES[each.kind], each.name, rolled_out, timeout=timeout, namespace=each.namespace)
        except WaitTimeout as error:
            raise ClusterError(f"{each} was not ready after {timeout:g} s: {_lack(kube, each, error.last)}") from error


def rolled_out(found: Object | None) -> bool:
    """Whether a workload runs in its newest form everywhere it should."""
    if found is None:
        return False
    status, spec = found.get("status") or {}, found.get("spec") or {}
    if status.get("observedGeneration", 0) < found["metadata"].get("generation", 0):
        return False
    if found["kind"] == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        return bool(wanted > 0 and status.get("updatedNumberScheduled") == wanted == status.get("numberAvailable"))
    wanted = spec.get("replicas", 1)
    ready = status.get("availableReplicas" if found["kind"] == "Deployment" else "readyReplicas", 0)
    return bool(status.get("updatedReplicas", 0) == wanted == ready)


def _lack(kube: Kube, rollout: Rollout, last: Mapping[str, Any] | None) -> str:
    """Why a workload is not there yet: the first complaint of one of its containers, else its own numbers."""
    if last is None:
        return "there is none"
    labels = ",".join(f"{k}={v}" for k, v in ((last["spec"].get("selector") or {}).get("matchLabels") or {}).items())
    try:
        pods = kube.list("pods", namespace=rollout.namespace, labels=labels).items
    except KubeError as error:
        return str(error)
    for pod in pods:
        status = pod.get("status", {})
        for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
            waiting = (container.get("state") or {}).get("waiting") or {}
            if waiting.get("reason") not in {None, "PodInitializing", "ContainerCreating"}:
                return f"{container['name']}: {waiting['reason']} {waiting.get('message', '')}".strip()
    return f"{len(pods)} pods, none of which says why"
