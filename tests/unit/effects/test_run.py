"""Processes: what came out, what went wrong, and that nothing outlives its time."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from harness.effects.clock import RealClock
from harness.effects.run import (
    Completed,
    Interruptible,
    RunError,
    run,
    run_async,
    run_told,
    start,
)

Runner = Callable[..., Completed]


def _waited(work: Awaitable[Completed]) -> Completed:
    async def wait() -> Completed:
        return await work

    return asyncio.run(wait())


@pytest.fixture(params=["sync", "async"])
def runner(request: pytest.FixtureRequest) -> Runner:
    """Both twins keep the same promises."""
    if request.param == "sync":
        return run
    return lambda argv, **options: _waited(run_async(argv, **options))


def python(code: str) -> list[str]:
    """A process that runs this code."""
    return [sys.executable, "-I", "-S", "-c", code]


def test_output_input_and_code_are_values(runner: Runner) -> None:
    """Standard input goes in; both outputs and the exit code come out."""
    done = runner(
        python("import sys; print(sys.stdin.read().upper()); print('no', file=sys.stderr); sys.exit(3)"),
        stdin=b"abc",
        check=False,
    )
    assert (done.code, done.text, done.err) == (3, "ABC\n", b"no\n")


def test_a_bad_end_is_an_error_when_checked(runner: Runner) -> None:
    """The error has the command, the code, and what the process said."""
    with pytest.raises(RunError, match=r"exit code 4: it broke") as told:
        runner(python("import sys; print('it broke', file=sys.stderr); sys.exit(4)"))
    assert told.value.argv[0] == sys.executable


def test_a_program_that_is_not_there_is_said(runner: Runner) -> None:
    """No traceback of the operating system, but the name and `not found`."""
    with pytest.raises(RunError, match="no-such-program: not found"):
        runner(["no-such-program"])


def test_a_program_that_cannot_be_started_is_said(runner: Runner, tmp_path: Path) -> None:
    """A file that may not be run, and one that is no program of this machine, are as clear as one that is missing."""
    for name, mode, said in (("plain", 0o644, "Permission denied"), ("foreign", 0o755, "Exec format error")):
        (tmp_path / name).write_bytes(b"\x7fELF of another machine")
        (tmp_path / name).chmod(mode)
        with pytest.raises(RunError, match=f"{name}: cannot be started: {said}"):
            runner([str(tmp_path / name)])
        with pytest.raises(RunError, match=f"{name}: cannot be started: {said}"):
            start([str(tmp_path / name)])


def test_a_process_that_overruns_is_ended(runner: Runner) -> None:
    """It is killed, and the error says how long it was given."""
    with pytest.raises(RunError, match=r"still running after 0\.3 s"):
        runner(python("import time; time.sleep(60)"), timeout=0.3)


def test_the_environment_is_replaced(runner: Runner) -> None:
    """A given environment is the whole environment."""
    done = runner(python("import os; print(sorted(os.environ.keys() - {'LC_CTYPE'}))"), env={"A": "1"})
    assert done.text == "['A']\n"


def test_a_started_process_is_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    """`start` returns at once; the caller waits for it."""
    process: Any = start(python("print(7)"))
    out, _ = process.communicate(timeout=60)
    assert (out, process.returncode) == (b"7\n", 0)
    with pytest.raises(RunError, match="not found"):
        start(["no-such-program"])


# -- commands that are watched ----------------------------------------------------------------------------------------


def test_a_watched_command_tells_each_line_as_it_comes() -> None:
    """Both outputs as one, without the line ends; the whole is kept."""
    told: list[str] = []
    code = "import sys; print(input(), flush=True); print('b', file=sys.stderr)"
    done = run_told(python(code), tell=told.append, stdin=b"a\n")
    assert told == ["a", "b"]
    assert (done.code, done.text) == (0, "a\nb\n")


def test_a_watched_command_fails_like_any_other() -> None:
    """With what it said, or as a value when nobody checks; a program that is not there is named."""
    with pytest.raises(RunError, match="exit code 3: oh"):
        run_told(python("print('oh'); raise SystemExit(3)"), tell=lambda _: None)
    assert run_told(python("raise SystemExit(3)"), tell=lambda _: None, check=False).code == 3
    with pytest.raises(RunError, match="no-such-program: not found"):
        run_told(["no-such-program"], tell=lambda _: None)


def test_a_watched_command_that_overruns_is_ended_with_its_children() -> None:
    """A child that holds the output open does not hold us."""
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    with pytest.raises(RunError, match=r"still running after 0\.5 s"):
        run_told(python(code), tell=lambda _: None, timeout=0.5)


def test_a_watched_command_may_leave_its_input_unread() -> None:
    """What it was told then does not matter."""
    assert run_told(python("import os; os.close(0)"), tell=lambda _: None, stdin=b"x" * 1_000_000).code == 0


def test_who_watches_may_stop() -> None:
    """An interrupt in the middle ends the command."""

    def stop(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_told(python("import time; print(1, flush=True); time.sleep(60)"), tell=stop)


def test_an_interruptible_command_cleans_up_when_it_is_interrupted(tmp_path: Path) -> None:
    """Ctrl-C reaches it and its children once, its output is in the file, and an ended one is left alone."""
    code = (
        "import signal, sys\n"
        "try:\n print('here', flush=True)\n signal.pause()\nexcept KeyboardInterrupt:\n print('cleaned'); sys.exit(2)"
    )
    file = tmp_path / "output"
    with file.open("wb") as output:
        process = Interruptible([sys.executable, "-c", code], env=dict(os.environ), output=output)
    clock = RealClock()
    while "here" not in file.read_text():
        clock.sleep(0.01)
    process.interrupt()
    assert process.wait(60) == 2
    assert file.read_text() == "here\ncleaned\n"
    process.interrupt()


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="the kernel is told by setpriv, which is not here")
def test_an_interruptible_command_is_interrupted_when_its_starter_dies(tmp_path: Path) -> None:
    """kill -9 of the starter: the command still ends in its ordinary way, and can still write."""
    file = tmp_path / "output"
    inner = (
        "import signal\ntry:\n print('here', flush=True)\n signal.pause()\nexcept KeyboardInterrupt:\n print('cleaned')"
    )
    code = (
        "import os, signal, sys\nfrom harness.effects.run import Interruptible\n"
        f"output = open({str(file)!r}, 'wb')\n"
        f"Interruptible([sys.executable, '-c', {inner!r}], env=dict(os.environ), output=output)\nsignal.pause()"
    )
    starter = start([sys.executable, "-c", code], stdout=None, stderr=None)
    clock = RealClock()
    while not file.exists() or "here" not in file.read_text():
        clock.sleep(0.01)
    starter.kill()
    starter.wait()
    deadline = clock.now() + 60
    while "cleaned" not in file.read_text() and clock.now() < deadline:
        clock.sleep(0.01)
    assert file.read_text() == "here\ncleaned\n"


@pytest.mark.parametrize(
    ("err", "line"),
    [
        (b"", "exit code 1"),
        (b"first\nlast\n\n", "exit code 1: last"),
        (b"loading\nError: no such chart\n\nUse --debug\n", "exit code 1: Error: no such chart"),
    ],
)
def test_an_error_in_one_line(err: bytes, line: str) -> None:
    """What a command itself calls the error, else its last word; never several lines."""
    assert RunError(["helm"], "exit code 1", err=err).line == line
