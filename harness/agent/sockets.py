"""Making sockets to ask from: address, family, source, and what the system's refusals mean."""

from __future__ import annotations

import errno
import itertools
import random
import socket
import struct
import time
from typing import Any

from .loop import READ, WRITE, Loop
from .outcome import UNMEASURED, Failed, broke, of_errno, silent

_ABORT = struct.pack("ii", 1, 0)
_IN_PROGRESS = (0, errno.EINPROGRESS)
SO_RST_ON_CLOSE = (socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)


class Context:
    """What every look gets: the loop, when it began, when it has to be over."""

    __slots__ = ("began", "deadline", "loop", "timeout")

    def __init__(self, loop: Loop, timeout: float) -> None:
        self.loop = loop
        self.timeout = timeout
        self.began = time.monotonic()
        self.deadline = self.began + timeout


def family_of(host: str) -> int | None:
    """The family of a literal address, None for a name."""
    if ":" in host:
        return socket.AF_INET6
    try:
        socket.inet_pton(socket.AF_INET, host)
    except OSError:
        return None
    return socket.AF_INET


async def locate(context: Context, host: str) -> tuple[int, str]:
    """Family and address to ask. A name is resolved by the pod's resolver; its first address is taken."""
    family = family_of(host)
    if family is not None:
        return family, host
    kind = socket.SOCK_STREAM
    done, value = await context.loop.in_thread(lambda: socket.getaddrinfo(host, None, type=kind), context.deadline)
    if not done:
        raise Failed(UNMEASURED, f"resolving {host} took longer than {context.timeout:g} s")
    if isinstance(value, OSError):
        raise Failed(UNMEASURED, f"resolving {host}: {value.strerror or value}")
    return int(value[0][0]), str(value[0][4][0])


def make(family: int, kind: int, protocol: int = 0) -> socket.socket:
    """A non-blocking socket."""
    try:
        return socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, protocol)
    except OSError as problem:
        if problem.errno in (errno.EPROTONOSUPPORT, errno.ESOCKTNOSUPPORT, errno.EAFNOSUPPORT):
            raise broke(problem, "this kernel has no such socket") from None
        raise broke(problem, "making a socket") from None


def bind_source(sock: socket.socket, ask: dict[str, Any]) -> None:
    """The ask's source address and port, when it has them."""
    source, port = ask.get("source", ""), ask.get("source_port", 0)
    if not source and not port:
        return
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if not port:
            # The port is chosen at connect: binding to one here would need it free towards everybody.
            sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((source, port))
    except OSError as problem:
        raise broke(problem, f"binding to {source or '*'}:{port}") from None


_IP_BIND_ADDRESS_NO_PORT = 24

_PORTS = range(20000, 60000)
_turn = itertools.count(random.randrange(len(_PORTS)))


def bind_fresh_port(sock: socket.socket, source: str) -> None:
    """Give a datagram socket a source port this pod has not used for long.

    Left to the kernel, one of some thousand probes a minute would reuse the port of an earlier one to the same server;
    connection tracking still knows that flow, for up to two minutes, and a policy that came since does not apply to it.
    """
    for _ in range(64):
        port = _PORTS[next(_turn) % len(_PORTS)]
        try:
            sock.bind((source, port))
        except OSError as problem:
            if problem.errno != errno.EADDRINUSE:
                raise broke(problem, f"binding to {source or '*'}:{port}") from None
        else:
            return
    raise Failed(UNMEASURED, "64 source ports in a row are in use")


async def connected(context: Context, ask: dict[str, Any], kind: int, protocol: int = 0) -> socket.socket:
    """A connected stream socket, or what came instead of a connection. The caller closes it with the loop."""
    family, host = await locate(context, ask["host"])
    sock = make(family, kind, protocol)
    try:
        bind_source(sock, ask)
        code = sock.connect_ex((host, ask["port"]))
        if code == errno.EADDRNOTAVAIL:
            raise broke(OSError(code, "no free port, or no such source address"), "connecting")
        if code not in _IN_PROGRESS:
            raise of_errno(code, "connecting")
        if code:
            if not await context.loop.wait(sock.fileno(), WRITE, context.deadline):
                raise silent("no connection", context.timeout)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise of_errno(code, "connecting")
    except BaseException:
        context.loop.close(sock)
        raise
    return sock


async def receive(context: Context, sock: socket.socket, size: int, *, doing: str, first_wait: bool = True) -> bytes:
    """What came, b"" at the end of the stream. Raises Failed."""
    if first_wait and not await context.loop.wait(sock.fileno(), READ, context.deadline):
        raise silent(doing, context.timeout)
    while True:
        try:
            return sock.recv(size)
        except BlockingIOError:
            if not await context.loop.wait(sock.fileno(), READ, context.deadline):
                raise silent(doing, context.timeout) from None
        except OSError as problem:
            raise of_errno(problem.errno or 0, "connected, then") from None


async def send_all(context: Context, sock: socket.socket, data: bytes, *, doing: str) -> None:
    """All of it. Raises Failed."""
    view = memoryview(data)
    while view:
        try:
            view = view[sock.send(view) :]
        except BlockingIOError:
            if not await context.loop.wait(sock.fileno(), WRITE, context.deadline):
                raise silent(doing, context.timeout) from None
        except OSError as problem:
            raise of_errno(problem.errno or 0, "connected, then") from None
