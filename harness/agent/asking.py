"""From an ask on the wire to its entry: one table, and what has to be said when an ask breaks."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Coroutine
from typing import Any

from . import ask_datagram, ask_dns, ask_http, ask_local, ask_stream, repeat
from .identity import Identity
from .loop import Loop
from .outcome import REACHED, UNMEASURED, Entry, Failed, entry, failed
from .servers import Servers
from .sockets import Context

Look = Callable[[Context, dict[str, Any]], Coroutine[Any, Any, Entry]]


class Asker:
    """Everything an ask may need."""

    def __init__(self, loop: Loop, identity: Identity, servers: Servers) -> None:
        self._loop = loop
        self._identity = identity
        self._servers = servers
        self._kept = ask_stream.Kept(loop)
        kept = self._kept
        self._looks: dict[str, Look] = {
            "tcp": lambda context, ask: ask_stream.ask_tcp(context, ask, kept),
            "udp": lambda context, ask: ask_datagram.ask_udp(context, ask, kept),
            "sctp": lambda context, ask: ask_stream.ask_sctp(context, ask, kept),
            "send": self._send,
            "payload": ask_stream.ask_payload,
            "http": ask_http.ask_http,
            "dns": ask_dns.ask_dns,
            "icmp": ask_datagram.ask_icmp,
            "resolve": ask_local.ask_resolve,
            "read": ask_local.ask_read,
            "interfaces": ask_local.ask_interfaces,
            "hostname": ask_local.ask_hostname,
            "serve": self._serve,
            "stop": self._stop,
            "ready": self._ready,
            "heard": self._heard,
            "crash": _crash,
        }

    async def answer(self, ask: dict[str, Any]) -> Entry:
        """The entry for an ask, whatever happens."""
        if ask.get("do") == "until":
            return await repeat.until(self._loop, ask, self.look)
        if ask.get("do") == "hold":
            return await repeat.hold(self._loop, ask, self.look)
        return await self.look(ask)

    async def look(self, ask: dict[str, Any]) -> Entry:
        """One look. What breaks is UNMEASURED, never an exception."""
        context = Context(self._loop, float(ask.get("timeout", 1.0)))
        look = self._looks.get(str(ask.get("do")))
        if look is None:
            return entry(UNMEASURED, context.began, error=f"this agent cannot be asked for {ask.get('do')!r}")
        try:
            return await look(context, ask)
        except Failed as problem:
            return failed(problem, context.began)
        except Exception as problem:  # noqa: BLE001 - an ask that breaks says so and leaves the agent alive
            return entry(UNMEASURED, context.began, error=f"the ask broke: {type(problem).__name__}: {problem}")

    async def _send(self, context: Context, ask: dict[str, Any]) -> Entry:
        sock = self._kept.get(ask["name"])
        if sock.type == socket.SOCK_STREAM:
            return await ask_stream.ask_send(context, ask, self._kept)
        try:
            return await ask_datagram.ask_send_datagram(context, ask, sock)
        finally:
            if ask.get("close"):
                self._kept.drop(ask["name"])

    async def _serve(self, context: Context, ask: dict[str, Any]) -> Entry:
        bound = self._servers.open(ask["proto"], ask["port"], ask.get("address", ""))
        return entry(REACHED, context.began, details={"bound": bound})

    async def _stop(self, context: Context, ask: dict[str, Any]) -> Entry:
        stopped = self._servers.shut(ask["proto"], ask["port"], connections=ask.get("connections", False))
        return entry(REACHED, context.began, details={"stopped": stopped})

    async def _ready(self, context: Context, ask: dict[str, Any]) -> Entry:
        self._identity.ready = bool(ask["ready"])
        return entry(REACHED, context.began)

    async def _heard(self, context: Context, ask: dict[str, Any]) -> Entry:
        heard = self._identity.recall(nonce=ask.get("nonce", ""), client=ask.get("client", ""))
        return entry(REACHED, context.began, details={"heard": heard, "now": time.monotonic()})


async def _crash(context: Context, ask: dict[str, Any]) -> Entry:  # noqa: ARG001 - same shape as the others
    os._exit(int(ask.get("code", 1)))
