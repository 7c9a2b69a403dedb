"""The host's end of the protocol, against an agent that is a script: order, resuming, losing, clocks."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.agent import wire
from harness.kube.errors import StreamClosed, StreamRefused
from harness.model.outcome import Seen
from harness.probe.asks import Ask, Tcp
from harness.probe.session import Batch, Session
from harness.probe.stream import Fate

ASK = Tcp("10.0.0.1", 80)


class ScriptedStream:
    """Both ends of a stream: the session sends and receives, the test says what comes."""

    def __init__(self) -> None:
        self.sent: queue.Queue[dict[str, Any]] = queue.Queue()
        self._coming: queue.Queue[bytes | None] = queue.Queue()
        self._lines = wire.Lines()
        self.closed = False

    def send(self, data: bytes) -> None:
        if self.closed:
            raise StreamClosed("closed")
        for frame in self._lines.feed(data):
            self.sent.put(frame)

    def receive(self, timeout: float) -> bytes:
        try:
            data = self._coming.get(timeout=timeout)
        except queue.Empty:
            return b""
        if data is None:
            raise StreamClosed("cut")
        return data

    def close(self) -> None:
        self.closed = True
        self._coming.put(None)

    # -- the test's end

    def say(self, **frame: Any) -> None:
        self._coming.put(wire.encode(frame))

    def raw(self, data: bytes) -> None:
        self._coming.put(data)

    def cut(self) -> None:
        self._coming.put(None)

    def welcome(self, *, boot: str = "b1", got: int = 0, **more: Any) -> None:
        self.say(**{"welcome": wire.VERSION, "boot": boot, "got": got, "first": 1, "me": {"pod": "a"}, **more})

    def expect(self, key: str) -> dict[str, Any]:
        """The next frame with this key."""
        while key not in (frame := self.sent.get(timeout=5)):
            pass
        return frame

    def results(self, number: int, *ids: int, seen: str = ".") -> None:
        self.say(q=number, r=[{"id": ident, "seen": seen, "at": 1.0, "ms": 1.0} for ident in ids])


class Host:
    """A session whose streams the test hands out."""

    def __init__(self) -> None:
        self.streams: queue.Queue[ScriptedStream | Exception] = queue.Queue()
        self.fate = Fate()
        self.session = Session(self._connect, "x/a", fate=lambda: self.fate)

    def _connect(self) -> ScriptedStream:
        stream = self.streams.get(timeout=5)
        if isinstance(stream, Exception):
            raise stream
        return stream

    def next_stream(self) -> ScriptedStream:
        stream = ScriptedStream()
        self.streams.put(stream)
        return stream


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host()
    yield host
    host.streams.put(StreamRefused("over", http=404))
    host.session.close()


def begun(host: Host, count: int = 2) -> tuple[ScriptedStream, Batch]:
    """A session with a batch on its way."""
    stream = host.next_stream()
    batch = host.session.begin([ASK] * count)
    stream.welcome()
    stream.expect("asks")
    return stream, batch


def test_greeting_comes_first_and_asks_follow_the_welcome(host: Host) -> None:
    """Nothing is asked before it is known whom one talks to."""
    stream = host.next_stream()
    batch = host.session.begin([ASK])
    hello = stream.sent.get(timeout=5)
    assert (hello["hello"], hello["have"], hello["boot"]) == (wire.VERSION, 0, "")
    assert "ping" in stream.sent.get(timeout=5)
    assert stream.sent.empty()
    stream.welcome()
    assert stream.expect("asks")["asks"][0]["do"] == "tcp"
    stream.results(1, 1)
    assert batch.wait(5)[0].seen is Seen.REACHED


def test_results_come_in_the_order_of_the_asks(host: Host) -> None:
    """However results arrive, they are handed back in the order asked."""
    stream, batch = begun(host, 3)
    stream.results(1, 3, seen="x")
    stream.results(2, 1, 2)
    assert [result.seen for result in batch.wait(5)] == [Seen.REACHED, Seen.REACHED, Seen.SILENT]


def test_a_frame_that_came_before_counts_once(host: Host) -> None:
    """A repeated result frame changes nothing."""
    stream, batch = begun(host, 2)
    stream.results(1, 1)
    stream.results(1, 2, seen="x")
    stream.results(2, 2)
    assert [result.seen for result in batch.wait(5)] == [Seen.REACHED, Seen.REACHED]


def test_a_resumed_session_says_what_it_has(host: Host) -> None:
    """After a cut the greeting names the last frame, and only what the agent lacks is sent again."""
    stream, batch = begun(host)
    stream.results(1, 1)
    second = host.next_stream()
    more = host.session.begin([ASK])
    stream.expect("asks")
    stream.cut()
    hello = second.expect("hello")
    assert (hello["have"], hello["boot"]) == (1, "b1")
    second.welcome(got=1)
    again = second.expect("asks")
    assert (again["n"], [ask["id"] for ask in again["asks"]]) == (2, [3])
    second.results(2, 2, 3)
    assert batch.wait(5)[1].seen is Seen.REACHED
    assert more.wait(5)[0].seen is Seen.REACHED


def test_what_the_agent_neither_runs_nor_tells_is_lost(host: Host) -> None:
    """After the replay, an ask that is not running any more and never came is UNMEASURED; the others go on."""
    stream, batch = begun(host, 3)
    second = host.next_stream()
    stream.cut()
    second.welcome(got=1)
    second.results(1, 1)
    second.say(settled=1, got=1, running=[3])
    second.results(2, 3)
    results = batch.wait(5)
    assert [result.seen for result in results] == [Seen.REACHED, Seen.UNMEASURED, Seen.REACHED]
    assert "lost" in results[1].error


def test_asks_the_agent_never_got_are_not_lost(host: Host) -> None:
    """An ask that was still on its way when the stream broke is sent again, not given up."""
    stream, batch = begun(host, 1)
    second = host.next_stream()
    stream.cut()
    second.welcome(got=0)
    second.say(settled=0, got=0, running=[])
    assert second.expect("asks")["n"] == 1
    second.results(1, 1)
    assert batch.wait(5)[0].seen is Seen.REACHED


def test_a_gap_names_the_journal(host: Host) -> None:
    """Frames the agent dropped make their asks UNMEASURED, with the journal as the reason."""
    stream, batch = begun(host, 2)
    stream.say(gap=5, got=1, running=[2])
    stream.results(5, 2)
    results = batch.wait(5)
    assert [result.seen for result in results] == [Seen.UNMEASURED, Seen.REACHED]
    assert "overflowed" in results[0].error


def test_another_agent_does_not_inherit(host: Host) -> None:
    """A new boot means the old asks are gone; its frames are counted from one again."""
    stream, batch = begun(host, 1)
    stream.results(1)
    second = host.next_stream()
    stream.cut()
    second.welcome(boot="b2")
    assert batch.wait(5)[0].seen is Seen.UNMEASURED
    assert "restarted" in batch.wait(5)[0].error
    after = host.session.begin([ASK])
    ident = second.expect("asks")["asks"][0]["id"]
    second.results(1, ident)
    assert after.wait(5)[0].seen is Seen.REACHED


@pytest.mark.parametrize("final", [True, False])
def test_the_fate_of_the_pod_is_the_reason(host: Host, final: bool) -> None:
    """When the pod tells why its agent is gone, what it was asked is UNMEASURED at once with these words."""
    stream, batch = begun(host, 2)
    host.fate = Fate("OOMKilled", final=final)
    stream.cut()
    results = batch.wait(5)
    assert {result.seen for result in results} == {Seen.UNMEASURED}
    assert all("OOMKilled" in result.error for result in results)


@pytest.mark.parametrize("http", [401, 403, 404])
def test_a_closed_door_is_final(host: Host, http: int) -> None:
    """A refusal that will not change is not tried again."""
    host.streams.put(StreamRefused("no entry", http=http))
    assert "no entry" in host.session.ask([ASK], timeout=5)[0].error
    assert host.streams.empty()


def test_a_door_that_is_stuck_is_tried_again(host: Host) -> None:
    """A refusal that may pass (a server restarting) is tried again."""
    host.streams.put(StreamRefused("upgrading", http=503))
    stream = host.next_stream()
    batch = host.session.begin([ASK])
    stream.expect("hello")
    stream.welcome()
    stream.expect("asks")
    stream.results(1, 1)
    assert batch.wait(5)[0].seen is Seen.REACHED


def test_noise_on_the_stream_is_a_break(host: Host) -> None:
    """Bytes that are no frames end the stream, and the session resumes on another."""
    stream, batch = begun(host, 1)
    second = host.next_stream()
    stream.raw(b"Segmentation fault\n")
    second.welcome(got=1)
    second.results(1, 1)
    assert batch.wait(5)[0].seen is Seen.REACHED
    assert stream.closed


def test_another_version_is_refused(host: Host) -> None:
    """An agent of another protocol is not talked to; the reason names both versions."""
    host.fate = Fate(final=True)
    stream = host.next_stream()
    batch = host.session.begin([ASK])
    stream.welcome(welcome=99)
    assert "version 99, not 1" in batch.wait(5)[0].error


def test_pongs_make_the_clock(host: Host) -> None:
    """The first pong gives results a place on the host's clock."""
    stream, batch = begun(host, 1)
    ping = stream.sent.get(timeout=5) if not stream.sent.empty() else {"ping": 0.0}
    stream.say(pong=ping.get("ping", 0.0) or host.session._clock.wall(), now=50.0)
    stream.results(1, 1)
    result = batch.wait(5)[0]
    assert result.clock_error < 5
    assert abs(result.at - (host.session._clock.wall() - 49.0)) < 5


def test_given_up_asks_are_cancelled(host: Host) -> None:
    """What nobody waits for any more is cancelled in the pod, and a late result disturbs nobody."""
    stream, batch = begun(host, 2)
    stream.results(1, 1)
    results = batch.wait(0.2)
    assert [result.seen for result in results] == [Seen.REACHED, Seen.UNMEASURED]
    assert stream.expect("cancel") == {"cancel": [2]}
    stream.results(2, 2)
    stream.results(3)


def test_nothing_asked_is_nothing_done(host: Host) -> None:
    """An empty batch needs no stream."""
    assert host.session.ask([]) == []
    assert host.streams.empty()


def test_results_are_told_as_they_come(host: Host) -> None:
    """A callback hears of each result with its place, before the batch is complete."""
    told: queue.Queue[int] = queue.Queue()
    stream = host.next_stream()
    note: Callable[[int, Any], None] = lambda place, result: told.put(place)  # noqa: E731
    batch = host.session.begin([ASK] * 2, on_result=note)
    stream.welcome()
    stream.expect("asks")
    stream.results(1, 2)
    assert told.get(timeout=5) == 1
    stream.results(2, 1)
    assert told.get(timeout=5) == 0
    batch.wait(5)


def test_threads_get_their_own_answers(host: Host) -> None:
    """Batches begun by several threads get ids of their own and their own results."""
    stream, first = begun(host, 1)
    got: dict[int, Seen] = {}
    asks: list[Ask] = [ASK]

    def body(number: int) -> None:
        got[number] = host.session.ask(asks, timeout=5)[0].seen

    threads = [threading.Thread(target=body, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    ids = [stream.expect("asks")["asks"][0]["id"] for _ in threads]
    assert len(set(ids)) == 5
    stream.results(1, *ids, 1)
    for thread in threads:
        thread.join()
    assert set(got.values()) == {Seen.REACHED}
    assert first.wait(5)[0].seen is Seen.REACHED
