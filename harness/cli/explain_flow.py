"""The verdict on one connection and its chain of reasons, by the oracle, from a cluster's own objects. Pure.

It says what must happen, never what happens: nothing is sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import click

from harness.cli import explain_ends as ends
from harness.model.refs import Family
from harness.oracle.policy import EndKind, Endpoint, NotAnEndpointError, explain, verdict
from harness.oracle.policy.explain import WORDS
from harness.oracle.services import Client, Delivery, Via, deliver, node_client, pod_client
from harness.oracle.snapshot import Raw, Snapshot, name_of, namespace_of
from harness.oracle.through import overall, through_service


@dataclass(frozen=True)
class Explained:
    """What there is to say, and the packet that it is about."""

    lines: tuple[str, ...]
    source: str
    destination: str
    port: int
    protocol: str


def flow(snapshot: Snapshot, source: str, destination: str, port: ends.Port, family: Family | None) -> Explained:
    """The verdict and its reasons. Raises ClickException for ends that are not there."""
    start = ends.end(snapshot, source)
    if ends.is_service(destination):
        return _through(snapshot, start, ends.service(snapshot, destination, start), port, family)
    there = ends.end(snapshot, destination)
    number = port.number or _named(there, port)
    chosen = _family(start, there.addresses, str(there), family)
    try:
        decision = verdict(snapshot, start, there, port=number, protocol=port.protocol, family=chosen)
    except NotAnEndpointError as error:
        raise click.ClickException(str(error)) from error
    lines = explain(decision)
    return Explained(tuple(lines), start.address(chosen), there.address(chosen), number, port.protocol)


def _named(there: Endpoint, port: ends.Port) -> int:
    """The number of a pod's named port. Raises ClickException."""
    found = [each.number for each in there.named_ports if (each.name, each.protocol) == (port.name, port.protocol)]
    if not found:
        names = ", ".join(f"{each.name}/{each.protocol}" for each in there.named_ports) or "none"
        raise click.ClickException(f"{there} has no port named {port}; it has: {names}")
    return found[0]


def _family(start: Endpoint, addresses: tuple[str, ...], whose: str, wanted: Family | None) -> Family:
    """The family that was asked for, or the destination's first that the source has, too. Raises ClickException."""
    mine = {Family.of(each) for each in start.addresses}
    both = [each for each in map(Family.of, addresses) if each in mine]
    if wanted is None and both:
        return both[0]
    if wanted is not None and wanted in both:
        return wanted
    which = f"no {wanted} address" if wanted is not None else "no address of one family"
    raise click.ClickException(f"{start} and {whose} have {which} in common")


def _through(snapshot: Snapshot, start: Endpoint, service: Raw, port: ends.Port, family: Family | None) -> Explained:
    name, spec = f"{namespace_of(service)}/{name_of(service)}", service["spec"]
    if spec.get("type") == "ExternalName":
        raise click.ClickException(
            f"Service {name} is a name only, for {spec.get('externalName')}: explain that address"
        )
    headless = spec.get("clusterIP") == "None"
    addresses = () if headless else tuple(spec.get("clusterIPs") or filter(None, [spec.get("clusterIP")]))
    chosen = _family(start, start.addresses if headless else addresses, f"Service {name}", family)
    wanted = port.number if port.number is not None else port.name
    via = Via.HEADLESS if headless else Via.CLUSTER_IP
    client = _client(snapshot, start)
    delivery = deliver(snapshot, service, via=via, port=wanted, client=client, family=chosen, protocol=port.protocol)
    dialled = next((each for each in addresses if Family.of(each) is chosen), "")
    head = f"{start} → Service {name} {port} {chosen} by its {via}{f' {dialled}' if dialled else ''}"
    lines = tuple(_delivery(snapshot, start, delivery, head, port.protocol))
    return Explained(lines, start.address(chosen), dialled, _number(service, wanted, port.protocol), port.protocol)


def _client(snapshot: Snapshot, start: Endpoint) -> Client:
    if start.kind is EndKind.NODE:
        return node_client(snapshot, start.name)
    if start.kind is EndKind.EXTERNAL:
        raise click.ClickException(f"{start} is outside the cluster, where no ClusterIP is promised to answer")
    return pod_client(snapshot, start.namespace, start.name)


def _number(service: Raw, wanted: int | str, protocol: str) -> int:
    """The Service's port by number; 0 for one that it does not have."""
    for each in service["spec"].get("ports") or ():
        if (each.get("protocol") or "TCP") == protocol and wanted in {each["port"], each.get("name")}:
            return int(each["port"])
    return wanted if isinstance(wanted, int) else 0


def _delivery(snapshot: Snapshot, start: Endpoint, delivery: Delivery, head: str, protocol: str) -> Iterator[str]:
    decisions = through_service(snapshot, start, delivery, protocol=protocol)
    if not decisions:
        yield f"{head}: nobody may answer: {delivery.failure}"
        yield from (f"  {why}" for why in delivery.why or ("no endpoint of its EndpointSlices is ready",))
        return
    whole = overall(decisions)
    wants = {each.want for each in decisions.values()}
    yield f"{head}: {WORDS[whole] if len(wants) == 1 else 'depends on the backend that is chosen'}"
    if delivery.undefined:
        yield f"  left to the implementation: {delivery.undefined}"
    yield from (f"  {why}" for why in delivery.why)
    yield f"  the backend sees: {delivery.source} ({delivery.source.why})"
    if delivery.affinity is not None:
        yield f"  a client keeps its backend for {delivery.affinity} s"
    for backend in sorted(decisions):
        yield f"  backend {backend} on {backend.node or 'no node'}:"
        yield from (f"    {line}" for line in explain(decisions[backend]))
