"""A machine with docker and kind, as commands see it: images, node containers, a network. It makes no container."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from harness.clusters.addon_install import RESOURCES
from harness.clusters.kind import KindCluster, Tools
from harness.clusters.kind.marks import BESIDE_LABEL, CLUSTER_LABEL
from harness.effects.run import Completed, RunError
from harness.kube.client import Kube
from harness.kube.resources import BY_KIND, Served
from harness.kube.waiting import Listing
from tests.unit.world.fake_kube import FakeKube, Object

AGENT = "docker.io/library/python:3.13-slim"
NODE_IMAGE = "kindest/node:v1.36.2"
Make = Callable[..., KindCluster]
KUBECONFIG = {"clusters": [], "contexts": [], "users": []}
SUBNETS = [{"Subnet": "172.18.0.0/16", "Gateway": "172.18.0.1"}, {"Subnet": "fc00:f853:ccd:e793::/64"}]
EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"


class NodesKube(FakeKube):
    """A cluster whose nodes, workloads and DNS are there at once, as kind leaves them: the control plane tainted."""

    def __init__(self, *, nodes: int = 3, ready: bool = True) -> None:
        super().__init__()
        status = {"conditions": [{"type": "Ready", "status": str(ready), "message": "cni plugin not initialized"}]}
        for number in range(nodes):
            taint = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
            spec = {"taints": [taint, {"key": "mine"}]} if number == 0 else {}
            labels = {EXCLUDED: ""} if number == 0 else {}
            metadata = {"name": f"n{number}", "resourceVersion": "7", "labels": labels}
            self.apply({"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": spec, "status": status})
        self.workload("DaemonSet", "kube-proxy")
        self.workload("DaemonSet", "kindnet")
        self.workload("Deployment", "coredns")
        self.closed = 0
        self.applied: list[str] = []

    def served_kind(self, obj: Mapping[str, Any]) -> Served:
        """Every kind, also one that was defined here."""
        group, _, version = str(obj["apiVersion"]).rpartition("/")
        return BY_KIND.get((obj["apiVersion"], obj["kind"])) or Served(group, version, "others", obj["kind"])

    def apply(self, obj: Object) -> Object:
        """Store it; a workload that is applied without a status is rolled out at once."""
        self.applied = [*getattr(self, "applied", []), f"{obj['kind']} {obj['metadata']['name']}"]
        if obj["kind"] in RESOURCES and "status" not in obj:
            metadata = obj["metadata"]
            self.workload(obj["kind"], metadata["name"], namespace=metadata.get("namespace", "default"))
            return obj
        if (obj["apiVersion"], obj["kind"]) not in BY_KIND:
            self.objects[("others", obj["metadata"].get("namespace", ""), obj["metadata"]["name"])] = dict(obj)
            return obj
        return super().apply(obj)

    def workload(self, kind: str, name: str, *, namespace: str = "kube-system", available: int = 3) -> None:
        """One that is rolled out when all three are available."""
        numbers = {"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": available}
        numbers |= {"updatedReplicas": 3, "availableReplicas": available, "observedGeneration": 1}
        metadata = {"name": name, "namespace": namespace, "generation": 1}
        selector = {"matchLabels": {"app": name}}
        spec = {"replicas": 3, "selector": selector}
        self.apply({"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec, "status": numbers})

    def patch(self, resource: str, name: str, patch: Mapping[str, Any]) -> None:
        """Merge `spec` and labels, as a merge patch does."""
        found = self.objects[(resource, "", name)]
        found["spec"] = _merged(found["spec"], patch["spec"])
        found["metadata"]["labels"] = _merged(found["metadata"]["labels"], patch["metadata"].get("labels", {}))

    def excluded(self) -> list[str]:
        """Nodes that load balancers do not lead to."""
        return [name for (kind, _, name), node in self.objects.items() if kind == "nodes" and _labels(node)]

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
        self.network: dict[str, Any] | None = {"Name": "kind", "EnableIPv6": True, "IPAM": {"Config": SUBNETS}}
        self.endpoint = "unix:///run/user/7/docker.sock"
        self.said = ""
        """What containers say that are not nodes."""
        self.archives: dict[str, list[str]] = {}
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
        found = {node["Config"]["Labels"].get(CLUSTER_LABEL) for node in self.nodes.values()}
        return {each for each in found if each}

    @property
    def beside(self) -> list[str]:
        """Containers that run beside nodes."""
        return [name for name, node in self.nodes.items() if _carries(node, f"label={BESIDE_LABEL}")]

    def add_labelled(self, name: str, labels: Mapping[str, str]) -> None:
        """A container that is no node."""
        self.nodes[name] = {"Name": f"/{name}", "State": {"Running": True}, "Config": {"Labels": dict(labels)}}

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
            case ["docker", "ps", *_, wanted]:
                return 0, "\n".join(name for name, node in self.nodes.items() if _carries(node, wanted))
            case ["docker", "inspect", "--format", "{{.State.Running}}", name]:
                return 0, str(self.nodes.get(name, {}).get("State", {}).get("Running", "")).lower()
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
                return (0, json.dumps([self._inhabited()])) if self.network else (1, "")
            case ["docker", "exec", *rest]:
                return self._exec(rest)
            case ["docker", *rest] if rest[0] in {"create", "cp", "start", "logs", "kill", "rm"}:
                return self._container(rest)
            case ["docker", "context", "inspect", *_]:
                return 0, self.endpoint
            case ["docker", "tag", source, name]:
                self.images.add(name)
                return (0 if source in self.images else 1), ""
            case ["docker", "image", "save", *rest]:
                into = rest[rest.index("--output") + 1]
                Path(into).write_bytes(b"tar")
                self.archives[Path(into).name] = rest[rest.index("--output") + 2 :]
                return 0, ""
            case ["docker", "image", "load", _, source]:
                return 0, "".join(f"Loaded image: {name}\n" for name in Path(source).read_text().split())
            case ["kind", *rest]:
                return self._kind(rest, stdin, tell)
            case _:
                raise AssertionError(f"nobody answers {argv}")

    def _inhabited(self) -> dict[str, Any] | None:
        """The network with its containers; each has the next address."""
        there = {
            name: {
                "Name": name,
                "IPv4Address": f"172.18.0.{number}/16",
                "IPv6Address": f"fc00:f853:ccd:e793::{number:x}/64",
            }
            for number, name in enumerate(self.nodes, 2)
        }
        return self.network and {**self.network, "Containers": there}

    def _container(self, argv: list[str]) -> tuple[int, str]:
        """A container that is no node: made, started, asked, ended, removed."""
        match argv:
            case ["create", *options]:
                told = [
                    (options[at], options[at + 1]) for at in range(len(options) - 1) if options[at].startswith("--")
                ]
                labels = dict(value.split("=", 1) for key, value in told if key == "--label")
                mounts = [{"Destination": value.split(":")[1]} for key, value in told if key == "--volume"]
                name = next(value for key, value in told if key == "--name")
                config = {"Labels": labels, "Cmd": options}
                self.nodes[name] = {"Name": f"/{name}", "State": {"Running": False}, "Config": config, "Mounts": mounts}
            case ["start", name]:
                self.nodes[name]["State"]["Running"] = True
            case ["logs", _]:
                return 0, self.said
            case ["kill", *names]:
                for name in names:
                    self.nodes[name]["State"]["Running"] = False
            case ["rm", "--force", "--volumes", *names]:
                for name in names:
                    del self.nodes[name]
            case ["cp", "-", _]:
                pass
        return 0, ""

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
                label = f"label={CLUSTER_LABEL}={name}"
                self.nodes = {key: node for key, node in self.nodes.items() if not _carries(node, label)}
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


def failing(words: str) -> RunError:
    """A command that ended badly with these words."""
    return RunError(["x"], "exit code 1", err=words.encode())


def _carries(container: Mapping[str, Any], wanted: str) -> bool:
    """Whether a container matches `label=name` or `label=name=value`."""
    _, name, *value = wanted.split("=", 2)
    labels = container["Config"]["Labels"]
    return name in labels and labels[name] == (value[0] if value else labels[name])


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in {**old, **new}.items() if value is not None}


def _labels(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = obj["metadata"]["labels"]
    return found
