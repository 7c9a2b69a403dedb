"""Packets followed from node to node: the rules that proxy and policy agent of each node hold, read without a kernel.

    source's node ── rules ──▶ (translated) ── destination's node ── rules ──▶ pod

A packet from outside enters at the node that has its destination, or that the fabric gives it to: the first. What no
node owns after the rules of the source's node leaves the cluster.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

from harness.embedded.apiserver.packets import Question
from harness.embedded.netns.fabric import NodePlan
from harness.embedded.nft.matching import UnknownRuleError
from harness.embedded.nft.ruleset import Ruleset
from harness.embedded.nft.trace import Origin, Packet, Situation, Traced, Verdict, outcomes

LOST = "lost"
"""The tracer could not read a rule: the packet's path is not known."""


class Holder(Protocol):
    """A component that keeps rules on a node."""

    @property
    def ruleset(self) -> Ruleset: ...


class Tracer:
    """Follows packets. Components are added when they are made; a node without any lets everything pass."""

    def __init__(self, plans: Sequence[NodePlan]) -> None:
        self._plans = tuple(plans)
        self._holders: dict[str, list[Holder]] = {plan.name: [] for plan in plans}

    def add(self, node: str, holder: Holder) -> None:
        """Rules of this component stand on that node."""
        self._holders[node].append(holder)

    def paths(self, question: Question) -> list[dict[str, Any]]:
        """Every path that the packet may take."""
        packet = Packet(question.source, question.destination, question.protocol.lower(), question.port)
        first = self._home(question.source) or self._home(question.destination) or self._plans[0]
        if question.source in first.addresses:
            packet = replace(packet, origin=Origin.NODE)
        try:
            return list(self._from(first, packet))
        except UnknownRuleError as error:
            return [{"verdict": LOST, "hops": [{"node": first.name, "verdict": LOST, "rules": [str(error)]}]}]

    def _from(self, node: NodePlan, packet: Packet) -> Iterator[dict[str, Any]]:
        for traced in self._outcomes(node, packet):
            left = traced.packet
            if traced.masqueraded:
                left = replace(left, source=_own(node, left.destination))
            hops = [_hop(node, traced, left)]
            home = self._home(left.destination)
            if traced.verdict is not Verdict.ACCEPT or home is None or home is node:
                yield _path(hops)
                continue
            arriving = replace(left, origin=Origin.LINK, link="eth0", mark=0)
            for last in self._outcomes(home, arriving):
                yield _path([*hops, _hop(home, last, last.packet)])

    def _outcomes(self, node: NodePlan, packet: Packet) -> tuple[Traced, ...]:
        rulesets = [holder.ruleset for holder in self._holders[node.name]]
        return outcomes(rulesets, packet, Situation(local=frozenset(node.addresses)))

    def _home(self, address: str) -> NodePlan | None:
        """The node that has an address, or whose pods have it."""
        found = ipaddress.ip_address(address)
        for plan in self._plans:
            if any(found in ipaddress.ip_network(each) for each in (*plan.addresses, *plan.pod_cidrs)):
                return plan
        return None


def _own(node: NodePlan, destination: str) -> str:
    """The node's address of the family of a destination."""
    version = ipaddress.ip_address(destination).version
    return next((each for each in node.addresses if ipaddress.ip_address(each).version == version), node.addresses[0])


def _hop(node: NodePlan, traced: Traced, left: Packet) -> dict[str, Any]:
    return {
        "node": node.name,
        "verdict": str(traced.verdict),
        "source": left.source,
        "destination": left.destination,
        "port": left.port,
        "rules": [str(step) for step in traced.steps],
    }


def _path(hops: list[dict[str, Any]]) -> dict[str, Any]:
    return {"verdict": hops[-1]["verdict"], "hops": hops}
