"""The agent itself: process 1 of its container. Serves, asks, keeps, reaps, and ends gracefully.

After SIGTERM it says not ready and goes on serving for `linger` seconds, as a well-behaved server does while its
endpoint is being withdrawn; a second SIGTERM ends it at once.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time

from .asking import Asker
from .control import Door
from .identity import Identity
from .loop import Loop
from .outcome import Failed
from .place import socket_name
from .servers import Servers
from .sessions import JOURNAL_BYTES, Sessions

RESERVED_DESCRIPTORS = 64


class Options:
    """The command line of `serve`. Raises ValueError with a line for the user."""

    def __init__(self, arguments: list[str]) -> None:
        self.linger = 0.0
        self.ready = True
        self.servers: list[tuple[str, int, str]] = []
        for argument in arguments:
            if argument.startswith("--linger="):
                self.linger = float(argument.partition("=")[2])
            elif argument == "--unready":
                self.ready = False
            else:
                self.servers.append(server_name(argument))


def server_name(text: str) -> tuple[str, int, str]:
    """`tcp:80` or `udp:53@127.0.0.1` as protocol, port, address."""
    proto, _, rest = text.partition(":")
    port, _, address = rest.partition("@")
    if proto not in ("tcp", "udp", "sctp") or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"{text!r} is not a server: write it as tcp:80, udp:53, sctp:80 or tcp:80@127.0.0.1")
    return proto, int(port), address


class Agent:
    """Everything that lives in process 1."""

    def __init__(self, options: Options, *, identity: Identity | None = None, meet_at: str = "") -> None:
        """`meet_at`: the socket's name where relays find it; without one nobody does."""
        self._options = options
        self._leaving = False
        self.loop = Loop()
        self.identity = identity or Identity()
        self.identity.ready = options.ready
        self.servers = Servers(self.loop, self.identity)
        asker = Asker(self.loop, self.identity, self.servers)
        journal = int(os.environ.get("HARNESS_JOURNAL_BYTES", JOURNAL_BYTES))
        sessions = Sessions(self.loop, asker.answer, most_running=_descriptors(), journal_bytes=journal)
        self.door = Door(self.loop, sessions, self.identity, name=meet_at, boot=os.urandom(8).hex())

    def run(self) -> int:
        """Until told to end; the exit code."""
        self._mind_signals()
        for proto, port, address in self._options.servers:
            try:
                self.servers.open(proto, port, address)
            except Failed as problem:
                print(f"agent: {problem.error}", file=sys.stderr, flush=True)
                if proto != "sctp":
                    return 1
        print(f"agent: {self.identity.namespace}/{self.identity.pod} serves", file=sys.stderr, flush=True)
        self.loop.run()
        return 0

    def _mind_signals(self) -> None:
        signal.set_wakeup_fd(self.loop.bell, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, lambda *_: self.loop.call_from_thread(self._leave))
        signal.signal(signal.SIGINT, lambda *_: self.loop.call_from_thread(self.loop.stop))
        signal.signal(signal.SIGCHLD, lambda *_: self.loop.call_from_thread(_reap))
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        _reap()  # nobody rings for those who ended before the bell was there

    def _leave(self) -> None:
        if self._leaving or not self._options.linger:
            self.loop.stop()
            return
        self._leaving = True
        self.identity.ready = False
        self.loop.call_at(time.monotonic() + self._options.linger, self.loop.stop)


def _reap() -> None:
    """Children of ended exec processes become ours: process 1 has to bury them."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def _descriptors() -> int:
    """How many asks may run at once: each needs a descriptor, servers need one per connection too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return max(16, min(1024, (hard - RESERVED_DESCRIPTORS) // 2 if hard > 0 else 1024))


def serve(arguments: list[str]) -> int:
    """The command `serve`."""
    try:
        options = Options(arguments)
    except ValueError as problem:
        print(f"agent: {problem}", file=sys.stderr)
        return 2
    return Agent(options, meet_at=socket_name()).run()
