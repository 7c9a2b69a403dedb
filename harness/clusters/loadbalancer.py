"""Implementations of LoadBalancer Services: add-ons (`addon.py`) that run in the cluster or beside its nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness.clusters.addon import Addon, listed

CAPABILITIES = {
    "udp": "UDP",
    "sctp": "SCTP",
    "mixed-protocols": "TCP and UDP in one Service",
    "source-ranges": "loadBalancerSourceRanges",
    "session-affinity": "sessionAffinity ClientIP",
    "local-endpoints": "externalTrafficPolicy Local reaches local endpoints only",
    "source-address": "externalTrafficPolicy Local keeps the client's address",
    "without-node-ports": "allocateLoadBalancerNodePorts false",
    "virtual-address": "an address that the service proxy takes as its own (ipMode VIP)",
    "changing-ports": "ports that change later",
    "dual-stack": "an address of each family",
    "ipv6": "IPv6 alone",
}


@dataclass(frozen=True)
class Container:
    """A program beside the nodes: a container on their network that is handed the engine's socket.

    It is started with `arguments`, and works when its output has `says`; the containers it makes itself are of `images`
    and carry `label` with the cluster's name. `narrow` lists labels by which it would look for all clusters of a
    machine: it is shown this one only.
    """

    image: str
    says: str
    label: str
    arguments: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    narrow: tuple[str, ...] = ()


@dataclass(frozen=True)
class LoadBalancer(Addon):
    """An implementation of LoadBalancer Services."""

    WHAT: ClassVar[str] = "LoadBalancer"
    OPTION: ClassVar[str] = "--lb"
    FOLDER: ClassVar[str] = "loadbalancer"
    CAPABILITIES: ClassVar[Mapping[str, str]] = CAPABILITIES

    container: Container | None = None

    @property
    def absent(self) -> bool:
        """Nothing is installed."""
        return self.source is None and self.container is None

    @classmethod
    def _read(cls, told: dict[str, Any]) -> dict[str, Any]:
        container = told.get("container")
        return {**super()._read(told), "container": None if container is None else _container(container)}


def _container(told: Mapping[str, Any]) -> Container:
    lists = {key: listed(told, key) for key in ("arguments", "images", "narrow")}
    return Container(**{**told, **lists})
