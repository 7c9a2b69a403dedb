"""The agent's memory: what is journalled, acknowledged, dropped, and asked only once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from harness.agent.loop import Loop, Signal
from harness.agent.sessions import FRAME_ENTRIES, LAUNCHES, Journal, Session, Sessions


def entries(*ids: int) -> list[dict[str, Any]]:
    return [{"id": ident, "seen": "."} for ident in ids]


def test_frames_are_numbered_from_one() -> None:
    """Each frame has the next number and keeps its line until it is acknowledged."""
    journal = Journal(10_000)
    journal.append(entries(1))
    journal.append(entries(2, 3))
    assert (journal.first, journal.next) == (1, 3)
    assert json.loads(journal.line(2)) == {"q": 2, "r": entries(2, 3)}


def test_acknowledged_frames_go() -> None:
    """What has arrived is forgotten, what has not stays."""
    journal = Journal(10_000)
    for ident in range(1, 6):
        journal.append(entries(ident))
    journal.acknowledge(3)
    assert (journal.first, journal.next) == (4, 6)
    assert journal.ids_from(1) == [4, 5]
    assert journal.ids_from(5) == [5]
    journal.acknowledge(99)
    assert journal.ids_from(1) == []


def test_a_full_journal_drops_the_oldest() -> None:
    """The bound is kept, the newest result is kept too, and the numbers tell what is missing."""
    journal = Journal(100)
    for ident in range(1, 20):
        journal.append(entries(ident))
    assert journal.next == 20
    assert 1 < journal.first < 20
    assert journal.ids_from(1)[-1] == 19
    assert sum(len(journal.line(number)) for number in range(journal.first, 20)) <= 100


def test_one_frame_larger_than_the_bound_is_kept() -> None:
    """A bound too small for a single frame still delivers it."""
    journal = Journal(1)
    journal.append(entries(*range(50)))
    assert journal.ids_from(1) == list(range(50))


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.shut()


class Asked:
    """Answers that come when the test says so."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.gates: dict[int, Signal] = {}
        self.most = 0

    async def __call__(self, ask: dict[str, Any]) -> dict[str, Any]:
        gate = self.gates[ask["id"]] = Signal(self._loop)
        self.most = max(self.most, sum(not one.is_set for one in self.gates.values()))
        await gate.wait(float("inf"))
        return {"seen": ".", "at": 0.0}


def session(loop: Loop, asked: Any, *, most: int = 100) -> Session:
    made = Session(loop, asked, journal_bytes=100_000, room=lambda: made.running < most)
    return made


def frame(number: int, *ids: int, parallel: int = 0) -> dict[str, Any]:
    return {"n": number, "asks": [{"id": ident} for ident in ids], "parallel": parallel}


def test_a_frame_that_came_before_is_not_asked_again(loop: Loop) -> None:
    """After a reconnect the host sends again what it has no word of; asks happen once."""
    asked = Asked(loop)
    one = session(loop, asked)
    for _ in range(2):
        one.take(frame(1, 10, 11))
        one.start()
    assert (one.got, sorted(asked.gates)) == (1, [10, 11])


def test_every_ask_is_outstanding_until_its_frame_is_sent(loop: Loop) -> None:
    """Queued, running, finished and journalled asks are all accounted for."""
    asked = Asked(loop)
    one = session(loop, asked, most=2)
    one.take(frame(1, 1, 2, 3))
    one.start()
    assert sorted(one.outstanding(1)) == [1, 2, 3]
    asked.gates[1].set()
    assert sorted(one.outstanding(1)) == [1, 2, 3]
    one.flush()
    assert sorted(one.outstanding(1)) == [1, 2, 3]
    assert sorted(one.outstanding(2)) == [2, 3]


def test_parallel_is_a_bound_per_batch(loop: Loop) -> None:
    """At most so many asks of a batch at a time, and all of them in the end."""
    asked = Asked(loop)
    one = session(loop, asked)
    one.take(frame(1, *range(5), parallel=2))
    for _ in range(5):
        one.start()
        waiting = [gate for gate in asked.gates.values() if not gate.is_set]
        assert len(waiting) <= 2
        for gate in waiting:
            gate.set()
    assert sorted(asked.gates) == list(range(5))
    assert asked.most == 2


def test_launching_pauses_for_the_servers(loop: Loop) -> None:
    """A large batch is started in portions, so that servers of the same process get their turn."""
    asked = Asked(loop)
    one = session(loop, asked, most=10_000)
    one.take(frame(1, *range(LAUNCHES * 2 + 1)))
    one.start()
    assert len(asked.gates) == LAUNCHES
    one.start()
    one.start()
    assert len(asked.gates) == LAUNCHES * 2 + 1


def test_cancelled_asks_end_without_an_answer(loop: Loop) -> None:
    """What nobody waits for is ended, whether it runs or is still queued."""
    asked = Asked(loop)
    one = session(loop, asked, most=1)
    one.take(frame(1, 1, 2))
    one.start()
    one.cancel([1, 2])
    one.flush()
    assert one.outstanding(1) == []
    assert one.journal.next == 1


def test_results_are_cut_into_frames(loop: Loop) -> None:
    """Many results at once become several frames, in order."""

    async def at_once(ask: dict[str, Any]) -> dict[str, Any]:
        return {"seen": ".", "at": 0.0}

    one = session(loop, at_once, most=10_000)
    one.take(frame(1, *range(FRAME_ENTRIES + 10)))
    while one.outstanding(1) and one._batches:
        one.start()
    one.flush()
    assert one.journal.next == 3
    assert one.journal.ids_from(1) == list(range(FRAME_ENTRIES + 10))


def test_sessions_are_found_again_by_name(loop: Loop) -> None:
    """The same name is the same session until it is forgotten."""
    sessions = Sessions(loop, Asked(loop), most_running=5)
    first = sessions.get("s")
    assert sessions.get("s") is first
    assert sessions.get("t") is not first
    sessions.forget(first)
    assert sessions.get("s") is not first


def test_sessions_of_vanished_hosts_are_swept(loop: Loop) -> None:
    """A session nobody came back to is dropped; one that is connected stays."""
    sessions = Sessions(loop, Asked(loop), most_running=5)
    gone, here = sessions.get("gone"), sessions.get("here")
    gone.left_at = -1e9
    sessions.sweep()
    assert sessions.get("here") is here
    assert sessions.get("gone") is not gone
