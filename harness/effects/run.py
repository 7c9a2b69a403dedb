"""Running processes: the only place that starts one. Never through a shell.

Synchronous for the host side, asynchronous for the embedded cluster. A command that cannot be started or that
overruns raises `RunError`; a non-zero exit is a value unless the caller asks with `check`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any


@dataclass(frozen=True)
class Completed:
    """A process that ended."""

    argv: tuple[str, ...]
    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        """Standard output as text."""
        return self.out.decode(errors="replace")


class RunError(Exception):
    """A process could not be started, overran its time, or (with `check`) ended badly."""

    def __init__(self, argv: Sequence[str], problem: str, *, err: bytes = b"") -> None:
        self.argv = tuple(argv)
        self.problem = problem
        self.err = err
        said = err.decode(errors="replace").strip()
        super().__init__(f"{shlex.join(argv)}: {problem}" + (f": {said}" if said else ""))

    @property
    def line(self) -> str:
        """What went wrong, in one line: what the command itself calls the error, else the last that it said."""
        said = [each.strip() for each in self.err.decode(errors="replace").splitlines() if each.strip()]
        named = [each for each in said if each.lower().startswith("error")]
        return ": ".join([self.problem, *(named[:1] or said[-1:])])


def _unstartable(error: OSError) -> str:
    """Why a process did not begin: a program for another machine and one that may not be run are no tracebacks."""
    return "not found" if isinstance(error, FileNotFoundError) else f"cannot be started: {error.strerror}"


def _checked(done: Completed, *, check: bool) -> Completed:
    if check and done.code != 0:
        raise RunError(done.argv, f"exit code {done.code}", err=done.err or done.out)
    return done


def run(
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    timeout: float = 30.0,
    check: bool = True,
    env: Mapping[str, str] | None = None,
) -> Completed:
    """Run to the end and collect its output. Raises RunError; `env` replaces the environment when given."""
    try:
        done = subprocess.run(argv, input=stdin, capture_output=True, timeout=timeout, check=False, env=env)
    except OSError as error:
        raise RunError(argv, _unstartable(error)) from error
    except subprocess.TimeoutExpired as error:
        raise RunError(argv, f"still running after {timeout:g} s", err=error.stderr or b"") from error
    return _checked(Completed(tuple(argv), done.returncode, done.stdout, done.stderr), check=check)


def run_told(
    argv: Sequence[str],
    *,
    tell: Callable[[str], None],
    stdin: bytes = b"",
    timeout: float = 30.0,
    check: bool = True,
    env: Mapping[str, str] | None = None,
) -> Completed:
    """As `run`, but hand on each line, of both outputs, as it comes; for what takes long enough to be watched.

    The command ends with us however we end, where the platform can do that, and its children with it when it overruns.
    """
    if shutil.which(argv[0]) is None:
        raise RunError(argv, "not found")
    process = subprocess.Popen(
        [*_tied(), *argv],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=env,
        start_new_session=True,
    )
    overran = threading.Event()

    def overrun() -> None:
        overran.set()
        _kill_group(process)

    timer = threading.Timer(timeout, overrun)
    timer.start()
    try:
        lines = list(_lines_of(process, stdin, tell))
        process.wait()
    finally:
        timer.cancel()
        if process.poll() is None:
            _kill_group(process)
            process.wait()
    if overran.is_set():
        raise RunError(argv, f"still running after {timeout:g} s", err=b"".join(lines[-3:]))
    return _checked(Completed(tuple(argv), process.returncode, b"".join(lines), b""), check=check)


def _lines_of(process: subprocess.Popen[bytes], stdin: bytes, tell: Callable[[str], None]) -> Iterator[bytes]:
    if process.stdin is None or process.stdout is None:
        raise RunError((), "was started without pipes")
    with process.stdout as output:
        # A command that ends without reading closes the pipe: its exit code says more than a broken pipe would.
        with contextlib.suppress(BrokenPipeError), process.stdin as entrance:
            entrance.write(stdin)
        for line in output:
            tell(line.decode(errors="replace").rstrip())
            yield line


def _tied(sign: str = "KILL") -> list[str]:
    """A prefix that makes the kernel signal a command when the thread that started it ends; Linux only."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", sign, "--"] if setpriv else []


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


async def run_async(
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    timeout: float = 30.0,
    check: bool = True,
    env: Mapping[str, str] | None = None,
) -> Completed:
    """As `run`, without holding the event loop."""
    process = await start_async(argv, env=env)
    try:
        out, err = await asyncio.wait_for(process.communicate(stdin), timeout)
    except TimeoutError as error:
        raise RunError(argv, f"still running after {timeout:g} s") from error
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return _checked(Completed(tuple(argv), process.returncode or 0, out, err), check=check)


async def start_async(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    stdin: int | IO[Any] = subprocess.PIPE,
    stdout: int | IO[Any] = subprocess.PIPE,
    stderr: int | IO[Any] = subprocess.PIPE,
    pass_fds: Sequence[int] = (),
) -> asyncio.subprocess.Process:
    """Start a process and leave it running; the caller owns it. Raises RunError when it cannot be started."""
    try:
        return await asyncio.create_subprocess_exec(
            *argv, stdin=stdin, stdout=stdout, stderr=stderr, env=env, pass_fds=pass_fds
        )
    except OSError as error:
        raise RunError(argv, _unstartable(error)) from error


def start(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    stdin: int | IO[Any] = subprocess.DEVNULL,
    stdout: int | IO[Any] = subprocess.PIPE,
    stderr: int | IO[Any] = subprocess.PIPE,
    pass_fds: Sequence[int] = (),
    own_session: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a process from synchronous code; the caller owns it. Raises RunError when it cannot be started."""
    try:
        return subprocess.Popen(
            argv, stdin=stdin, stdout=stdout, stderr=stderr, env=env, pass_fds=pass_fds, start_new_session=own_session
        )
    except OSError as error:
        raise RunError(argv, _unstartable(error)) from error


class Interruptible:
    """A running command that cleans up when it is interrupted, as Ctrl-C does; whoever started it owns it.

    It is in a session of its own, so that a terminal's Ctrl-C reaches it only through `interrupt`, once; and when the
    thread that started it ends, by whatever means, it is interrupted by the kernel. Its output goes to a file and not
    to a pipe: it can still write when nobody is left to read.
    """

    def __init__(self, argv: Sequence[str], *, env: Mapping[str, str], output: IO[Any]) -> None:
        """Start it. Raises RunError when that cannot be."""
        self._process = start([*_tied("INT"), *argv], env=env, stdout=output, stderr=output, own_session=True)

    def wait(self, seconds: float | None = None) -> int | None:
        """Its exit code, negative for a signal; None when it still runs after that time."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def interrupt(self) -> None:
        """Do to it and its children what Ctrl-C does in a terminal; nothing when it has ended."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGINT)


class Conversation:
    """A running command that is spoken with over its standard input and output; whoever started it owns it.

    It is in a session of its own: a terminal's Ctrl-C is not for it. A command that ends when its input does leaves
    nothing behind however its owner ends, for then the kernel closes the other ends of its pipes.
    """

    def __init__(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> None:
        """Start it. Raises RunError when that cannot be."""
        self._argv = tuple(argv)
        # Anonymous: what it complains of is kept as long as it is of use, and leaves no file.
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115
        pipe = subprocess.PIPE
        try:
            self._process = start(argv, env=env, stdin=pipe, stdout=pipe, stderr=self._complaints, own_session=True)
        except RunError:
            self._complaints.close()
            raise
        self._writing = threading.Lock()

    def send(self, data: bytes) -> None:
        """Write everything. Raises RunError when it has ended. Several threads may call it."""
        try:
            with self._writing:
                if self._process.stdin is None:
                    raise ValueError("was started without a pipe")
                self._process.stdin.write(data)
                self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise RunError(self._argv, "does not listen any more", err=self._said()) from error

    def receive(self, timeout: float) -> bytes:
        """What it says, as soon as it says something; b"" after `timeout`. Raises RunError when it has ended."""
        try:
            if self._process.stdout is None:
                raise ValueError("was started without a pipe")
            poll = select.poll()
            poll.register(self._process.stdout, select.POLLIN)
            if not poll.poll(timeout * 1000):
                return b""
            data = os.read(self._process.stdout.fileno(), 1 << 18)
        except (OSError, ValueError) as error:
            raise RunError(self._argv, "was ended") from error
        if not data:
            raise RunError(self._argv, "has ended", err=self._said())
        return data

    def end(self, patience: float) -> None:
        """Close its input, give it that many seconds to end by itself, kill it otherwise. Idempotent."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError, ValueError):
                self._process.stdin.close()
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            _kill_group(self._process)
            self._process.wait()
        # Last: whoever still listens in another thread hears the end of it first.
        if self._process.stdout is not None:
            with contextlib.suppress(OSError, ValueError):
                self._process.stdout.close()
        self._complaints.close()

    def _said(self) -> bytes:
        with contextlib.suppress(OSError, ValueError):
            self._complaints.seek(0)
            return self._complaints.read()
        return b""
