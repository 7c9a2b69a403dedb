"""Who talks to whom in a policy question: pods, host-network pods, nodes, external addresses; and flows.

Source: catalogue policy, part 4.3 (networking.k8s.io/v1 speaks of pods only; the rest follows from its field comments).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from harness.model.refs import Family
from harness.oracle.snapshot import Raw, Snapshot, labels_of, name_of, namespace_of


class EndKind(enum.StrEnum):
    """What kind of thing an endpoint is."""

    POD = "pod"
    HOST_POD = "host-network pod"
    NODE = "node"
    EXTERNAL = "external"


class NotAnEndpointError(ValueError):
    """A pod that cannot take part in a flow: finished, without an address, or without one of the wanted family."""


class NamedPort(NamedTuple):
    """A container port that has a name."""

    name: str
    protocol: str
    number: int


class Lane(NamedTuple):
    """One port of one protocol; a table has one sheet per lane. Prints as `80/TCP`."""

    port: int
    protocol: str = "TCP"

    def __str__(self) -> str:
        return f"{self.port}/{self.protocol}"


@dataclass(frozen=True, eq=False)
class Endpoint:
    """One end of a flow. Make it with `pod_end`, `node_end` or `external_end`."""

    kind: EndKind
    text: str
    addresses: tuple[str, ...]
    namespace: str = ""
    name: str = ""
    node: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    named_ports: tuple[NamedPort, ...] = ()

    def address(self, family: Family) -> str:
        """Its address in a family. Raises NotAnEndpointError when it has none."""
        for each in self.addresses:
            if Family.of(each) is family:
                return each
        raise NotAnEndpointError(f"{self.kind} {self.text} has no {family} address (it has {list(self.addresses)})")

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, eq=False)
class Flow:
    """A new connection or first datagram. `via_service`: dialled by a Service address that led to `destination`."""

    source: Endpoint
    destination: Endpoint
    lane: Lane
    family: Family = Family.V4
    via_service: bool = False

    def __str__(self) -> str:
        return f"{self.source} → {self.destination} {self.lane} {self.family}"


def pod_end(snapshot: Snapshot, namespace: str, name: str) -> Endpoint:
    """The pod as an endpoint. Readiness and deletion do not matter while its processes run; being finished does."""
    pod = snapshot.pod(namespace, name)
    status, spec = pod.get("status") or {}, pod["spec"]
    text = f"{namespace}/{name}"
    if status.get("phase") in {"Succeeded", "Failed"}:
        raise NotAnEndpointError(
            f"pod {text} has finished ({status['phase']}): its address may be another pod's by now"
        )
    addresses = addresses_of(pod)
    if not addresses:
        raise NotAnEndpointError(f"pod {text} has no address yet")
    return Endpoint(
        kind=EndKind.HOST_POD if spec.get("hostNetwork") else EndKind.POD,
        text=text,
        addresses=addresses,
        namespace=namespace,
        name=name,
        node=str(spec.get("nodeName") or ""),
        labels=labels_of(pod),
        namespace_labels=snapshot.namespace_labels(namespace),
        named_ports=named_ports(pod),
    )


def node_end(snapshot: Snapshot, name: str) -> Endpoint:
    """A process in the node's own network namespace that is not a pod."""
    found = (snapshot.node(name).get("status") or {}).get("addresses") or ()
    addresses = tuple(each["address"] for each in found if each["type"] == "InternalIP")
    return Endpoint(EndKind.NODE, f"node {name}", addresses, name=name, node=name)


def external_end(address: str, *, text: str = "") -> Endpoint:
    """An address outside the cluster."""
    return Endpoint(EndKind.EXTERNAL, text or address, (address,))


def pods(snapshot: Snapshot) -> dict[str, Endpoint]:
    """Every pod that is an endpoint, by `namespace/name`."""
    found: dict[str, Endpoint] = {}
    for each in snapshot.pods:
        try:
            end = pod_end(snapshot, namespace_of(each), name_of(each))
        except NotAnEndpointError:
            continue
        found[end.text] = end
    return found


def named_ports(pod: Raw) -> tuple[NamedPort, ...]:
    """Named container ports, of all containers and of init containers that keep running (KEP-753 sidecars)."""
    spec = pod["spec"]
    sidecars = [each for each in spec.get("initContainers") or () if each.get("restartPolicy") == "Always"]
    return tuple(
        NamedPort(port["name"], port.get("protocol") or "TCP", port["containerPort"])
        for container in (*(spec.get("containers") or ()), *sidecars)
        for port in container.get("ports") or ()
        if port.get("name")
    )


def addresses_of(pod: Raw) -> tuple[str, ...]:
    """status.podIPs, or the older status.podIP."""
    status = pod.get("status") or {}
    several = tuple(str(each["ip"]) for each in status.get("podIPs") or ())
    if several or not status.get("podIP"):
        return several
    return (str(status["podIP"]),)
