"""Collecting processes that became ours by their parents' end, as the first process of a PID namespace has to.

crun leaves the middle one of its forks behind with every container, and an exec that fails leaves one inside the
container's PID namespace; the kernel does not let a container end before those are collected. Processes that somebody
here waits for must not be touched: a stolen exit code is an error elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

SPACING = 0.3
"""Seconds between looks. A container's end waits for at most two of them, and only after a failed exec."""

PATIENCE = 30
"""Looks a zombie of another name must survive: whoever waits for it has collected it long before."""

RUNTIME = "crun"


class Wards:
    """The children that somebody waits for. One per process: children belong to a process, not to a node."""

    def __init__(self) -> None:
        self._pids: set[int] = set()

    def add(self, pid: int) -> None:
        """Somebody waits for this one."""
        self._pids.add(pid)

    def drop(self, pid: int) -> None:
        """It has been collected."""
        self._pids.discard(pid)

    def __contains__(self, pid: int) -> bool:
        return pid in self._pids


WARDS = Wards()


async def collect_forever() -> None:
    """Collect orphans as they end."""
    seen: dict[int, int] = {}
    while True:
        await asyncio.sleep(SPACING)
        zombies = {pid: name for pid, name in _zombies() if pid not in WARDS}
        seen = {pid: seen.get(pid, 0) + 1 for pid in zombies}
        for pid, looks in seen.items():
            if looks >= (2 if zombies[pid] == RUNTIME else PATIENCE):
                _collect(pid)


def _collect(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _zombies() -> list[tuple[int, str]]:
    """Ended children of this process that nobody has collected: pid and name."""
    if not _any_ended():
        return []
    found = []
    for listing in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for pid in map(int, listing.read_text().split()):
                status = _status(pid)
                if status is not None and status[1] == "Z":
                    found.append((pid, status[0]))
    return found


def _any_ended() -> bool:
    """Whether there is one at all: one call instead of two files for every child, of which a node has hundreds."""
    try:
        return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return False


def _status(pid: int) -> tuple[str, str] | None:
    """Name and state letter of a process; None when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    name, _, rest = text.partition(" (")[2].rpartition(") ")
    return name, rest[:1]
