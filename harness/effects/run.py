"""Running processes: the only place that starts one. Never through a shell.

Synchronous for the host side, asynchronous for the embedded cluster. A command that cannot be started or that
overruns raises `RunError`; a non-zero exit is a value unless the caller asks with `check`.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import subprocess
from collections.abc import Mapping, Sequence
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
    except FileNotFoundError as error:
        raise RunError(argv, "not found") from error
    except subprocess.TimeoutExpired as error:
        raise RunError(argv, f"still running after {timeout:g} s", err=error.stderr or b"") from error
    return _checked(Completed(tuple(argv), done.returncode, done.stdout, done.stderr), check=check)


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
    except FileNotFoundError as error:
        raise RunError(argv, "not found") from error


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
    except FileNotFoundError as error:
        raise RunError(argv, "not found") from error
