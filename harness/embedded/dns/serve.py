"""The sockets of a DNS pod: UDP and TCP on 53, health on 8080, readiness on 8181.

As CoreDNS does, the port stays closed until the cluster is known, for at most five seconds; then cluster names get
SERVFAIL until it is. After SIGTERM everything goes on for the lame-duck time: clients still send for a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import random
import signal
import socket
import struct
from dataclasses import dataclass
from typing import Any, cast

from harness.embedded.dns.faults import Memory, Planted
from harness.embedded.dns.server import respond
from harness.embedded.dns.upstream import closed_world
from harness.embedded.dns.view import View

log = logging.getLogger(__name__)

START_SECONDS = 5.0
LAMEDUCK_SECONDS = 5.0
IDLE_SECONDS = 10.0
"""How long a TCP client may stay silent (RFC 7766 §6.2.3; CoreDNS's read timeout)."""
RECEIVE_BUFFER = 1 << 20
"""Room for a burst of questions: every worker of a test run may ask at once."""


@dataclass(frozen=True)
class Ports:
    """Where to listen; 0 picks any, for tests."""

    dns: int = 53
    health: int = 8080
    ready: int = 8181


class DnsServer:
    """Serves one view of the cluster."""

    def __init__(self, view: View, planted: Planted, memory: Memory, *, ports: Ports, host: str = "::") -> None:
        self._view = view
        self._planted = planted
        self._memory = memory
        self._wanted = ports
        self._host = host
        self._shuffle = random.Random()  # noqa: S311 - the order of records is no secret
        self._servers: list[asyncio.Server] = []
        self._datagrams: asyncio.DatagramTransport | None = None
        self._clients: set[asyncio.StreamWriter] = set()
        self.ports = ports
        """Where it listens, once started."""

    async def start(self) -> None:
        """Open the ports: health at once, DNS when the view is complete or the patience is over."""
        health = await self._http(self._wanted.health, lambda: True)
        ready = await self._http(self._wanted.ready, self._view.synced.is_set)
        await self._view.start()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._view.synced.wait(), START_SECONDS)
        port = await self._listen(self._wanted.dns)
        self.ports = Ports(port, health, ready)

    async def stop(self) -> None:
        """Close everything."""
        if self._datagrams:
            self._datagrams.close()
        for server in self._servers:
            server.close()
        for writer in self._clients:
            writer.close()
        await self._view.stop()

    def answer(self, wire: bytes, *, stream: bool, v6: bool = False) -> bytes | None:
        """The message that answers another; None where none is given."""
        if self._planted.drops(wire) or self._memory.away():
            return None
        said = respond(
            self._planted.heard(wire),
            self._view.zone,
            stream=stream or self._planted.overflows(),
            shuffle=self._shuffle,
            upstream=closed_world,
            bend=self._memory.bend,
            v6=v6,
        )
        self._memory.note(said)
        return said

    async def _listen(self, port: int) -> int:
        server = await asyncio.start_server(self._serve_stream, sock=_socket(self._host, port, socket.SOCK_STREAM))
        self._servers.append(server)
        bound = int(server.sockets[0].getsockname()[1])
        udp = _socket(self._host, bound, socket.SOCK_DGRAM)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        loop = asyncio.get_running_loop()
        self._datagrams, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=udp)
        return bound

    async def _serve_stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        try:
            if not self._planted.hangs_up():
                await self._converse(reader, writer)
        except (OSError, EOFError, TimeoutError):
            pass  # the client left, or fell silent: its end of the conversation
        finally:
            self._clients.discard(writer)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Messages in the order they come, as many as the client sends."""
        while True:
            head = await asyncio.wait_for(reader.readexactly(2), IDLE_SECONDS)
            wire = await asyncio.wait_for(reader.readexactly(struct.unpack("!H", head)[0]), IDLE_SECONDS)
            answer = self.answer(wire, stream=True)
            if answer is None:
                return
            writer.write(struct.pack("!H", len(answer)) + answer)
            await writer.drain()

    async def _http(self, port: int, good: Any) -> int:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
                await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), IDLE_SECONDS)
                status, text = ("200 OK", "OK") if good() else ("503 Service Unavailable", "kubernetes")
                head = f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n"
                writer.write(head.encode() + text.encode())
                await writer.drain()
            writer.close()

        server = await asyncio.start_server(handle, sock=_socket(self._host, port, socket.SOCK_STREAM))
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Asyncio's promise, but only by shape: before Python 3.12 its transport is no subclass.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        v6 = ":" in addr[0] and not addr[0].startswith("::ffff:")
        try:
            answer = self._server.answer(data, stream=False, v6=v6)
        except Exception:  # one question must not end the server; it goes unanswered, and the log says why
            log.exception("no answer to %s", data.hex())
            return
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)


def _socket(host: str, port: int, kind: int) -> socket.socket:
    """A bound socket; on "::" for both families, or for IPv4 alone where the kernel has no IPv6."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        sock = socket.socket(family, kind)
    except OSError:
        return _socket("0.0.0.0", port, kind)
    sock.settimeout(0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    try:
        sock.bind((host, port))
    except OSError:
        sock.close()
        if host == "::":
            return _socket("0.0.0.0", port, kind)
        raise
    return sock


async def run_until_told(server: DnsServer, *, lameduck: float = LAMEDUCK_SECONDS) -> None:
    """Serve until SIGTERM or SIGINT, and for the lame-duck time after it."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    await server.start()
    log.info("serving %s", server.ports)
    await told.wait()
    await asyncio.sleep(lameduck)
    await server.stop()


def parse_addresses(text: str) -> tuple[str, ...]:
    """Addresses from a comma-separated list, as the downward API gives a pod its own."""
    return tuple(str(ipaddress.ip_address(part.strip())) for part in text.split(",") if part.strip())
