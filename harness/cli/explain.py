"""`harness explain`: why a connection must be allowed or not, from a cluster's own objects; or what a requirement says.

On a cluster that can follow packets (the embedded one) the rules that the first packet meets are told, too.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from harness.cli import existing, explain_ends, explain_requirement
from harness.cli.collecting import collect, decided
from harness.cli.explain_flow import Explained, flow
from harness.clusters import embedded
from harness.clusters.provider import ClusterError
from harness.effects.clock import RealClock
from harness.kube.client import Kube
from harness.kube.errors import Forbidden, NotFound, UnknownResource
from harness.model.refs import Family
from harness.oracle.snapshot import Snapshot
from harness.report.catalogue import installed
from harness.report.comparison.printable import printable

READ = (
    "namespaces",
    "nodes",
    "pods",
    "services",
    "endpointslices.discovery.k8s.io",
    "networkpolicies.networking.k8s.io",
)
"""What a verdict may depend on."""

ID = re.compile(r"[A-Z]{2,5}-\d+")
FAMILIES = {"ipv4": Family.V4, "ipv6": Family.V6}
STATUS = 5.0
"""Seconds for a cluster of this machine to say how it is reached."""


@click.command()
@click.argument("what", metavar="SOURCE DESTINATION PORT | ID", nargs=-1)
@click.option("--family", type=click.Choice(tuple(FAMILIES)), help="Of the addresses (the first that both ends have).")
@click.option("--name", help="An embedded cluster that `harness up` left running.")
@existing.options
def explain(
    what: tuple[str, ...], kubeconfig: Path | None, context: str | None, family: str | None, name: str | None
) -> None:
    """Why a connection must be allowed or not, or what a requirement says.

    \b
    harness explain shop/client shop/web-0 80/tcp    from pod to pod, by NAMESPACE/POD
    harness explain shop/client svc/web http         to a Service, in the namespace of the client
    harness explain node/worker-1 192.0.2.7 53/udp   from a node, to an address
    harness explain POL-326                          a requirement of the catalogue
    """
    if len(what) == 1 and ID.fullmatch(what[0]):
        if kubeconfig or context or family or name:
            raise click.UsageError(f"{what[0]} is a requirement, of no cluster: leave out the options")
        _requirement(what[0])
        return
    if len(what) != 3:
        raise click.UsageError("say SOURCE DESTINATION PORT, such as x/a y/b 80/tcp, or the id of a requirement")
    port = explain_ends.port(what[2])
    if name is not None and (kubeconfig or context):
        raise click.UsageError("--name is a cluster of this machine: leave out --kubeconfig and --context")
    if kubeconfig is None and context is None:
        with contextlib.closing(_standing(name)) as kube:
            _flow(kube, what, port, family)
        return
    with existing.connected(kubeconfig, context) as kube:
        _flow(kube, what, port, family)


def _requirement(id_: str) -> None:
    catalogue = installed()
    deciding = decided(collect(), catalogue) if id_ in catalogue.requirements else {}
    for line in explain_requirement.lines(catalogue, id_, deciding.get(id_, ()), catalogue.proofs.get(id_, ())):
        click.echo(printable(line))


def _standing(name: str | None) -> Kube:
    """The embedded cluster of that name, or the only one there is. Raises ClusterError."""
    there = embedded.standing_names()
    if name is None and len(there) != 1:
        told = ", ".join(there) or "none"
        raise ClusterError(f"say which cluster: --kubeconfig, --context, or --name of one that is up here ({told})")
    said = embedded.ask(name or there[0], "status", clock=RealClock(), limit=STATUS) or {}
    return Kube.connect(said.get("kubeconfig") or {})


def _flow(kube: Kube, what: tuple[str, ...], port: explain_ends.Port, family: str | None) -> None:
    snapshot = Snapshot.of(item for resource in READ for item in kube.list(resource).items)
    told = flow(snapshot, what[0], what[1], port, FAMILIES[family] if family else None)
    for line in (*told.lines, *_rules(kube, told)):
        click.echo(printable(line))


def _rules(kube: Kube, told: Explained) -> Iterator[str]:
    """The rules that the packet meets, where the cluster can say it. Raises KubeError."""
    if not (told.destination and told.port):
        return
    spec = {"source": told.source, "destination": told.destination, "protocol": told.protocol, "port": told.port}
    asked = {
        "apiVersion": "faults.harness.dev/v1",
        "kind": "PacketTrace",
        "metadata": {"name": "explain"},
        "spec": spec,
    }
    try:
        paths = kube.create(asked)["status"]["paths"]
    except (Forbidden, NotFound, UnknownResource):
        return  # a cluster that knows no such kind (or lets nobody ask): its rules are its own affair
    yield ""
    yield f"rules that the first packet meets, {told.source} → {told.destination} {told.port}/{told.protocol}:"
    for number, path in enumerate(paths, start=1):
        yield f"  path {number} of {len(paths)}: {path['verdict']}" if len(paths) > 1 else f"  {path['verdict']}"
        for hop in path["hops"]:
            yield f"    node {hop['node']}: {hop['verdict']}" + (f", as {_packet(hop)}" if "source" in hop else "")
            yield from (f"      {rule}" for rule in hop["rules"] or ("no rule concerns it",))


def _packet(hop: dict[str, Any]) -> str:
    return f"{hop['source']} → {hop['destination']} port {hop['port']}"
