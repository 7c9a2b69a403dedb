"""Pods and policies as the agent sees them. Pure. Source: core/v1 Pod, networking.k8s.io/v1 NetworkPolicy.

Readiness and deletionTimestamp mean nothing here: a pod is policed as long as its processes may run. A pod that has
ended may still be listed while somebody else already has its address, so it is nobody.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.embedded.nft.ruleset import Family

Object = dict[str, Any]


class Direction(enum.Enum):
    """Seen from the policy's subject."""

    INGRESS = "Ingress"
    EGRESS = "Egress"

    @property
    def rules_field(self) -> str:
        """Where a policy lists its rules."""
        return self.value.lower()

    @property
    def peers_field(self) -> str:
        """Where a rule lists who is at the other end."""
        return "from" if self is Direction.INGRESS else "to"

    @property
    def peer_address(self) -> str:
        """The packet's field with the peer's address."""
        return "saddr" if self is Direction.INGRESS else "daddr"


@dataclass(frozen=True)
class Snapshot:
    """Everything the rules of one node depend on."""

    node: str
    addresses: tuple[str, ...]
    pod_cidrs: tuple[str, ...]
    families: tuple[str, ...] = ("IPv4", "IPv6")
    pods: tuple[Object, ...] = ()
    namespaces: tuple[Object, ...] = ()
    policies: tuple[Object, ...] = ()
    faults: tuple[Object, ...] = ()


@dataclass(frozen=True)
class NamedPort:
    """A containerPort with a name."""

    name: str
    protocol: str
    number: int


@dataclass(frozen=True)
class Pod:
    """A pod with a network of its own and at least one address."""

    namespace: str
    name: str
    node: str
    labels: Mapping[str, str]
    addresses: tuple[str, ...]
    ports: tuple[NamedPort, ...]
    ready: bool = True
    """As its kubelet says; no verdict hangs on it."""

    def address(self, family: Family) -> str | None:
        """Its address in a family."""
        return next((one for one in self.addresses if (":" in one) == (family is Family.IPV6)), None)

    def numbers(self, name: str, protocol: str | None) -> list[int]:
        """What a port's name means on this pod; a protocol of None takes any."""
        return sorted({port.number for port in self.ports if port.name == name and protocol in {None, port.protocol}})


def pods_of(objects: Iterable[Object]) -> list[Pod]:
    """Those that policies can mean, by age: of two with one address the younger comes last."""
    return [_pod(one) for one in sorted(objects, key=_age) if is_policed(one)]


def is_policed(pod: Object) -> bool:
    """Neither on its node's network, nor ended, nor still without an address."""
    status = pod.get("status") or {}
    if pod["spec"].get("hostNetwork") or status.get("phase") in {"Succeeded", "Failed"}:
        return False
    return bool(addresses_of(pod))


def addresses_of(pod: Object) -> tuple[str, ...]:
    """As reported by its kubelet."""
    status = pod.get("status") or {}
    listed = [entry["ip"] for entry in status.get("podIPs") or () if entry.get("ip")]
    return tuple(listed or ([status["podIP"]] if status.get("podIP") else ()))


def _age(pod: Object) -> tuple[str, str, str]:
    metadata = pod["metadata"]
    return metadata.get("creationTimestamp") or "", metadata.get("namespace") or "", metadata["name"]


def _pod(pod: Object) -> Pod:
    spec = pod["spec"]
    # A sidecar is an init container that stays; its ports are as good as any.
    sidecars = [one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"]
    ports = tuple(
        NamedPort(port["name"], (port.get("protocol") or "TCP").lower(), port["containerPort"])
        for container in [*(spec.get("containers") or ()), *sidecars]
        for port in container.get("ports") or ()
        if port.get("name")
    )
    return Pod(
        namespace=pod["metadata"]["namespace"],
        name=pod["metadata"]["name"],
        node=spec.get("nodeName") or "",
        labels=pod["metadata"].get("labels") or {},
        addresses=addresses_of(pod),
        ports=ports,
        ready=any(
            one["type"] == "Ready" and one["status"] == "True"
            for one in (pod.get("status") or {}).get("conditions") or ()
        ),
    )


@dataclass(frozen=True)
class Policy:
    """One NetworkPolicy in one direction that it isolates."""

    namespace: str
    name: str
    direction: Direction
    selector: Mapping[str, Any]
    rules: tuple[Object, ...]

    @property
    def label(self) -> str:
        """`namespace/name`, as a person names it."""
        return f"{self.namespace}/{self.name}"


def policies_of(objects: Iterable[Object]) -> list[Policy]:
    """Each policy once per direction it isolates, in a fixed order. Rules of another direction mean nothing."""
    ordered = sorted(objects, key=lambda policy: (policy["metadata"]["namespace"], policy["metadata"]["name"]))
    return [
        _policy(one, one.get("spec") or {}, direction)
        for one in ordered
        for direction in Direction
        if direction.value in types_of(one.get("spec") or {})
    ]


def types_of(spec: Mapping[str, Any]) -> frozenset[str]:
    """The directions a policy isolates; when it does not say, ingress, and egress if it has egress rules."""
    stated = spec.get("policyTypes")
    if stated:
        return frozenset(stated)
    return frozenset({"Ingress", "Egress"} if spec.get("egress") else {"Ingress"})


def _policy(obj: Object, spec: Mapping[str, Any], direction: Direction) -> Policy:
    return Policy(
        namespace=obj["metadata"]["namespace"],
        name=obj["metadata"]["name"],
        direction=direction,
        selector=spec.get("podSelector") or {},
        rules=tuple(spec.get(direction.rules_field) or ()),
    )
