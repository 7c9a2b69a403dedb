"""What stands on the command line of `harness explain`, found in a cluster's objects: two ends and a port. Pure.

NAMESPACE/POD   a pod; an arena's short name (x, y, z) will do where one arena has it
svc/NAME        a Service in the namespace of the other end, svc/NAMESPACE/NAME anywhere
node/NAME       a process on a node
ADDRESS         a place outside the cluster, or whatever pod or node has that address
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

import click

from harness.oracle.policy import Endpoint, NotAnEndpointError, external_end, node_end, pod_end
from harness.oracle.policy.endpoints import pods
from harness.oracle.snapshot import Raw, Snapshot, labels_of, name_of, namespace_of
from harness.world.ownership import MANAGED_BY, MANAGER

PROTOCOLS = ("TCP", "UDP", "SCTP")
FORMS = "NAMESPACE/POD, svc/NAME, svc/NAMESPACE/NAME, node/NAME or an address"


@dataclass(frozen=True)
class Port:
    """A port as it was asked for: by number, or by name."""

    number: int | None
    name: str
    protocol: str

    def __str__(self) -> str:
        return f"{self.name or self.number}/{self.protocol}"


def port(text: str) -> Port:
    """`80/tcp`, `53/UDP`, `80`, `http`. Raises UsageError."""
    name, _, protocol = text.partition("/")
    protocol = protocol.upper() or "TCP"
    if protocol not in PROTOCOLS:
        raise click.UsageError(f"{text}: protocols are {', '.join(PROTOCOLS)}; write a port as 80/tcp")
    if name.isascii() and name.isdigit() and 0 < int(name) < 65536:
        return Port(int(name), "", protocol)
    if re.fullmatch(r"(?=.*[a-z])[a-z0-9]([a-z0-9-]*[a-z0-9])?", name) and len(name) <= 63:
        return Port(None, name, protocol)
    raise click.UsageError(f"{text}: no port; write it as 80/tcp, or a port's name as http/tcp")


def end(snapshot: Snapshot, text: str) -> Endpoint:
    """A pod, a node or an address. Raises ClickException for what is not there."""
    if _is_address(text):
        return _by_address(snapshot, text)
    first, *rest = text.split("/")
    if first == "node" and len(rest) == 1:
        _must(rest[0], map(name_of, snapshot.nodes), "node", "")
        return node_end(snapshot, rest[0])
    if len(rest) != 1 or first == "svc" or not all((first, *rest)):
        raise click.UsageError(f"{text}: write {FORMS}")
    namespace = namespace_named(snapshot, first)
    _must(rest[0], map(name_of, snapshot.pods_in(namespace)), "pod", f" in namespace {namespace}")
    try:
        return pod_end(snapshot, namespace, rest[0])
    except NotAnEndpointError as error:
        raise click.ClickException(str(error)) from error


def is_service(text: str) -> bool:
    """Whether a Service is named."""
    return text.startswith("svc/")


def service(snapshot: Snapshot, text: str, source: Endpoint) -> Raw:
    """A Service, by default in the namespace of the source. Raises ClickException."""
    parts = text.split("/")[1:]
    if len(parts) not in {1, 2} or not all(parts):
        raise click.UsageError(f"{text}: write {FORMS}")
    if len(parts) == 1 and not source.namespace:
        raise click.UsageError(f"{text}: {source} is in no namespace; write svc/NAMESPACE/NAME")
    namespace = namespace_named(snapshot, parts[0]) if len(parts) == 2 else source.namespace
    there = [name_of(each) for each in snapshot.services if namespace_of(each) == namespace]
    _must(parts[-1], there, "Service", f" in namespace {namespace}")
    return snapshot.service(namespace, parts[-1])


def namespace_named(snapshot: Snapshot, name: str) -> str:
    """The namespace of that name, or of an arena that calls it so. Raises ClickException."""
    if snapshot.has_namespace(name):
        return name
    ours = [each for each in snapshot.namespaces if labels_of(each).get(MANAGED_BY) == MANAGER]
    short = [name_of(each) for each in ours if name_of(each).endswith(f"-{name}")]
    if len(short) == 1:
        return short[0]
    if short:
        raise click.ClickException(f"several arenas have a namespace {name}: write one of {', '.join(sorted(short))}")
    raise click.ClickException(f"no namespace {name}; there are: {_listed(map(name_of, snapshot.namespaces))}")


def _by_address(snapshot: Snapshot, text: str) -> Endpoint:
    """Whoever has the address: a pod of its own network, a node, or nobody in the cluster."""
    wanted = ipaddress.ip_address(text)
    ends = [*pods(snapshot).values(), *(node_end(snapshot, name_of(each)) for each in snapshot.nodes)]
    known = [each for each in ends if wanted in map(ipaddress.ip_address, each.addresses)]
    return next((each for each in known if each.kind != "host-network pod"), None) or external_end(text)


def _is_address(text: str) -> bool:
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def _must(name: str, there: Iterable[str], kind: str, where: str) -> None:
    names = list(there)
    if name not in names:
        raise click.ClickException(f"no {kind} {name}{where}; there are: {_listed(names)}")


def _listed(names: Iterable[str]) -> str:
    told = sorted(names)
    more = f" and {len(told) - 12} more" if len(told) > 12 else ""
    return ", ".join(told[:12]) + more if told else "none"
