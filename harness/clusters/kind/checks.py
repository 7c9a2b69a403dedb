"""What kind needs of this machine, looked at one by one: for `harness doctor --cluster kind`. It changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.clusters.addon import Chart
from harness.clusters.cni import Cni
from harness.clusters.ingress import Ingress
from harness.clusters.kind import images, leftovers, versions
from harness.clusters.kind.config import CGROUP_V1_REFUSED_SINCE
from harness.clusters.kind.engine import Engine, Kind, Tools, engine
from harness.clusters.kind.provider import NETWORK
from harness.clusters.loadbalancer import LoadBalancer
from harness.clusters.provider import ClusterError

INOTIFY = {"max_user_watches": 524288, "max_user_instances": 512}
"""What several nodes take together; below, kubelets and kube-proxies fail with "too many open files"."""

DISK = 8
"""GiB that must be free where the engine keeps its data: a node image unpacked, and what three nodes load and write."""

MEMORY = 4
"""GiB of memory a cluster of three nodes takes with the suites running."""

GIB = 1024**3


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `good` None: nothing depends on it, but it explains a result."""

    what: str
    told: str
    good: bool | None = True


def checks(tools: Tools | None = None, *, k8s: str | None = None) -> Iterator[Check]:
    """Everything that has to be there for `--cluster kind`, each with its remedy when it is not."""
    tools = tools or Tools()
    docker, kind = engine(tools), Kind(tools)
    try:
        info = docker.info()
    except ClusterError as error:
        yield Check("container engine", str(error), good=False)
        info = {}
    else:
        yield Check("container engine", f"{docker.name} {info.get('ServerVersion', '')}".rstrip())
    try:
        version = kind.version()
    except ClusterError as error:
        yield Check("kind", str(error), good=False)
        return
    yield Check("kind", str(version))
    if info:
        yield from _engine(docker, info)
        yield _image(docker, version, k8s, cgroup_v1=str(info.get("CgroupVersion", "2")) == "1")
        yield from _clusters(docker)
    yield from _inotify()
    yield from _addons()


def _engine(docker: Engine, info: Mapping[str, Any]) -> Iterator[Check]:
    cores, memory = info.get("NCPU", "?"), int(info.get("MemTotal", 0)) // GIB
    enough = memory >= MEMORY
    yield Check(
        "memory", f"{memory} GiB, {cores} cores" + ("" if enough else f": {MEMORY} GiB are needed"), good=enough
    )
    root = Path(str(info.get("DockerRootDir") or "/"))
    if root.exists():
        free = shutil.disk_usage(root).free // GIB
        short = f": {DISK} GiB are needed; {docker.name} system prune frees what nothing uses"
        yield Check("disk", f"{free} GiB free in {root}{'' if free >= DISK else short}", good=free >= DISK)
    network = docker.network(NETWORK)
    if network is None:
        yield Check("network", f"{NETWORK!r} is not there yet: kind makes it", good=None)
    else:
        without = f"{NETWORK!r} has no IPv6: --families ipv4, or {docker.name} network rm {NETWORK} while it is unused"
        yield Check("network", f"{NETWORK!r} with IPv6" if network.get("EnableIPv6", True) else without, good=None)


def _image(docker: Engine, kind: versions.Version, k8s: str | None, *, cgroup_v1: bool) -> Check:
    """The node image a run would use, whether kind can run it, and whether it runs on this machine's cgroups."""
    pins = images.pins()
    try:
        image = versions.choose(k8s, kind=kind, local=docker.images(), pins=pins)
    except ClusterError as error:
        return Check("node image", str(error), good=False)
    version = versions.of_image(image) if image else None
    if version is not None and (why := versions.too_new(version, kind=kind, pins=pins)):
        return Check("node image", why, good=False)
    told = f"{image or 'the one kind comes with'}"
    told += "" if image and docker.has_image(image) else ", will be pulled (about 1 GB)"
    if cgroup_v1 and version is not None and version >= CGROUP_V1_REFUSED_SINCE:
        told += "; on cgroup v1 its kubelet gets failCgroupV1: false"
    return Check("node image", told)


def _clusters(docker: Engine) -> Iterator[Check]:
    there = leftovers.found(docker)
    ours = sorted(name for name, each in there.items() if each.mark is not None)
    yield Check("kind clusters", f"{len(there)}, of ours: {', '.join(ours) or 'none'}", good=None)
    if left := sorted(each.name for each in leftovers.leftovers(docker)):
        yield Check("left by killed runs", f"{', '.join(left)}: harness clean", good=None)
    for each in leftovers.strangers(docker):
        yield Check("made elsewhere", f"{each}: kind delete cluster --name ..., if nobody uses it", good=None)


def _inotify(folder: Path = Path("/proc/sys/fs/inotify")) -> Iterator[Check]:
    for name, wanted in INOTIFY.items():
        file = folder / name
        if file.exists():
            value = int(file.read_text())
            remedy = "" if value >= wanted else f": sysctl -w fs.inotify.{name}={wanted}"
            yield Check(f"fs.inotify.{name}", f"{value}{remedy}", good=value >= wanted)


def _addons() -> Iterator[Check]:
    for kind in (Cni, LoadBalancer, Ingress):
        for each in [kind.load(name) for name in kind.names()]:
            helm = isinstance(each.source, Chart) and shutil.which("helm") is None
            lacks = "; needs helm, which is not installed" if helm else ""
            modules = each.host_modules if isinstance(each, Cni) else ()
            needs = f"; needs kernel modules {', '.join(modules)}" if modules else ""
            meant = f"; for Kubernetes {each.kubernetes}" if each.kubernetes else ""
            yield Check(f"{each.WHAT} {each.title}", f"{each.about}{meant}{needs}{lacks}", good=None)
