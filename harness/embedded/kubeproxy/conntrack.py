"""UDP connections that the node still sends to endpoints which no longer serve. Source: conntrack(8).

Translation is decided by a connection's first packet, and UDP has no end: a client that keeps its socket would talk
to a gone pod for as long as it talks. So after a change, entries are removed whose translation the rules would not
make today; entries of other front ends stay (kubernetes#49881). TCP needs none of this: its connections end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.effects.run import run
from harness.embedded.kubeproxy import faults
from harness.embedded.kubeproxy.faults import Broken
from harness.embedded.kubeproxy.model import ServicePort, Snapshot, service_ports
from harness.embedded.netns.namespace import run_in_async
from harness.embedded.nft.ruleset import Family

Address = tuple[str, int]
FrontEnds = Mapping[Address, frozenset[Address]]
"""Each UDP front end and the endpoints it may be translated to."""


@dataclass(frozen=True, order=True)
class Flow:
    """Where a client's datagrams were sent, and who answers in truth (the same when nothing was translated)."""

    dialled: Address
    answering: Address


def udp_front_ends(snapshot: Snapshot) -> dict[Address, frozenset[Address]]:
    """Of all Services this proxy serves. Those of namespaces with services/F25 are left out."""
    broken = Broken(snapshot.faults, node=snapshot.node)
    some = tuple(one for one in snapshot.services if any(_is_udp(port) for port in one["spec"].get("ports") or ()))
    snapshot = replace(snapshot, services=some)  # most Services have no such port, and this runs at every change
    found: dict[Address, frozenset[Address]] = {}
    for family in map(Family.of, snapshot.families):
        nodes = [one for one in snapshot.addresses if (":" in one) == (family is Family.IPV6)]
        for port in service_ports(snapshot, family):
            if port.protocol != "udp" or broken.here(faults.STALE_CONNTRACK, port.namespace):
                continue
            serving = _serving(port, broken)
            for address in (*port.cluster_ips, *port.external_ips, *port.balancer_ips):
                found[address, port.port] = serving
            if port.node_port:
                found.update({(address, port.node_port): serving for address in nodes})
    return found


def _serving(port: ServicePort, broken: Broken) -> frozenset[Address]:
    """The endpoints that connections may go on with; a port of 0 stands for all of that address, and one below 0 for
    none: the set is another one after each change, and no connection is in it.
    """
    if broken.here(faults.CLEARED_TOO_MUCH, port.namespace):
        return frozenset((one.address, -one.port) for one in port.endpoints)
    any_port = broken.here(faults.STALE_PORT, port.namespace)
    serving = (one for one in port.endpoints if one.is_ready or one.is_serving)
    return frozenset((one.address, 0 if any_port else one.port) for one in serving)


def _is_udp(port: Mapping[str, Any]) -> bool:
    return port.get("protocol") == "UDP"


def stale_flows(listing: str, front_ends: FrontEnds) -> list[Flow]:
    """Of a listing of conntrack, the flows to known front ends that lead to nobody who serves now."""
    flows = {flow for line in listing.splitlines() if (flow := _flow(line)) is not None}
    return sorted(
        flow
        for flow in flows
        if flow.dialled in front_ends and not {flow.answering, (flow.answering[0], 0)} & front_ends[flow.dialled]
    )


def _flow(line: str) -> Flow | None:
    """The first src/dst/sport/dport of a line is the request as sent, the second the reply as expected."""
    pairs = [word.split("=", 1) for word in line.split() if "=" in word]
    values: dict[str, list[str]] = {}
    for key, value in pairs:
        values.setdefault(key, []).append(value)
    try:
        return Flow(
            dialled=(values["dst"][0], int(values["dport"][0])),
            answering=(values["src"][1], int(values["sport"][1])),
        )
    except (KeyError, IndexError):
        return None  # a line of another shape, such as a fragment's


def removal(flow: Flow) -> list[str]:
    """The command that removes every client's entry of this flow."""
    return [
        "conntrack", "-D", "-f", _family(flow.dialled[0]), "-p", "udp",
        "--orig-dst", flow.dialled[0], "--orig-port-dst", str(flow.dialled[1]),
        "--reply-src", flow.answering[0], "--reply-port-src", str(flow.answering[1]),
    ]  # fmt: skip


def _family(address: str) -> str:
    return "ipv6" if ":" in address else "ipv4"


async def clean(netns: Path, front_ends: FrontEnds) -> list[Flow]:
    """Remove the stale entries of a node; says which. Raises RunError when there is no conntrack tool."""
    families = sorted({_family(address) for address, _ in front_ends})
    return await run_in_async(netns, lambda: _clean_here(families, front_ends)) if families else []


def _clean_here(families: Iterable[str], front_ends: FrontEnds) -> list[Flow]:
    removed: list[Flow] = []
    for family in families:
        listing = run(["conntrack", "-L", "-f", family, "-p", "udp"]).text
        for flow in stale_flows(listing, front_ends):
            # Exit code 1: no such entry. It may have expired, or its last datagram may just have replaced it.
            run(removal(flow), check=False)
            removed.append(flow)
    return removed
