"""The flow table of Services on a real kernel, in scratch namespaces: the table the tracer is held against."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from harness.embedded.kubeproxy.compile import compile_services
from harness.embedded.kubeproxy.conntrack import clean, udp_front_ends
from harness.embedded.kubeproxy.health import Health, HealthServers
from harness.embedded.kubeproxy.model import Snapshot
from harness.embedded.netns.namespace import run_in
from harness.embedded.netns.sockets import family_of
from harness.embedded.nft.door import KernelDoor
from tests.system.scratch_network import PATIENCE, SILENCE, ScratchNetwork, can_make_namespaces
from tests.unit.embedded.kubeproxy.service_flows import (
    FAMILIES,
    FLOWS,
    NODE_ADDRESSES,
    OUTSIDE,
    POD_CIDRS,
    PODS,
    REFUSED,
    SERVICE_CIDRS,
    SERVICES,
    SILENT,
    SLICES,
    TARGET_PORT,
    Flow,
    pick,
    service,
    slices,
)

pytestmark = pytest.mark.skipif(not can_make_namespaces(), reason="no right to make network namespaces (needs root)")

GATEWAYS = {"n1": ("10.244.0.1", "fd00:10:244::1"), "n2": ("10.244.1.1", "fd00:10:244:1::1")}
ROUTED_IN = (*SERVICE_CIDRS, "172.18.255.200/32", "fc00:f853:ccd:e793:ffff::/112")
TRIES = 12  # enough to meet a backend that should not be met
MOST_TRIES = 100  # until every backend was met: of two, one is unseen by then once in 10^29 runs


def snapshot(node: str, **changes: object) -> Snapshot:
    base = Snapshot(
        node=node,
        addresses=NODE_ADDRESSES[node],
        pod_cidrs=POD_CIDRS[node],
        service_cidrs=SERVICE_CIDRS,
        services=tuple(SERVICES),
        slices=tuple(SLICES),
    )
    return replace(base, **changes)


class World:
    """The scratch network with a door into each node."""

    def __init__(self, network: ScratchNetwork) -> None:
        self.network = network
        self.doors = {node: KernelDoor(network.path(node)) for node in NODE_ADDRESSES}

    def apply(self, **changes: object) -> None:
        for node, door in self.doors.items():
            asyncio.run(_with_own_lock(door, snapshot(node, **changes)))


async def _with_own_lock(door: KernelDoor, state: Snapshot) -> None:
    await door.replace(compile_services(state))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    network = ScratchNetwork(outside=OUTSIDE, nodes=NODE_ADDRESSES, pods=PODS, gateways=GATEWAYS, through_n1=ROUTED_IN)
    try:
        network.make()
        for pod in PODS:
            network.serve(pod, TARGET_PORT)
        made = World(network)
        yield made
        for door in made.doors.values():
            asyncio.run(door.close())
    finally:
        network.remove()


@pytest.fixture
def served(world: World) -> World:
    world.apply()
    return world


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "flow",
    [flow for flow in FLOWS if flow.in_kernel],
    ids=lambda flow: f"{flow.who}-{flow.to}-{flow.port}-{flow.protocol}",
)
def test_flow(served: World, flow: Flow, family: str) -> None:
    """Each row of the table comes true on the kernel, in both families."""
    asked = (flow.who, flow.destination(family), flow.port, flow.protocol)
    if flow.result in {REFUSED, SILENT}:
        patience = SILENCE if flow.result == SILENT else PATIENCE
        assert served.network.dial(*asked, patience=patience)[0] == flow.result
        return
    seen = [served.network.dial(*asked) for _ in range(TRIES)]
    while {answer for answer, _ in seen} < set(flow.result) and len(seen) < MOST_TRIES:
        seen.append(served.network.dial(*asked))
    assert {answer for answer, _ in seen} == set(flow.result)
    kept = {address for _, address in seen} == {flow.source(family)}
    # A node that masquerades towards the outside uses the very address it would have used itself.
    assert kept != flow.masked or (flow.masked and flow.who == "n1"), seen


@pytest.mark.parametrize("family", FAMILIES)
def test_affinity_keeps_a_client_at_its_endpoint_until_it_times_out(world: World, family: str) -> None:
    """ClientIP affinity holds across other changes, and ends by its time-out."""
    sticky, brief = (
        service(
            name, number, sessionAffinity="ClientIP", sessionAffinityConfig={"clientIP": {"timeoutSeconds": seconds}}
        )
        for name, number, seconds in (("sticky", 50, 600), ("brief", 53, 1))
    )
    behind = (*slices("sticky", "bc"), *slices("brief", "bc"))
    world.apply(services=(sticky, brief), slices=behind)
    address, passing = (pick(one["spec"]["clusterIPs"], family) for one in (sticky, brief))
    first = world.network.dial("a", address, 80)[0]
    world.apply(services=(sticky, brief, service("other", 51)), slices=behind)
    assert {world.network.dial("a", address, 80)[0] for _ in range(TRIES)} == {first}
    met: set[str] = set()
    for _ in range(MOST_TRIES):
        met.add(world.network.dial("a", passing, 80)[0])
        if len(met) == 2:
            break
        time.sleep(1.1)
    assert met == {"b", "c"}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_udp_client_moves_to_the_new_endpoint(world: World, family: str) -> None:
    """A UDP client with a fixed port reaches the new endpoint once stale connections are cleared, and not before."""
    udp = service("udp", 52, ports=[{"port": 80, "protocol": "UDP"}])
    address = pick(udp["spec"]["clusterIPs"], family)
    world.apply(services=(udp,), slices=tuple(slices("udp", "b", protocols=("UDP",))))
    assert world.network.dial("a", address, 80, "udp", source_port=5555)[0] == "b"
    moved = {"services": (udp,), "slices": tuple(slices("udp", "c", protocols=("UDP",)))}
    world.apply(**moved)
    assert world.network.dial("a", address, 80, "udp", source_port=5555)[0] == "b"
    removed = asyncio.run(clean(world.network.path("n1"), udp_front_ends(snapshot("n1", **moved))))
    assert [flow.dialled for flow in removed] == [(address, 80)]
    assert world.network.dial("a", address, 80, "udp", source_port=5555)[0] == "c"


def test_health_ports_answer_on_the_nodes_addresses(world: World) -> None:
    """A load balancer outside asks each node; ports open, change their answer and close (SVC-182, SVC-184, SVC-185)."""

    def ask(address: str) -> str:
        sock = run_in(world.network.path("x"), lambda: socket.socket(family_of(address)))
        with sock:
            sock.settimeout(2)
            sock.connect((address, 31000))
            sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            return sock.recv(4096).decode()

    async def story() -> None:
        servers = HealthServers(world.network.path("n1"), NODE_ADDRESSES["n1"])
        await servers.serve({31000: Health("ns", "svc", 2)})
        for address in NODE_ADDRESSES["n1"]:
            assert (await asyncio.to_thread(ask, address)).startswith("HTTP/1.1 200 OK")
        await servers.serve({31000: Health("ns", "svc", 0)})
        assert (await asyncio.to_thread(ask, NODE_ADDRESSES["n1"][0])).startswith("HTTP/1.1 503")
        await servers.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.to_thread(ask, NODE_ADDRESSES["n1"][0])

    asyncio.run(story())


def test_a_small_change_is_quick(served: World) -> None:
    """One endpoint less among some twenty Services takes the door less than 20 ms, at its best of a hundred times."""
    door = served.doors["n1"]

    async def change() -> float:
        best = float("inf")
        for turn in range(100):
            fewer = slices("web", "b" if turn % 2 else "bc", port_name="t")
            state = snapshot("n1", slices=(*fewer, *SLICES[2:]))
            begun = time.perf_counter()
            await door.replace(compile_services(state))
            best = min(best, time.perf_counter() - begun)
            if best < 0.020:
                break
        return best

    assert asyncio.run(change()) < 0.020
