"""What planted faults of the kubelet do to pods: the path works before, is broken during, and works again after."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from harness.effects.run import run
from tests.system.pods_ground import Ground, server, url


async def before_during_after(
    ground: Ground, fault: dict[str, Any], holds: Callable[[], Awaitable[bool]], broken: Callable[[], Awaitable[bool]]
) -> None:
    """The promise holds, is broken while the fault is planted, and holds again when it is taken away."""
    await ground.until(holds, "the promise, before the fault")
    body = {"apiVersion": "faults.harness.dev/v1", "kind": "Fault", "metadata": {"name": "planted"}}
    spec = {"owner": "test", "ttlSeconds": 60, **fault}
    await ground.api.create("faults.faults.harness.dev", {**body, "spec": spec})
    try:
        await ground.until(broken, f"{fault['id']} to show")
    finally:
        await ground.api.delete("faults.faults.harness.dev", "planted")
    await ground.until(holds, f"{fault['id']} to be gone")


async def two_servers(ground: Ground) -> tuple[str, str]:
    """A client pod on the first node and a server pod on the second; the server's IPv4 and IPv6 address."""
    await ground.make("here", server(), node=0)
    await ground.make("there", server(), node=1)
    _, there = await ground.ready("here", "there")
    first, second = (one["ip"] for one in there["status"]["podIPs"])
    return first, second


async def fault_of_a_wrong_nameserver(ground: Ground) -> None:
    """dns/F-35 gives pods made while it is planted a wrong nameserver, on its nodes only."""
    spec = {"id": "dns/F-35", "nodes": [ground.nodes[1]], "owner": "test", "ttlSeconds": 60}
    body = {"apiVersion": "faults.harness.dev/v1", "kind": "Fault", "metadata": {"name": "planted"}, "spec": spec}
    await ground.api.create("faults.faults.harness.dev", body)
    await ground.make("right", node=0)
    await ground.make("wrong", node=1)
    await ground.ready("right", "wrong")
    assert "nameserver 10.96.0.10\n" in await ground.text("right", "cat", "/etc/resolv.conf")
    assert "nameserver 192.0.2.53\n" in await ground.text("wrong", "cat", "/etc/resolv.conf")
    await ground.api.delete("faults.faults.harness.dev", "planted")
    await ground.make("after", node=1)
    await ground.ready("after")
    assert "nameserver 10.96.0.10\n" in await ground.text("after", "cat", "/etc/resolv.conf")
    await ground.drop("right", "wrong", "after")


async def fault_of_stale_neighbours(ground: Ground) -> None:
    """services/F52 makes a remote pod unreachable, on and off, in both families, and leaves its own node alone."""
    for address in await two_servers(ground):

        async def reached(address: str = address) -> bool:
            return (await ground.fetch("here", url(address), limit=0.4)).startswith("there ")

        async def lost() -> bool:
            return not await reached()

        async def lost_then_back() -> bool:
            await ground.until(lost, "a loss")
            await ground.until(reached, "a recovery while the fault is there")
            return True

        spec = {"id": "services/F52", "nodes": [ground.nodes[0]], "params": {"every": 2, "for": 1}}
        await before_during_after(ground, spec, reached, lost_then_back)
    await ground.drop("here", "there")

    async def nothing_stale() -> bool:
        return not run(["ip", "-n", ground.nodes[0], "neigh", "show", "nud", "permanent", "dev", "eth0"]).text

    # The promise may have held already while the fault was there: it comes and goes.
    await ground.until(nothing_stale, "stale entries to be gone")


async def fault_of_a_black_hole(ground: Ground) -> None:
    """services/F53 lets small answers through and swallows large ones, and leaves the link as it was."""
    first, second = await two_servers(ground)
    for address in (first, second):

        async def large(address: str = address) -> bool:
            return (await ground.fetch("here", url(address, path="/200000"), limit=1.0)).startswith("there ")

        async def only_small(address: str = address) -> bool:
            return (await ground.fetch("here", url(address), limit=1.0)).startswith("there ") and not await large(
                address
            )

        await before_during_after(ground, {"id": "services/F53", "nodes": [ground.nodes[1]]}, large, only_small)

    async def as_it_was() -> bool:
        return " mtu 1500 " in run(["ip", "-n", ground.nodes[1], "link", "show", "eth0"]).text

    await ground.until(as_it_was, "the link as it was")
    await ground.drop("here", "there")


async def fault_of_masquerading_all(ground: Ground) -> None:
    """services/F54 makes servers see the client's node instead of the client, and leaves no table behind."""
    first, second = await two_servers(ground)
    for address, node in zip((first, second), ground.plans[0].addresses, strict=True):

        async def seen(address: str = address) -> str:
            return (await ground.fetch("here", url(address))).partition(" ")[2]

        async def as_itself() -> bool:
            return (await seen()).startswith(("10.244.0.", "fd00:10:244:"))

        async def as_its_node(node: str = node) -> bool:
            return await seen() == node

        await before_during_after(ground, {"id": "services/F54", "nodes": [ground.nodes[0]]}, as_itself, as_its_node)
    await ground.drop("here", "there")
