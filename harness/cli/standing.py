"""`harness up` and `harness down`: a cluster that stays in the background until it is taken down.

Of an embedded cluster nothing lies on a disk unless a file is asked for: the kubeconfig is in its own private /run,
which root reads through /proc. A kind cluster is the one that `--cluster kind --keep NAME` of a run makes and uses.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import click

from harness.clusters import embedded
from harness.clusters.cni import Cni
from harness.clusters.ingress import Ingress
from harness.clusters.kind import KindCluster, Request, Setting, Tools, kept
from harness.clusters.kind.images import AGENT_IMAGE
from harness.clusters.kind.request import FAMILIES as KIND_FAMILIES
from harness.clusters.kind.request import KEPT, KUBE_PROXY
from harness.clusters.loadbalancer import LoadBalancer
from harness.clusters.provider import Access, ClusterError
from harness.effects.files import write_atomic
from harness.world.ownership import new_run_id

CLUSTER = click.option("--cluster", type=click.Choice(("embedded", "kind")), default="embedded", show_default=True)
NAME = click.option("--name", help=f"Which cluster (embedded: {embedded.Settings().name}, kind: {KEPT}).")


@click.command()
@CLUSTER
@NAME
@click.option("--families", type=click.Choice(KIND_FAMILIES), help="IP families (dual).")
@click.option(
    "--kubeconfig",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the kubeconfig there; by default nothing lies on a disk.",
)
@click.option("--cni", metavar="NAME|FILE", help="kind: network plugin (kindnet).")
@click.option("--lb", metavar="NAME|FILE", help="kind: LoadBalancer Services by (none).")
@click.option("--ingress", metavar="NAME|FILE", help="kind: Ingress by (none).")
@click.option("--k8s", metavar="VERSION|IMAGE", help="kind: Kubernetes version, or a node image.")
@click.option("--nodes", type=int, metavar="N", help="kind: number of nodes (3).")
@click.option("--kube-proxy", type=click.Choice(KUBE_PROXY), help="kind: mode of kube-proxy.")
@click.option("--offline", is_flag=False, flag_value="", metavar="[DIR]", help="kind: fetch nothing; files are in DIR.")
def up(cluster: str, name: str | None, families: str | None, file: Path | None, **given: Any) -> None:
    """Leave a cluster running in the background."""
    if cluster == "kind":
        _up_kind(name or KEPT, {"families": families, **given}, file)
        return
    if told := [option for option, value in given.items() if value is not None]:
        raise click.UsageError(f"--{told[0].replace('_', '-')} shapes a kind cluster: add --cluster kind")
    if families not in {None, *embedded.FAMILIES}:
        raise click.UsageError(f"--families {families}: an embedded cluster is {' or '.join(embedded.FAMILIES)}")
    _up_embedded(name or embedded.Settings().name, families or "dual", file)


def _up_embedded(name: str, families: str, file: Path | None) -> None:
    said = embedded.up(embedded.Settings(name=name, families=embedded.FAMILIES[families]))
    if file is None:
        path = Path(f"/proc/{said['pid']}/root/run/harness/kubeconfig")
    else:
        path = file.absolute()
        try:
            _write(path, said["kubeconfig"])
        except ClusterError as error:
            embedded.down(name)
            raise ClusterError(f"{error}; the cluster was taken down again") from error
    click.echo(f"embedded cluster {name!r} is up ({said['boot_s']:.1f} s); end it with: harness down --name {name}")
    click.echo(f"export KUBECONFIG={path}")


def _up_kind(name: str, given: dict[str, Any], file: Path | None) -> None:
    """Make the cluster, or find that it is there already. What was made is removed when the command fails."""
    asked = {key: given[key] for key in ("families", "k8s", "nodes", "kube_proxy") if given[key] is not None}
    request = Request(
        cni=Cni.load(given["cni"] or "kindnet"),
        lb=LoadBalancer.load(given["lb"] or "none"),
        ingress=Ingress.load(given["ingress"] or "none"),
        keep=name,
        **asked,
    )
    stood = name in kept.names(Tools())
    access = _kind_cluster(request, offline=given["offline"]).create()
    if file is not None:
        try:
            _write(file.absolute(), access.kubeconfig)
        except ClusterError as error:
            if stood:
                raise ClusterError(f"{error}; the cluster was there before and stays") from error
            kept.remove(name, Tools())
            raise ClusterError(f"{error}; the cluster was taken down again") from error
    _tell_kind(name, access, given, file)


def _kind_cluster(request: Request, *, offline: str | None) -> KindCluster:
    run = new_run_id()
    setting = Setting(
        run=run,
        images=(AGENT_IMAGE,),
        logs=Path("reports", f"up-{run}"),
        offline=offline is not None,
        folder=Path(offline) if offline else None,
        tell=lambda line: click.echo(f"harness: {line}", err=True),
    )
    return KindCluster(request, setting)


def _tell_kind(name: str, access: Access, given: dict[str, Any], file: Path | None) -> None:
    options = [f"--{key.replace('_', '-')}={value}" for key, value in given.items() if value is not None]
    same = shlex.join([each.removesuffix("=") for each in options])
    took = access.notes["boot_s"]
    click.echo(f"kind cluster {name!r} is up ({took} s); end it with: harness down --cluster kind --name {name}")
    click.echo(f"use it with: harness run --cluster kind --keep {name} {same}".rstrip())
    if file is None:
        click.echo(f"its kubeconfig: kind get kubeconfig --name {name}")
    else:
        click.echo(f"export KUBECONFIG={file.absolute()}")


def _write(path: Path, kubeconfig: object) -> None:
    """Write the file. Raises ClusterError; then the caller takes down what it made."""
    try:
        write_atomic(path, json.dumps(kubeconfig).encode() + b"\n", mode=0o600)
    except OSError as error:
        raise ClusterError(f"cannot write {path}: {error.strerror}") from error


@click.command()
@CLUSTER
@NAME
def down(cluster: str, name: str | None) -> None:
    """End a cluster that `harness up` left running, or a run kept."""
    if cluster == "kind":
        kept.remove(name or KEPT, Tools())
        click.echo(f"kind cluster {name or KEPT!r} is gone")
        return
    name = name or embedded.Settings().name
    if not embedded.down(name):
        there = ", ".join(embedded.standing_names()) or "none"
        raise ClusterError(f"no embedded cluster named {name!r} is up; there are: {there}")
    click.echo(f"embedded cluster {name!r} is gone")
