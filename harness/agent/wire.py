"""Frames between the host and an agent: one JSON object per line, in both directions.

The only module of the agent that the host imports; standard library only. It does not know what an ask means.

From the host:
    {"hello": VERSION, "session": S, "boot": B, "have": Q}   opens or resumes session S; everything up to frame Q of the
                                                   agent that called itself B has arrived
    {"n": N, "asks": [{"id": I, "do": …}, …], "parallel": P}   N counts up by one; at most P of them at a time (0: all)
    {"ping": T, "have": Q}                         heartbeat; acknowledges result frames up to Q
    {"cancel": [I, …]}                             nobody waits for these any more
    {"bye": true}                                  forget the session
From the agent:
    {"welcome": VERSION, "boot": B, "got": N, "first": Q, "me": {…}}   N is the last asks frame it has, Q the oldest
                                                   result frame it can still give; B changes when the agent restarts
    {"q": Q, "r": [{"id": I, "seen": …, …}, …]}    results; Q counts up by one; every ask is answered exactly once
    {"settled": Q, "got": N, "running": [I, …]}    after the journal was replayed up to Q: of the asks up to frame N
                                                   these are still being asked
    {"pong": T, "now": M}                          M is the agent's monotonic clock
    {"gap": Q, "got": N, "running": [I, …]}        frames before Q were dropped: the journal overflowed; `running` has
                                                   what is being asked and what is in frames from Q on

An ask that is outstanding at the host, not running at the agent and not in a frame was lost: UNMEASURED.
"""

from __future__ import annotations

import json
from typing import Any

VERSION = 1

LONGEST_LINE = 64 * 1024 * 1024
"""A line longer than this is not ours: something else writes to the stream."""

BEAT = 2.0
"""Seconds between the host's heartbeats: often enough for proxies that cut idle streams after some ten seconds."""

DEAF_HOST = 10.0
"""Seconds without a byte from the agent after which the host opens another stream."""

DEAF_AGENT = 30.0
"""Seconds without a byte from the host after which the agent drops the connection (never the session)."""


class WireError(Exception):
    """What came over the stream is not a frame."""


def encode(frame: dict[str, Any]) -> bytes:
    """A frame as a line."""
    return json.dumps(frame, separators=(",", ":")).encode() + b"\n"


class Lines:
    """Cuts a byte stream into frames."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._held = 0

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """The frames completed by `data`. Raises WireError for anything that is not a JSON object per line."""
        head, newline, tail = data.rpartition(b"\n")
        if not newline:
            self._hold(data)
            return []
        complete = b"".join([*self._rest, head])
        self._rest, self._held = [], 0
        self._hold(tail)
        return [_frame(line) for line in complete.split(b"\n") if line]

    def _hold(self, data: bytes) -> None:
        if data:
            self._rest.append(data)
            self._held += len(data)
        if self._held > LONGEST_LINE:
            raise WireError(f"a line of more than {LONGEST_LINE} bytes")


def _frame(line: bytes) -> dict[str, Any]:
    try:
        frame = json.loads(line)
    except ValueError as error:
        raise WireError(f"not a frame: {line[:120]!r}") from error
    if not isinstance(frame, dict):
        raise WireError(f"not a frame: {line[:120]!r}")
    return frame
