"""`harness clean`: remove what killed runs left, by our mark and nothing else: on this machine, or on a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from harness.cli import existing
from harness.clusters.kind import Tools, leftovers
from harness.clusters.kind.engine import engine
from harness.effects.clock import RealClock
from harness.model.waits import Waits
from harness.world.tenancy import sweep


@click.command()
@existing.options
def clean(kubeconfig: Path | None, context: str | None) -> None:
    """Remove what killed runs left on this machine, or on a cluster that is named; runs that are alive keep theirs."""
    if kubeconfig is None and context is None:
        removed = list(_machine())
    else:
        with existing.connected(kubeconfig, context) as kube:
            removed = [f"namespace {name}" for name in sweep(kube, clock=RealClock(), waits=Waits())]
    for each in removed:
        click.echo(f"removed {each}")
    if not removed:
        click.echo("nothing of a dead run is left")


def _machine() -> Iterator[str]:
    """Kind clusters and their scratch folders. An embedded cluster never outlives its owner."""
    tools = Tools()
    if leftovers.present(tools):
        yield from (f"kind cluster {name}" for name in leftovers.sweep(tools))
        for each in leftovers.strangers(engine(tools)):
            click.echo(f"kind cluster {each} was made elsewhere and stays; kind delete cluster removes it", err=True)
    yield from (str(folder) for folder in leftovers.sweep_scratch())
