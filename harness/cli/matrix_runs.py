"""The runs of a matrix: each a pytest process of its own, watched, interrupted when asked, and read when it has ended.

A run's column says how it ended, whatever happened: with its record, or with the last line it printed.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.cli.combinations import Combination
from harness.effects.run import Interruptible
from harness.report.comparison.printable import printable
from harness.report.comparison.values import Run
from harness.report.reading import FILE, BadRecordError, read
from harness.report.record import RunRecord, exit_code

OUTPUT = "output.txt"
"""What a run printed, in its report directory."""

LOOK = 0.2
"""Seconds between two looks at what a run has printed since."""

KEPT = 1_000_000
"""Bytes of its output that are looked through for why a run ended; the file has all."""

INTERRUPTED, REFUSED, NOTHING = 2, 4, 5
MEANINGS = {REFUSED: "did not come up", NOTHING: "nothing was selected"}


@dataclass(frozen=True)
class Ended:
    """How a process ended, and the last it printed. `code` is negative for a signal; None when it never began."""

    code: int | None
    output: str = ""


class Runner:
    """Runs pytest for one combination after the other, or several side by side from threads of their own."""

    def __init__(self, arguments: Sequence[str], *, show: Callable[[str], None] | None = None) -> None:
        self._arguments = tuple(arguments)
        self._show = show
        self._lock = threading.RLock()  # `stop` is called by signal handlers, which interrupt each other
        self._running: set[Interruptible] = set()
        self.stopped = False
        """Whether somebody asked for the end."""

    def run(self, options: Sequence[str], directory: Path) -> Ended:
        """One run to its end. After `stop` none begins."""
        directory.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pytest", *self._arguments, *options, "--report", str(directory)]
        environment = {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "COLUMNS": str(shutil.get_terminal_size((120, 24)).columns),
        }
        with (directory / OUTPUT).open("wb") as output, self._lock:
            if self.stopped:
                return Ended(None)
            process = Interruptible(command, env=environment, output=output)
            self._running.add(process)
        try:
            return Ended(self._watch(process, directory / OUTPUT), _read(directory / OUTPUT))
        finally:
            process.interrupt()  # only where nobody listens any more, such as a pager that was closed
            process.wait()
            with self._lock:
                self._running.discard(process)

    def stop(self) -> None:
        """Interrupt what runs, as Ctrl-C does, and begin nothing more. The runs still remove what they made."""
        with self._lock:
            self.stopped = True
            for process in self._running:
                process.interrupt()

    def _watch(self, process: Interruptible, output: Path) -> int:
        with output.open(encoding="utf-8", errors="replace", newline="") as lines:
            while (code := process.wait(LOOK)) is None:
                self._tell(lines.read())
            self._tell(lines.read())
            return code

    def _tell(self, text: str) -> None:
        if self._show is not None and text:
            self._show(text)


def _read(path: Path) -> str:
    """The last of what a run printed; a run that prints without end must not fill our memory."""
    with path.open("rb") as output:
        output.seek(max(0, path.stat().st_size - KEPT))
        return output.read(KEPT).decode(errors="replace")


def column(combination: Combination, ended: Ended, directory: Path, *, command: str) -> Run:
    """The column of a run that was started, or was to be."""
    record, unreadable = None, ""
    if ended.code is not None and (directory / FILE).exists():
        try:
            record = read(directory)
        except BadRecordError as error:
            unreadable = str(error)
    return Run(
        name=combination.name,
        facts=combination.facts,
        record=record,
        problem=unreadable or problem(ended, record),
        code=ended.code,
        place=str(directory) if directory.exists() else "",
        command=command,
    )


def refused(combination: Combination) -> Run:
    """The column of a combination that cannot be."""
    return Run(combination.name, combination.facts, problem=f"cannot be: {combination.refused}")


def problem(ended: Ended, record: RunRecord | None) -> str:
    """What went wrong with a run as a whole; empty when its record says it all."""
    code, words = ended.code, last_words(ended.output)
    if code is None:
        return "not run: the matrix was interrupted before its turn"
    if code == INTERRUPTED:
        asked = f"after {len(record.tests)} tests" if record is not None else "before its first test"
        return f"interrupted {asked}: {words}"
    if code < 0:
        return f"crashed: ended by signal {-code}: {words}"
    if record is not None and code == exit_code(record.tests):
        return ""
    if code in MEANINGS:
        return f"{MEANINGS[code]}: {words}"
    told = f"its tests amount to {exit_code(record.tests)}" if record is not None else "without a record"
    return f"ended with exit code {code}, {told}: {words}"


def last_words(output: str) -> str:
    """The line of a run's output that says why it ended: an error if it named one, else the last."""
    lines = [line.strip() for line in printable(output).splitlines() if line.strip()]
    for line in reversed(lines):
        if found := re.match(r"ERROR:? (?!usage:)(.+)|(?:\S*pytest|__main__\.py): error: (.+)|!!+ (.+) !!+", line):
            return next(each for each in found.groups() if each is not None)
    for line, following in itertools.pairwise(lines):
        if re.fullmatch(r"=+ refused =+", line):
            return following
    errors = [line for line in lines if line.startswith("INTERNALERROR>")]
    return (errors or lines or ["it printed nothing"])[-1]


def code_of(runs: Sequence[Run], *, interrupted: bool) -> int:
    """The exit code of a matrix: the worst of its runs (design section 8).

    1 before 3 before 0; what was started and has no whole result could not be measured, which is 3. 4 when none of
    them came up, 5 when nothing was selected in any. Combinations that cannot be say nothing.
    """
    started = [run for run in runs if run.code is not None]
    if interrupted:
        return INTERRUPTED
    codes = {run.code for run in started}
    if codes <= {REFUSED}:
        return REFUSED
    if codes == {NOTHING}:
        return NOTHING
    single = {_code(run) for run in started}
    return next(code for code in (1, 3, 0) if code in single)


def _code(run: Run) -> int:
    broken = run.record is not None and exit_code(run.record.tests) == 1
    if broken or run.code == 1:
        return 1
    return 0 if run.code == 0 and not run.problem else 3
