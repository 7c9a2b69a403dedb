"""A program of a cluster's own that runs beside its nodes: a container on their network with the engine's socket.

It is marked as the nodes are (`marks.py`) and goes with them, and what it makes goes with it. It is ended without
warning: one that tidies up on its own account tidies up after every cluster of the machine. For the same reason it
asks the engine through a wrapper that narrows questions for all clusters to this one.
"""

from __future__ import annotations

from harness.clusters.kind.engine import Engine
from harness.clusters.kind.marks import BESIDE_LABEL, MAKES_LABEL, NOTHING, Mark
from harness.clusters.kind.packing import packed
from harness.clusters.loadbalancer import Container
from harness.clusters.provider import ClusterError
from harness.effects.clock import Clock

ENGINE = "docker"
"""The only engine whose socket such programs are known to work with."""

FOLDER = "/harness.dev/bin"
"""Where in the container the wrapper is, before everything else."""

PATH = f"{FOLDER}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SPACING = 0.5
"""Seconds between two looks at what it says."""

WRAPPER = """#!/bin/sh
# Questions for all clusters are narrowed to this one.
for argument; do
  shift
  case $argument in
    {cases}) argument="$argument={cluster}" ;;
  esac
  set -- "$@" "$argument"
done
PATH=${{PATH#*:}}
exec {engine} "$@"
"""


def name(cluster: str) -> str:
    """What the container is called."""
    return f"{cluster}-loadbalancer"


def wrapper(container: Container, cluster: str) -> str:
    """The engine's command as the program sees it."""
    cases = "|".join(f"label={label}" for label in container.narrow) or "''"
    return WRAPPER.format(cases=cases, cluster=cluster, engine=ENGINE)


def check(docker: Engine, what: str) -> str:
    """The engine's socket. Raises ClusterError when there is none to hand on."""
    if docker.name != ENGINE:
        raise ClusterError(f"{what} works with {ENGINE} only, not with {docker.name}: choose another")
    endpoint = docker.endpoint()
    if not endpoint.startswith("unix://"):
        raise ClusterError(f"{what} needs {ENGINE}'s own socket, and {endpoint or 'none'} is used: choose another")
    return endpoint.removeprefix("unix://")


def start(docker: Engine, container: Container, cluster: str, *, mark: Mark, network: str) -> None:
    """Make and start it, in place of one that is there already. Raises RunError, ClusterError."""
    socket = check(docker, container.image)
    options = ["--name", name(cluster), "--network", network, "--restart", "on-failure:3", "--env", f"PATH={PATH}"]
    options += ["--label", f"{BESIDE_LABEL}={cluster}", "--label", f"{MAKES_LABEL}={container.label}"]
    options += ["--volume", f"{NOTHING}:{mark.path}:ro", "--volume", f"{socket}:/var/run/docker.sock"]
    docker.remove(docker.labelled(f"{BESIDE_LABEL}={cluster}"))
    program = packed({f"{FOLDER.strip('/')}/{ENGINE}": wrapper(container, cluster).encode()}, mode=0o755)
    docker.start([*options, container.image, *container.arguments], name=name(cluster), files=program)


def await_words(docker: Engine, container: Container, cluster: str, *, clock: Clock, timeout: float) -> None:
    """Wait until it says that it works. Raises ClusterError with its last words, RunError."""
    deadline = clock.now() + timeout
    while True:
        said, running = docker.logs(name(cluster)), docker.runs(name(cluster))
        if running and container.says in said:
            return
        last = (said.strip().splitlines() or ["nothing"])[-1]
        if not running:
            raise ClusterError(f"{container.image} has ended; it said: {last}")
        if clock.now() >= deadline:
            raise ClusterError(f"{container.image} did not work after {timeout:g} s; it said: {last}")
        clock.sleep(SPACING)
