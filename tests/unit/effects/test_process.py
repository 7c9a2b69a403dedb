"""Who a process is: alive, ended, ended but not waited for, another with its number, and one of another machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from harness.effects import process
from harness.effects.run import start


def test_we_live() -> None:
    """Our own identity names machine, number and start."""
    where, pid, began = process.identity().split("/")
    assert (where, pid) == (process.machine(), str(os.getpid()))
    assert began
    assert process.lives(process.identity()) is True


def test_the_dead_do_not() -> None:
    """Neither one that is gone, nor one nobody has waited for yet, nor an earlier one of the same number."""
    child = start([sys.executable, "-c", "input()"])
    named = f"{process.machine()}/{child.pid}/{process.started(child.pid)}"
    assert process.lives(named) is True
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert process.lives(named) is False
    child.communicate()
    assert process.lives(named) is False
    assert process.lives(f"{process.machine()}/{os.getpid()}/1") is False


@pytest.mark.parametrize("named", ["", "x", "elsewhere/1/2", "a/b/c", "{here}/12", "{here}/x/1", "{here}/12/"])
def test_what_cannot_be_known_is_not_guessed(named: str) -> None:
    """Another machine's processes, and names of another form."""
    assert process.lives(named.format(here=process.machine())) is None


def test_another_pid_namespace_is_another_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers may share a host name; their process numbers mean different things."""
    (tmp_path / "self/ns").mkdir(parents=True)
    (tmp_path / "self/ns/pid").symlink_to("pid:[4026532000]")
    monkeypatch.setattr(process, "PROC", tmp_path)
    assert process.machine().endswith(".4026532000")
    (tmp_path / "self/ns/pid").unlink()
    (tmp_path / "self/ns/pid").symlink_to(process.FIRST_NAMESPACE)
    assert "." + "4026531836" not in process.machine()


def test_without_proc_ps_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere than on Linux, and the answer is one word."""
    monkeypatch.setattr(process, "PROC", tmp_path)
    began = process.started(os.getpid())
    assert began
    assert " " not in began
    assert process.started(4194304) == ""
    assert process.lives(process.identity()) is True
