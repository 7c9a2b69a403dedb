"""Every image that a kind cluster and its add-ons need, each with who says so; and having them on this machine.

The manifests that would be applied are read where they can be had. Where one cannot, the list of its data file stands
in for it, and that is said: a list beside a manifest is right only until one of them changes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.clusters import addon_install, addon_manifest
from harness.clusters.addon import Addon, Download
from harness.clusters.addon_install import Ground
from harness.clusters.downloads import Downloads
from harness.clusters.kind import nodes, versions
from harness.clusters.kind.config import Plan
from harness.clusters.kind.engine import Engine, Kind, Tell, Tools, engine, scratch, silent
from harness.clusters.kind.mirror import Mirror, untagged
from harness.clusters.kind.request import Request
from harness.clusters.loadbalancer import LoadBalancer
from harness.clusters.provider import ClusterError
from harness.effects.deployed import deployed
from harness.effects.run import RunError

AGENT_IMAGE = "docker.io/library/python:3.13-slim"
"""What agents run on unasked: any image with Python does."""

NODES, ENGINE = "nodes", "engine"
"""Who runs an image: pods, through every node's runtime, or the engine itself."""

MANIFEST, DATA_FILE, OPTION = "manifest", "data file", "option"
"""Who says that it is needed."""


@dataclass(frozen=True)
class Wanted:
    """An image that is needed: what for, by whom, and who says so."""

    image: str
    purpose: str
    place: str
    told_by: str


@dataclass(frozen=True)
class Selection:
    """The images of a cluster and its add-ons, and what keeps the list from being exact, a line each."""

    plan: Plan
    images: tuple[Wanted, ...]
    notes: tuple[str, ...]


def pins() -> versions.Pins:
    """The node images that are known."""
    return versions.Pins.read(yaml.safe_load(deployed("kind", "node-images.yaml").read_text()))


def select(request: Request, *, agent: str, tools: Tools, downloads: Downloads) -> Selection:
    """The images that a run with these options needs. Makes nothing. Raises ClusterError."""
    image, notes = _node_image(request, tools)
    version = versions.of_image(image) if image else None
    plan = request.plan(run="images", image=image, version=version, cgroup_v1=False)
    wanted = [Wanted(image, "node image", ENGINE, OPTION if request.k8s else "kind")] if image else []
    wanted.append(Wanted(agent, "agents", NODES, OPTION))
    for addon in plan.addons:
        try:
            manifest = addon_install.manifest(addon, ground(plan), downloads=downloads, run=tools.run)
        except ClusterError as error:
            if not addon.images:
                raise
            notes.append(f"{addon}: these are the images of its data file, for its manifest is not here: {error}")
            wanted += [Wanted(each, str(addon), NODES, DATA_FILE) for each in addon.images]
        else:
            wanted += of_manifest(addon, manifest)
        wanted += of_container(addon)
    once: dict[tuple[str, str], Wanted] = {}
    for each in wanted:
        once.setdefault((each.image, each.place), each)
    return Selection(plan, tuple(once.values()), tuple(notes))


def _node_image(request: Request, tools: Tools) -> tuple[str | None, list[str]]:
    known, notes = pins(), []
    try:
        kind = Kind(tools).version()
    except ClusterError as error:
        kind = max(known.images)
        notes.append(f"node image: as kind {kind} would choose it, for {error}")
    try:
        local = engine(tools).images()
    except ClusterError:
        local = []
    image = versions.choose(request.k8s, kind=kind, local=local, pins=known)
    if image is None:
        notes.append(f"node image: the one kind {kind} comes with, which is not known here; name it with --k8s")
    return image, notes


def ground(plan: Plan, *, pool: str = "") -> Ground:
    """What the add-ons of a cluster are installed on."""
    return Ground(plan.name, plan.families, plan.kube_proxy, plan.pod_subnets, pool)


def of_manifest(addon: Addon, manifest: Sequence[Mapping[str, Any]]) -> list[Wanted]:
    """The images that the nodes need for an add-on's objects."""
    return [Wanted(each, str(addon), NODES, MANIFEST) for each in addon_manifest.images(manifest)]


def of_container(addon: Addon) -> list[Wanted]:
    """The images that the engine needs for what runs beside the nodes."""
    container = addon.container if isinstance(addon, LoadBalancer) else None
    if container is None:
        return []
    return [Wanted(each, str(addon), ENGINE, DATA_FILE) for each in (container.image, *container.images)]


def files(plan: Plan, *, architecture: str) -> list[Download]:
    """What is fetched for a cluster besides images: for a folder that --offline is given."""
    found = [each.source for each in plan.addons if isinstance(each.source, Download)]
    plugins = plan.cni.plugins
    return found + ([plugins.archives[architecture]] if plugins and architecture in plugins.archives else [])


class Stock:
    """The images of this machine's engine. What is missing is pulled, from a mirror if there is one, or may not be."""

    def __init__(
        self, docker: Engine, *, offline: bool = False, mirror: Mirror | None = None, tell: Tell = silent
    ) -> None:
        self._docker = docker
        self._offline = offline
        self._mirror = mirror
        self._tell = tell

    def must_have(self, image: str, *, option: str) -> str:
        """Have an image here, pulling it if need be; the name by which it is here. Raises ClusterError."""
        if self._docker.has_image(image):
            return image
        if self._mirror is not None and self._docker.has_image(untagged(image)):
            return untagged(image)
        problem: str | None = "it is not on this machine, and --offline forbids to pull it"
        source = image if self._mirror is None else self._mirror.reference(image)
        if not self._offline:
            self._tell(f"pulling {source}")
            problem = self._docker.pull(source)
        if problem is not None:
            said = problem.splitlines()[-1] if problem else "no reason given"
            load = f"load it ({self._docker.name} load)"
            raise ClusterError(f"image {image} cannot be had: {said}; {load} or choose another with {option}")
        return image if self._mirror is None else self.named(image, source)

    def named(self, image: str, source: str = "") -> str:
        """The name of an image without its digest, given to it if need be. Raises ClusterError."""
        name = untagged(image)
        if (source or image) != name:
            try:
                self._docker.name_image(source or image, name)
            except RunError as error:
                raise ClusterError(f"image {image} cannot be named {name}: {error.line}") from error
        return name

    def here(self, wanted: Iterable[Wanted]) -> list[str]:
        """Those that are here; nodes pull the others themselves. Raises ClusterError where they may not."""
        wanted = list(wanted)
        absent = [each for each in wanted if not self._docker.has_image(each.image)]
        if absent and self._offline:
            names = ", ".join(sorted({each.image for each in absent if each.purpose == absent[0].purpose}))
            raise ClusterError(
                f"--offline: {absent[0].purpose} needs images that are not here: {names}; "
                f"load them ({self._docker.name} load)"
            )
        return [each.image for each in wanted if each not in absent]


def load_into_nodes(docker: Engine, kind: Kind, cluster: str, image: str) -> None:
    """Copy an image of this machine into every node of a cluster. Raises RunError."""
    try:
        kind.load(cluster, image)
    except RunError as error:
        # An engine that stores every platform's manifest but one platform's layers: kind's issue 3795.
        if b"content digest" not in error.err:
            raise
        with scratch() as folder:
            archive = folder / "image.tar"
            docker.save(image, into=archive, platform=nodes.platform(docker.info()))
            kind.load_archive(cluster, archive)


def save(docker: Engine, images: Sequence[str], archive: Path) -> None:
    """Write images to an archive, whole or not at all. Raises ClusterError."""
    draft = archive.with_name(f".{archive.name}.part")
    platform = nodes.platform(docker.info())
    try:
        archive.parent.mkdir(parents=True, exist_ok=True)
        try:
            docker.save(*images, into=draft, platform=platform)
        except RunError as error:
            # Engines before 28 know no platform here, and store none but their own.
            if b"platform" not in error.err:
                raise
            docker.save(*images, into=draft)
        draft.replace(archive)
    except OSError as error:
        raise ClusterError(f"{archive}: cannot be written: {error.strerror}") from error
    except RunError as error:
        raise ClusterError(f"{archive}: {docker.name} cannot save: {error.line}") from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
