"""`harness waits`: every wait of the harness with its reason, as they stand in `harness.model.waits`."""

from __future__ import annotations

import textwrap
from dataclasses import fields

import click

from harness.model.waits import Waits


@click.command()
def waits() -> None:
    """Every wait with its reason; change one with `--wait NAME=SECONDS`."""
    table = Waits()
    for each in fields(table):
        value = f"{getattr(table, each.name):g} {each.metadata['unit']}"
        why = textwrap.wrap(table.why(each.name), width=82)
        click.echo(f"{each.name:22}{value:>9}  {why[0]}")
        for line in why[1:]:
            click.echo(f"{'':33}{line}")
