"""A session survives its stream; what does not survive is UNMEASURED, with the reason, and never an exception."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.agent import wire
from harness.effects.clock import RealClock
from harness.expect.converge import converge
from harness.kube.errors import StreamRefused
from harness.model.outcome import Seen
from harness.probe.asks import Crash, Heard, Hold, Http, Payload, Tcp
from harness.probe.results import LoopOutcome
from harness.probe.session import Session
from harness.probe.stream import Fate
from tests.contract.agent_carrier import PATIENCE, LocalAgent, PipeStream, running

HOST = "127.0.0.1"


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[LocalAgent]:
    yield from running(tmp_path)


@pytest.fixture
def session(agent: LocalAgent) -> Iterator[Session]:
    session = Session(agent.connect, "x/a", fate=lambda: fate_of(agent))
    yield session
    session.close()


def fate_of(agent: LocalAgent) -> Fate:
    return Fate("container 'agent' is down") if agent.process.poll() is not None else Fate()


def until_asked(agent: LocalAgent, count: int) -> PipeStream:
    """Wait until the agent's servers have heard so many requests, told by a session beside; the stream before it."""
    stream, beside = agent.streams[-1], Session(agent.connect, "x/a")
    try:
        converge(
            lambda: len(beside.ask([Heard()])[0].details["heard"]),
            lambda heard: heard >= count,
            clock=RealClock(),
            within=PATIENCE,
            streak=1,
            spacing=0.01,
        )
    finally:
        beside.close()
    return stream


def test_asks_outlive_a_cut_stream(agent: LocalAgent, session: Session) -> None:
    """Results of asks that were running when the stream was cut arrive over the next one."""
    session.ask([Tcp(HOST, agent.port)])
    batch = session.begin(
        [Http(HOST, agent.port, "/slow?ms=1500", timeout=PATIENCE)] * 3
        + [Hold(Tcp(HOST, agent.port, timeout=PATIENCE), for_=1.5)]
    )
    until_asked(agent, 1 + 3).cut()
    results = batch.wait(PATIENCE)
    assert {result.seen for result in results} == {Seen.REACHED}
    assert results[3].loop is not None
    assert results[3].loop.outcome is LoopOutcome.GOOD
    assert results[3].loop.longest_gap < 1.5  # shorter than the window: it did not stop at the cut
    assert session.reconnects >= 1


def test_nothing_is_asked_twice(agent: LocalAgent, session: Session) -> None:
    """However often the stream is cut, each ask is answered exactly once."""
    got: list[int] = []
    session.ask([Tcp(HOST, agent.port)])
    batch = session.begin(
        [Http(HOST, agent.port, f"/slow?ms={i * 20}", timeout=PATIENCE) for i in range(40)],
        on_result=lambda place, _: got.append(place),
    )
    for _ in range(3):
        time.sleep(0.25)  # an ask ends every 20 ms: some before a cut, some between two
        agent.streams[-1].cut()
    results = batch.wait(PATIENCE)
    assert {result.seen for result in results} == {Seen.REACHED}
    assert sorted(got) == list(range(40))
    assert agent.process.poll() is None
    heard = session.ask([Heard()])[0].details["heard"]
    assert len(heard) == 1 + 40


def test_killed_agent_is_unmeasured_with_the_reason(agent: LocalAgent, session: Session) -> None:
    """Asks of an agent that was killed come back UNMEASURED soon, and say what became of the container."""
    session.ask([Tcp(HOST, agent.port)])
    batch = session.begin([Http(HOST, agent.port, "/slow?ms=20000", timeout=30)] * 5)
    until_asked(agent, 1 + 5)
    began = time.monotonic()
    agent.kill()
    results = batch.wait(20)
    assert time.monotonic() - began < 15  # soon, not after the twenty seconds of the asks
    assert {result.seen for result in results} == {Seen.UNMEASURED}
    assert all("is down" in result.error for result in results)


def test_restarted_agent_is_noticed(agent: LocalAgent) -> None:
    """What the old agent was asked is lost when a new one answers, and new asks work."""
    session = Session(agent.connect, "x/a", fate=lambda: Fate("restarted: OOMKilled"))
    try:
        session.ask([Tcp(HOST, agent.port)])
        batch = session.begin([Http(HOST, agent.port, "/slow?ms=20000", timeout=30)])
        stream = until_asked(agent, 1 + 1)
        agent.process.kill()
        agent.process.wait()
        agent.boot()
        stream.cut()
        lost = batch.wait(20)[0]
        assert lost.seen is Seen.UNMEASURED
        assert "restarted: OOMKilled" in lost.error
        assert session.ask([Tcp(HOST, agent.port)])[0].seen is Seen.REACHED
    finally:
        session.close()


def test_crash_on_request_is_unmeasured(agent: LocalAgent, session: Session) -> None:
    """An agent told to crash takes its own answer with it: UNMEASURED."""
    result = session.ask([Crash(7)], timeout=PATIENCE)[0]
    assert result.seen is Seen.UNMEASURED
    assert agent.process.wait(PATIENCE) == 7


def test_overflowing_journal_loses_loudly(tmp_path: Path) -> None:
    """Results that did not fit while nobody fetched them are UNMEASURED as dropped; the newest are kept."""
    agent = next(agents := running(tmp_path, journal=4000))
    gate = threading.Event()
    gate.set()

    def connect() -> PipeStream:
        gate.wait(PATIENCE)
        return agent.connect()

    session = Session(connect, "x/a")
    try:
        session.ask([Tcp(HOST, agent.port)])
        gate.clear()
        slow = [Http(HOST, agent.port, f"/slow?ms={2000 + i * 10}", timeout=PATIENCE) for i in range(60)]
        batch = session.begin(slow)
        until_asked(agent, 1 + 60).cut()
        beside = Session(agent.connect, "x/a")
        beside.ask([Http(HOST, agent.port, "/slow?ms=2700", timeout=PATIENCE)])  # over when all of them are
        beside.close()
        gate.set()
        results = batch.wait(PATIENCE)
        lost = [result for result in results if result.seen is Seen.UNMEASURED]
        assert 0 < len(lost) < 60
        assert all("overflow" in result.error or "lost" in result.error for result in lost)
        assert results[-1].seen is Seen.REACHED
        assert all(result in lost or result.seen is Seen.REACHED for result in results)
    finally:
        session.close()
        agents.close()  # type: ignore[attr-defined]


def test_refused_stream_is_unmeasured(tmp_path: Path) -> None:
    """A pod that cannot be entered gives UNMEASURED at once, with the server's reason."""

    def connect() -> PipeStream:
        raise StreamRefused("exec x/a: 403 may not exec", http=403)

    session = Session(connect, "x/a")
    began = time.monotonic()
    result = session.ask([Tcp(HOST, 1)])[0]
    session.close()
    assert time.monotonic() - began < 10  # soon, not after the patience of thirty seconds
    assert result.seen is Seen.UNMEASURED
    assert "may not exec" in result.error


def test_silent_agent_is_given_up(agent: LocalAgent, session: Session) -> None:
    """An answer that does not come within the batch's time is UNMEASURED, and the next ask works."""
    late = session.ask([Http(HOST, agent.port, "/slow?ms=5000", timeout=20)], timeout=0.3)[0]
    assert late.seen is Seen.UNMEASURED
    assert "0.3 s" in late.error
    assert session.ask([Tcp(HOST, agent.port)])[0].seen is Seen.REACHED


def test_many_threads_share_a_session(agent: LocalAgent, session: Session) -> None:
    """Batches of several threads do not mix."""
    answers: dict[int, set[int]] = {}

    def body(number: int) -> None:
        for _ in range(5):
            results = session.ask([Payload(HOST, agent.port, number * 10 + i) for i in range(5)])
            answers.setdefault(number, set()).update(result.details.get("took", -1) for result in results)

    threads = [threading.Thread(target=body, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: {number * 10 + i for i in range(5)} for number in range(6)}


def test_clock_of_the_pod_is_estimated(agent: LocalAgent, session: Session) -> None:
    """A result's moment is on the host's clock, within the error the session claims."""
    session.ask([Tcp(HOST, agent.port)])
    before = time.time()
    result = session.ask([Tcp(HOST, agent.port)])[0]
    after = time.time()
    assert result.clock_error < 1
    assert before - result.clock_error <= result.at <= after + result.clock_error


def test_two_hosts_share_an_agent(agent: LocalAgent) -> None:
    """Two sessions of one agent get their own answers and do not end each other."""
    one, two = (Session(agent.connect, "x/a") for _ in range(2))
    try:
        batch = one.begin([Http(HOST, agent.port, "/slow?ms=300", timeout=PATIENCE)])
        assert two.ask([Tcp(HOST, agent.port)])[0].seen is Seen.REACHED
        two.close()
        assert batch.wait(PATIENCE)[0].seen is Seen.REACHED
    finally:
        one.close()
        two.close()


def test_closing_is_prompt_and_final(agent: LocalAgent, session: Session) -> None:
    """Closing makes what is outstanding UNMEASURED and later asks too."""
    session.ask([Tcp(HOST, agent.port)])
    batch = session.begin([Http(HOST, agent.port, "/slow?ms=9000", timeout=20)])
    until_asked(agent, 1 + 1)
    session.close()
    assert "closed" in batch.wait(1)[0].error
    assert session.ask([Tcp(HOST, agent.port)])[0].seen is Seen.UNMEASURED


def test_greeting_tells_who_the_agent_is(agent: LocalAgent, session: Session) -> None:
    """The agent introduces itself with the downward API's facts."""
    session.ask([Tcp(HOST, agent.port)])
    assert {key: session.me[key] for key in ("pod", "namespace", "node", "ips")} == {
        "pod": "a",
        "namespace": "x",
        "node": "n1",
        "ips": ["127.0.0.1", "::1"],
    }
    assert wire.VERSION == 1
