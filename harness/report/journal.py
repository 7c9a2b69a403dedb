"""`verdicts.jsonl`: what is known of a run while it goes on, line by line; readable at any moment, also after a crash.

Two kinds of lines: `{"run": …}`, the record without its tests (the last such line counts), and `{"test": …}`, a test's
judgement (of one test the last counts). Its writer holds a lock on the file: the kernel gives it back when the writer
dies, by whatever means, so a reader can tell a run that goes on from one that was killed. What was cut off in the
middle of a line is left out.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.effects.clock import Clock
from harness.report.record import RunRecord, TestRecord

FILE = "verdicts.jsonl"

SYNCED = 1.0
"""Seconds between two times that lines are forced to the disk: what a power cut may cost."""


class BusyError(Exception):
    """Another run is writing there."""


class Journal:
    """The file of a run that goes on. Every line is one write."""

    def __init__(self, directory: Path, *, clock: Clock) -> None:
        self._clock = clock
        self._synced = clock.now()
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(directory / FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise BusyError(
                f"{directory}: another run is writing its report there; choose another directory"
            ) from error
        os.ftruncate(descriptor, 0)  # an earlier run's
        self._descriptor: int | None = descriptor

    def head(self, run: RunRecord) -> None:
        """What is known of the run besides its tests."""
        told = run.as_dict()
        for name in ("tests", "requirements"):
            del told[name]
        self._line({"run": told})

    def test(self, test: TestRecord, *, at: float) -> None:
        """A test's judgement, `at` seconds after the run began."""
        self._line({"at": round(at, 3), "test": asdict(test)})

    def close(self) -> None:
        """Close the file: nobody writes there any more."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _line(self, told: Mapping[str, Any]) -> None:
        if self._descriptor is None:
            return
        os.write(self._descriptor, json.dumps(told, separators=(",", ":"), default=str).encode() + b"\n")
        if self._clock.now() - self._synced >= SYNCED:
            os.fdatasync(self._descriptor)
            self._synced = self._clock.now()


def rows(directory: Path) -> list[dict[str, Any]]:
    """Every whole line there is; none where there is no such file."""
    try:
        lines = (directory / FILE).read_text(errors="replace").splitlines()
    except OSError:
        return []
    return [row for line in lines if isinstance(row := _parsed(line), dict)]


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def is_written(directory: Path) -> bool:
    """Whether somebody on this machine is writing there."""
    try:
        with (directory / FILE).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
