"""Asks over datagrams: UDP and ICMP echo through an unprivileged ping socket."""

from __future__ import annotations

import base64
import errno
import os
import socket
import struct
import time
from typing import Any

from .ask_stream import Kept
from .identity import endpoint
from .loop import READ
from .outcome import REACHED, REFUSED, UNMEASURED, Entry, Failed, broke, entry, of_errno, silent
from .protocol import WHO, identity, new_nonce
from .sockets import Context, bind_fresh_port, bind_source, locate, make

_IP_RECVERR = 11
_IPV6_RECVERR = 25
_IP_MTU_DISCOVER, _IP_PMTUDISC_DO = 10, 2
_IPV6_MTU_DISCOVER = 23
_ADMINISTRATIVELY = {(2, 3, 9), (2, 3, 10), (2, 3, 13)}
"""Origin ICMP, type unreachable, codes net / host / communication administratively prohibited."""

LARGEST = 65536


async def ask_udp(context: Context, ask: dict[str, Any], kept: Kept) -> Entry:
    """Send datagrams from one connected socket, collect what comes back."""
    family, host = await locate(context, ask["host"])
    sock = make(family, socket.SOCK_DGRAM)
    try:
        if ask.get("source_port"):
            bind_source(sock, ask)
        else:
            bind_fresh_port(sock, ask.get("source", ""))
        tell_codes(sock)
        code = sock.connect_ex((host, ask["port"]))
        if code:
            raise of_errno(code, "connecting the socket")
    except BaseException:
        context.loop.close(sock)
        raise
    try:
        return await exchange(context, sock, ask)
    finally:
        # Also after silence: the same flow can be asked again later.
        if ask.get("keep"):
            kept.put(ask["keep"], sock)
        else:
            context.loop.close(sock)


async def exchange(context: Context, sock: socket.socket, ask: dict[str, Any]) -> Entry:
    """Questions out of a connected socket, answers in until there is one for each or the time is over."""
    local = endpoint(sock.getsockname())
    count, nonce = ask.get("count", 1), new_nonce()
    try:
        for index in range(count):
            _send(sock, _question(ask, nonce, index))
            if ask.get("spacing") and index + 1 < count:
                await context.loop.sleep_until(time.monotonic() + ask["spacing"])
        return await _collect(context, sock, ask, count, nonce, local)
    except Failed as problem:
        problem.fields.setdefault("local", local)
        raise


def _question(ask: dict[str, Any], nonce: str, index: int) -> bytes:
    if ask.get("payload"):
        return base64.b64decode(ask["payload"])
    question = WHO + f"{nonce}.{index}\n".encode()
    return question.ljust(ask.get("size", 0), b".")


def _send(sock: socket.socket, question: bytes) -> None:
    try:
        sock.send(question)
    except BlockingIOError:
        return  # the send buffer is full: lost, as any datagram may be
    except OSError as problem:
        raise explained(sock, problem, "sending") from None


async def _collect(
    context: Context, sock: socket.socket, ask: dict[str, Any], count: int, nonce: str, local: str
) -> Entry:
    raw = bool(ask.get("payload"))
    answers: list[dict[str, Any]] = []
    first, came = b"", 0
    while came < count:
        if not await context.loop.wait(sock.fileno(), READ, context.deadline):
            break
        try:
            data = sock.recv(LARGEST)
        except BlockingIOError:
            continue
        except OSError as problem:
            if came:
                break
            raise explained(sock, problem, "no answer") from None
        told = identity(data.partition(b"\n")[0])
        if told is not None and not raw and not told["nonce"].startswith(nonce):
            continue  # late, for an earlier question from the same port
        came += 1
        first = first or data
        if told is not None:
            answers.append(told)
    if not came:
        raise silent("no answer", context.timeout)
    return _told(context, answers, first, {"count": count, "came": came}, local, raw=raw)


def _told(
    context: Context, answers: list[dict[str, Any]], first: bytes, counts: dict[str, int], local: str, *, raw: bool
) -> Entry:
    told = entry(REACHED, context.began, local=local, details={**counts, "size": len(first)}, replies=answers)
    if answers:
        told["answer"] = answers[0]
    else:
        told["error"] = f"answered, but not by one of our servers: {first[:60]!r}"
    if raw:
        told["wire"] = base64.b64encode(first.partition(b"\n")[2] if answers else first).decode()
    return told


def tell_codes(sock: socket.socket) -> None:
    """Have the system keep ICMP types and codes, not only an errno."""
    if sock.family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)


def explained(sock: socket.socket, problem: OSError, doing: str) -> Failed:
    """An error of a datagram socket, with the ICMP message behind it when there was one."""
    plain = of_errno(problem.errno or 0, doing)
    try:
        _, ancillary, _, _ = sock.recvmsg(512, 512, socket.MSG_ERRQUEUE)
    except OSError:
        return plain
    for _, kind, data in ancillary:
        if kind in (_IP_RECVERR, _IPV6_RECVERR) and len(data) >= 16:
            _, origin, icmp, code = struct.unpack_from("=IBBB", data)
            plain.fields["details"] = {"icmp": [icmp, code]} if origin in (2, 3) else {}
            if (origin, icmp, code) in _ADMINISTRATIVELY:
                plain.seen = REFUSED
                plain.error += ", administratively prohibited"
    return plain


async def ask_send_datagram(context: Context, ask: dict[str, Any], sock: socket.socket) -> Entry:
    """Ask who is there from a kept datagram socket; errors and answers left over from before are dropped."""
    for flags in (0, socket.MSG_ERRQUEUE):
        try:
            while sock.recvmsg(512, 512, flags | socket.MSG_DONTWAIT)[0] is not None:
                pass
        except OSError:
            continue
    return await exchange(context, sock, ask)


class Echo:
    """Numbers for ICMP echo requests."""

    sequence = 0


async def ask_icmp(context: Context, ask: dict[str, Any]) -> Entry:
    """One echo request. The kernel chooses the identifier and only lets through answers that carry it."""
    family, host = await locate(context, ask["host"])
    v6 = family == socket.AF_INET6
    sock = _ping_socket(v6=v6)
    try:
        bind_source(sock, ask)
        tell_codes(sock)
        if ask.get("dont_fragment"):
            option = (socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER) if v6 else (socket.IPPROTO_IP, _IP_MTU_DISCOVER)
            sock.setsockopt(*option, _IP_PMTUDISC_DO)
        Echo.sequence = (Echo.sequence + 1) & 0xFFFF
        body = new_nonce().encode().ljust(ask.get("size", 56), b".")
        question = struct.pack("!BBHHH", 128 if v6 else 8, 0, 0, 0, Echo.sequence) + body
        try:
            sock.connect((host, 0))
            sock.send(question)
        except OSError as problem:
            if problem.errno == errno.EMSGSIZE:
                raise Failed(REFUSED, "larger than the MTU of the path", code=errno.EMSGSIZE) from None
            raise explained(sock, problem, "sending") from None
        return await _echoed(context, sock, body)
    finally:
        context.loop.close(sock)


def _ping_socket(*, v6: bool) -> socket.socket:
    family = socket.AF_INET6 if v6 else socket.AF_INET
    protocol = socket.IPPROTO_ICMPV6 if v6 else socket.IPPROTO_ICMP
    try:
        return socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, protocol)
    except PermissionError:
        group = os.getgid()
        raise Failed(
            UNMEASURED, f"ping sockets are not permitted here (net.ipv4.ping_group_range, gid {group})"
        ) from None
    except OSError as problem:
        raise broke(problem, "making a ping socket") from None


async def _echoed(context: Context, sock: socket.socket, body: bytes) -> Entry:
    while True:
        if not await context.loop.wait(sock.fileno(), READ, context.deadline):
            raise silent("no echo", context.timeout)
        try:
            data, peer = sock.recvfrom(LARGEST)
        except BlockingIOError:
            continue
        except OSError as problem:
            if problem.errno == errno.EMSGSIZE:
                raise Failed(REFUSED, "larger than the MTU of the path", code=errno.EMSGSIZE) from None
            raise explained(sock, problem, "no echo") from None
        if data[8:] == body:
            return entry(REACHED, context.began, details={"from": str(peer[0]), "size": len(data)})
