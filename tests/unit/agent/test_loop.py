"""The agent's loop: sockets, deadlines, threads, cancelling, and tasks that break."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from harness.agent.loop import READ, Loop, Signal, Task


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.shut()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, two = socket.socketpair()
    one.settimeout(0)
    yield one, two
    one.close()
    two.close()


def run(loop: Loop, coro: Any) -> Any:
    task = loop.spawn(coro, lambda _: loop.stop())
    if not task.done:
        loop.run()
    return task.result


def soon(seconds: float) -> float:
    return time.monotonic() + seconds


def test_waiting_ends_with_the_socket(loop: Loop, pair: tuple[socket.socket, socket.socket]) -> None:
    """A wait for data ends when there is data."""
    one, two = pair
    two.send(b"x")
    assert run(loop, loop.wait(one.fileno(), READ, soon(5))) & READ


def test_waiting_ends_with_the_deadline(loop: Loop, pair: tuple[socket.socket, socket.socket]) -> None:
    """Without data a wait ends at its deadline with nothing, not before."""
    began = time.monotonic()
    assert run(loop, loop.wait(pair[0].fileno(), READ, began + 0.02)) == 0
    assert time.monotonic() - began >= 0.02


def test_deadlines_are_kept_in_order(loop: Loop) -> None:
    """Many sleepers wake in the order of their deadlines."""
    woken: list[int] = []

    async def sleeper(number: int) -> None:
        await loop.sleep_until(began + number / 500)
        woken.append(number)
        if len(woken) == 5:
            loop.stop()

    began = time.monotonic()
    for number in (3, 1, 4, 0, 2):
        loop.spawn(sleeper(number))
    loop.run()
    assert woken == [0, 1, 2, 3, 4]


def test_a_reused_descriptor_is_not_confused(loop: Loop) -> None:
    """A closed socket's number may be taken by a new one at once; it is watched anew."""

    async def again() -> list[int]:
        got: list[int] = []
        for closed_here in (True, False, True):
            one, two = socket.socketpair()
            two.send(b"x")
            got.append(await loop.wait(one.fileno(), READ, soon(1)))
            if closed_here:
                loop.close(one)
            else:
                one.close()
            two.close()
        return got

    assert all(run(loop, again()))


def test_cancelling_ends_a_task_where_it_waits(loop: Loop) -> None:
    """A cancelled task runs its clean-up and nothing else."""
    trace: list[str] = []

    async def body() -> None:
        try:
            await loop.sleep_until(soon(60))
            trace.append("woke")
        finally:
            trace.append("cleaned")

    task = loop.spawn(body())
    task.cancel()
    task.cancel()
    assert (task.done, trace) == (True, ["cleaned"])


def test_a_task_that_breaks_is_told_and_leaves_the_loop_alive(loop: Loop) -> None:
    """An error in one task is reported and does not stop the others."""
    told: list[BaseException] = []
    loop.on_error = told.append

    async def broken() -> None:
        raise ValueError("oops")

    async def fine() -> str:
        await loop.sleep_until(soon(0.001))
        return "fine"

    assert isinstance(loop.spawn(broken()).result, ValueError)
    assert run(loop, fine()) == "fine"
    assert [str(problem) for problem in told] == ["oops"]


def test_blocking_work_runs_elsewhere(loop: Loop) -> None:
    """A blocking call does not hold up the loop, its value and its error come back."""

    async def both() -> tuple[Any, Any]:
        value = await loop.in_thread(threading.get_ident, soon(5))
        problem = await loop.in_thread(lambda: 1 // 0, soon(5))
        return value, problem

    (done, value), (also_done, problem) = run(loop, both())
    assert done
    assert also_done
    assert value != threading.get_ident()
    assert isinstance(problem, ZeroDivisionError)


def test_blocking_work_has_a_deadline(loop: Loop) -> None:
    """A call that hangs is left at the deadline, and its late result disturbs nobody."""
    gate = threading.Event()

    async def hung() -> tuple[Any, Any]:
        first = await loop.in_thread(gate.wait, soon(0.01))
        gate.set()
        await loop.sleep_until(soon(0.02))
        return first, await loop.in_thread(lambda: "next", soon(5))

    assert run(loop, hung()) == ((False, None), (True, "next"))


def test_a_signal_wakes_its_waiter_once(loop: Loop) -> None:
    """A signal set before, during or never: the waiter knows which."""
    signal = Signal(loop)

    async def waiter() -> list[bool]:
        never = await signal.wait(soon(0.005))
        loop.call_soon(signal.set)
        return [never, await signal.wait(soon(5)), await signal.wait(soon(5))]

    assert run(loop, waiter()) == [False, True, True]


def test_timers_can_be_taken_back(loop: Loop) -> None:
    """A timer that was taken back does not fire."""
    fired: list[str] = []
    timer = loop.call_at(soon(0.001), lambda: fired.append("taken back"))
    timer[2] = None
    loop.call_at(soon(0.005), loop.stop)
    loop.run()
    assert fired == []


def test_watchers_hear_of_the_end(loop: Loop) -> None:
    """Whoever watches a task is called with it once it is done."""
    heard: list[Task] = []

    async def quick() -> int:
        return 7

    task = loop.spawn(quick(), heard.append)
    assert heard == [task]
    assert task.result == 7


def test_timers_nobody_waits_for_do_not_pile_up(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits that end long before their deadline leave nothing that grows."""
    monkeypatch.setattr("harness.agent.loop.STALE_TIMERS", 50)

    async def many() -> None:
        for _ in range(500):
            signal = Signal(loop)
            loop.call_soon(signal.set)
            await signal.wait(soon(3600))

    kept = loop.call_at(soon(7200), loop.stop)
    run(loop, many())
    assert len(loop._timers) < 200
    assert kept in loop._timers
