"""Manifests of the pods the harness asks and probes: pure functions from a few facts to API objects.

Every pod runs the same agent from a ConfigMap on a stock python image, under the restricted pod security profile:
two safe sysctls let it bind low ports and ping without privileges (design §6).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

CONFIG_MAP = "harness-agent"
GRACE = 1
"""Seconds an agent gets to end: it has nothing to save, and tests wait for deletions."""

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
PRIVILEGED = {"pod-security.kubernetes.io/enforce": "privileged"}


class ServeCommand(Protocol):
    """How an agent is started: from the servers it offers (`tcp:80`) to the container's command."""

    def __call__(self, servers: Sequence[str], *, linger: float = 0.0, ready: bool = True) -> Sequence[str]:
        """`linger`: seconds it keeps serving after SIGTERM; `ready`: what its /ready says at first."""
        ...


@dataclass(frozen=True)
class Agent:
    """The agent as it travels: its archive and where it is mounted, the image it runs on, how it learns who it is."""

    archive: bytes
    image: str
    serve: ServeCommand
    name: str
    mount: str
    container: str
    ready_path: str
    fields: Mapping[str, str]


def namespace(name: str, *, labels: Mapping[str, str], restricted: bool = True) -> dict[str, Any]:
    """A namespace; `restricted` says which pod security profile it enforces."""
    profile = RESTRICTED if restricted else PRIVILEGED
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {**profile, **labels}}}


def agent_config(agent: Agent) -> dict[str, Any]:
    """The ConfigMap that carries the agent into a namespace."""
    data = {agent.name: base64.b64encode(agent.archive).decode()}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": CONFIG_MAP}, "binaryData": data}


@dataclass(frozen=True)
class HostPort:
    """A port of the node that leads to one of the pod's; at one address of the node, or at all of them."""

    number: int
    port: int = 80
    protocol: str = "TCP"
    address: str = ""

    def manifest(self) -> dict[str, Any]:
        """As an entry of a container's ports."""
        where = {"hostIP": self.address} if self.address else {}
        return {"containerPort": self.port, "hostPort": self.number, "protocol": self.protocol, **where}


@dataclass(frozen=True)
class PodShape:
    """What may differ between the pods of a test. `spec` is merged over the pod's spec last."""

    labels: Mapping[str, str] = field(default_factory=dict)
    ports: Sequence[int] = (80, 81)
    protocols: Sequence[str] = ("TCP", "UDP")
    named: Mapping[str, int] = field(default_factory=dict)
    """More names for TCP ports that are served anyway: port names are what policies and Services refer to."""
    node: str | None = None
    host_network: bool = False
    host_ports: Sequence[HostPort] = ()
    """In place of the names of the ports it serves."""
    readiness: bool = False
    """Ready only while the agent's /ready answers 200 (on the first TCP port)."""
    start_unready: bool = False
    grace: int = GRACE
    linger: int = 0
    """Seconds the agent keeps serving after SIGTERM, for tests of terminating endpoints."""
    spec: Mapping[str, Any] = field(default_factory=dict)

    @property
    def takes_of_node(self) -> bool:
        """Whether it has something of its node that no profile but the privileged one admits."""
        return self.host_network or bool(self.host_ports)


def pod(name: str, shape: PodShape, agent: Agent) -> dict[str, Any]:
    """A pod that runs the agent and serves `shape.ports`."""
    spec: dict[str, Any] = {
        "containers": [_container(shape, agent)],
        "volumes": [
            {"name": "agent", "configMap": {"name": CONFIG_MAP}},
            {"name": "tmp", "emptyDir": {}},
        ],
        "terminationGracePeriodSeconds": max(shape.grace, shape.linger + 1 if shape.linger else 0),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": _pod_security(host_network=shape.host_network),
    }
    if shape.host_network:
        spec |= {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}
    if shape.node is not None:
        spec["nodeName"] = shape.node
    spec |= dict(shape.spec)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": dict(shape.labels)},
        "spec": spec,
    }


def _pod_security(*, host_network: bool) -> dict[str, Any]:
    security: dict[str, Any] = {
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "runAsGroup": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if not host_network:
        # Not allowed in the host's network namespace, where they would change the node itself.
        security["sysctls"] = [
            {"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"},
            {"name": "net.ipv4.ping_group_range", "value": "0 2147483647"},
        ]
    return security


def _container(shape: PodShape, agent: Agent) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": agent.container,
        "image": agent.image,
        "imagePullPolicy": "IfNotPresent",
        "command": _command(shape, agent),
        "env": [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in agent.fields.items()],
        "ports": [each.manifest() for each in shape.host_ports]
        or [
            {"name": f"serve-{port}-{protocol.lower()}", "containerPort": port, "protocol": protocol}
            for port in shape.ports
            for protocol in shape.protocols
        ]
        + [{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in shape.named.items()],
        "volumeMounts": [
            {"name": "agent", "mountPath": agent.mount, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  # a pod's own
        ],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "resources": {"requests": {"cpu": "5m", "memory": "24Mi"}},
    }
    if shape.readiness:
        container["readinessProbe"] = {
            "httpGet": {"path": agent.ready_path, "port": shape.ports[0]},
            "periodSeconds": 1,
            "timeoutSeconds": 2,
            "failureThreshold": 1,
        }
    return container


def _command(shape: PodShape, agent: Agent) -> list[str]:
    servers = [f"{protocol.lower()}:{port}" for protocol in shape.protocols for port in shape.ports]
    return list(agent.serve(servers, linger=float(shape.linger), ready=not shape.start_unready))


def service(name: str, spec: Mapping[str, Any], *, labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A Service; everything unsaid is left to the API server."""
    metadata = {"name": name, **({"labels": dict(labels)} if labels else {})}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": dict(spec)}


def policy(name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """A NetworkPolicy."""
    metadata = {"name": name}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": dict(spec)}


def endpointslice(
    name: str, *, service: str, addresses: Sequence[str], ports: Mapping[str, int], ready: bool | None = True
) -> dict[str, Any]:
    """An EndpointSlice written by hand for a Service without selector; `ready` None leaves the condition unset."""
    conditions = {} if ready is None else {"ready": ready}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": service}},
        "addressType": "IPv6" if ":" in addresses[0] else "IPv4",
        "endpoints": [{"addresses": [address], "conditions": conditions} for address in addresses],
        "ports": [{"name": port, "port": number, "protocol": "TCP"} for port, number in ports.items()],
    }
