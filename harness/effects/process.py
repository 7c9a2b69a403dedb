"""Who a process is: told apart from a later one with the same number, and from one of another machine.

What outlives its maker (a Lease, a container) carries such an identity; whoever finds it can tell whether the maker
still lives. A number alone would not do: numbers are used again, and each PID namespace counts for itself.
"""

from __future__ import annotations

import contextlib
import os
import platform
from pathlib import Path

from harness.effects.run import RunError, run

PROC = Path("/proc")
FIRST_NAMESPACE = "pid:[4026531836]"
"""What the kernel calls the PID namespace it starts with, on every machine."""

ENDED = ("Z", "X")
"""States of a process that nobody has waited for yet, but that runs no more."""


def machine() -> str:
    """This machine, and the PID namespace in which our number means anything."""
    name = platform.node().replace("/", "-") or "unnamed"
    with contextlib.suppress(OSError):
        namespace = str((PROC / "self/ns/pid").readlink())
        if namespace != FIRST_NAMESPACE:
            return f"{name}.{namespace.removeprefix('pid:').strip('[]')}"
    return name


def identity() -> str:
    """Ours: machine, number and start, separated by slashes."""
    return f"{machine()}/{os.getpid()}/{started(os.getpid())}"


def started(pid: int) -> str:
    """When a process started, as the machine counts it; empty when it has ended or the platform does not tell."""
    if not (PROC / "self/stat").exists():
        return _started_by_ps(pid)
    try:
        state, *fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state in ENDED else fields[18]


def _started_by_ps(pid: int) -> str:
    try:
        done = run(["ps", "-o", "lstart=", "-p", str(pid)], check=False, timeout=5)
    except RunError:
        return ""
    return "_".join(done.text.split())


def lives(named: str) -> bool | None:
    """Whether the process of an identity still runs; None when that cannot be known from here."""
    where, _, process = named.partition("/")
    pid, _, began = process.partition("/")
    if where != machine() or not pid.isdigit() or not began or not started(os.getpid()):
        return None
    return started(int(pid)) == began
