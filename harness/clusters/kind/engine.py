"""The container engine and the kind program, as commands. Effects only: what to do is decided elsewhere.

Works with docker, and with podman and nerdctl as far as their commands are alike. Nothing reads or writes the user's
kubeconfig: kind is always told a file of ours.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.clusters.kind.marks import BESIDE_LABEL, CLUSTER_LABEL
from harness.clusters.kind.versions import Version, parse
from harness.clusters.provider import ClusterError
from harness.effects import process
from harness.effects.run import Completed, RunError, run, run_told
from harness.kube.client import Kube

ENGINES = ("docker", "podman", "nerdctl")
"""In the order in which kind itself looks for them."""

ANSWER_LIMIT = 30.0
"""Seconds an engine may take to answer a question on a loaded machine."""

PULL_LIMIT = 1800.0
"""Seconds to pull an image: a node image has a gigabyte."""

CREATE_LIMIT = 900.0
"""Seconds until a create counts as stuck: three nodes take 35 s on two idle cores, minutes on loaded ones."""

LOAD_LIMIT = 600.0
"""Seconds to load an image into all nodes: each imports it by itself, from one disk."""

DELETE_LIMIT = 120.0
"""Seconds to remove the node containers of a cluster with their volumes."""

SCRATCH = "harness-kind-"
"""How our temporary folders begin; behind it stand number and start of the process that made them."""

Tell = Callable[[str], None]


def silent(line: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Tools:
    """Where effects go; tests give their own."""

    run: Callable[..., Completed] = run
    run_told: Callable[..., Completed] = run_told
    connect: Callable[..., Kube] = Kube.connect


class Engine:
    """docker, podman or nerdctl."""

    def __init__(self, name: str, tools: Tools) -> None:
        self.name = name
        self._run = tools.run
        self._told = tools.run_told

    def info(self) -> dict[str, Any]:
        """What the engine says of itself. Raises ClusterError when there is none or it does not answer."""
        try:
            done = self._run([self.name, "info", "--format", "{{json .}}"], check=False, timeout=ANSWER_LIMIT)
        except RunError as error:
            if error.problem == "not found":
                raise ClusterError(f"{self.name} is not installed: kind needs docker, podman or nerdctl") from error
            raise ClusterError(f"{self.name} does not answer: {error.problem}") from error
        told = _json(done.text)
        complaints = told.get("ServerErrors") or []
        if done.code != 0 or complaints:
            said = complaints[0] if complaints else _last_line(done)
            raise ClusterError(
                f"{self.name} is not running, or you may not use it: {said}; start it (systemctl start {self.name}) "
                "or join its group"
            )
        return told

    def clusters(self) -> list[dict[str, Any]]:
        """What `inspect` says of every node container of every kind cluster, and of ours beside them.

        Raises ClusterError.
        """
        listed = [*self.labelled(CLUSTER_LABEL), *self.labelled(BESIDE_LABEL)]
        if not listed:
            return []
        # A container may go between the two questions; what is said of the others counts.
        done = self._ask("inspect", *listed, check=False)
        found: list[dict[str, Any]] = json.loads(done.text or "[]")
        return found

    def labelled(self, label: str) -> list[str]:
        """Ids of the containers that carry a label (`name`, or `name=value`). Raises ClusterError."""
        return self._ask("ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={label}").text.split()

    def images(self) -> list[str]:
        """Names of the images that are here. Raises ClusterError."""
        return self._ask("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").text.split()

    def has_image(self, reference: str) -> bool:
        """Whether an image is here. Raises ClusterError."""
        return self._ask("image", "inspect", reference, check=False).code == 0

    def pull(self, reference: str) -> str | None:
        """Pull an image; why it cannot be had, else None."""
        try:
            self._run([self.name, "pull", "--quiet", reference], timeout=PULL_LIMIT)
        except RunError as error:
            return error.err.decode(errors="replace").strip() or error.problem
        return None

    def name_image(self, image: str, name: str) -> None:
        """Give an image another name. Raises RunError."""
        self._run([self.name, "tag", image, name], timeout=ANSWER_LIMIT)

    def version_in(self, image: str) -> Version | None:
        """The Kubernetes version that a node image was built with, as the image itself says. Raises ClusterError."""
        command = ("run", "--rm", "--network", "none", "--entrypoint", "cat", image, "/kind/version")
        done = self._ask(*command, check=False)
        return parse(done.text) if done.code == 0 else None

    def network(self, name: str) -> dict[str, Any] | None:
        """What the engine knows of a network; None when there is none. Raises ClusterError."""
        done = self._ask("network", "inspect", name, check=False)
        found: list[dict[str, Any]] = json.loads(done.text or "[]") if done.code == 0 else []
        return found[0] if found else None

    def save(self, *images: str, into: Path, platform: str = "") -> None:
        """Write images to an archive, of one platform if it is named. Raises RunError."""
        only = ["--platform", platform] if platform else []
        self._run([self.name, "image", "save", *only, "--output", str(into), *images], timeout=LOAD_LIMIT)

    def load(self, archive: Path) -> list[str]:
        """Read the images of an archive; their names. Raises RunError."""
        said = self._run([self.name, "image", "load", "--input", str(archive)], timeout=LOAD_LIMIT).text
        return [line.partition(": ")[2] for line in said.splitlines() if line.startswith("Loaded image")]

    # -- containers beside the nodes -----------------------------------------------------------------------------

    def endpoint(self) -> str:
        """Where this engine is spoken to (`unix:///var/run/docker.sock`). Raises ClusterError."""
        return self._ask("context", "inspect", "--format", "{{.Endpoints.docker.Host}}").text.strip()

    def start(self, options: Sequence[str], *, name: str, files: bytes) -> None:
        """Make a container, put files into it, and start it. Raises RunError."""
        self._run([self.name, "create", *options], timeout=ANSWER_LIMIT)
        self._run([self.name, "cp", "-", f"{name}:/"], stdin=files, timeout=ANSWER_LIMIT)
        self._run([self.name, "start", name], timeout=ANSWER_LIMIT)

    def runs(self, container: str) -> bool:
        """Whether it runs; one that is not there does not. Raises ClusterError."""
        return self._ask("inspect", "--format", "{{.State.Running}}", container, check=False).text.strip() == "true"

    def logs(self, container: str) -> str:
        """What it said. Raises RunError."""
        done = self._run([self.name, "logs", container], timeout=ANSWER_LIMIT)
        return done.text + done.err.decode(errors="replace")

    def kill(self, containers: Sequence[str]) -> None:
        """End them without warning; one that has ended is no error."""
        if containers:
            self._run([self.name, "kill", *containers], check=False, timeout=ANSWER_LIMIT)

    def remove(self, containers: Sequence[str]) -> None:
        """Remove them with their volumes, running or not. Raises RunError."""
        if containers:
            self._run([self.name, "rm", "--force", "--volumes", *containers], timeout=DELETE_LIMIT)

    # -- nodes ---------------------------------------------------------------------------------------------------

    def execute(self, container: str, *command: str, stdin: bytes = b"", check: bool = True) -> Completed:
        """Run a command in a container. Raises RunError."""
        interactive = ["--interactive"] if stdin else []
        return self._run(
            [self.name, "exec", *interactive, container, *command], stdin=stdin, check=check, timeout=ANSWER_LIMIT
        )

    def _ask(self, *command: str, check: bool = True) -> Completed:
        try:
            return self._run([self.name, *command], check=check, timeout=ANSWER_LIMIT)
        except RunError as error:
            raise ClusterError(f"{self.name} cannot be asked: {error.line}") from error


def engine(tools: Tools) -> Engine:
    """The engine kind is going to use: KIND_EXPERIMENTAL_PROVIDER, else the first that is installed."""
    named = os.environ.get("KIND_EXPERIMENTAL_PROVIDER", "")
    if named:
        return Engine(named, tools)
    return Engine(next((each for each in ENGINES if shutil.which(each)), ENGINES[0]), tools)


class Kind:
    """The kind program."""

    def __init__(self, tools: Tools) -> None:
        self._run = tools.run
        self._told = tools.run_told

    def version(self) -> Version:
        """Raises ClusterError when kind is not installed."""
        try:
            done = self._run(["kind", "version"], timeout=ANSWER_LIMIT)
        except RunError as error:
            if error.problem == "not found":
                raise ClusterError(
                    "kind is not installed: https://kind.sigs.k8s.io/docs/user/quick-start/#installation"
                ) from error
            raise ClusterError(f"kind does not run: {error.line}") from error
        version = parse(done.text)
        if version is None:
            raise ClusterError(f"kind does not say its version: {done.text.strip()}")
        return version

    def create(self, name: str, config: bytes, *, image: str | None, tell: Tell) -> None:
        """Make the nodes and the control plane; nodes stay when it fails. Raises RunError."""
        with scratch() as folder:
            command = ["kind", "create", "cluster", "--name", name, "--config", "-", "--retain"]
            command += ["--kubeconfig", str(folder / "kubeconfig"), *(["--image", image] if image else [])]
            self._told(command, stdin=config, tell=tell, timeout=CREATE_LIMIT)

    def delete(self, name: str) -> None:
        """Remove a cluster; one that is gone is no error. Raises RunError."""
        with scratch() as folder:
            kubeconfig = ["--kubeconfig", str(folder / "kubeconfig")]
            self._run(["kind", "delete", "cluster", "--name", name, *kubeconfig], timeout=DELETE_LIMIT)

    def kubeconfig(self, name: str) -> dict[str, Any]:
        """The kubeconfig as a document, never on a disk. Raises RunError."""
        told = yaml.safe_load(self._run(["kind", "get", "kubeconfig", "--name", name], timeout=ANSWER_LIMIT).text)
        return dict(told)

    def load(self, name: str, image: str) -> None:
        """Copy an image of this machine into every node. Raises RunError."""
        self._run(["kind", "load", "docker-image", image, "--name", name], timeout=LOAD_LIMIT)

    def load_archive(self, name: str, archive: Path) -> None:
        """Copy the images of an archive into every node. Raises RunError."""
        self._run(["kind", "load", "image-archive", str(archive), "--name", name], timeout=LOAD_LIMIT)

    def export_logs(self, name: str, into: Path) -> None:
        """Leave the logs of every node in a folder. Raises RunError."""
        self._run(["kind", "export", "logs", str(into), "--name", name], timeout=LOAD_LIMIT)


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder of ours for a moment; its name says whose it is, should we be killed in it."""
    _, pid, began = process.identity().split("/")
    with tempfile.TemporaryDirectory(prefix=f"{SCRATCH}{pid}-{began}-") as folder:
        yield Path(folder)


def sweep_scratch() -> list[Path]:
    """Remove such folders of dead processes; those that were removed."""
    removed = []
    for folder in Path(tempfile.gettempdir()).glob(f"{SCRATCH}*"):
        pid, _, rest = folder.name.removeprefix(SCRATCH).partition("-")
        owner = f"{process.machine()}/{pid}/{rest.rpartition('-')[0]}"
        with contextlib.suppress(OSError):
            if process.lives(owner) is False and folder.stat().st_uid == os.getuid():
                shutil.rmtree(folder)
                removed.append(folder)
    return removed


def _json(text: str) -> dict[str, Any]:
    try:
        told = json.loads(text)
    except ValueError:
        return {}
    return told if isinstance(told, Mapping) else {}  # type: ignore[return-value]  # a JSON object is a dict


def _last_line(done: Completed) -> str:
    lines: Sequence[str] = done.err.decode(errors="replace").strip().splitlines() or done.text.strip().splitlines()
    return lines[-1] if lines else f"exit code {done.code}"
