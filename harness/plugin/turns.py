"""Tests that touch what others stand on take turns.

Every test holds the shared side of one lock, a test marked exclusive holds the writer side. Between workers of a run
the lock is a file in the report directory: the kernel gives it back when a worker dies. A writer that waits closes the
gate for new readers, so that it is not starved.
"""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path


class Turns:
    """The lock between the workers of one run."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._gate = directory / ".gate"
        self._turn = directory / ".turn"

    @contextlib.contextmanager
    def shared(self) -> Iterator[None]:
        """Beside other tests."""
        with contextlib.ExitStack() as held:
            with _locked(self._gate, fcntl.LOCK_SH):
                held.enter_context(_locked(self._turn, fcntl.LOCK_SH))
            yield

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Alone."""
        with _locked(self._gate, fcntl.LOCK_EX), _locked(self._turn, fcntl.LOCK_EX):
            yield


@contextlib.contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, how)
        yield
