"""The servers of a pod: TCP (raw questions and HTTP on the same port), UDP, SCTP; IPv4 and IPv6.

Each family has a socket of its own, so that addresses are always shown in their own clothes and a pod without IPv6
simply has one socket less. Every answer says who answered (`identity.py`).
"""

from __future__ import annotations

import errno
import socket
import struct
import time
import zlib
from typing import Any

from .http_server import speak_http
from .identity import Identity
from .loop import FOREVER, READ, WRITE, Loop, Task
from .outcome import UNMEASURED, Failed
from .protocol import LONGEST_LINE, TAKE, WHO

BACKLOG = 1024
RECEIVE_BUFFER = 4 * 1024 * 1024
"""For bursts of datagrams; the system gives what it allows."""

IPPROTO_SCTP = 132
_IP_PKTINFO = 8
_NO_SUCH_FAMILY = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}


class Server:
    """One bound port: its sockets and what it has accepted."""

    def __init__(self, proto: str, port: int) -> None:
        self.proto = proto
        self.port = port
        self.sockets: list[socket.socket] = []
        self.connections: set[Task] = set()


class Servers:
    """All bound ports of this pod."""

    def __init__(self, loop: Loop, identity: Identity) -> None:
        self._loop = loop
        self._identity = identity
        self._servers: dict[tuple[str, int], Server] = {}

    def open(self, proto: str, port: int, address: str = "") -> list[str]:
        """Serve a port on an address, or on all of both families; the addresses bound. Raises Failed."""
        if (proto, port) in self._servers:
            raise Failed(UNMEASURED, f"{proto}:{port} is served already")
        if proto not in ("tcp", "udp", "sctp"):
            raise Failed(UNMEASURED, f"no server speaks {proto!r}")
        server = Server(proto, port)
        wanted = [address] if address else ["0.0.0.0", "::"]
        for host in wanted:
            try:
                server.sockets.append(_bound(proto, host, port))
            except OSError as problem:
                if not address and problem.errno in _NO_SUCH_FAMILY:
                    continue
                self._close_sockets(server)
                name = errno.errorcode.get(problem.errno or 0, "")
                words = f"{proto}:{port} on {host} cannot be served: {problem.strerror} ({name})"
                raise Failed(UNMEASURED, words, code=problem.errno or 0) from None
        if not server.sockets:
            raise Failed(UNMEASURED, f"{proto}:{port} cannot be served: this pod has no address family")
        self._servers[proto, port] = server
        for sock in server.sockets:
            self._serve(server, sock)
        return [str(sock.getsockname()[0]) for sock in server.sockets]

    def shut(self, proto: str, port: int, *, connections: bool = False) -> bool:
        """Close a port; whether it was served. With `connections` also what it had accepted."""
        server = self._servers.pop((proto, port), None)
        if server is None:
            return False
        self._close_sockets(server)
        if connections:
            for task in list(server.connections):
                task.cancel()
        return True

    def _close_sockets(self, server: Server) -> None:
        for sock in server.sockets:
            self._loop.close(sock)

    def _serve(self, server: Server, sock: socket.socket) -> None:
        if server.proto == "udp":
            self._loop.watch(sock.fileno(), READ, lambda _: self._datagrams(sock))
        else:
            self._loop.watch(sock.fileno(), READ, lambda _: self._accept(server, sock))

    # -- streams ------------------------------------------------------------------------------------------------

    def _accept(self, server: Server, listener: socket.socket) -> None:
        for _ in range(64):
            try:
                sock, peer = listener.accept()
            except OSError:
                return  # nobody there any more, or no descriptor left: the client sees silence
            sock.settimeout(0)
            task = self._loop.spawn(self._converse(server, sock, peer))
            if not task.done:
                server.connections.add(task)
                task.watchers.append(server.connections.discard)

    async def _converse(self, server: Server, sock: socket.socket, peer: tuple[Any, ...]) -> None:
        connection = Connection(self._loop, sock)
        local = sock.getsockname()
        try:
            while line := await connection.line():
                if line.startswith(WHO):
                    nonce = line[len(WHO) :].decode(errors="replace").strip()
                    await connection.send(self._identity.answer(server.proto, nonce, peer, local).encode() + b"\n")
                elif line.startswith(TAKE):
                    await self._take(server, connection, line, peer, local)
                elif b" HTTP/1." in line:
                    await speak_http(connection, line, self._identity, peer, local)
                    return
                else:
                    answer = self._identity.answer(server.proto, "", peer, local, said=line[:200].decode("latin-1"))
                    await connection.send(answer.encode() + b"\n")
        except OSError:
            return  # the client went away: its own probe tells
        finally:
            self._loop.close(sock)

    async def _take(
        self, server: Server, connection: Connection, line: bytes, peer: tuple[Any, ...], local: tuple[Any, ...]
    ) -> None:
        _, nonce, size = line.split()
        took, crc = await connection.take(int(size))
        answer = self._identity.answer(server.proto, nonce.decode(errors="replace"), peer, local, took=took, crc=crc)
        await connection.send(answer.encode() + b"\n")
        left = int(size)
        while left:
            block = _BLOCK[:left]
            await connection.send(block)
            left -= len(block)

    # -- datagrams ----------------------------------------------------------------------------------------------

    def _datagrams(self, sock: socket.socket) -> None:
        port = sock.getsockname()[1]
        for _ in range(64):
            try:
                data, ancillary, _, peer = sock.recvmsg(65536, 128)
            except OSError:
                return
            host, reply_from = _destination(sock, ancillary)
            answer = self._datagram_answer(data, peer, (host, port))
            try:
                sock.sendmsg([answer], reply_from, 0, peer)
            except OSError:
                continue  # the answer is lost, as any datagram may be

    def _datagram_answer(self, data: bytes, peer: tuple[Any, ...], local: tuple[Any, ...]) -> bytes:
        if not data.startswith(WHO):
            return self._identity.answer("udp", "", peer, local).encode() + b"\n" + data
        nonce = data.partition(b"\n")[0][len(WHO) :].decode(errors="replace").strip()
        return (self._identity.answer("udp", nonce, peer, local).encode() + b"\n").ljust(len(data), b".")


_BLOCK = b"0123456789abcdef" * 4096


class Connection:
    """An accepted stream, read by lines and by counts. Raises OSError when the client goes away."""

    def __init__(self, loop: Loop, sock: socket.socket) -> None:
        self._loop = loop
        self.sock = sock
        self._buffer = b""

    async def line(self) -> bytes:
        """The next line without its end; b"" when the client has finished, or sends no line at all."""
        while b"\n" not in self._buffer:
            if len(self._buffer) > LONGEST_LINE or not await self._more():
                return b""
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.rstrip(b"\r") or b" "

    async def head(self) -> list[bytes]:
        """Lines up to an empty one."""
        lines: list[bytes] = []
        while (line := await self.line()) not in (b" ", b""):
            lines.append(line)
        return lines

    async def swallow(self, size: int) -> int:
        """Read and drop; how many bytes came."""
        took, _ = await self.take(size)
        return took

    async def take(self, size: int) -> tuple[int, int]:
        """Read and drop; how many bytes came, and their CRC-32."""
        took = min(len(self._buffer), size)
        crc = zlib.crc32(self._buffer[:took])
        self._buffer = self._buffer[took:]
        while took < size and await self._more():
            took += len(self._buffer)
            crc = zlib.crc32(self._buffer, crc)
            self._buffer = b""
        return took, crc

    async def send(self, data: bytes) -> None:
        """All of it."""
        view = memoryview(data)
        while view:
            try:
                view = view[self.sock.send(view) :]
            except BlockingIOError:
                await self._loop.wait(self.sock.fileno(), WRITE, FOREVER)

    async def pause(self, seconds: float) -> None:
        """Let time pass."""
        await self._loop.sleep_until(time.monotonic() + seconds)

    async def _more(self) -> bool:
        while True:
            try:
                data = self.sock.recv(262144)
                break
            except BlockingIOError:
                await self._loop.wait(self.sock.fileno(), READ, FOREVER)
        self._buffer += data
        return bool(data)


def _bound(proto: str, host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = socket.SOCK_DGRAM if proto == "udp" else socket.SOCK_STREAM
    sock = socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, _number(proto))
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if proto == "udp":
            _tell_destination(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        if proto != "udp":
            sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def _number(proto: str) -> int:
    return IPPROTO_SCTP if proto == "sctp" else 0


def _tell_destination(sock: socket.socket) -> None:
    """Have the system say which of our addresses a datagram was sent to: the answer has to come from there."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)


def _destination(sock: socket.socket, ancillary: list[Any]) -> tuple[str, list[Any]]:
    """The address a datagram was sent to, and the control message that answers from it."""
    for level, kind, data in ancillary:
        if sock.family == socket.AF_INET6 and kind == socket.IPV6_PKTINFO:
            return socket.inet_ntop(socket.AF_INET6, data[:16]), [(level, kind, data[:16] + struct.pack("=I", 0))]
        if sock.family == socket.AF_INET and kind == _IP_PKTINFO:
            return socket.inet_ntop(socket.AF_INET, data[8:12]), [(level, kind, bytes(4) + data[8:12] + bytes(4))]
    return str(sock.getsockname()[0]), []
