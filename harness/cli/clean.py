"""`harness clean`: remove from an existing cluster what killed runs left there, by our mark and nothing else."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli import existing
from harness.effects.clock import RealClock
from harness.model.waits import Waits
from harness.world.tenancy import sweep


@click.command()
@existing.options
def clean(kubeconfig: Path | None, context: str | None) -> None:
    """Remove what killed runs left on a cluster; runs that are alive keep theirs."""
    with existing.connected(kubeconfig, context) as kube:
        names = sweep(kube, clock=RealClock(), waits=Waits())
    for name in names:
        click.echo(f"removed namespace {name}")
    if not names:
        click.echo("nothing of a dead run is left")
