"""A machine with docker and kind, as commands see it: images, node containers, a network. It makes no container."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from harness.clusters.kind import Tools
from harness.clusters.kind.engine import CLUSTER_LABEL
from harness.effects.run import Completed, RunError
from harness.kube.client import Kube
from harness.kube.waiting import Listing
from tests.unit.world.fake_kube import FakeKube

AGENT = "docker.io/library/python:3.13-slim"
NODE_IMAGE = "kindest/node:v1.36.2"
KUBECONFIG = {"clusters": [], "contexts": [], "users": []}


class NodesKube(FakeKube):
    """A cluster whose nodes, workloads and DNS are there at once, as kind leaves them: the control plane tainted."""

    def __init__(self, *, nodes: int = 3, ready: bool = True) -> None:
        super().__init__()
        status = {"conditions": [{"type": "Ready", "status": str(ready), "message": "cni plugin not initialized"}]}
        for number in range(nodes):
            taint = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
            spec = {"taints": [taint, {"key": "mine"}]} if number == 0 else {}
            metadata = {"name": f"n{number}", "resourceVersion": "7"}
            self.apply({"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": spec, "status": status})
        self.workload("DaemonSet", "kube-proxy")
        self.workload("DaemonSet", "kindnet")
        self.workload("Deployment", "coredns")
        self.closed = 0

    def workload(self, kind: str, name: str, *, namespace: str = "kube-system", available: int = 3) -> None:
        """One that is rolled out when all three are available."""
        numbers = {"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": available}
        numbers |= {"updatedReplicas": 3, "availableReplicas": available, "observedGeneration": 1}
        metadata = {"name": name, "namespace": namespace, "generation": 1}
        selector = {"matchLabels": {"app": name}}
        spec = {"replicas": 3, "selector": selector}
        self.apply({"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec, "status": numbers})

    def patch(self, resource: str, name: str, patch: Mapping[str, Any]) -> None:
        """Merge one level of `spec`, as a merge patch does."""
        found = self.objects[(resource, "", name)]
        found["spec"] = {k: v for k, v in {**found["spec"], **patch["spec"]}.items() if v is not None}

    def taints(self) -> list[list[str]]:
        """The keys of each node's taints."""
        nodes: Listing = self.list("nodes")
        return [[taint["key"] for taint in node["spec"].get("taints", [])] for node in nodes.items]

    def close(self) -> None:
        """Count it."""
        self.closed += 1


class Machine:
    """Answers docker's and kind's commands. `broken` maps the beginning of a command to what it fails with."""

    def __init__(self, *images: str, kube: NodesKube | None = None, cgroup: str = "2") -> None:
        self.images = set(images or (NODE_IMAGE, AGENT))
        self.kube = kube or NodesKube()
        self.nodes: dict[str, dict[str, Any]] = {}
        self.files: set[tuple[str, str]] = set()
        self.broken: dict[str, RunError | BaseException] = {}
        self.commands: list[str] = []
        self.configs: dict[str, dict[str, Any]] = {}
        self.kind_version = "kind v0.33.0 go1.27 linux/amd64"
        self.network: dict[str, Any] | None = {"Name": "kind", "EnableIPv6": True}
        self.version_in_image = "v1.36.9\n"
        self._cgroup = cgroup

    @property
    def tools(self) -> Tools:
        """This machine for the provider."""
        return Tools(run=self.run, run_told=self.run, connect=lambda *_, **__: self._typed())

    def _typed(self) -> Kube:
        return self.kube.typed

    @property
    def clusters(self) -> set[str]:
        """Clusters that have a container."""
        return {node["Config"]["Labels"][CLUSTER_LABEL] for node in self.nodes.values()}

    def add(self, cluster: str, *mounts: str, role: str = "control-plane", running: bool = True) -> None:
        """A node container."""
        name = f"{cluster}-{role}"
        self.nodes[name] = {
            "Name": f"/{name}",
            "State": {"Running": running},
            "Config": {"Labels": {CLUSTER_LABEL: cluster}},
            "Mounts": [{"Destination": mount} for mount in ("/var", *mounts)],
        }

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout: float = 0,  # as the real one
        check: bool = True,
        tell: Callable[[str], None] | None = None,
    ) -> Completed:
        """Answer one command."""
        line = " ".join(argv)
        self.commands.append(line)
        for beginning, problem in self.broken.items():
            if line.startswith(beginning):
                if isinstance(problem, RunError) and not check and problem.problem.startswith("exit code"):
                    return Completed(tuple(argv), 1, b"", problem.err)
                if line.startswith("kind create"):
                    self._create(stdin)
                raise problem
        code, out = self._answer(list(argv), stdin, tell)
        if check and code != 0:
            raise RunError(argv, f"exit code {code}", err=b"no")
        return Completed(tuple(argv), code, out.encode(), b"")

    def _answer(self, argv: list[str], stdin: bytes, tell: Callable[[str], None] | None) -> tuple[int, str]:
        match argv:
            case ["docker", "info", *_]:
                told = {"CgroupVersion": self._cgroup, "Architecture": "x86_64", "ServerVersion": "29.0"}
                return 0, json.dumps({**told, "MemTotal": 8 * 1024**3, "NCPU": 2, "DockerRootDir": "/nowhere"})
            case ["docker", "ps", *_]:
                return 0, "\n".join(self.nodes)
            case ["docker", "inspect", *names]:
                return 0, json.dumps([self.nodes[name] for name in names])
            case ["docker", "image", "ls", *_]:
                return 0, "\n".join(sorted(self.images))
            case ["docker", "image", "inspect", image]:
                return (0 if image in self.images else 1), ""
            case ["docker", "pull", _, image]:
                self.images.add(image)
                return 0, ""
            case ["docker", "run", *_]:
                return 0, self.version_in_image
            case ["docker", "network", "inspect", _]:
                return (0, json.dumps([self.network])) if self.network else (1, "")
            case ["docker", "exec", *rest]:
                return self._exec(rest)
            case ["kind", *rest]:
                return self._kind(rest, stdin, tell)
            case _:
                raise AssertionError(f"nobody answers {argv}")

    def _exec(self, argv: list[str]) -> tuple[int, str]:
        match [each for each in argv if each != "--interactive"]:
            case [node, "touch", file]:
                self.files.add((node, file))
            case [node, "test", "-e", file]:
                return (0 if (node, file) in self.files else 1), ""
            case _:
                pass
        return 0, ""

    def _kind(self, argv: list[str], stdin: bytes, tell: Callable[[str], None] | None) -> tuple[int, str]:
        match argv:
            case ["version"]:
                return 0, self.kind_version
            case ["create", "cluster", *_]:
                if tell is not None:
                    tell(" • Preparing nodes 📦 📦 📦   ...")
                    tell(" ✓ Preparing nodes 📦 📦 📦 ")
                self._create(stdin)
            case ["delete", "cluster", "--name", name, *_]:
                self.nodes = {key: node for key, node in self.nodes.items() if not key.startswith(f"{name}-")}
            case ["get", "kubeconfig", *_]:
                return 0, yaml.safe_dump(KUBECONFIG)
            case ["export", "logs", into, *_]:
                Path(into).mkdir(parents=True)
            case ["load", *_]:
                pass
            case _:
                raise AssertionError(f"nobody answers kind {argv}")
        return 0, ""

    def _create(self, stdin: bytes) -> None:
        config = yaml.safe_load(stdin)
        self.configs[config["name"]] = config
        for number, node in enumerate(config["nodes"]):
            mounts = [mount["containerPath"] for mount in node.get("extraMounts", [])]
            self.add(config["name"], *mounts, role=node["role"] + (str(number) if number > 1 else ""))
