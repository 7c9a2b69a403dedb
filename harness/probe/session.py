"""One pod's agent over one stream: many asks at a time, from many threads, across cuts of the stream.

A thread of the session's own opens the stream, reads it, sends heartbeats, and resumes after a cut by sequence number
(`harness/agent/wire.py` has the protocol). The session decides nothing about the network: whatever could not be
delivered or was lost comes back as UNMEASURED with the reason.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.agent import wire
from harness.effects.clock import Clock, RealClock
from harness.kube.errors import KubeError, StreamClosed, StreamRefused
from harness.probe.asks import Ask
from harness.probe.decode import ClockEstimate, decode
from harness.probe.results import Result, unmeasured
from harness.probe.stream import Connect, Fate, Stream, Teller

GRACE = 10.0
"""Seconds beyond the longest ask that a batch may take: a loaded machine, a stream being reopened."""

PATIENCE = 30.0
"""Seconds to keep trying to reach an agent while somebody waits for it: an API server restarts in less."""

RETRY = (0.0, 0.1, 0.3, 1.0, 2.0)
"""Seconds before each attempt to reopen a stream; the last one repeats."""

IDLE_POLL = 0.5
"""Seconds the reader waits at most before it looks whether a heartbeat is due."""


@dataclass
class _Waiting:
    """An ask whose result has not come yet."""

    ask: Ask
    batch: Batch
    place: int
    sent_in: int = 0


@dataclass
class _Outgoing:
    """An asks frame the agent has not confirmed to have."""

    number: int
    line: bytes
    sent: bool = False


class Batch:
    """Asks on their way; `wait` collects the results in the order of the asks."""

    def __init__(
        self, session: Session, asks: Sequence[Ask], *, on_result: Callable[[int, Result], None] | None
    ) -> None:
        self._session = session
        self._results: list[Result | None] = [None] * len(asks)
        self._left = len(asks)
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._on_result = on_result
        self.asks = tuple(asks)
        self.ids: list[int] = []
        if not asks:
            self._done.set()

    def wait(self, timeout: float) -> list[Result]:
        """The results; what has not come after `timeout` seconds is UNMEASURED and cancelled in the pod."""
        if not self._done.wait(timeout):
            self._session.give_up(self, f"no answer from the agent within {timeout:g} s")
        late = "its answer came as the time ran out"
        with self._lock:
            # One for each ask, also where the session's thread has an answer in its hands and has not put it down yet.
            return [
                result if result is not None else unmeasured(ask, self._session.pod, why=late)
                for ask, result in zip(self.asks, self._results, strict=True)
            ]

    def accept(self, place: int, result: Result) -> None:
        """Take one result (called by the session)."""
        if self._on_result is not None:
            self._on_result(place, result)
        with self._lock:
            self._results[place] = result
            self._left -= 1
            if self._left == 0:
                self._done.set()


@dataclass
class _State:
    """Everything two threads touch; guarded by the session's lock."""

    stream: Stream | None = None
    waiting: dict[int, _Waiting] = field(default_factory=dict)
    unconfirmed: list[_Outgoing] = field(default_factory=list)
    frames: int = 0
    next_id: int = 0
    have: int = 0
    boot: str = ""
    name: str = ""
    me: Mapping[str, Any] = field(default_factory=dict)
    ready: bool = False
    thread: threading.Thread | None = None
    closed: bool = False


class Session:
    """Asks of one pod. Opened by the first ask, kept open until `close`."""

    def __init__(self, connect: Connect, pod: str, *, fate: Teller | None = None, clock: Clock | None = None) -> None:
        self.pod = pod
        self._connect = connect
        self._fate = fate or Fate
        self._clock = clock or RealClock()
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._state = _State(name=secrets.token_hex(8))
        self._lines = wire.Lines()
        self._heard = 0.0
        self._pinged = 0.0
        self.offset = ClockEstimate()
        self.reconnects = 0

    # -- for users ----------------------------------------------------------------------------------------------

    def ask(
        self,
        asks: Sequence[Ask],
        *,
        timeout: float | None = None,
        parallel: int = 0,
        on_result: Callable[[int, Result], None] | None = None,
    ) -> list[Result]:
        """Ask and wait; one result per ask, in order. Never raises for what the network or the agent did."""
        batch = self.begin(asks, parallel=parallel, on_result=on_result)
        return batch.wait(longest(asks, parallel=parallel) if timeout is None else timeout)

    def begin(
        self,
        asks: Sequence[Ask],
        *,
        parallel: int = 0,
        on_result: Callable[[int, Result], None] | None = None,
    ) -> Batch:
        """Send the asks without waiting. `parallel` bounds how many the pod has in flight at a time (0: all).

        `on_result` is called with place and result as each one comes, in the session's thread.
        """
        batch = Batch(self, asks, on_result=on_result)
        if not asks:
            return batch
        with self._lock:
            state = self._state
            if state.closed:
                refused = [unmeasured(ask, self.pod, why="the session is closed") for ask in asks]
                for place, result in enumerate(refused):
                    batch.accept(place, result)
                return batch
            outgoing = self._queue(batch, parallel)
            if state.ready and state.stream is not None:
                outgoing.sent = True
                self._try_send(state.stream, outgoing.line)
            self._ensure_thread()
        return batch

    def open(self) -> None:
        """Begin to open the stream now, without waiting for it."""
        with self._lock:
            if not self._state.closed:
                self._ensure_thread()

    @property
    def me(self) -> Mapping[str, Any]:
        """What the agent said of itself when it was greeted; empty before."""
        return self._state.me

    def give_up(self, batch: Batch, why: str) -> None:
        """Make what is missing of a batch UNMEASURED, and tell the agent that nobody waits for it."""
        with self._lock:
            late = [ident for ident in batch.ids if ident in self._state.waiting]
            stream = self._state.stream
        self._lose(late, why)
        if late and stream is not None:
            self._try_send(stream, wire.encode({"cancel": late}))

    def close(self) -> None:
        """End the session; what is outstanding is UNMEASURED."""
        with self._lock:
            state = self._state
            if state.closed:
                return
            state.closed = True
            stream, thread = state.stream, state.thread
        if stream is not None:
            self._try_send(stream, wire.encode({"bye": True}))
            stream.close()
        self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(5.0)
        self._lose(list(self._state.waiting), "the session was closed")

    # -- sending ------------------------------------------------------------------------------------------------

    def _queue(self, batch: Batch, parallel: int) -> _Outgoing:
        """Give the asks their numbers and remember them until they are answered."""
        state = self._state
        state.frames += 1
        entries: list[dict[str, Any]] = []
        for place, ask in enumerate(batch.asks):
            state.next_id += 1
            state.waiting[state.next_id] = _Waiting(ask, batch, place, state.frames)
            batch.ids.append(state.next_id)
            entries.append({"id": state.next_id, **ask.wire()})
        frame: dict[str, Any] = {"n": state.frames, "asks": entries}
        if parallel:
            frame["parallel"] = parallel
        outgoing = _Outgoing(state.frames, wire.encode(frame))
        state.unconfirmed.append(outgoing)
        return outgoing

    def _try_send(self, stream: Stream, line: bytes) -> None:
        """Send; a broken stream is the reader's to notice, what was queued is sent again after it resumed."""
        try:
            stream.send(line)
        except StreamClosed:
            self._wake.set()

    def _ensure_thread(self) -> None:
        state = self._state
        if state.thread is None or not state.thread.is_alive():
            state.thread = threading.Thread(target=self._live, name=f"probe {self.pod}", daemon=True)
            state.thread.start()
        self._wake.set()

    # -- the session's thread -----------------------------------------------------------------------------------

    def _live(self) -> None:
        """Open, read until it breaks, open again while somebody waits."""
        attempt, since = 0, self._clock.now()
        while not self._state.closed:
            try:
                self._establish()
                attempt = 0
                self._read_until_it_breaks()
            except (KubeError, wire.WireError) as error:
                since = self._clock.now() if attempt == 0 else since
                if not self._carry_on(error, attempt, since):
                    return
                attempt += 1

    def _establish(self) -> None:
        stream = self._connect()
        with self._lock:
            if self._state.closed:
                stream.close()
                return
            self._state.stream, self._state.ready = stream, False
            self._lines = wire.Lines()
            self._heard = self._clock.now()
            hello = {"hello": wire.VERSION, "session": self._state.name}
            hello |= {"boot": self._state.boot, "have": self._state.have}
        stream.send(wire.encode(hello))
        self._ping(stream)

    def _carry_on(self, error: KubeError | wire.WireError, attempt: int, since: float) -> bool:
        """After a break: whether to open another stream. Not for nobody, not for an agent that is gone."""
        with self._lock:
            stream, self._state.stream, self._state.ready = self._state.stream, None, False
            if not self._state.waiting or self._state.closed:
                self._state.thread = None
        if stream is not None:
            stream.close()
        if self._state.thread is None:
            return False
        fate = self._fate()
        final = fate.final or (isinstance(error, StreamRefused) and error.http in (401, 403, 404))
        if final or self._clock.now() - since > PATIENCE:
            self._lose(list(self._state.waiting), f"{fate.why}: {error}" if fate.why else str(error))
            return self._park()
        if fate.why:
            self._lose(self._disown(), fate.why)
            if self._park() is False:
                return False
        self._wake.clear()
        self._wake.wait(RETRY[min(attempt, len(RETRY) - 1)])
        self.reconnects += 1
        return True

    def _disown(self) -> list[int]:
        """Asks an agent that is gone was given. They are not asked again: they may have acted already."""
        with self._lock:
            state = self._state
            state.unconfirmed = [out for out in state.unconfirmed if not out.sent]
            queued = {out.number for out in state.unconfirmed}
            return [ident for ident, waiting in state.waiting.items() if waiting.sent_in not in queued]

    def _park(self) -> bool:
        """Nobody may be waiting now; a later ask starts afresh. Whether somebody came meanwhile."""
        with self._lock:
            if self._state.waiting:
                return True
            self._state.thread = None
            return False

    def _read_until_it_breaks(self) -> None:
        stream = self._state.stream
        while stream is not None and not self._state.closed:
            data = stream.receive(IDLE_POLL)
            now = self._clock.now()
            if data:
                self._heard = now
                for frame in self._lines.feed(data):
                    self._take(stream, frame)
            elif now - self._heard > wire.DEAF_HOST:
                raise StreamClosed(f"{self.pod}: the agent was silent for {wire.DEAF_HOST:g} s")
            if now - self._pinged >= wire.BEAT:
                self._ping(stream)

    def _ping(self, stream: Stream) -> None:
        self._pinged = self._clock.now()
        # Before the welcome it is not known whose frames would be acknowledged.
        have = self._state.have if self._state.ready else 0
        stream.send(wire.encode({"ping": self._clock.wall(), "have": have}))

    # -- receiving ----------------------------------------------------------------------------------------------

    def _take(self, stream: Stream, frame: dict[str, Any]) -> None:
        if "r" in frame:
            self._take_results(frame)
        elif "pong" in frame:
            self.offset = self.offset.better(frame["pong"], frame["now"], self._clock.wall())
        elif "welcome" in frame:
            self._take_welcome(stream, frame)
        elif "settled" in frame:
            self._reconcile(frame, "its result was lost with the stream")
        elif "gap" in frame:
            self._state.have = max(self._state.have, frame["gap"] - 1)
            self._reconcile(frame, "its result was dropped: the agent's journal overflowed")

    def _take_welcome(self, stream: Stream, frame: dict[str, Any]) -> None:
        if frame["welcome"] != wire.VERSION:
            raise StreamClosed(f"{self.pod}: the agent speaks version {frame['welcome']}, not {wire.VERSION}")
        with self._lock:
            state = self._state
            state.me = frame["me"]
            restarted = bool(state.boot) and state.boot != frame["boot"]
            state.boot = frame["boot"]
            lost: list[int] = []
            if restarted:
                lost = self._disown()
                state.have = 0
                self.offset = ClockEstimate()
            self._confirm(frame["got"])
            state.ready = True
            for out in state.unconfirmed:
                out.sent = True
                stream.send(out.line)
        self._ping(stream)
        if lost:
            self._lose(lost, f"the agent restarted{_because(self._fate().why)}")

    def _confirm(self, got: int) -> None:
        self._state.unconfirmed = [out for out in self._state.unconfirmed if out.number > got]

    def _take_results(self, frame: dict[str, Any]) -> None:
        if frame["q"] <= self._state.have:
            return
        arrived: list[tuple[_Waiting, dict[str, Any]]] = []
        with self._lock:
            self._state.have = frame["q"]
            for entry in frame["r"]:
                waiting = self._state.waiting.pop(entry["id"], None)
                if waiting is not None:
                    arrived.append((waiting, entry))
            if arrived:
                self._confirm(max(waiting.sent_in for waiting, _ in arrived))
        for waiting, entry in arrived:
            waiting.batch.accept(waiting.place, decode(waiting.ask, self.pod, entry, self.offset))

    def _reconcile(self, frame: Mapping[str, Any], why: str) -> None:
        """What the agent has received but neither runs nor has told is lost."""
        with self._lock:
            self._confirm(frame["got"])
            alive = set(frame["running"])
            waiting = self._state.waiting.items()
            lost = [ident for ident, one in waiting if one.sent_in <= frame["got"] and ident not in alive]
        self._lose(lost, why)

    def _lose(self, ids: Sequence[int], why: str) -> None:
        gone: list[_Waiting] = []
        with self._lock:
            for ident in ids:
                waiting = self._state.waiting.pop(ident, None)
                if waiting is not None:
                    gone.append(waiting)
            if not self._state.waiting:
                self._state.unconfirmed = []
        for waiting in gone:
            waiting.batch.accept(waiting.place, unmeasured(waiting.ask, self.pod, why=why))


def longest(asks: Sequence[Ask], *, parallel: int = 0) -> float:
    """Seconds after which all these asks have been answered if the agent and its stream are alive."""
    limits = sorted((ask.longest for ask in asks), reverse=True)
    rounds = -(-len(limits) // parallel) if parallel else 1
    return sum(limits[:rounds]) + GRACE


def _because(fate: str) -> str:
    return f": {fate}" if fate else ""
