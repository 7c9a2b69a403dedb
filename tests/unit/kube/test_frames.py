"""WebSocket frames: what goes out is masked, what comes in is put together whatever way it was cut."""

from __future__ import annotations

import pytest

from harness.kube.frames import BINARY, CLOSE, CONTINUATION, LONGEST, PING, TEXT, FrameError, Message, Reader, encode

SIZES = [0, 1, 125, 126, 127, 65535, 65536, 200_000]


def from_server(opcode: int, payload: bytes, *, final: bool = True) -> bytes:
    """A frame as a server sends it: not masked."""
    size = len(payload)
    first = (0x80 if final else 0) | opcode
    if size < 126:
        return bytes((first, size)) + payload
    if size < 65536:
        return bytes((first, 126)) + size.to_bytes(2, "big") + payload
    return bytes((first, 127)) + size.to_bytes(8, "big") + payload


def unmasked(frame: bytes) -> tuple[int, bytes]:
    """Opcode and payload of a client's frame, read by the letter of the RFC."""
    opcode, size = frame[0] & 0x0F, frame[1] & 0x7F
    assert frame[1] & 0x80, "a client's frame has to be masked"
    at = 2
    if size == 126:
        size, at = int.from_bytes(frame[2:4], "big"), 4
    elif size == 127:
        size, at = int.from_bytes(frame[2:10], "big"), 10
    key, body = frame[at : at + 4], frame[at + 4 :]
    assert len(body) == size
    return opcode, bytes(byte ^ key[i % 4] for i, byte in enumerate(body))


@pytest.mark.parametrize("size", SIZES)
def test_client_frames_unmask_to_what_was_sent(size: int) -> None:
    """A frame of any length class carries exactly its payload under the mask."""
    payload = bytes(i * 7 % 256 for i in range(size))
    assert unmasked(encode(BINARY, payload)) == (BINARY, payload)


def test_masks_differ() -> None:
    """Two equal messages look different on the wire: proxies must not be able to guess."""
    assert len({encode(BINARY, b"same payload") for _ in range(20)}) == 20


@pytest.mark.parametrize("size", SIZES)
def test_server_frames_of_any_length_are_read(size: int) -> None:
    """Every length class of a server's frame is understood."""
    payload = b"\xab" * size
    assert Reader().feed(from_server(BINARY, payload)) == [Message(BINARY, payload)]


@pytest.mark.parametrize("step", [1, 2, 3, 7, 64, 4096])
def test_the_way_it_is_cut_does_not_matter(step: int) -> None:
    """Byte by byte or in large reads: the same messages come out in the same order."""
    messages = [Message(BINARY, b"a" * n) for n in (0, 3, 126, 70_000)] + [Message(PING, b"p"), Message(CLOSE, b"")]
    data = b"".join(from_server(message.opcode, message.payload) for message in messages)
    reader = Reader()
    got = [message for at in range(0, len(data), step) for message in reader.feed(data[at : at + step])]
    assert got == messages


def test_fragments_are_joined_around_control_frames() -> None:
    """A message in pieces is one message; a ping between its pieces is its own."""
    reader = Reader()
    data = (
        from_server(TEXT, b"ab", final=False) + from_server(PING, b"") + from_server(CONTINUATION, b"cd", final=False)
    )
    assert reader.feed(data) == [Message(PING, b"")]
    assert reader.feed(from_server(CONTINUATION, b"ef")) == [Message(TEXT, b"abcdef")]
    assert reader.feed(from_server(BINARY, b"next")) == [Message(BINARY, b"next")]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(encode(BINARY, b"masked"), id="masked by a server"),
        pytest.param(b"\xf2\x00", id="reserved bits"),
        pytest.param(from_server(CONTINUATION, b"x"), id="continuation of nothing"),
        pytest.param(b"\x82\x7f" + (LONGEST + 1).to_bytes(8, "big"), id="absurd length"),
    ],
)
def test_what_is_no_frame_of_a_server_is_refused(data: bytes) -> None:
    """Garbage is an error at once, not a wait for bytes that never come."""
    with pytest.raises(FrameError):
        Reader().feed(data)
