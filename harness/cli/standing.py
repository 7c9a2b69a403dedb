"""`harness up` and `harness down`: an embedded cluster that stays in the background until it is taken down.

Nothing lies on a disk unless a file is asked for: the kubeconfig is in the cluster's own private /run, which root
reads through /proc.
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from harness.clusters import embedded
from harness.clusters.provider import ClusterError
from harness.effects.files import write_atomic

NAME = click.option("--name", default=embedded.Settings().name, show_default=True, help="Which cluster.")


@click.command()
@NAME
@click.option("--families", type=click.Choice(sorted(embedded.FAMILIES)), default="dual", show_default=True)
@click.option(
    "--kubeconfig",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the kubeconfig there; by default nothing lies on a disk.",
)
def up(name: str, families: str, file: Path | None) -> None:
    """Leave an embedded cluster running in the background."""
    said = embedded.up(embedded.Settings(name=name, families=embedded.FAMILIES[families]))
    if file is None:
        path = Path(f"/proc/{said['pid']}/root/run/harness/kubeconfig")
    else:
        path = file.absolute()
        _write(path, said["kubeconfig"], name=name)
    click.echo(f"embedded cluster {name!r} is up ({said['boot_s']:.1f} s); end it with: harness down --name {name}")
    click.echo(f"export KUBECONFIG={path}")


def _write(path: Path, kubeconfig: object, *, name: str) -> None:
    """Write the file, or take the cluster down again: what was made is removed when the command fails."""
    try:
        write_atomic(path, json.dumps(kubeconfig).encode() + b"\n", mode=0o600)
    except OSError as error:
        embedded.down(name)
        raise ClusterError(f"cannot write {path}: {error.strerror}; the cluster was taken down again") from error


@click.command()
@NAME
def down(name: str) -> None:
    """End a cluster that `harness up` left running."""
    if not embedded.down(name):
        there = ", ".join(embedded.standing_names()) or "none"
        raise ClusterError(f"no embedded cluster named {name!r} is up; there are: {there}")
    click.echo(f"embedded cluster {name!r} is gone")
