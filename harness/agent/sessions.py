"""Sessions of hosts with this agent: asks run here and results are kept here, whatever happens to a connection.

A session outlives its connections. Results go into its journal first and from there to whichever connection it has;
the host acknowledges, and asks again for what it missed (`wire.py`). Not here: sockets (`control.py`).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from . import wire
from .loop import Loop, Task

JOURNAL_BYTES = 16 * 1024 * 1024
"""Results kept for a host that is away: some fifty thousand; what is dropped is told as lost."""

FRAME_ENTRIES = 256
"""Results per frame at most: large enough to be cheap, small enough to be on their way early."""

LAUNCHES = 64
"""Asks started in one round of the loop: in between, answers are read and our own servers answer."""

FORGET_AFTER = 900.0
"""Seconds after which a session without a connection is forgotten: its host is gone."""

Answerer = Callable[[dict[str, Any]], Coroutine[Any, Any, dict[str, Any]]]


class Journal:
    """Result frames by number, bounded in bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._frames: deque[tuple[bytes, tuple[int, ...]]] = deque()
        self._size = 0
        self.first = 1
        self.next = 1

    def append(self, entries: list[dict[str, Any]]) -> None:
        """One more frame; the oldest give way when there is no room."""
        line = wire.encode({"q": self.next, "r": entries})
        self._frames.append((line, tuple(entry["id"] for entry in entries)))
        self._size += len(line)
        self.next += 1
        while self._size > self._limit and len(self._frames) > 1:
            self._drop_oldest()

    def line(self, number: int) -> bytes:
        """The frame of that number."""
        return self._frames[number - self.first][0]

    def acknowledge(self, have: int) -> None:
        """Frames up to this one have arrived."""
        while self._frames and self.first <= have:
            self._drop_oldest()

    def ids_from(self, number: int) -> list[int]:
        """The asks answered in this frame and later ones."""
        return [ident for _, ids in list(self._frames)[max(0, number - self.first) :] for ident in ids]

    def _drop_oldest(self) -> None:
        line, _ = self._frames.popleft()
        self._size -= len(line)
        self.first += 1


class _Batch:
    """Asks of one frame that share a bound."""

    def __init__(self, asks: list[dict[str, Any]], limit: int) -> None:
        self.queue = deque(asks)
        self.limit = limit
        self.active = 0

    def may_start(self) -> bool:
        return bool(self.queue) and (self.limit == 0 or self.active < self.limit)


class Session:
    """What one host asked, and what it has not fetched yet."""

    def __init__(self, loop: Loop, answer: Answerer, *, journal_bytes: int, room: Callable[[], bool]) -> None:
        self._loop = loop
        self._answer = answer
        self._room = room
        self._batches: list[_Batch] = []
        self._tasks: dict[int, Task] = {}
        self._fresh: list[dict[str, Any]] = []
        self.journal = Journal(journal_bytes)
        self.got = 0
        self.left_at: float | None = None
        self.on_news: Callable[[], None] = _nobody

    @property
    def running(self) -> int:
        """Asks being asked now."""
        return len(self._tasks)

    def take(self, frame: dict[str, Any]) -> None:
        """An asks frame; one that came before is not asked twice."""
        if frame["n"] <= self.got:
            return
        self.got = frame["n"]
        self._batches.append(_Batch(frame["asks"], int(frame.get("parallel", 0))))

    def start(self) -> None:
        """Start what may be started now."""
        if not self._batches:
            return
        launched = 0
        for batch in self._batches:
            while batch.may_start() and self._room():
                if launched == LAUNCHES:
                    self._loop.call_soon(_go_on)
                    return
                launched += 1
                self._launch(batch, batch.queue.popleft())
        self._batches = [batch for batch in self._batches if batch.queue or batch.active]

    def cancel(self, ids: list[int]) -> None:
        """Nobody waits for these: they are ended and not answered."""
        unwanted = set(ids)
        for batch in self._batches:
            batch.queue = deque(ask for ask in batch.queue if ask["id"] not in unwanted)
        for ident in unwanted:
            task = self._tasks.get(ident)
            if task is not None:
                task.cancel()

    def end(self) -> None:
        """Stop everything."""
        self._batches = []
        for task in list(self._tasks.values()):
            task.cancel()

    def outstanding(self, number: int) -> list[int]:
        """Asks whose result is not in a frame before `number`."""
        queued = [ask["id"] for batch in self._batches for ask in batch.queue]
        return queued + list(self._tasks) + [entry["id"] for entry in self._fresh] + self.journal.ids_from(number)

    def flush(self) -> None:
        """Put new results into the journal."""
        while self._fresh:
            self.journal.append(self._fresh[:FRAME_ENTRIES])
            del self._fresh[:FRAME_ENTRIES]
            self.on_news()

    def _launch(self, batch: _Batch, ask: dict[str, Any]) -> None:
        ident = ask["id"]
        batch.active += 1
        task = self._loop.spawn(self._answer(ask))

        def ended(task: Task) -> None:
            batch.active -= 1
            self._tasks.pop(ident, None)
            if isinstance(task.result, dict):
                self._fresh.append({"id": ident, **task.result})

        if task.done:
            ended(task)
        else:
            self._tasks[ident] = task
            task.watchers.append(ended)


def _go_on() -> None:
    """Something to do, so that the loop does not fall asleep: the next round starts more asks."""


def _nobody() -> None:
    """Nobody listens: results stay in the journal."""


class Sessions:
    """All sessions of this agent."""

    def __init__(self, loop: Loop, answer: Answerer, *, most_running: int, journal_bytes: int = JOURNAL_BYTES) -> None:
        self._loop = loop
        self._answer = answer
        self._most = most_running
        self._journal_bytes = journal_bytes
        self._by_name: dict[str, Session] = {}
        loop.after_each.append(self._after_round)

    def get(self, name: str) -> Session:
        """The session of that name, new when there was none."""
        session = self._by_name.get(name)
        if session is None:
            session = Session(self._loop, self._answer, journal_bytes=self._journal_bytes, room=self._has_room)
            self._by_name[name] = session
        return session

    def forget(self, session: Session) -> None:
        """End it and drop its journal."""
        session.end()
        self._by_name = {name: other for name, other in self._by_name.items() if other is not session}

    def sweep(self) -> None:
        """Forget sessions whose host has been away too long."""
        now = time.monotonic()
        for session in list(self._by_name.values()):
            if session.left_at is not None and now - session.left_at > FORGET_AFTER:
                self.forget(session)

    def _has_room(self) -> bool:
        return sum(session.running for session in self._by_name.values()) < self._most

    def _after_round(self) -> None:
        for session in list(self._by_name.values()):
            session.start()
            session.flush()
