"""Asks over streams: TCP, SCTP, connections kept open, large payloads both ways."""

from __future__ import annotations

import socket
import zlib
from typing import Any

from .identity import endpoint
from .loop import Loop
from .outcome import REACHED, REFUSED, UNMEASURED, Entry, Failed, entry
from .protocol import LONGEST_LINE, TAKE, WHO, identity, new_nonce
from .sockets import SO_RST_ON_CLOSE, Context, connected, receive, send_all

IPPROTO_SCTP = 132


class Kept:
    """Sockets kept open under a name. `datagram` says how to talk on one."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._sockets: dict[str, socket.socket] = {}

    def put(self, name: str, sock: socket.socket) -> None:
        """Keep it; one that had the name is closed."""
        self.drop(name)
        self._sockets[name] = sock

    def get(self, name: str) -> socket.socket:
        """The socket of that name."""
        sock = self._sockets.get(name)
        if sock is None:
            raise Failed(UNMEASURED, f"no connection is kept under the name {name!r}")
        return sock

    def drop(self, name: str) -> None:
        """Close and forget it."""
        sock = self._sockets.pop(name, None)
        if sock is not None:
            self._loop.close(sock)


async def ask_tcp(context: Context, ask: dict[str, Any], kept: Kept) -> Entry:
    """Connect, ask who is there."""
    sock = await connected(context, ask, socket.SOCK_STREAM)
    return await _identified(context, ask, sock, kept)


async def ask_sctp(context: Context, ask: dict[str, Any], kept: Kept) -> Entry:
    """As TCP, over one-to-one SCTP."""
    sock = await connected(context, ask, socket.SOCK_STREAM, IPPROTO_SCTP)
    return await _identified(context, {**ask, "identify": True}, sock, kept)


async def _identified(context: Context, ask: dict[str, Any], sock: socket.socket, kept: Kept) -> Entry:
    keep = ask.get("keep", "")
    local = endpoint(sock.getsockname())
    try:
        if not keep:
            # Many short connections would use up the ports if each one lingered for a minute.
            sock.setsockopt(*SO_RST_ON_CLOSE)
        told: Entry = {}
        if ask["identify"]:
            told = await who(context, sock)
        answered = entry(REACHED, context.began, local=local, **told)
    except Failed as problem:
        problem.fields.setdefault("local", local)
        context.loop.close(sock)
        raise
    except BaseException:
        context.loop.close(sock)
        raise
    if keep:
        kept.put(keep, sock)
    else:
        context.loop.close(sock)
    return answered


async def who(context: Context, sock: socket.socket) -> Entry:
    """Ask who is there on a connection; the fields of the entry."""
    nonce = new_nonce()
    await send_all(context, sock, WHO + nonce.encode() + b"\n", doing="connected, but the question could not be sent")
    line, _ = await read_line(context, sock)
    return judged(line, nonce)


def judged(line: bytes, nonce: str) -> Entry:
    """The fields of the entry for an answer line."""
    told = identity(line)
    if told is None:
        return {"error": f"answered, but not by one of our servers: {line[:60]!r}"}
    if told["nonce"] != nonce:
        return {"answer": told, "error": f"the answer carries the nonce {told['nonce']}, not {nonce}"}
    return {"answer": told}


async def read_line(context: Context, sock: socket.socket) -> tuple[bytes, bytes]:
    """A line and what came after it."""
    data = b""
    while b"\n" not in data:
        more = await receive(context, sock, 65536, doing="connected, but no answer")
        if not more:
            if data:
                break
            raise Failed(REFUSED, "connected, then closed without an answer")
        data += more
        if len(data) > LONGEST_LINE:
            break
    line, _, rest = data.partition(b"\n")
    return line, rest


async def ask_send(context: Context, ask: dict[str, Any], kept: Kept) -> Entry:
    """Ask who is there on a kept socket."""
    sock = kept.get(ask["name"])
    local = endpoint(sock.getsockname())
    try:
        told = await who(context, sock)
    except Failed as problem:
        problem.fields.setdefault("local", local)
        raise
    finally:
        if ask.get("close"):
            kept.drop(ask["name"])
    return entry(REACHED, context.began, local=local, **told)


async def ask_payload(context: Context, ask: dict[str, Any]) -> Entry:
    """Send many bytes, have them counted, receive as many."""
    size = ask["size"]
    sock = await connected(context, ask, socket.SOCK_STREAM)
    local = endpoint(sock.getsockname())
    try:
        sock.setsockopt(*SO_RST_ON_CLOSE)
        nonce = new_nonce()
        await send_all(context, sock, TAKE + f"{nonce} {size}\n".encode(), doing="no question sent")
        crc = await _push(context, sock, size)
        line, rest = await read_line(context, sock)
        told = judged(line, nonce)
        took = told.get("answer", {}).get("took")
        if took is None:
            return entry(REACHED, context.began, local=local, **told)
        # What comes back is what was sent, so one checksum is good for both ways.
        came, back = await _pull(context, sock, size, rest)
        unharmed = crc == told["answer"].get("crc") == back
        details = {"sent": size, "took": took, "received": came, "unharmed": unharmed}
        return entry(REACHED, context.began, local=local, details=details, **told)
    except Failed as problem:
        problem.fields.setdefault("local", local)
        raise
    finally:
        context.loop.close(sock)


BLOCK = b"0123456789abcdef" * 4096


async def _push(context: Context, sock: socket.socket, size: int) -> int:
    """Send so many bytes; their CRC-32."""
    sent = crc = 0
    while sent < size:
        block = BLOCK[: size - sent]
        await send_all(context, sock, block, doing=f"sent about {sent} of {size} bytes, the rest not")
        sent, crc = sent + len(block), zlib.crc32(block, crc)
    return crc


async def _pull(context: Context, sock: socket.socket, size: int, first: bytes) -> tuple[int, int]:
    """Receive so many bytes, `first` among them; how many came, and their CRC-32."""
    came, crc = len(first), zlib.crc32(first)
    while came < size:
        more = await receive(context, sock, 262144, doing=f"{came} of {size} bytes came back, no more")
        if not more:
            raise Failed(REFUSED, f"closed after {came} of {size} bytes came back")
        came, crc = came + len(more), zlib.crc32(more, crc)
    return came, crc
