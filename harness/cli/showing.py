"""Comparisons made, shown and written: tables where somebody looks, lines where a program reads, files for both."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from harness.cli.catalogues import requirements
from harness.effects.files import write_atomic
from harness.model.requirement import AREAS
from harness.report.comparison import build, lines, screen
from harness.report.comparison.html import page as html_page
from harness.report.comparison.markdown import page as markdown_page
from harness.report.comparison.values import Comparison, Run


def compared(runs: Sequence[Run], *, title: str) -> Comparison:
    """The comparison, with the promises' texts from the installed catalogues."""
    texts = {id_: str(row["statement"]) for id_, row in requirements().items()}
    return build.compare(runs, texts=texts, title=title, areas=AREAS)


def show(comparison: Comparison) -> None:
    """Print it, as tables on a terminal that is wide enough, and as lines elsewhere."""
    console = Console(highlight=False)
    if sys.stdout.isatty() and screen.fits(comparison, console.width):
        for each in screen.tables(comparison):
            console.print(each)
        return
    for line in lines.lines(comparison):
        click.echo(line)


def write(comparison: Comparison, *, html: Path | None, markdown: Path | None) -> None:
    """Write it to files. Raises ClickException when that cannot be."""
    for path, page in ((html, html_page), (markdown, markdown_page)):
        if path is None:
            continue
        try:
            write_atomic(path, page(comparison).encode())
        except OSError as error:
            raise click.ClickException(f"cannot write {path}: {error.strerror}") from error
