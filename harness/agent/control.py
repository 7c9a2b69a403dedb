"""The agent's door for relays: a unix socket (`place.py` says where), and one `Line` per connected relay."""

from __future__ import annotations

import os
import socket
import time
from typing import Any

from . import wire
from .identity import Identity
from .loop import READ, WRITE, Loop
from .sessions import Session, Sessions

SWEEP = 5.0
"""Seconds between looks for deaf connections and forgotten sessions."""


class Door:
    """Listens for relays at a name; without one it takes what it is handed, and nobody else gets in."""

    def __init__(self, loop: Loop, sessions: Sessions, identity: Identity, *, name: str, boot: str) -> None:
        self.loop = loop
        self.sessions = sessions
        self.identity = identity
        self.boot = boot
        self.lines: set[Line] = set()
        if name:
            self._listen(name)
        loop.call_at(time.monotonic() + SWEEP, self._sweep)

    def take(self, sock: socket.socket) -> None:
        """Somebody is at the other end of this socket."""
        sock.settimeout(0)
        self.lines.add(Line(self, sock))

    def _listen(self, name: str) -> None:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        listener.bind(name)
        listener.listen(64)
        self.loop.watch(listener.fileno(), READ, lambda _: self._accept(listener))

    def _accept(self, listener: socket.socket) -> None:
        try:
            sock, _peer = listener.accept()
        except OSError:
            return
        self.take(sock)

    def _sweep(self) -> None:
        now = time.monotonic()
        for line in list(self.lines):
            if now - line.heard > wire.DEAF_AGENT:
                line.close()
        self.sessions.sweep()
        self.loop.call_at(now + SWEEP, self._sweep)


class Line:
    """A connected relay."""

    def __init__(self, door: Door, sock: socket.socket) -> None:
        self._door = door
        self._sock = sock
        self._lines = wire.Lines()
        self._out: list[bytes] = []
        self._partly: memoryview = memoryview(b"")
        self._cursor = 0
        self._settle_at: int | None = None
        self._wants_write = False
        self._closed = False
        self.session: Session | None = None
        self.heard = time.monotonic()
        door.loop.watch(sock.fileno(), READ, self._event)

    def close(self) -> None:
        """Drop the connection; the session stays."""
        if self._closed:
            return
        self._closed = True
        self._door.lines.discard(self)
        self._door.loop.close(self._sock)
        self._leave()

    def _leave(self) -> None:
        if self.session is not None:
            self.session.left_at = time.monotonic()
            self.session.on_news = _nothing
            self.session = None

    def _event(self, events: int) -> None:
        if events & WRITE:
            self.push()
        if events & ~WRITE and not self._closed:
            self._receive()

    def _receive(self) -> None:
        try:
            data = self._sock.recv(262144)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self.heard = time.monotonic()
        try:
            for frame in self._lines.feed(data):
                self._take(frame)
        except (wire.WireError, KeyError, TypeError, ValueError) as problem:
            os.write(2, f"agent: a relay sent something odd: {problem}\n".encode())
            self.close()
            return
        self.push()

    def _take(self, frame: dict[str, Any]) -> None:
        if "hello" in frame:
            self._greet(frame)
        elif "ping" in frame:
            if self.session is not None:
                self.session.journal.acknowledge(frame["have"])
            self._out.append(wire.encode({"pong": frame["ping"], "now": time.monotonic()}))
        elif self.session is None:
            raise wire.WireError("asked before the greeting")
        elif "asks" in frame:
            self.session.take(frame)
        elif "cancel" in frame:
            self.session.cancel(frame["cancel"])
        elif "bye" in frame:
            self._door.sessions.forget(self.session)

    def _greet(self, frame: dict[str, Any]) -> None:
        session = self._door.sessions.get(str(frame["session"]))
        for other in list(self._door.lines):
            if other is not self and other.session is session:
                other.close()
        session.left_at = None
        session.on_news = self.push
        have = int(frame["have"]) if frame.get("boot") == self._door.boot else 0
        session.journal.acknowledge(have)
        self.session = session
        self._cursor = have + 1
        self._settle_at = session.journal.next
        about = {"boot": self._door.boot, "got": session.got, "first": session.journal.first}
        self._out.append(wire.encode({"welcome": wire.VERSION, **about, "me": self._door.identity.me()}))

    def push(self) -> None:
        """Send what there is, as far as it goes."""
        try:
            while not self._closed and self._load():
                sent = self._sock.send(self._partly)
                self._partly = self._partly[sent:]
        except BlockingIOError:
            self._want_write(wanted=True)
            return
        except OSError:
            self.close()
            return
        self._want_write(wanted=False)

    def _load(self) -> bool:
        """Have something to send: control frames first, then the journal from where this relay is."""
        if self._partly:
            return True
        self._next_frames()
        if not self._out:
            return False
        self._partly = memoryview(b"".join(self._out))
        self._out = []
        return True

    def _next_frames(self) -> None:
        session = self.session
        if session is None or self._out:
            return
        journal = session.journal
        if self._cursor < journal.first:
            self._cursor = journal.first
            self._out.append(wire.encode({"gap": self._cursor, **self._account(session)}))
        if self._settle_at is not None and self._cursor >= self._settle_at:
            self._settle_at = None
            self._out.append(wire.encode({"settled": self._cursor - 1, **self._account(session)}))
        elif self._cursor < journal.next:
            self._out.append(journal.line(self._cursor))
            self._cursor += 1

    def _account(self, session: Session) -> dict[str, Any]:
        return {"got": session.got, "running": session.outstanding(self._cursor)}

    def _want_write(self, *, wanted: bool) -> None:
        if self._closed or wanted == self._wants_write:
            return
        self._wants_write = wanted
        self._door.loop.watch(self._sock.fileno(), READ | WRITE if wanted else READ, self._event)


def _nothing() -> None:
    """The relay is gone."""
