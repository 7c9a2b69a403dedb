"""The DNS server on loopback sockets: datagrams, streams, many at once, readiness, planted faults."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import dns.message
import dns.rcode
import pytest

from harness.effects.clock import RealClock
from harness.embedded.api import LocalApi
from harness.embedded.dns.faults import Memory, Planted
from harness.embedded.dns.serve import DnsServer, Ports
from harness.embedded.dns.view import View
from harness.embedded.store.objects import Store

SECONDS = 60.0
"""For a whole test, on a machine with much else to do."""


@dataclass
class Running:
    """A server, and the store it watches."""

    server: DnsServer
    store: Store

    def service(self, name: str) -> str:
        """Make a Service; its address."""
        body = {"metadata": {"name": name}, "spec": {"ports": [{"name": "http", "port": 80}]}}
        return str(self.store.create("services", body, namespace="x")["spec"]["clusterIP"])

    async def ask(self, name: str, kind: str = "A") -> dns.message.Message:
        """One question by datagram."""
        loop = asyncio.get_running_loop()
        query = dns.message.make_query(f"{name}.x.svc.cluster.local.", kind)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0)
            sock.connect(("127.0.0.1", self.server.ports.dns))
            await loop.sock_sendall(sock, query.to_wire())
            return dns.message.from_wire(await loop.sock_recv(sock, 65535))

    async def until(self, name: str, rcode: int) -> None:
        """Ask until the answer has this rcode; the test's time-out is the limit."""
        while (await self.ask(name)).rcode() != rcode:  # noqa: ASYNC110 - only asking can tell
            await asyncio.sleep(0.01)

    async def get(self, port: int) -> str:
        """The status line of a health port."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        line = await reader.readline()
        writer.close()
        return line.decode().strip()


@asynccontextmanager
async def running() -> AsyncIterator[Running]:
    store = Store()
    store.create("namespaces", {"metadata": {"name": "x"}})
    planted = Planted("n1")
    clock = RealClock()
    view = View(LocalApi(store, "coredns"), clock=clock, planted=planted)
    memory = Memory(planted, clock, ("cluster", "local"))
    server = DnsServer(view, planted, memory, ports=Ports(0, 0, 0), host="127.0.0.1")
    await server.start()
    try:
        yield Running(server, store)
    finally:
        await server.stop()


def play(body: Callable[[Running], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with asyncio.timeout(SECONDS), running() as ground:
            await body(ground)

    asyncio.run(whole())


def plant(store: Store, ident: str, **spec: Any) -> None:
    body = {"metadata": {"name": ident.replace("/", "-").lower()}, "spec": {"id": ident, "ttlSeconds": 60, **spec}}
    store.create("faults.faults.harness.dev", body)


def heal(store: Store) -> None:
    for item in store.list("faults.faults.harness.dev").items:
        store.delete("faults.faults.harness.dev", item["metadata"]["name"])


def test_names_follow_the_cluster() -> None:
    """A Service is answered once it exists, and not any more once it is deleted."""

    async def body(ground: Running) -> None:
        assert (await ground.ask("web")).rcode() == dns.rcode.NXDOMAIN
        address = ground.service("web")
        await ground.until("web", dns.rcode.NOERROR)
        assert (await ground.ask("web")).answer[0][0].to_text() == address
        ground.store.delete("services", "web", namespace="x")
        await ground.until("web", dns.rcode.NXDOMAIN)

    play(body)


def test_a_stream_carries_many_questions_in_order() -> None:
    """Twenty pipelined questions over one connection are answered in the order they were asked."""

    async def body(ground: Running) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", ground.server.ports.dns)
        queries = [dns.message.make_query(f"w{index}.x.svc.cluster.local.", "A") for index in range(20)]
        writer.write(b"".join(struct.pack("!H", len(q.to_wire())) + q.to_wire() for q in queries))
        for query in queries:
            size = struct.unpack("!H", await reader.readexactly(2))[0]
            assert dns.message.from_wire(await reader.readexactly(size)).id == query.id
        writer.close()

    play(body)


def test_hundreds_at_once_are_all_answered() -> None:
    """A burst of 300 questions from 300 sockets loses none."""

    async def body(ground: Running) -> None:
        ground.service("web")
        await ground.until("web", dns.rcode.NOERROR)
        answers = await asyncio.gather(*(ground.ask("web", kind) for kind in ("A", "AAAA", "SRV") for _ in range(100)))
        assert len(answers) == 300

    play(body)


def test_health_and_readiness_are_served() -> None:
    """Once synchronised, both ports say OK."""

    async def body(ground: Running) -> None:
        assert await ground.get(ground.server.ports.health) == "HTTP/1.1 200 OK"
        assert await ground.get(ground.server.ports.ready) == "HTTP/1.1 200 OK"

    play(body)


@pytest.mark.parametrize("noise", [b"", b"x", b"\0" * 12, b"\xff" * 600])
def test_noise_does_not_stop_it(noise: bytes) -> None:
    """After rubbish by datagram and by stream the next question is answered."""

    async def body(ground: Running) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(noise, ("127.0.0.1", ground.server.ports.dns))
        _, writer = await asyncio.open_connection("127.0.0.1", ground.server.ports.dns)
        writer.write(struct.pack("!H", len(noise)) + noise)
        await writer.drain()
        writer.close()
        assert (await ground.ask("web")).rcode() == dns.rcode.NXDOMAIN

    play(body)


def test_a_planted_fault_acts_and_ends() -> None:
    """F-05 turns NXDOMAIN into NODATA from the moment it is planted until it is removed."""

    async def body(ground: Running) -> None:
        plant(ground.store, "dns/F-05")
        await ground.until("nope", dns.rcode.NOERROR)
        heal(ground.store)
        await ground.until("nope", dns.rcode.NXDOMAIN)

    play(body)


def test_a_stuck_watch_misses_what_comes_later() -> None:
    """F-16: a Service made while it is planted stays unknown, and is known when it is removed."""

    async def body(ground: Running) -> None:
        ground.service("old")
        await ground.until("old", dns.rcode.NOERROR)
        plant(ground.store, "dns/F-16", namespaces=["x"])
        plant(ground.store, "dns/F-05", namespaces=["x"])
        await ground.until("nope", dns.rcode.NOERROR)  # the second fault shows that the first one has arrived
        ground.store.delete("faults.faults.harness.dev", "dns-f-05")
        await ground.until("nope", dns.rcode.NXDOMAIN)
        ground.service("new")
        ground.store.delete("services", "old", namespace="x")
        await asyncio.sleep(0.05)
        assert (await ground.ask("new")).rcode() == dns.rcode.NXDOMAIN
        assert (await ground.ask("old")).rcode() == dns.rcode.NOERROR
        heal(ground.store)
        await ground.until("new", dns.rcode.NOERROR)
        await ground.until("old", dns.rcode.NXDOMAIN)

    play(body)


def test_streams_are_cut_while_planted() -> None:
    """F-08: TCP connections end without an answer."""

    async def body(ground: Running) -> None:
        plant(ground.store, "dns/F-08")
        plant(ground.store, "dns/F-05")
        await ground.until("nope", dns.rcode.NOERROR)
        reader, writer = await asyncio.open_connection("127.0.0.1", ground.server.ports.dns)
        assert await reader.read() == b""
        writer.close()

    play(body)
