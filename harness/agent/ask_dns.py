"""DNS messages carried to a server and back as wire bytes (RFC 1035 §4.2). Made and read by the host, not here.

Of an answer only what loops need for their decisions is looked at: response code and addresses.
"""

from __future__ import annotations

import base64
import socket
from typing import Any

from .ask_datagram import LARGEST, explained, tell_codes
from .identity import endpoint
from .loop import READ
from .outcome import REACHED, UNMEASURED, Entry, Failed, entry, of_errno, silent
from .sockets import SO_RST_ON_CLOSE, Context, bind_source, connected, locate, make, receive, send_all


async def ask_dns(context: Context, ask: dict[str, Any]) -> Entry:
    """One question over UDP or TCP."""
    query = base64.b64decode(ask["wire_query"])
    if len(query) < 12:
        raise Failed(UNMEASURED, f"not a DNS message: {len(query)} bytes")
    target = {**ask, "host": ask["server"]}
    answered = _over_tcp if ask["proto"] == "tcp" else _over_udp
    message, local = await answered(context, target, query)
    return entry(REACHED, context.began, local=local, wire=base64.b64encode(message).decode(), details=outline(message))


async def _over_udp(context: Context, ask: dict[str, Any], query: bytes) -> tuple[bytes, str]:
    family, host = await locate(context, ask["host"])
    sock = make(family, socket.SOCK_DGRAM)
    try:
        bind_source(sock, ask)
        tell_codes(sock)
        code = sock.connect_ex((host, ask["port"]))
        if code:
            raise of_errno(code, "connecting the socket")
        local = endpoint(sock.getsockname())
        try:
            sock.send(query)
        except OSError as problem:
            raise explained(sock, problem, "sending") from None
        while True:
            if not await context.loop.wait(sock.fileno(), READ, context.deadline):
                raise silent("no answer", context.timeout, local=local)
            try:
                message = sock.recv(LARGEST)
            except BlockingIOError:
                continue
            except OSError as problem:
                raise explained(sock, problem, "no answer") from None
            if message[:2] == query[:2] and len(message) >= 12:
                return message, local
    finally:
        context.loop.close(sock)


async def _over_tcp(context: Context, ask: dict[str, Any], query: bytes) -> tuple[bytes, str]:
    sock = await connected(context, ask, socket.SOCK_STREAM)
    try:
        sock.setsockopt(*SO_RST_ON_CLOSE)
        local = endpoint(sock.getsockname())
        await send_all(context, sock, len(query).to_bytes(2, "big") + query, doing="connected, question not sent")
        data = b""
        while len(data) < 2 or len(data) < 2 + int.from_bytes(data[:2], "big"):
            more = await receive(context, sock, LARGEST, doing="connected, but no whole answer")
            if not more:
                raise Failed("r", f"connected, then closed after {len(data)} bytes of an answer", local=local)
            data += more
        message = data[2 : 2 + int.from_bytes(data[:2], "big")]
        if message[:2] != query[:2]:
            raise Failed(UNMEASURED, "the answer carries another id", local=local)
        return message, local
    finally:
        context.loop.close(sock)


def outline(message: bytes) -> dict[str, Any]:
    """Response code and the addresses in the answer section; without addresses when it cannot be read."""
    told: dict[str, Any] = {"rcode": message[3] & 0x0F, "truncated": bool(message[2] & 0x02)}
    try:
        told["addresses"] = sorted(_addresses(message))
    except (IndexError, ValueError):
        told["unreadable"] = True
    return told


def _addresses(message: bytes) -> set[str]:
    questions, answers = (int.from_bytes(message[at : at + 2], "big") for at in (4, 6))
    at = 12
    for _ in range(questions):
        at = _past_name(message, at) + 4
    found: set[str] = set()
    for _ in range(answers):
        at = _past_name(message, at)
        if at + 10 > len(message):
            raise ValueError("cut short")
        kind, size = (int.from_bytes(message[at + off : at + off + 2], "big") for off in (0, 8))
        data = message[at + 10 : at + 10 + size]
        if len(data) != size:
            raise ValueError("cut short")
        if (kind, size) == (1, 4):
            found.add(socket.inet_ntop(socket.AF_INET, data))
        elif (kind, size) == (28, 16):
            found.add(socket.inet_ntop(socket.AF_INET6, data))
        at += 10 + size
    return found


def _past_name(message: bytes, at: int) -> int:
    while message[at]:
        if message[at] >= 0xC0:
            return at + 2
        at += message[at] + 1
    return at + 1
