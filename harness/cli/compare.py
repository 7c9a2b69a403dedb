"""`harness compare`: runs that were made already, side by side: last night and tonight, before and after an upgrade."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from harness.cli import showing
from harness.report.comparison import build, facts
from harness.report.comparison.printable import one_line
from harness.report.comparison.values import NOT_ASKED, Run, Worse
from harness.report.reading import BadRecordError, read
from harness.report.record import RunRecord

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("runs", metavar="RUN RUN...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--markdown", type=FILE, help="Write the comparison there as Markdown.")
@click.option("--html", type=FILE, help="Write the comparison there as one HTML page.")
def compare(runs: tuple[Path, ...], markdown: Path | None, html: Path | None) -> int:
    """Compare runs by their report directories or run.json files; exit code 1 if any is worse than the first."""
    if len(runs) < 2:
        raise click.UsageError("name at least two runs by their report directories or run.json files")
    if html is not None and html == markdown:
        raise click.UsageError(f"--html and --markdown both name {html}: one page would overwrite the other")
    try:
        records = [read(path) for path in runs]
    except BadRecordError as error:
        raise click.ClickException(str(error)) from error
    named = zip(facts.short_names(records), records, runs, strict=True)
    columns = [Run(name, record=record, place=str(path), problem=course(record)) for name, record, path in named]
    comparison = showing.compared(columns, title=f"Comparison of {len(columns)} runs")
    try:
        showing.show(comparison)
    finally:  # also for a reader who saw enough
        showing.write(comparison, html=html, markdown=markdown)
    found = list(build.worse(comparison))
    click.echo("")
    for line in (*told_anew(list(build.anew(comparison))), *told(found)):
        click.echo(line)
    return 1 if found else 0


def course(record: RunRecord) -> str:
    """What went wrong with a run as a whole: of one that did not come to its end, what it did not ask says nothing."""
    return "" if record.whole else f"{record.state} after {len(record.tests)} tests: {record.why}"


def told_anew(found: Sequence[tuple[str, str]]) -> Iterator[str]:
    """What nothing can be compared with, and does not hold: a line a column."""
    for column in dict.fromkeys(column for column, _ in found):
        ids = " ".join(one_line(id_) for each, id_ in found if each == column)
        yield f"broken or unknown in {column} and not asked in A: {ids}"


def told(found: Sequence[Worse]) -> Iterator[str]:
    """What is worse than in the first run, and in which: a line each, but for what is not asked any more."""
    silent: dict[str, list[str]] = {}
    for each in found:
        if each.after == NOT_ASKED:
            silent.setdefault(each.column, []).append(one_line(each.id))
            continue
        reason = f": {each.reason}" if each.reason else ""
        yield f"worse in {each.column}: {one_line(each.id)} {each.before} → {each.after}{reason}"
    for column, ids in silent.items():
        yield f"not asked any more in {column}: {' '.join(ids)}"
    yield f"{len(found)} verdicts are worse than in A" if found else "nothing is worse than in A"
