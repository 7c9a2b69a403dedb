"""The node network: a bridge in the process's own namespace, and one named namespace per node hanging on it.

    fabric (own namespace)   bridge `fabric`  172.18.0.1/16, fc00:f853:ccd:e793::1/64
      ├── node namespace      eth0  172.18.0.2/16 …    routes: other nodes' pod networks via those nodes
      ├── node namespace      eth0  172.18.0.3/16 …    default via the fabric
      └── outside             eth0  172.18.254.2/16 …  a machine that is not in the cluster: default via the fabric

Nodes reach each other and every pod; pods reach everything; the fabric reaches pods through their nodes, so that a
socket in it can act as a client outside the cluster. The fabric forwards nothing: what no node owns is lost there.
What a plan means is decided by pure functions (`fabric_lines`, `node_lines`); `Fabric` carries them out.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.embedded.netns import link, namespace

BRIDGE = "fabric"
NODE_LINK = "eth0"
PREFIX = {4: 16, 6: 64}
GATEWAYS = {4: "172.18.0.1", 6: "fc00:f853:ccd:e793::1"}
"""The fabric's own addresses, as on a kind cluster's Docker network."""

QUICK_ADDRESSES = {
    # Duplicate address detection holds an address back for 1.6 s; nobody else can have ours.
    "net.ipv6.conf.all.accept_dad": "0",
    "net.ipv6.conf.default.accept_dad": "0",
    "net.ipv6.conf.all.accept_ra": "0",
    "net.ipv6.conf.default.accept_ra": "0",
}
HONEST_ERRORS = {
    # Kernels hold ICMP errors back (6 in a burst, then 1 a second): a refusal would look like silence under load.
    "net.ipv4.icmp_ratelimit": "0",
    "net.ipv6.icmp.ratelimit": "0",
    "?net.ipv4.icmp_msgs_per_sec": "1000000",
    "?net.ipv4.icmp_msgs_burst": "10000",
}
OUTSIDE = "outside"
OUTSIDE_ADDRESSES = {4: "172.18.254.2", 6: "fc00:f853:ccd:e793::fe02"}
"""A neighbour of the nodes, as a container on a kind cluster's Docker network is."""

FABRIC_SYSCTLS = {**QUICK_ADDRESSES, **HONEST_ERRORS}
NODE_SYSCTLS = {
    **QUICK_ADDRESSES,
    **HONEST_ERRORS,
    "net.ipv4.ip_forward": "1",
    "net.ipv6.conf.all.forwarding": "1",
    "net.ipv6.conf.default.forwarding": "1",
    # A reply may leave by another link than its request came in on (node ports, traffic through another node).
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.default.rp_filter": "0",
    # The node is the pods' gateway; telling them of better ones would let them bypass its rules.
    "net.ipv4.conf.all.send_redirects": "0",
    "net.ipv4.conf.default.send_redirects": "0",
}
POD_SYSCTLS = {**QUICK_ADDRESSES, **HONEST_ERRORS}


@dataclass(frozen=True)
class NodePlan:
    """A node's place in the network: addresses on the fabric and the pod networks behind it, IPv4 before IPv6."""

    name: str
    addresses: tuple[str, ...]
    pod_cidrs: tuple[str, ...]

    @property
    def netns(self) -> Path:
        """Where its namespace is kept."""
        return namespace.NAMED / self.name


def plan_nodes(names: Sequence[str], families: Sequence[str]) -> tuple[NodePlan, ...]:
    """The standing numbering: the first node is 172.18.0.2 and fc00:f853:ccd:e793::2 with pods in 10.244.0.0/24 …"""
    return tuple(
        NodePlan(
            name,
            addresses=tuple(_node_address(family, index) for family in families),
            pod_cidrs=tuple(_pod_cidr(family, index) for family in families),
        )
        for index, name in enumerate(names)
    )


def _node_address(family: str, index: int) -> str:
    if family == "IPv4":
        return str(ipaddress.ip_address("172.18.0.2") + index)
    return str(ipaddress.ip_address("fc00:f853:ccd:e793::2") + index)


def _pod_cidr(family: str, index: int) -> str:
    return str(ipaddress.ip_network(f"10.244.{index}.0/24" if family == "IPv4" else f"fd00:10:244:{index:x}::/64"))


def port_name(index: int) -> str:
    """The fabric's end of a node's link."""
    return f"node{index}"


def fabric_lines(nodes: Sequence[NodePlan]) -> list[str]:
    """The fabric's side: the bridge with its addresses, a port for each node, routes to the pods behind them."""
    lines = link.bridge(BRIDGE)
    versions = sorted({_version(one) for node in nodes for one in node.addresses})
    lines += [link.address(BRIDGE, f"{GATEWAYS[version]}/{PREFIX[version]}") for version in versions]
    for index, node in enumerate(nodes):
        lines += link.veth_into(port_name(index), namespace=node.name, inner=NODE_LINK)
        lines += link.up(port_name(index), master=BRIDGE)
    return lines


def outside_plan(nodes: Sequence[NodePlan]) -> NodePlan:
    """The place outside: of the families of the nodes, without pods, and nobody routes to it but as a neighbour."""
    versions = sorted({_version(one) for node in nodes for one in node.addresses})
    return NodePlan(OUTSIDE, tuple(OUTSIDE_ADDRESSES[version] for version in versions), ())


def node_lines(node: NodePlan) -> list[str]:
    """A node's side: its addresses and its default route."""
    lines = link.up(NODE_LINK)
    lines += [link.address(NODE_LINK, f"{one}/{PREFIX[_version(one)]}") for one in node.addresses]
    lines += [link.route("default", via=GATEWAYS[_version(one)]) for one in node.addresses]
    return lines


def pod_routes(nodes: Sequence[NodePlan], *, besides: NodePlan | None = None) -> list[str]:
    """Routes to the pods of every node but one, through the nodes that run them."""
    return [
        link.route(cidr, via=next(one for one in node.addresses if _version(one) == _version(cidr)))
        for node in nodes
        if node != besides
        for cidr in node.pod_cidrs
    ]


def _version(address: str) -> int:
    return 6 if ":" in address else 4


class Fabric:
    """The node network of one cluster, made by `start` and removed by `stop`."""

    def __init__(self, nodes: Sequence[NodePlan]) -> None:
        self.nodes = tuple(nodes)
        self.outside = outside_plan(nodes)

    async def start(self) -> None:
        """Make all of it. Raises NamespaceError or RunError; `stop` cleans up after half a start too."""
        await asyncio.to_thread(self._make_namespaces)
        await link.apply_async(fabric_lines([*self.nodes, self.outside]))
        await asyncio.gather(
            *(
                link.apply_async([*node_lines(node), *pod_routes(self.nodes, besides=node)], namespace=node.name)
                for node in self.nodes
            ),
            link.apply_async(node_lines(self.outside), namespace=OUTSIDE),
        )
        await link.apply_async(pod_routes(self.nodes))

    def _make_namespaces(self) -> None:
        for name, value in FABRIC_SYSCTLS.items():
            file = namespace.sysctl_file(name.removeprefix("?"))
            if file.exists():
                file.write_text(value)
        for node in self.nodes:
            namespace.make(node.netns, sysctls=NODE_SYSCTLS)
        namespace.make(self.outside.netns, sysctls=POD_SYSCTLS)

    async def stop(self) -> None:
        """Remove links and namespaces; what is gone already is no error."""
        lines = [link.remove(port_name(index)) for index in range(len(self.nodes) + 1)]
        for line in [*lines, link.remove(BRIDGE)]:
            await link.apply_async([line], check=False)
        for node in (*self.nodes, self.outside):
            await asyncio.to_thread(namespace.remove, node.netns)
