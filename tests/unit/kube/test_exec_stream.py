"""An exec stream over a socket pair: channels, closing, and who may do what at the same time."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from harness.effects.clock import RealClock
from harness.kube.errors import StreamClosed, TimedOut
from harness.kube.exec_stream import CHUNK, V4, V5, ExecStream, collect, exit_code
from harness.kube.frames import BINARY, CLOSE, PING, PONG
from tests.unit.kube.test_frames import from_server, unmasked

SUCCESS = {"status": "Success"}
FAILED = {
    "status": "Failure",
    "message": "command terminated with non-zero exit code",
    "details": {"causes": [{"reason": "ExitCode", "message": "3"}]},
}


class Ends:
    """A stream and the server's end of its connection."""

    def __init__(self, protocol: str = V5) -> None:
        ours, self.server = socket.socketpair()
        self.stream = ExecStream(ours, protocol=protocol, what="exec x/a")
        self.server.settimeout(30)

    def say(self, channel: int, data: bytes) -> None:
        self.server.sendall(from_server(BINARY, bytes((channel,)) + data))

    def status(self, status: dict[str, Any]) -> None:
        self.say(3, json.dumps(status).encode())

    def heard(self) -> list[tuple[int, bytes]]:
        """The client's frames that are there now."""
        data, frames = self.server.recv(1 << 20), []
        while data:
            size = data[1] & 0x7F
            head = 6 if size < 126 else 8
            length = size if size < 126 else int.from_bytes(data[2:4], "big")
            while len(data) < head + length:
                data += self.server.recv(1 << 20)
            frames.append(unmasked(data[: head + length]))
            data = data[head + length :]
        return frames


@pytest.fixture
def ends() -> Iterator[Ends]:
    ends = Ends()
    yield ends
    ends.stream.close()
    ends.server.close()


def test_stdout_is_what_receive_gives(ends: Ends) -> None:
    """Binary output comes back as it was, several messages at once when they are there."""
    ends.say(1, b"\x00\xff")
    ends.say(1, b"\n")
    assert ends.stream.receive(5) == b"\x00\xff\n"


def test_nothing_in_time_is_empty(ends: Ends) -> None:
    """Silence is not the end: an empty result after the time given."""
    assert ends.stream.receive(0.01) == b""


def test_stderr_is_kept_apart(ends: Ends) -> None:
    """What the command says on stderr does not get into its output, and is kept."""
    ends.say(2, b"warning")
    ends.say(1, b"out")
    assert ends.stream.receive(5) == b"out"
    assert ends.stream.stderr == b"warning"


def test_send_goes_to_stdin_in_pieces(ends: Ends) -> None:
    """Input arrives whole and in order on channel 0, in messages no larger than a server's buffer."""
    data = bytes(range(256)) * 300
    thread = threading.Thread(target=ends.stream.send, args=(data,))
    thread.start()
    got: list[tuple[int, bytes]] = []
    while sum(len(payload) - 1 for _, payload in got) < len(data):
        got += ends.heard()
    thread.join()
    assert b"".join(payload[1:] for _, payload in got) == data
    assert all(payload[0] == 0 and len(payload) <= CHUNK + 1 for _, payload in got)


def test_close_stdin_needs_v5(ends: Ends) -> None:
    """Half-closing is said on v5 and honestly refused on v4."""
    assert ends.stream.close_stdin() is True
    assert ends.heard() == [(BINARY, bytes((255, 0)))]
    older = Ends(V4)
    assert older.stream.close_stdin() is False
    older.stream.close()
    older.server.close()


@pytest.mark.parametrize(
    ("status", "code"), [(SUCCESS, 0), (FAILED, 3), ({"status": "Failure", "message": "boom"}, None)]
)
def test_the_end_carries_the_exit_code(ends: Ends, status: dict[str, Any], code: int | None) -> None:
    """After the output was read the end is raised, with the exit code if there was one."""
    ends.say(1, b"last words")
    ends.status(status)
    assert ends.stream.receive(5) == b"last words"
    with pytest.raises(StreamClosed) as caught:
        ends.stream.receive(5)
    assert caught.value.code == code
    assert exit_code(status) == code


def test_a_cut_connection_is_not_an_exit(ends: Ends) -> None:
    """A connection that ends without a Status has no exit code, and the text says that it was cut."""
    ends.say(1, b"half a li")
    ends.server.close()
    assert ends.stream.receive(5) == b"half a li"
    with pytest.raises(StreamClosed, match="cut") as caught:
        ends.stream.receive(5)
    assert caught.value.code is None


def test_garbage_ends_the_stream(ends: Ends) -> None:
    """Bytes that are no frames end the stream with a reason."""
    ends.server.sendall(b"\xff\xff\xff\xff")
    with pytest.raises(StreamClosed, match="not a frame"):
        while True:
            ends.stream.receive(5)


def test_pings_are_answered(ends: Ends) -> None:
    """A server's ping gets its payload back, without disturbing the output."""
    ends.server.sendall(from_server(PING, b"are you there"))
    ends.say(1, b"x")
    assert ends.stream.receive(5) == b"x"
    assert ends.heard() == [(PONG, b"are you there")]


def test_closing_wakes_the_reader(ends: Ends) -> None:
    """Closing in one thread ends a receive in another, and further writes are refused."""
    told: list[str] = []

    def read() -> None:
        try:
            while True:
                ends.stream.receive(30)
        except StreamClosed as end:
            told.append(end.why)

    thread = threading.Thread(target=read)
    thread.start()
    ends.stream.close()
    thread.join(5)
    assert not thread.is_alive()
    assert told
    with pytest.raises(StreamClosed):
        ends.stream.send(b"too late")
    assert ends.heard()[0][0] == CLOSE


def test_two_writers_do_not_mix(ends: Ends) -> None:
    """Messages of several threads arrive whole."""
    threads = [threading.Thread(target=ends.stream.send, args=(mark * 3000,)) for mark in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    got: list[bytes] = []
    while sum(map(len, got)) < 9003:
        got += [payload for _, payload in ends.heard()]
    for thread in threads:
        thread.join()
    assert all(len(set(payload[1:])) == 1 for payload in got)


def test_collect_gives_the_whole_run(ends: Ends) -> None:
    """A command run to its end gives output, errors and exit code."""
    ends.say(1, b"out")
    ends.say(2, b"err")
    ends.status(FAILED)
    clock = RealClock()
    outcome = collect(ends.stream, stdin=b"", deadline=clock.now() + 5, clock=clock)
    assert (outcome.code, outcome.out, outcome.err) == (3, b"out", b"err")


def test_collect_has_a_deadline(ends: Ends) -> None:
    """A command that goes on talking is still ended by the deadline."""
    ends.say(1, b"and on")
    clock = RealClock()
    with pytest.raises(TimedOut):
        collect(ends.stream, stdin=b"", deadline=clock.now() + 0.05, clock=clock)
