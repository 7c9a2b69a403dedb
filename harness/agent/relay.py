"""What is exec'd in the container: bytes from stdin to the agent's socket and back, until either ends."""

from __future__ import annotations

import os
import select
import socket
import sys
import time

from .place import socket_name

BLOCK = 262144
APPEAR_WITHIN = 5.0
"""Seconds to wait for the agent: the container counts as started before its process listens."""


def relay() -> int:
    """Pump until one side ends. 0: an orderly end; 3: there is no agent."""
    agent = _reach()
    if agent is None:
        print("relay: no agent listens in this container", file=sys.stderr)
        return 3
    with agent:
        try:
            pump(agent)
        except (BrokenPipeError, ConnectionResetError):
            return 0
    return 0


def _reach() -> socket.socket | None:
    deadline = time.monotonic() + APPEAR_WITHIN
    while True:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.connect(socket_name())
            return sock
        except OSError:
            sock.close()
        if time.monotonic() > deadline:
            return None
        time.sleep(0.02)


def pump(agent: socket.socket) -> None:
    """From our standard input to the agent and back, until either ends.

    Each direction has a buffer of one block, so that a full pipe never stops the other.
    """
    for fd in (0, 1, agent.fileno()):
        os.set_blocking(fd, False)
    inward, outward = b"", b""
    poll = select.poll()
    while True:
        _watch(poll, 0, select.POLLIN if not inward else 0)
        _watch(poll, 1, select.POLLOUT if outward else 0)
        _watch(poll, agent.fileno(), (select.POLLIN if not outward else 0) | (select.POLLOUT if inward else 0))
        ready = dict(poll.poll())
        if not inward and ready.get(0):
            inward = os.read(0, BLOCK)
            if not inward:
                return
        if inward:
            inward = _write(agent.fileno(), inward)
        if not outward and ready.get(agent.fileno(), 0) & ~select.POLLOUT:
            outward = os.read(agent.fileno(), BLOCK)
            if not outward:
                return
        if outward:
            outward = _write(1, outward)


def _watch(poll: select.poll, fd: int, events: int) -> None:
    """Without events a closed peer would still be reported, again and again: then it is left out."""
    if events:
        poll.register(fd, events)
    else:
        try:
            poll.unregister(fd)
        except KeyError:
            return


def _write(fd: int, data: bytes) -> bytes:
    try:
        return data[os.write(fd, data) :]
    except BlockingIOError:
        return data
