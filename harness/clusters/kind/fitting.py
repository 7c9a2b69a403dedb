"""Whether a kind cluster that is asked for can be made on this machine, before anything is tried.

It says what can be nowhere with these programs: contradictions and versions. What is only lacking here (an image that
cannot be pulled, a full disk) is left to the run, which is refused: a cluster that could be and was not tried is no
combination that says nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.clusters.cni import Cni
from harness.clusters.kind import versions
from harness.clusters.kind.engine import Kind, Tools, engine
from harness.clusters.kind.images import pins
from harness.clusters.kind.request import Request
from harness.clusters.kind.versions import Pins, Version
from harness.clusters.provider import ClusterError


@dataclass(frozen=True)
class Machine:
    """What this machine has: kind's version, its images, the pinned node images."""

    kind: Version
    images: tuple[str, ...]
    pins: Pins


def look(tools: Tools) -> Machine:
    """What is here. Raises ClusterError when there is no engine or no kind."""
    docker = engine(tools)
    docker.info()
    return Machine(Kind(tools).version(), tuple(docker.images()), pins())


def why_not(request: Request, machine: Machine) -> str | None:
    """Why the cluster cannot be, in one line; None when nothing is known against it."""
    try:
        image = versions.choose(request.k8s, kind=machine.kind, local=machine.images, pins=machine.pins)
        version = versions.of_image(image) if image else None
        request.plan(run="planned", image=image, version=version, cgroup_v1=False)
    except ClusterError as error:
        return str(error)
    if version is not None:
        if why := versions.too_new(version, kind=machine.kind, pins=machine.pins):
            return why
        if why := outside(request.cni, version):
            return why
    return None


def outside(cni: Cni, version: Version) -> str | None:
    """Why a plugin is not for a Kubernetes version: its data file says `A to B`; other words bind nobody."""
    found = re.fullmatch(r"(\d+)\.(\d+) to (\d+)\.(\d+)", cni.kubernetes.strip())
    if found is None:
        return None
    lowest, highest = (int(found[1]), int(found[2])), (int(found[3]), int(found[4]))
    if lowest <= version[:2] <= highest:
        return None
    return f"CNI {cni.name} {cni.version} is for Kubernetes {cni.kubernetes}, the node image has {version}"
