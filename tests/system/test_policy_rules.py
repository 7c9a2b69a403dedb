"""NetworkPolicy rules on a real kernel, in scratch namespaces: two nodes, three pods, a machine outside.

Verdicts in all their shapes are traced in tests/unit/embedded/netpol; here is shown that the kernel reads the rules as
the tracer does, and what only a kernel can show: replies, existing connections, a change while packets flow.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from harness.embedded.kubeproxy.compile import compile_services
from harness.embedded.kubeproxy.model import Snapshot as ServiceSnapshot
from harness.embedded.netns.namespace import run_in
from harness.embedded.netpol.compile import compile_policies
from harness.embedded.netpol.model import Snapshot
from harness.embedded.nft.door import KernelDoor
from harness.embedded.nft.ruleset import EMPTY
from harness.embedded.nft.trace import Origin, Packet, Situation, Verdict, trace
from tests.system.scratch_network import PATIENCE, SILENCE, SILENT, ScratchNetwork, can_make_namespaces
from tests.unit.embedded.kubeproxy.service_flows import (
    FAMILIES,
    NODE_ADDRESSES,
    OUTSIDE,
    POD_CIDRS,
    PODS,
    SERVICE_CIDRS,
    pick,
    service,
    slices,
)

pytestmark = pytest.mark.skipif(not can_make_namespaces(), reason="no right to make network namespaces (needs root)")

GATEWAYS = {"n1": ("10.244.0.1", "fd00:10:244::1"), "n2": ("10.244.1.1", "fd00:10:244:1::1")}
PORTS = (8080, 8081)
HOSTS = ("a", "b", "c", "x", "n1", "n2")


def pod(name: str) -> dict[str, Any]:
    node, *addresses = PODS[name]
    ports = [{"name": "web", "containerPort": 8081 if name == "b" else 8080, "protocol": "TCP"}]
    return {
        "metadata": {"namespace": "s", "name": name, "uid": name, "labels": {"pod": name}},
        "spec": {"nodeName": node, "containers": [{"name": "c", "ports": ports}]},
        "status": {"phase": "Running", "podIPs": [{"ip": one} for one in addresses]},
    }


def policy(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "s", "name": "p", "uid": "p"}, "spec": {"podSelector": {}, **spec}}


def snapshot(node: str, policies: Sequence[dict[str, Any]], *, known: str = "abc") -> Snapshot:
    return Snapshot(
        node=node,
        addresses=NODE_ADDRESSES[node],
        pod_cidrs=POD_CIDRS[node],
        pods=tuple(pod(name) for name in known),
        namespaces=({"metadata": {"name": "s", "labels": {"ns": "s"}}},),
        policies=tuple(policies),
    )


class World:
    """The scratch network with a policy door and a Service door into each node."""

    def __init__(self, network: ScratchNetwork) -> None:
        self.network = network
        self.doors = {node: KernelDoor(network.path(node)) for node in NODE_ADDRESSES}
        self.service_doors = {node: KernelDoor(network.path(node)) for node in NODE_ADDRESSES}

    def police(self, *policies: dict[str, Any], known: str = "abc") -> None:
        for node, door in self.doors.items():
            asyncio.run(_replace(door, compile_policies(snapshot(node, policies, known=known))))

    def close(self) -> None:
        for door in (*self.doors.values(), *self.service_doors.values()):
            asyncio.run(door.close())

    def reaches(
        self,
        who: str,
        target: str,
        family: str,
        port: int = 8080,
        protocol: str = "tcp",
        *,
        patience: float = PATIENCE,
    ) -> bool:
        answer, _ = self.network.dial(who, address(target, family), port, protocol, patience=patience)
        assert answer in {target, SILENT}
        return answer == target

    def misses(self, who: str, target: str, family: str, **lane: Any) -> bool:
        return not self.reaches(who, target, family, patience=SILENCE, **lane)


async def _replace(door: KernelDoor, ruleset: Any) -> None:
    await door.replace(ruleset)


def address(host: str, family: str) -> str:
    if host in PODS:
        return pick(PODS[host][1:], family)
    return pick(OUTSIDE if host == "x" else NODE_ADDRESSES[host], family)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    network = ScratchNetwork(
        outside=OUTSIDE, nodes=NODE_ADDRESSES, pods=PODS, gateways=GATEWAYS, through_n1=SERVICE_CIDRS
    )
    try:
        network.make()
        for host in HOSTS:
            for port in PORTS:
                network.serve(host, port)
        made = World(network)
        yield made
        made.close()
    finally:
        network.remove()


POLICIES = {
    "none": [],
    "ingress-closed": [policy(policyTypes=["Ingress"])],
    "egress-closed": [policy(policyTypes=["Egress"])],
    "by-pod": [policy(ingress=[{"from": [{"podSelector": {"matchLabels": {"pod": "a"}}}]}])],
    "by-block": [
        policy(
            ingress=[
                {
                    "from": [
                        {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.244.0.10/32", "172.18.0.0/16"]}},
                        {"ipBlock": {"cidr": "::/0", "except": ["fd00:10:244::a/128", "fc00::/16"]}},
                    ]
                }
            ]
        )
    ],
    "by-port": [policy(ingress=[{"ports": [{"port": 8079, "endPort": 8080}, {"protocol": "UDP", "port": 8081}]}])],
    "named-ingress": [policy(ingress=[{"ports": [{"port": "web"}]}])],
    "named-egress": [policy(policyTypes=["Egress"], egress=[{"ports": [{"port": "web"}]}])],
    "egress-by-pod": [
        policy(policyTypes=["Egress"], egress=[{"to": [{"podSelector": {"matchLabels": {"pod": "c"}}}]}])
    ],
}


@pytest.mark.parametrize("name", POLICIES)
def test_the_kernel_and_the_tracer_agree(world: World, name: str) -> None:
    """Every pair of hosts, lane and family: the kernel decides as the tracer says."""
    world.police(*POLICIES[name])
    rulesets = {node: compile_policies(snapshot(node, POLICIES[name])) for node in NODE_ADDRESSES}
    cells = [
        (who, target, family, port, protocol)
        for who in HOSTS
        for target in "abc"
        for family in FAMILIES
        for port, protocol in ((8080, "tcp"), (8081, "tcp"), (8081, "udp"))
        if who != target
    ]
    wanted = {cell: traced(rulesets, *cell) for cell in cells}
    seen: dict[tuple[Any, ...], bool] = {}

    def look(part: Sequence[tuple[Any, ...]]) -> None:
        for cell in part:
            seen[cell] = world.reaches(*cell, patience=PATIENCE if wanted[cell] else SILENCE)

    threads = [threading.Thread(target=look, args=(cells[start::16],)) for start in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == wanted


def traced(rulesets: dict[str, Any], who: str, target: str, family: str, port: int, protocol: str) -> bool:
    origin = Origin.NODE if who in NODE_ADDRESSES else Origin.LINK
    path = [node for node in (PODS[who][0] if who in PODS else who, PODS[target][0]) if node != "x"]
    for node in dict.fromkeys(path):
        here = origin if node == who else Origin.LINK
        packet = Packet(address(who, family), address(target, family), protocol, port, origin=here)
        local = frozenset(NODE_ADDRESSES[node])
        if trace(rulesets[node], packet, Situation(local=local)).verdict is not Verdict.ACCEPT:
            return False
    return True


@pytest.mark.parametrize("family", FAMILIES)
def test_replies_pass_where_new_connections_do_not(world: World, family: str) -> None:
    """An ingress-isolated client gets its answers; the other direction stays closed (POL-601, POL-605)."""
    closed = policy(podSelector={"matchLabels": {"pod": "a"}}, policyTypes=["Ingress"])
    world.police(closed)
    for protocol in ("tcp", "udp"):
        assert world.reaches("a", "c", family, protocol=protocol)
        assert world.misses("c", "a", family, protocol=protocol)


@pytest.mark.parametrize("family", FAMILIES)
def test_an_existing_connection_outlives_a_new_policy(world: World, family: str) -> None:
    """A held UDP exchange goes on under a policy that forbids new ones, which are denied at once (POL-607, POL-608)."""
    world.police()
    sock = run_in(
        world.network.path("a"),
        lambda: socket.socket(socket.AF_INET6 if family == "IPv6" else socket.AF_INET, socket.SOCK_DGRAM),
    )
    with sock:
        sock.settimeout(PATIENCE)
        sock.connect((address("c", family), 8080))
        sock.send(b"?")
        sock.recv(100)
        world.police(*POLICIES["ingress-closed"])
        sock.send(b"?")
        assert sock.recv(100).startswith(b"c")
    assert world.misses("a", "c", family)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_service_is_judged_by_the_chosen_pod(world: World, family: str) -> None:
    """Rules see the pod and its port, never the Service's (POL-502, POL-503)."""
    web = service("web", 20)
    for node, door in world.service_doors.items():
        state = ServiceSnapshot(
            node=node,
            addresses=NODE_ADDRESSES[node],
            pod_cidrs=POD_CIDRS[node],
            service_cidrs=SERVICE_CIDRS,
            services=(web,),
            slices=tuple(slices("web", "c")),
        )
        asyncio.run(_replace(door, compile_services(state)))
    try:
        cluster_ip = pick(web["spec"]["clusterIPs"], family)
        for port, wanted in ((8080, "c"), (80, SILENT)):
            for direction, field in (("Ingress", "ingress"), ("Egress", "egress")):
                world.police(policy(policyTypes=[direction], **{field: [{"ports": [{"port": port}]}]}))
                patience = SILENCE if wanted == SILENT else PATIENCE
                assert world.network.dial("a", cluster_ip, 80, patience=patience)[0] == wanted
    finally:
        for door in world.service_doors.values():
            asyncio.run(_replace(door, EMPTY))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_pod_not_met_yet_is_silent(world: World, family: str) -> None:
    """While there are policies, a pod the agent does not know gets nothing from pods, but its node reaches it."""
    world.police(policy(podSelector={"matchLabels": {"pod": "nobody"}}), known="ac")
    assert world.misses("a", "b", family)
    assert world.misses("b", "c", family)
    assert world.reaches("n1", "b", family)
    world.police(policy(podSelector={"matchLabels": {"pod": "nobody"}}))
    assert world.reaches("a", "b", family)


def test_a_change_never_opens_what_both_states_deny(world: World) -> None:
    """Denied before and after means denied in between: a hundred updates, probed by one-way datagrams (POL-661)."""
    only_b = policy(ingress=[{"from": [{"podSelector": {"matchLabels": {"pod": "b"}}}]}])
    nobody = policy(ingress=[{"from": [{"podSelector": {"matchLabels": {"pod": "nobody"}}}]}])
    world.police(only_b)
    listener = run_in(world.network.path("c"), lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    sender = run_in(world.network.path("a"), lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    with listener, sender:
        listener.bind(("0.0.0.0", 9000))
        listener.settimeout(0)
        for turn in range(100):
            sender.sendto(b"!", (address("c", "IPv4"), 9000))
            world.police(nobody if turn % 2 else only_b)
            sender.sendto(b"!", (address("c", "IPv4"), 9000))
        with pytest.raises(BlockingIOError):
            listener.recv(10)
