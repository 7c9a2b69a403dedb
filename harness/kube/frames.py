"""WebSocket frames as values (RFC 6455 §5): bytes in, messages out, and back. No socket here.

Ours and not the library's, because an exec stream carries thousands of small messages a second: whole reads are cut
here in memory, where the library would ask the socket for every header byte by byte.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

LONGEST = 64 * 1024 * 1024
"""A message longer than this does not come from an exec stream."""


class FrameError(Exception):
    """What came is not a WebSocket frame of a server."""


@dataclass(frozen=True)
class Message:
    """A whole message: `opcode` is TEXT, BINARY, CLOSE, PING or PONG."""

    opcode: int
    payload: bytes


def encode(opcode: int, payload: bytes) -> bytes:
    """A message as one masked frame, as a client has to send it."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 65536:
        head = bytes((0x80 | opcode, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0x80 | 127)) + size.to_bytes(8, "big")
    key = os.urandom(4)
    return head + key + _masked(payload, key)


def _masked(payload: bytes, key: bytes) -> bytes:
    size = len(payload)
    pad = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(pad, "little")).to_bytes(size, "little")


class Reader:
    """Cuts what a server sends into messages; fragments are put together."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._parts: list[bytes] = []
        self._opcode = CONTINUATION

    def feed(self, data: bytes) -> list[Message]:
        """The messages completed by `data`. Raises FrameError."""
        self._buffer += data
        messages: list[Message] = []
        position = 0
        while (cut := self._cut(position)) is not None:
            first, start, end = cut
            message = self._joined(first, bytes(self._buffer[start:end]))
            if message is not None:
                messages.append(message)
            position = end
        del self._buffer[:position]
        return messages

    def _cut(self, at: int) -> tuple[int, int, int] | None:
        """First byte, start and end of the payload of the frame at `at`; None while it is not complete."""
        buffer = self._buffer
        have = len(buffer) - at
        if have < 2:
            return None
        first, size = buffer[at], buffer[at + 1]
        if size & 0x80 or first & 0x70:
            raise FrameError(f"not a frame of a server: {bytes(buffer[at : at + 2]).hex()}")
        header = 2
        if size >= 126:
            header = 4 if size == 126 else 10
            if have < header:
                return None
            size = int.from_bytes(buffer[at + 2 : at + header], "big")
        if size > LONGEST:
            raise FrameError(f"a frame of {size} bytes")
        if have < header + size:
            return None
        return first, at + header, at + header + size

    def _joined(self, first: int, payload: bytes) -> Message | None:
        opcode, final = first & 0x0F, bool(first & 0x80)
        if opcode >= CLOSE:
            return Message(opcode, payload)
        if opcode == CONTINUATION and self._opcode == CONTINUATION:
            raise FrameError("a continuation of nothing")
        if opcode == CONTINUATION or not final:
            self._opcode = opcode or self._opcode
            self._parts.append(payload)
            if not final:
                return None
            payload = b"".join(self._parts)
            opcode, self._opcode, self._parts = self._opcode, CONTINUATION, []
        return Message(opcode, payload)
