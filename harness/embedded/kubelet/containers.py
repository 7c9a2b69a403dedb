"""Containers run by crun: start, exit, exec, output. The door to the container runtime.

A detached container's first process becomes our child (we are the first process of our PID namespace, or a
subreaper), so its end is seen through a pidfd and its status collected by us: no supervisor per container. A
container has its own PID namespace, so killing its first process ends all of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import itertools
import json
import os
import shutil
import signal
import struct
import termios
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.effects.clock import Clock
from harness.effects.run import Completed, start_async
from harness.embedded.kubelet.logs import ContainerLog
from harness.embedded.kubelet.orphans import WARDS

EXEC_END = 1.0
"""Seconds crun may take to notice that the process it waits for was killed, before it is killed too."""

NOT_STARTED = 126
"""The exit code of a probe's or a hook's command that could not be started, as shells have it."""

LOOK_AGAIN = 0.005
"""Seconds between looks whether an exec'd process has started, once somebody has said something."""

CHUNK = 1 << 18
_PR_SET_CHILD_SUBREAPER = 36


class ContainerError(Exception):
    """crun refused; the text is its own message."""


def adopt_orphans() -> None:
    """Make this process the parent of detached containers, also where it is not the first of its PID namespace."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


@dataclass
class Container:
    """A started container."""

    id: str
    bundle: Path
    pid: int
    log: ContainerLog
    process: dict[str, Any]
    """The `process` of its configuration: user, capabilities, environment; an exec gets the same."""
    exited: asyncio.Future[int]
    """The exit code, 128 + N for signal N."""
    _pidfd: int
    _drained: list[asyncio.Future[None]] = field(default_factory=list)

    @property
    def running(self) -> bool:
        """Whether its first process lives."""
        return not self.exited.done()

    def signal(self, number: signal.Signals) -> None:
        """Signal the first process; harmless when it has ended."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)


class Crun:
    """All containers of one node."""

    def __init__(self, home: Path, clock: Clock) -> None:
        self._state = home / "crun"
        self._clock = clock
        self._numbers = itertools.count()
        # Found once: a search for each start would try every directory of PATH.
        self._program = shutil.which("crun") or "crun"
        self._state.mkdir(parents=True, exist_ok=True)

    async def start(self, container_id: str, bundle: Path, config: dict[str, Any]) -> Container:
        """Start a container from the bundle's root. Raises ContainerError, with nothing left running."""
        (bundle / "config.json").write_text(json.dumps(config))
        log = ContainerLog()
        readers, writers = [], []
        for _ in ("stdout", "stderr"):
            reader, writer = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(reader, False)
            readers.append(reader)
            writers.append(writer)
        drained = [
            self._drain(descriptor, log, stream)
            for descriptor, stream in zip(readers, ("stdout", "stderr"), strict=True)
        ]
        pid_file = bundle / "pid"
        options = ["run", "--detach", "--pid-file", str(pid_file), "--bundle", str(bundle), container_id]
        messages = bundle / "crun.log"
        process = await start_async(
            self._argv([*options], log=messages),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=writers[0],
            stderr=writers[1],
        )
        for descriptor in writers:
            os.close(descriptor)
        code = await _collected(process)
        if code != 0:
            await asyncio.gather(*drained)
            said = messages.read_text() if messages.exists() else log.ending()
            await self._delete(container_id)
            raise ContainerError(_last_message(said) or f"crun ended with {code}")
        pid = int(pid_file.read_text())
        exited, descriptor = _watch(pid)
        container = Container(container_id, bundle, pid, log, config["process"], exited, descriptor, drained)
        exited.add_done_callback(lambda _: asyncio.ensure_future(self._close_log(container)))
        return container

    async def remove(self, container: Container) -> None:
        """Forget an ended container (a living one is killed) and its files, except for its log."""
        container.signal(signal.SIGKILL)
        await container.exited
        await self._delete(container.id)
        await asyncio.to_thread(shutil.rmtree, container.bundle, ignore_errors=True)

    async def exec(self, container: Container, argv: Sequence[str], *, stdin: bool, tty: bool) -> Execution:
        """Start a process inside. Its streams are the process's own pipes; nobody stands between."""
        number = next(self._numbers)
        pid_file = container.bundle / f"exec-{number}.pid"
        wanted = container.bundle / f"exec-{number}.json"
        # As a file, because on its command line crun forgets no_new_privs.
        wanted.write_text(json.dumps({**container.process, "args": list(argv), "terminal": tty}))
        options = ["exec", "--pid-file", str(pid_file), "--process", str(wanted), container.id]
        command = self._argv(options, log=pid_file.with_suffix(".log"))
        if tty:
            return await _start_with_terminal(command, pid_file)
        process = await start_async(command, stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL)
        WARDS.add(process.pid)
        return Execution(process, pid_file, None)

    async def ask(self, container: Container, argv: Sequence[str], *, timeout: float) -> Completed | None:
        """Run a process inside to its end and collect its output; None when it overran and was killed."""
        process = await self.exec(container, argv, stdin=False, tty=False)
        try:
            async with asyncio.timeout(timeout):
                out, err = await asyncio.gather(_all(process.read_stdout), _all(process.read_stderr))
                return Completed(tuple(argv), await process.wait(), out, err)
        except TimeoutError:
            return None
        except ContainerError as problem:
            return Completed(tuple(argv), NOT_STARTED, b"", str(problem).encode())
        finally:
            await process.kill()

    async def _delete(self, container_id: str) -> None:
        quiet = asyncio.subprocess.DEVNULL
        command = self._argv(["delete", "--force", container_id])
        process = await start_async(command, stdin=quiet, stdout=quiet, stderr=quiet)
        await _collected(process)

    def _argv(self, command: list[str], *, log: Path | None = None) -> list[str]:
        noted = ["--log", f"file:{log}"] if log else []
        return [self._program, "--root", str(self._state), "--cgroup-manager=disabled", *noted, *command]

    def _drain(self, descriptor: int, log: ContainerLog, stream: str) -> asyncio.Future[None]:
        """Feed a pipe into the log until its end."""
        loop = asyncio.get_running_loop()
        finished: asyncio.Future[None] = loop.create_future()

        def readable() -> None:
            try:
                data = os.read(descriptor, CHUNK)
            except BlockingIOError:
                return
            if data:
                log.feed(stream, data, self._clock.wall())
                return
            loop.remove_reader(descriptor)
            os.close(descriptor)
            if not finished.done():
                finished.set_result(None)

        loop.add_reader(descriptor, readable)
        return finished

    async def _close_log(self, container: Container) -> None:
        await asyncio.gather(*container._drained)  # noqa: SLF001  # its maker
        container.log.close(self._clock.wall())


class Execution:
    """A process started inside a container: what the API server's ExecProcess asks for."""

    def __init__(self, process: asyncio.subprocess.Process, pid_file: Path, terminal: Terminal | None) -> None:
        self._process = process
        self._pid_file = pid_file
        self._terminal = terminal
        self._began: bool | None = None
        """Whether the process ever ran; None while that is open."""
        self._problem = ""

    async def read_stdout(self) -> bytes:
        """The next piece of output, b"" at the end. With a terminal, all output comes here."""
        if self._terminal is not None:
            return await self._own(self._terminal.read)
        return await self._process.stdout.read(CHUNK) if self._process.stdout else b""

    async def read_stderr(self) -> bytes:
        """The next piece of error output, b"" at the end."""
        stderr = self._process.stderr
        return await self._own(lambda: stderr.read(CHUNK)) if stderr else b""

    async def _own(self, read: Callable[[], Awaitable[bytes]]) -> bytes:
        """What the process says; what crun says instead when it cannot start it is for `wait` to raise."""
        piece = await read()
        while piece and self._began is None:
            if self._pid_file.exists():
                self._began = True
            elif self._process.returncode is not None:
                self._began = False
            else:
                await asyncio.sleep(LOOK_AGAIN)
        return piece if self._began else b""

    async def write_stdin(self, data: bytes) -> None:
        """Hand over input; waits while the process does not take it."""
        if self._terminal is not None:
            await self._terminal.write(data)
        elif self._process.stdin is not None:
            with contextlib.suppress(ConnectionError):
                self._process.stdin.write(data)
                await self._process.stdin.drain()

    async def close_stdin(self) -> None:
        """No more input."""
        if self._terminal is not None:
            await self._terminal.write(b"\x04")
        elif self._process.stdin is not None:
            self._process.stdin.close()

    async def wait(self) -> int:
        """The exit code, 128 + N for signal N. Raises ContainerError when crun could not start the process."""
        code = await _collected(self._process)
        if self._began is None:
            self._began = self._pid_file.exists()
        notes = self._pid_file.with_suffix(".log")
        if code > 0 and not self._began and not self._problem and notes.exists():
            self._problem = _last_message(notes.read_text(errors="replace"))
        for file in (self._pid_file, self._pid_file.with_suffix(".json"), notes):
            file.unlink(missing_ok=True)
        if self._problem:
            raise ContainerError(f"OCI runtime exec failed: unable to start container process: {self._problem}")
        return code if code >= 0 else 128 - code

    async def kill(self) -> None:
        """End the process; harmless when it has ended. crun, which waits for it, then ends by itself."""
        if self._process.returncode is not None:
            return
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):
            os.kill(int(self._pid_file.read_text()), signal.SIGKILL)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EXEC_END):
                    await self._process.wait()
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        with contextlib.suppress(ContainerError):
            await self.wait()

    def _pid(self) -> int | None:
        """The process itself; None while crun has not told."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            return int(self._pid_file.read_text())
        return None

    async def resize(self, width: int, height: int) -> None:
        """Give the terminal a size, also one that has another already.

        crun hands on the size that it finds when it makes the process's own terminal, and no later one (1.8.1 as
        Debian 12 has it): that end is told here, once it is there.
        """
        if self._terminal is None:
            return
        self._terminal.resize(width, height)
        while (pid := self._pid()) is None and self._process.returncode is None:  # noqa: ASYNC110  # a file tells
            await asyncio.sleep(LOOK_AGAIN)
        with contextlib.suppress(OSError):  # it has ended, or has put something else in its place
            own = os.open(f"/proc/{pid}/fd/0", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            try:
                _set_size(own, width, height)
            finally:
                os.close(own)


def _set_size(terminal: int, width: int, height: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))


class Terminal:
    """Our end of a pseudo-terminal."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        os.set_blocking(descriptor, False)

    async def read(self) -> bytes:
        """The next output; b"" when the other end is closed."""
        while self._descriptor >= 0:
            try:
                return os.read(self._descriptor, CHUNK)
            except BlockingIOError:
                await self._ready("add_reader", "remove_reader")
            except OSError:  # EIO is a terminal's end of file
                self.close()
                return b""
        return b""

    async def write(self, data: bytes) -> None:
        """Type `data`."""
        while data and self._descriptor >= 0:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                await self._ready("add_writer", "remove_writer")
            except OSError:
                return

    def resize(self, width: int, height: int) -> None:
        """Set the window size."""
        if self._descriptor >= 0:
            _set_size(self._descriptor, width, height)

    async def _ready(self, add: str, remove: str) -> None:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        watch: Callable[..., None] = getattr(loop, add)
        watch(self._descriptor, lambda: None if ready.done() else ready.set_result(None))
        try:
            await ready
        finally:
            getattr(loop, remove)(self._descriptor)

    def close(self) -> None:
        """Let go of it; later reads are at the end, later writes are lost."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


async def _start_with_terminal(command: list[str], pid_file: Path) -> Execution:
    ours, theirs = os.openpty()
    terminal = Terminal(ours)
    try:
        process = await start_async(command, stdin=theirs, stdout=theirs, stderr=theirs)
    finally:
        os.close(theirs)
    WARDS.add(process.pid)
    return Execution(process, pid_file, terminal)


async def _collected(process: asyncio.subprocess.Process) -> int:
    WARDS.add(process.pid)
    code = await process.wait()
    WARDS.drop(process.pid)
    return code


async def _all(read: Callable[[], Any]) -> bytes:
    pieces = []
    while piece := await read():
        pieces.append(piece)
    return b"".join(pieces)


def _watch(pid: int) -> tuple[asyncio.Future[int], int]:
    """A future of the exit code of our child `pid`, and the pidfd it is watched with."""
    loop = asyncio.get_running_loop()
    exited: asyncio.Future[int] = loop.create_future()
    descriptor = os.pidfd_open(pid)
    WARDS.add(pid)

    def ended() -> None:
        loop.remove_reader(descriptor)
        code = _collect(descriptor)
        WARDS.drop(pid)
        os.close(descriptor)
        exited.set_result(code)

    loop.add_reader(descriptor, ended)
    return exited, descriptor


def _collect(descriptor: int) -> int:
    try:
        result = os.waitid(os.P_PIDFD, descriptor, os.WEXITED)
    except ChildProcessError:
        return 255  # collected by somebody else: it ended, nobody knows how
    if result is None:
        return 255
    return result.si_status if result.si_code == os.CLD_EXITED else 128 + result.si_status


def _last_message(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""
