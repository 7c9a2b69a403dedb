"""The report that is meant when none is named: the last of those that runs leave in `reports`."""

from __future__ import annotations

from pathlib import Path

import click

from harness.report.reading import FILE, BadRecordError, read
from harness.report.record import RunRecord

REPORTS = "reports"
"""Where runs put their reports, in the directory in which they were started; their names begin with the time."""


def named_or_last(given: Path | None) -> tuple[Path, RunRecord]:
    """A report directory and its record. Raises ClickException."""
    directory = _last() if given is None else given
    try:
        return directory, read(directory)
    except BadRecordError as error:
        raise click.ClickException(str(error)) from error


def _last() -> Path:
    found = sorted(path.parent for path in Path(REPORTS).glob(f"*/{FILE}"))
    if not found:
        raise click.ClickException(f"no report of a run in ./{REPORTS}: name the report directory of one")
    return found[-1]
