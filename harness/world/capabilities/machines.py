"""Facts about nodes: how many, where, who takes pods, and whether this machine reaches them.

Who answers at a node's address is told by the kubelet's certificate, which names its node: addresses are used again,
and somebody else's network may have the same. Source: Node v1 (core); the kubelet's port 10250.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence

from cryptography import x509

from harness.effects.reach import certificate_at
from harness.model.capability import Fact
from harness.world.capabilities.reads import Object, Reads, takes_pods

ZONE = "topology.kubernetes.io/zone"
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
KUBELET = 10250
REACH = 1.0
"""Seconds for TCP and TLS with a node: a network that is reached at all answers in milliseconds."""

NO_WAY = {errno.ENETUNREACH, errno.EHOSTUNREACH}
LISTED = 10
"""Nodes that are named: clusters have a thousand, and a reason is one line."""

STAND_IN = "pods stand in"
"""Who dials NodePorts and load balancers where this machine cannot: pods, also on nodes without a backend."""

Seen = Callable[[str], bytes]


def count(reads: Reads) -> Fact:
    """How many nodes there are."""
    ready, open_, lame = len(reads.nodes), len(_open(reads)), len(reads.lame_nodes)
    told = [f"{ready} node{'s' if ready != 1 else ''}"]
    told += [f"{open_} take pods"] if ready != open_ else []
    told += [f"{lame} more out of order"] if lame else []
    return Fact.yes(", ".join(told), why=f"Ready Linux nodes{_list(reads.lame_nodes, 'out of order: ')}")


def at_least(wanted: int, reads: Reads) -> Fact:
    """Whether there are so many nodes that take ordinary pods. One that is out of order is there, and cannot tell."""
    names = [_name(node) for node in _open(reads)]
    found = f"found {len(names)}{_list(names)}"
    if len(names) < wanted <= len({*names, *reads.lame_nodes}):
        return Fact.unknown(f"{found}{_list(reads.lame_nodes, 'out of order: ')}")
    return Fact.whether(len(names) >= wanted, why=found)


def zones(wanted: int, reads: Reads) -> Fact:
    """Whether they are in so many zones."""
    found = {(node["metadata"].get("labels") or {}).get(ZONE) for node in _open(reads)} - {None}
    names = sorted(str(each) for each in found)
    return Fact.whether(len(names) >= wanted, why=f"found {len(names)}{_list(names)}")


def external_address(reads: Reads) -> Fact:
    """Whether nodes have an ExternalIP."""
    have = [
        _name(node)
        for node in reads.nodes
        if any(each["type"] == "ExternalIP" for each in node.get("status", {}).get("addresses") or [])
    ]
    return Fact.whether(bool(have), why=f"found {len(have)} of {len(reads.nodes)} nodes")


def control_plane(reads: Reads) -> Fact:
    """Whether the control plane takes ordinary pods."""
    planes = [node for node in reads.nodes if CONTROL_PLANE in (node["metadata"].get("labels") or {})]
    if not planes:
        return Fact.unknown(f"no Ready node is labelled {CONTROL_PLANE}")
    names = [_name(node) for node in planes if takes_pods(node)]
    return Fact.whether(bool(names), why=f"{len(names)} of {len(planes)} take pods without toleration")


def reached(reads: Reads, *, seen: Seen | None = None) -> Fact:
    """Whether this machine reaches the nodes' network, by their kubelets' certificates."""
    if reads.kind == "embedded" or "faults.harness.dev" in reads.api_groups:
        return Fact.no(value=STAND_IN, why="nodes of an embedded cluster live in network namespaces of their own")
    node = next(iter(reads.nodes), None)
    address = next((each["address"] for each in _addresses(node) if each["type"] == "InternalIP"), None)
    if node is None or address is None:
        return Fact.unknown("no Ready node with an InternalIP", value=STAND_IN)
    where = f"{_name(node)} at {address}:{KUBELET}"
    try:
        shown = (seen or _certificate)(str(address))
    except OSError as error:
        if error.errno in NO_WAY:
            return Fact.no(value=STAND_IN, why=f"{where}: {error.strerror}")
        return Fact.unknown(f"{where}: {error.strerror or error}", value=STAND_IN)
    if _name(node) in names_in(shown):
        return Fact.yes(why=f"{where} shows its node's certificate")
    return Fact.unknown(f"{where}: somebody else answers", value=STAND_IN)


def names_in(certificate: bytes) -> frozenset[str]:
    """The nodes a kubelet's certificate may stand for; none when it is no certificate."""
    try:
        read = x509.load_der_x509_certificate(certificate)
        common = [str(each.value) for each in read.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
        others = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        several = others.get_values_for_type(x509.DNSName)
    except (ValueError, x509.ExtensionNotFound):
        return frozenset()
    # A certificate the kubelet signed itself is for `node@time`, one of the cluster for `system:node:name`.
    return frozenset([*several, *(each.removeprefix("system:node:").partition("@")[0] for each in common)])


def _certificate(address: str) -> bytes:
    return certificate_at(address, KUBELET, timeout=REACH)


def _open(reads: Reads) -> list[Object]:
    return [node for node in reads.nodes if takes_pods(node)]


def _addresses(node: Object | None) -> list[Object]:
    return list((node or {}).get("status", {}).get("addresses") or [])


def _name(node: Object) -> str:
    return str(node["metadata"]["name"])


def _list(names: Sequence[str], what: str = "") -> str:
    """In brackets, the first few of them."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f" ({what}{', '.join(names[:LISTED])}{more})" if names else ""
