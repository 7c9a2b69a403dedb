"""Breaking a real kind cluster from outside, one layer at a time, and mending it again. For test clusters only.

Each breakage is a context: broken inside, as before afterwards. Nothing here knows what the suites make of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from harness.clusters.kind import Tools
from harness.clusters.kind.engine import Engine, engine
from harness.kube.client import Kube
from harness.model.refs import Family
from harness.suite.arena import WorkerArena

SYSTEM = "kube-system"
LIMIT = 120.0
"""Seconds for a component of a loaded test cluster to stop or to come back."""

FLUSH = {
    ("iptables", Family.V4): "iptables -t nat -F KUBE-SERVICES",
    ("iptables", Family.V6): "ip6tables -t nat -F KUBE-SERVICES",
    ("nftables", Family.V4): "nft delete table ip kube-proxy",
    ("nftables", Family.V6): "nft delete table ip6 kube-proxy",
}
"""What takes the Service rules of a family from a node, by kube-proxy's mode."""

VICTIM = "x/c"
"""The pod of an arena that loses its route."""


@dataclass(frozen=True)
class Ground:
    """What there is to break."""

    kube: Kube
    arena: WorkerArena
    families: tuple[Family, ...]
    docker: Engine

    @classmethod
    def of(cls, kube: Kube, arena: WorkerArena, families: tuple[Family, ...]) -> Ground:
        """With the engine of this machine."""
        return cls(kube, arena, families, engine(Tools()))

    def on(self, node: str, *commands: str) -> str:
        """Run shell commands on a node, each of which has to succeed; what they said."""
        return self.docker.execute(node, "sh", "-ec", "\n".join(commands)).text


@contextlib.contextmanager
def without_dns(ground: Ground) -> Iterator[None]:
    """The cluster DNS scaled to zero."""
    deployment = ground.kube.get("deployments.apps", "coredns", namespace=SYSTEM)
    try:
        _scale(ground.kube, 0)
        yield
    finally:
        _scale(ground.kube, deployment["spec"]["replicas"])


def _scale(kube: Kube, replicas: int) -> None:
    kube.patch("deployments.apps", "coredns", {"spec": {"replicas": replicas}}, namespace=SYSTEM)
    kube.wait(
        "deployments.apps",
        "coredns",
        lambda found: found is not None and found["status"].get("readyReplicas", 0) == replicas,
        timeout=LIMIT,
        namespace=SYSTEM,
    )
    kube.wait_all(
        "pods", lambda pods: len(pods) == replicas, timeout=LIMIT, namespace=SYSTEM, labels="k8s-app=kube-dns"
    )


@contextlib.contextmanager
def without_service_rules(ground: Ground) -> Iterator[None]:
    """One node without the rules of its kube-proxy, which is stopped so that it cannot write them again."""
    node = ground.arena.pods["x/a"].node
    said = ground.kube.get("configmaps", "kube-proxy", namespace=SYSTEM)["data"]["config.conf"]
    mode = "nftables" if "mode: nftables" in said else "iptables"
    flush = [FLUSH[mode, family] for family in ground.families]
    (proxy,) = _pods_on(ground.kube, "k8s-app=kube-proxy", node)
    try:
        ground.on(node, "kill -STOP $(pidof kube-proxy)", *flush)
        yield
    finally:
        ground.on(node, "kill -CONT $(pidof kube-proxy)")
        ground.kube.delete("pods", proxy["metadata"]["name"], namespace=SYSTEM)
        _await_on(ground.kube, "k8s-app=kube-proxy", node, other_than=proxy)


@contextlib.contextmanager
def without_policy_agent(ground: Ground) -> Iterator[None]:
    """No kindnet on any node: what it enforced is enforced by nobody; its routes and its configuration stay."""
    nowhere = {"spec": {"template": {"spec": {"nodeSelector": {"harness.dev/nowhere": "true"}}}}}
    before = ground.kube.get("daemonsets.apps", "kindnet", namespace=SYSTEM)
    selector = before["spec"]["template"]["spec"].get("nodeSelector") or {}
    try:
        ground.kube.patch("daemonsets.apps", "kindnet", nowhere, namespace=SYSTEM)
        _await_agents(ground.kube, 0)
        yield
    finally:
        back: dict[str, Any] = {"harness.dev/nowhere": None, **selector}
        patch = {"spec": {"template": {"spec": {"nodeSelector": back}}}}
        ground.kube.patch("daemonsets.apps", "kindnet", patch, namespace=SYSTEM)
        _await_agents(ground.kube, before["status"]["desiredNumberScheduled"])


def _await_agents(kube: Kube, number: int) -> None:
    def there(pods: Any) -> bool:
        return len(pods) == number and all(_is_ready(pod) for pod in pods)

    kube.wait_all("pods", there, timeout=LIMIT, namespace=SYSTEM, labels="app=kindnet")


@contextlib.contextmanager
def without_a_route(ground: Ground) -> Iterator[None]:
    """One pod's node has no route to it any more."""
    pod = ground.arena.pods[VICTIM]
    taken: list[tuple[str, str]] = []
    try:
        for family in ground.families:
            option, address = ("-4", "-6")[family is Family.V6], pod.address(family)
            route = ground.on(pod.node, f"ip {option} route show {address}").strip()
            ground.on(pod.node, f"ip {option} route del {address}")
            taken.append((option, route))
        yield
    finally:
        for option, route in taken:
            ground.on(pod.node, f"ip {option} route add {route}")


BREAKAGES: dict[str, Callable[[Ground], contextlib.AbstractContextManager[None]]] = {
    "dns": without_dns,
    "service-rules": without_service_rules,
    "policy-agent": without_policy_agent,
    "route": without_a_route,
}
"""Every way to break a cluster, by name."""


def restart_api_server(docker: Engine, control_plane: str) -> None:
    """End the API server at once; the kubelet starts it again."""
    docker.execute(control_plane, "sh", "-ec", "kill -KILL $(pidof kube-apiserver)")


def _pods_on(kube: Kube, labels: str, node: str) -> list[dict[str, Any]]:
    return [pod for pod in kube.list("pods", namespace=SYSTEM, labels=labels).items if pod["spec"]["nodeName"] == node]


def _await_on(kube: Kube, labels: str, node: str, *, other_than: dict[str, Any]) -> None:
    """Wait until a pod of a DaemonSet has been replaced on its node, and is Ready."""
    old = other_than["metadata"]["uid"]

    def replaced(pods: Any) -> bool:
        here = [pod for pod in pods if pod["spec"].get("nodeName") == node]
        return [pod["metadata"]["uid"] for pod in here] != [old] and len(here) == 1 and _is_ready(here[0])

    kube.wait_all("pods", replaced, timeout=LIMIT, namespace=SYSTEM, labels=labels)


def _is_ready(pod: dict[str, Any]) -> bool:
    conditions = {each["type"]: each["status"] for each in pod.get("status", {}).get("conditions") or []}
    return conditions.get("Ready") == "True" and not pod["metadata"].get("deletionTimestamp")
