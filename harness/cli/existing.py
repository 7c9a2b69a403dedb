"""An existing cluster as a subcommand is told of it: a kubeconfig file, a context, never the current one unasked."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from harness.clusters.kubeconfig import KubeconfigCluster
from harness.kube.client import Kube


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that name an existing cluster."""
    file = click.Path(dir_okay=False, path_type=Path)
    command = click.option("--context", metavar="NAME", help="Context; never the current one unasked.")(command)
    return click.option("--kubeconfig", type=file, help="Kubeconfig of an existing cluster.")(command)


@contextlib.contextmanager
def connected(kubeconfig: Path | None, context: str | None) -> Iterator[Kube]:
    """A client of that cluster, closed afterwards. Raises ClusterError, KubeError."""
    access = KubeconfigCluster(path=kubeconfig, context=context).create()
    with contextlib.closing(Kube.connect(access.kubeconfig, context=access.context)) as kube:
        yield kube
