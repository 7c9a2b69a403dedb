"""One thread, one epoll: coroutines that wait for sockets and for time.

Not asyncio: a probe is a handful of system calls, and asyncio's futures and contexts double its cost (measured: 60 µs
of processor time for a TCP probe here, 120 µs for the same through asyncio). A coroutine awaits `Loop.wait` (a socket,
with a deadline), `Loop.sleep_until`, `Loop.in_thread` or a `Signal`; nothing else. Single-threaded but for `in_thread`.
"""

from __future__ import annotations

import heapq
import itertools
import os
import select
import socket
import threading
import time
import types
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any

READ = select.EPOLLIN
WRITE = select.EPOLLOUT
FOREVER = float("inf")

STALE_TIMERS = 10_000
"""Timers nobody waits for any more that may lie about: most waits end long before their deadline."""

_Op = tuple[int, int, float]
Run = Coroutine[Any, Any, Any]


class Cancelled(BaseException):
    """Thrown into a task that is not wanted any more."""


class Task:
    """A coroutine on its way. `result` once `done`."""

    __slots__ = ("coro", "done", "fd", "loop", "result", "timer", "watchers")

    def __init__(self, loop: Loop, coro: Run) -> None:
        self.loop = loop
        self.coro = coro
        self.fd = -1
        self.timer: list[Any] | None = None
        self.done = False
        self.result: Any = None
        self.watchers: list[Callable[[Task], None]] = []

    def cancel(self) -> None:
        """End it at the place where it waits."""
        if not self.done:
            self.loop.unwait(self)
            self.loop.step(self, error=Cancelled())


class Loop:
    """The agent's only loop."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._waiting: dict[int, Callable[[int], None] | Task] = {}
        self._known: set[int] = set()
        self._timers: list[list[Any]] = []
        self._order = itertools.count()
        self._stale = 0
        self._ready: deque[Callable[[], None]] = deque()
        self._running = True
        self._bell_out, self._bell_in = socket.socketpair()
        for end in (self._bell_out, self._bell_in):
            end.settimeout(0)
        self._threads = _Threads()
        self.after_each: list[Callable[[], None]] = []
        self.on_error: Callable[[BaseException], None] = _tell
        self.watch(self._bell_out.fileno(), READ, self._drain_bell)

    # -- for coroutines -----------------------------------------------------------------------------------------

    @types.coroutine
    def wait(self, fd: int, events: int, deadline: float) -> Generator[_Op, int, int]:
        """The events that came, 0 when the deadline came first."""
        return (yield (fd, events, deadline)) or 0

    @types.coroutine
    def sleep_until(self, moment: float) -> Generator[_Op, int, None]:
        """Until `time.monotonic()` is `moment`."""
        yield (-1, 0, moment)

    async def in_thread(self, work: Callable[[], Any], deadline: float) -> tuple[bool, Any]:
        """Run something that blocks elsewhere. (True, value), (True, exception), or (False, None) at the deadline."""
        signal = Signal(self)
        box: list[Any] = []

        def finished(value: Any) -> None:
            def deliver() -> None:
                box.append(value)
                signal.set()

            self.call_from_thread(deliver)

        self._threads.submit(work, finished)
        await signal.wait(deadline)
        return (True, box[0]) if box else (False, None)

    # -- tasks --------------------------------------------------------------------------------------------------

    def spawn(self, coro: Run, then: Callable[[Task], None] | None = None) -> Task:
        """Start a coroutine now, up to its first wait."""
        task = Task(self, coro)
        if then is not None:
            task.watchers.append(then)
        self.step(task, 0)
        return task

    def step(self, task: Task, value: int = 0, *, error: BaseException | None = None) -> None:
        """Let a task run to its next wait."""
        before, _current.task = _current.task, task
        try:
            fd, events, deadline = task.coro.send(value or None) if error is None else task.coro.throw(error)
        except StopIteration as stop:
            self._finish(task, stop.value)
            return
        except Cancelled:
            self._finish(task, None)
            return
        except Exception as problem:  # noqa: BLE001 - a broken task must not take the agent with it; it is reported
            self.on_error(problem)
            self._finish(task, problem)
            return
        finally:
            _current.task = before
        if fd >= 0:
            task.fd = fd
            self._arm(fd, events | select.EPOLLONESHOT)
            self._waiting[fd] = task
        if deadline != FOREVER:
            task.timer = [deadline, next(self._order), task]
            heapq.heappush(self._timers, task.timer)

    def unwait(self, task: Task) -> None:
        """Take a task out of everything it waits for."""
        if task.fd >= 0:
            self._waiting.pop(task.fd, None)
            task.fd = -1
        if task.timer is not None:
            task.timer[2] = None
            task.timer = None
            self._stale += 1
            if self._stale > STALE_TIMERS and self._stale * 2 > len(self._timers):
                self._timers[:] = [timer for timer in self._timers if timer[2] is not None]
                heapq.heapify(self._timers)
                self._stale = 0

    def resume(self, task: Task, value: int = 0) -> None:
        """Let a waiting task go on now."""
        self.unwait(task)
        self.step(task, value)

    def _finish(self, task: Task, result: Any) -> None:
        task.done, task.result = True, result
        for watcher in task.watchers:
            watcher(task)

    # -- callbacks ----------------------------------------------------------------------------------------------

    def watch(self, fd: int, events: int, callback: Callable[[int], None]) -> None:
        """Call back whenever one of the events is there, until `close`."""
        self._waiting[fd] = callback
        self._arm(fd, events)

    def close(self, sock: socket.socket) -> None:
        """Close a socket and forget it."""
        fd = sock.fileno()
        self._waiting.pop(fd, None)
        self._known.discard(fd)
        sock.close()

    def call_soon(self, work: Callable[[], None]) -> None:
        """In this round of the loop, after what is being done now."""
        self._ready.append(work)

    def call_at(self, moment: float, work: Callable[[], None]) -> list[Any]:
        """At that moment; setting the last element of what is returned to None takes it back."""
        timer = [moment, next(self._order), work]
        heapq.heappush(self._timers, timer)
        return timer

    def call_from_thread(self, work: Callable[[], None]) -> None:
        """As `call_soon`, from any thread or a signal handler."""
        self._ready.append(work)
        self.ring()

    def ring(self) -> None:
        """Wake the loop up."""
        try:
            self._bell_in.send(b"!")
        except BlockingIOError:
            return  # it is ringing already

    @property
    def bell(self) -> int:
        """A descriptor that wakes the loop when written to (for `signal.set_wakeup_fd`)."""
        return self._bell_in.fileno()

    # -- running ------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Until `stop`."""
        while self._running:
            self._round()

    def stop(self) -> None:
        """Leave `run` after this round."""
        self._running = False

    def shut(self) -> None:
        """Give back its descriptors; the loop is not used afterwards."""
        self._epoll.close()
        self._bell_in.close()
        self._bell_out.close()

    def _round(self) -> None:
        timeout = self._until_next_timer()
        for fd, events in self._epoll.poll(timeout, 512):
            waiter = self._waiting.get(fd)
            if isinstance(waiter, Task):
                self.resume(waiter, events)
            elif waiter is not None:
                waiter(events)
        self._run_timers()
        for _ in range(len(self._ready)):
            self._ready.popleft()()
        for hook in self.after_each:
            hook()

    def _until_next_timer(self) -> float:
        if self._ready:
            return 0.0
        timers = self._timers
        while timers and timers[0][2] is None:
            heapq.heappop(timers)
            self._stale -= 1
        return max(0.0, timers[0][0] - time.monotonic()) if timers else -1

    def _run_timers(self) -> None:
        timers = self._timers
        now = time.monotonic()
        while timers and (timers[0][2] is None or timers[0][0] <= now):
            what = heapq.heappop(timers)[2]
            if isinstance(what, Task):
                what.timer = None
                self.resume(what)
            elif what is None:
                self._stale -= 1
            else:
                what()

    def _arm(self, fd: int, events: int) -> None:
        """Add to or change in the epoll. A socket closed behind our back left it silently: then the other is right."""
        try:
            if fd in self._known:
                self._epoll.modify(fd, events)
            else:
                self._epoll.register(fd, events)
        except FileExistsError:
            self._epoll.modify(fd, events)
        except FileNotFoundError:
            self._epoll.register(fd, events)
        self._known.add(fd)

    def _drain_bell(self, _: int) -> None:
        try:
            while self._bell_out.recv(4096):
                pass
        except BlockingIOError:
            return


class Signal:
    """Something one task waits for and others announce. Once set it stays set until `clear`."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._waiter: Task | None = None
        self.is_set = False

    def set(self) -> None:
        """Announce it; whoever waits goes on now."""
        self.is_set = True
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            self._loop.resume(waiter)

    def clear(self) -> None:
        """Take it back."""
        self.is_set = False

    async def wait(self, deadline: float) -> bool:
        """Until it is set or the deadline has come; whether it is set."""
        if not self.is_set:
            self._waiter = _current.task
            try:
                await self._loop.sleep_until(deadline)
            finally:
                self._waiter = None
        return self.is_set


class _Current:
    """The task that is running: a signal has to know whom to wake."""

    task: Task | None = None


_current = _Current()


class _Threads:
    """A few threads for calls that block (name resolution)."""

    LIMIT = 16

    def __init__(self) -> None:
        self._jobs: deque[tuple[Callable[[], Any], Callable[[Any], None]]] = deque()
        self._lock = threading.Condition()
        self._idle = 0
        self._count = 0

    def submit(self, work: Callable[[], Any], finished: Callable[[Any], None]) -> None:
        with self._lock:
            self._jobs.append((work, finished))
            if self._idle < len(self._jobs) and self._count < self.LIMIT:
                self._count += 1
                threading.Thread(target=self._serve, daemon=True).start()
            self._lock.notify()

    def _serve(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
                while not self._jobs:
                    self._lock.wait()
                self._idle -= 1
                work, finished = self._jobs.popleft()
            try:
                value = work()
            except Exception as problem:  # noqa: BLE001 - handed to whoever waits
                value = problem
            finished(value)


def _tell(problem: BaseException) -> None:
    import traceback  # noqa: PLC0415 - costly, and hopefully never needed

    os.write(2, "".join(traceback.format_exception(problem)).encode())
