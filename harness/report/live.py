"""A report on disk from the first second of a run to its end: however the run is stopped, it leaves a valid one.

Until the end every page says that it was written while the run went on, and how far it had come. Verdicts go to the
journal at once; the record and the pages follow every few seconds, because they are made whole each time.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from harness.effects.clock import Clock
from harness.effects.files import write_atomic
from harness.report import journal, pages
from harness.report.catalogue import Catalogue, installed
from harness.report.reading import FILE
from harness.report.record import RunRecord, TestRecord

PROBES = "probes.jsonl"
OWN = (FILE, journal.FILE, PROBES, *pages.FILES)
"""Files of a report directory that a run makes, and takes away from an earlier one."""

REFRESH = 10.0
"""Seconds between two times that the pages are made anew: making them takes about a tenth of one."""


class LiveReport:
    """The report of a run that goes on."""

    def __init__(self, directory: Path, *, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock
        self._journal: journal.Journal | None = None
        self._made: list[Path] = []
        self._written = clock.now()
        self.trouble = ""
        """Why something could not be written, since it began."""

    @property
    def begun(self) -> bool:
        """Whether there is one."""
        return self._journal is not None

    def begin(self, run: RunRecord) -> None:
        """The first pages, in place of an earlier run's. Raises OSError, BusyError."""
        self._made = [each for each in (self._directory, *self._directory.parents) if not each.exists()]
        self._journal = journal.Journal(self._directory, clock=self._clock)
        for name in OWN:
            if name != journal.FILE:
                (self._directory / name).unlink(missing_ok=True)
        self._journal.head(run)
        self._write(run, Catalogue())  # nothing was asked: there is nothing to look up

    def know(self, run: RunRecord) -> None:
        """More is known of the run than when it began: what cluster it has."""
        if self._journal is not None:
            with contextlib.suppress(OSError):  # told with the next verdict that cannot be written
                self._journal.head(run)

    def note(self, run: RunRecord, test: TestRecord) -> None:
        """A test ended, or a later phase of it made it worse."""
        if self._journal is None:
            return
        try:
            self._journal.test(test, at=run.seconds)
            if self._clock.now() - self._written >= REFRESH:
                self._journal.head(run)
                self._write(run, installed())
        except OSError as error:
            self.trouble = f"the report could not be written while the run went on: {error}"

    def end(self, run: RunRecord) -> None:
        """The whole report. Raises OSError."""
        if self._journal is not None:
            with contextlib.suppress(OSError):  # the record says the same, and its failure is told
                self._journal.head(run)
            self._write(run, installed())
            self.close()

    def withdraw(self) -> None:
        """The run was refused before it asked anything: take away what was made for it."""
        if self._journal is None:
            return
        self.close()
        for name in OWN:
            (self._directory / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # what others left there stays
            for each in self._made:
                each.rmdir()

    def close(self) -> None:
        """Nobody writes there any more."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def _write(self, run: RunRecord, catalogue: Catalogue) -> None:
        write(run, self._directory, catalogue)
        self._written = self._clock.now()


def write(run: RunRecord, directory: Path, catalogue: Catalogue) -> None:
    """The record and every page made from it. Raises OSError."""
    write_atomic(directory / FILE, json.dumps(run.as_dict(), indent=1, default=str).encode() + b"\n", durable=True)
    pages.write(run, directory, catalogue)
