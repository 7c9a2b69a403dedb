"""The values of a Service question: the address dialled, the client, the backends, what may happen."""

from __future__ import annotations

import enum
import functools
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from harness.model.outcome import Seen
from harness.model.refs import Family
from harness.oracle.endpointslices import ZONE_LABEL
from harness.oracle.policy.endpoints import addresses_of
from harness.oracle.snapshot import Snapshot, labels_of, name_of


class Via(enum.StrEnum):
    """Which of a Service's addresses is dialled."""

    CLUSTER_IP = "ClusterIP"
    NODE_PORT = "NodePort"
    LOAD_BALANCER = "LoadBalancer"
    EXTERNAL_IP = "externalIP"
    HEADLESS = "headless"


class Where(enum.StrEnum):
    """Where a client is."""

    POD = "pod"
    NODE = "node"
    OUTSIDE = "outside"


class Failure(enum.StrEnum):
    """How dialling fails when nobody may answer."""

    REFUSED = "refused"
    DEAD = "refused or silent"
    """Refusal and silence are both right."""


@dataclass(frozen=True)
class Client:
    """Who dials. Make it with `pod_client`, `node_client` or `outside_client`."""

    where: Where
    text: str
    addresses: tuple[str, ...]
    node: str = ""
    zone: str = ""
    networks: tuple[str, ...] = ()
    """Ranges its node may speak from: a node's own addresses depend on the way out."""


@dataclass(frozen=True, order=True)
class Backend:
    """A backend that may answer."""

    address: str
    port: int
    pod: str = ""
    node: str = ""

    def __str__(self) -> str:
        where = f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"
        return f"{where} ({self.pod})" if self.pod else where


@functools.lru_cache(maxsize=16384)
def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """An address or a range, read once: every answer is held against those of all nodes, and there may be thousands."""
    return ipaddress.ip_network(text)


@dataclass(frozen=True)
class Source:
    """Which client addresses a backend may see: listed ones, those in networks, or any.

    Nodes have addresses that no API object names, on bridges and tunnels of the network plugin. Where a node may put
    its own in place of the client's (`rewritten`), every address may be seen that is not known to be somebody else's.
    """

    addresses: frozenset[str] = frozenset()
    networks: frozenset[str] = frozenset()
    any: bool = False
    why: str = ""
    rewritten: bool = False
    others: frozenset[str] = frozenset()
    """Addresses and networks that are somebody else's."""

    def admits(self, address: str) -> bool:
        """Whether this address may be seen."""
        found = ipaddress.ip_address(address)

        def among(ranges: frozenset[str]) -> bool:
            return any(found in _network(each) for each in ranges)

        return self.any or among(self.addresses | self.networks) or (self.rewritten and not among(self.others))

    def __str__(self) -> str:
        if self.any:
            return "any"
        listed = sorted(self.addresses | self.networks)
        return " or ".join([*listed, "an address of the node's own"] if self.rewritten else listed)


@dataclass(frozen=True)
class Delivery:
    """The expectation. Empty `backends`: nobody may answer, and `failure` says how it fails."""

    backends: frozenset[Backend]
    failure: Failure
    source: Source
    affinity: int | None = None
    """Seconds for which one client keeps its backend; None: no affinity."""
    undefined: str = ""
    """Why Kubernetes leaves the outcome to the implementation: record, do not judge. Backends are the widest set."""
    why: tuple[str, ...] = ()
    client: str = ""
    own_backends: frozenset[Backend] = field(default=frozenset(), repr=False)
    """Backends that are the client itself: they see whatever lets the reply find back."""


@dataclass(frozen=True)
class Arrival:
    """One fresh attempt and what became of it: who answered, and which client address it saw."""

    seen: Seen
    address: str = ""
    port: int = 0
    pod: str = ""
    source: str = ""


def pod_client(snapshot: Snapshot, namespace: str, name: str) -> Client:
    """A pod as client; one on the host network counts as its node."""
    pod = snapshot.pod(namespace, name)
    node = str(pod["spec"].get("nodeName") or "")
    if pod["spec"].get("hostNetwork"):
        return replace(node_client(snapshot, node), text=f"{namespace}/{name} (host network of {node})")
    return Client(Where.POD, f"{namespace}/{name}", addresses_of(pod), node, zone_of(snapshot, node))


def node_client(snapshot: Snapshot, name: str) -> Client:
    """A process in a node's network namespace."""
    node = snapshot.node(name)
    addresses = tuple(
        str(each["address"])
        for each in (node.get("status") or {}).get("addresses") or ()
        if each["type"] in {"InternalIP", "ExternalIP"}
    )
    networks = tuple(node["spec"].get("podCIDRs") or ())
    return Client(Where.NODE, f"node {name}", addresses, name, zone_of(snapshot, name), networks)


def outside_client(*addresses: str) -> Client:
    """Something that is not in the cluster, by the addresses that nodes see of it."""
    return Client(Where.OUTSIDE, f"outside {' '.join(addresses)}", addresses)


def of_family(client: Client, family: Family) -> list[str]:
    """A client's addresses of a family."""
    return [each for each in client.addresses if Family.of(each) is family]


def networks_of(networks: Iterable[str], family: Family) -> list[str]:
    """Ranges of a family."""
    return [each for each in networks if Family.of(each) is family]


def zone_of(snapshot: Snapshot, node: str) -> str:
    """A node's topology zone; empty when unknown."""
    return next((labels_of(each).get(ZONE_LABEL, "") for each in snapshot.nodes if name_of(each) == node), "")
