"""`harness report`: every page of a run made anew from its record and its journal, also of one that was killed."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.last import named_or_last
from harness.report import live, pages, summary
from harness.report.catalogue import installed
from harness.report.pages import markdown
from harness.report.pages.view import View
from harness.report.record import State

PLACE = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@click.option("--into", type=PLACE, help="Write the pages there instead of beside the record.")
@click.option("--markdown", "printed", is_flag=True, help="Print the Markdown summary and write nothing.")
def report(directory: Path | None, into: Path | None, *, printed: bool) -> None:
    """Make the pages of a run anew: of the last one, or of the one whose report directory is given."""
    if printed and into is not None:
        raise click.UsageError("--markdown writes nothing: leave out --into")
    directory, run = named_or_last(directory)
    if printed:
        click.echo(markdown.page(View(run, installed())), nl=False)
        return
    place = into or (directory if directory.is_dir() else directory.parent)
    if run.state is State.UNFINISHED and into is None:
        raise click.ClickException(f"{directory}: it goes on and writes its pages itself; others go --into a place")
    try:
        live.write(run, place, installed())
    except OSError as error:
        raise click.ClickException(f"cannot write into {place}: {error}; choose a place with --into") from error
    for line in summary.lines(run, None):
        click.echo(line)
    for name in pages.FILES:
        click.echo(f"wrote {place / name}")
