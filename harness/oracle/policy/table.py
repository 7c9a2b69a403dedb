"""Whole truth tables: every ordered pair of endpoints, every lane. The same verdicts as `evaluate`, arranged for speed.

Per side the peers of a rule are found once for all endpoints and kept as a set of bits; a cell is two bit tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from harness.model.expectation import Want
from harness.model.refs import Family
from harness.oracle.policy.endpoints import EndKind, Endpoint, Lane
from harness.oracle.policy.endpoints import pods as every_pod
from harness.oracle.policy.evaluate import Assumptions, verdict
from harness.oracle.policy.rules import Direction, Reading, peers_miss, ports_miss, rules_of, selecting
from harness.oracle.snapshot import Raw, Snapshot

TCP_80_81_UDP_80_81 = (Lane(80, "TCP"), Lane(81, "TCP"), Lane(80, "UDP"), Lane(81, "UDP"))
"""The four lanes of the catalogue's tables, where SCTP cannot be had."""


class Cell(NamedTuple):
    """A place in a table: names as the caller gave them, for example `x/a`."""

    source: str
    destination: str
    lane: Lane

    def __str__(self) -> str:
        return f"{self.source} → {self.destination} {self.lane}"


def table(
    snapshot: Snapshot,
    ends: Mapping[str, Endpoint] | None = None,
    *,
    lanes: Sequence[Lane] = TCP_80_81_UDP_80_81,
    family: Family = Family.V4,
    assume: Assumptions = Assumptions(),  # noqa: B008  (frozen)
) -> dict[Cell, Want]:
    """The expected table, self pairs included. `ends` maps the names the cells shall bear; default: every pod.

    Raises NotAnEndpointError for an end without an address of the family.
    """
    ends = every_pod(snapshot) if ends is None else ends
    for each in ends.values():
        each.address(family)
    if _plain(ends, lanes, assume):
        return dict(_fast(snapshot, ends, lanes, family))
    return {
        Cell(source, destination, lane): verdict(
            snapshot,
            ends[source],
            ends[destination],
            port=lane.port,
            protocol=lane.protocol,
            family=family,
            assume=assume,
        ).want
        for source in ends
        for destination in ends
        for lane in lanes
    }


def denied(cells: Mapping[Cell, Want]) -> dict[Lane, int]:
    """How many pairs of different ends each lane denies: the catalogue's `n`."""
    counts: dict[Lane, int] = {}
    for cell, want in cells.items():
        counts[cell.lane] = counts.get(cell.lane, 0) + (want is Want.DENY and cell.source != cell.destination)
    return counts


def _plain(ends: Mapping[str, Endpoint], lanes: Sequence[Lane], assume: Assumptions) -> bool:
    """Only pods, only what every engine reads alike: no cell can be UNDEFINED."""
    return (
        assume.blocks_see_cluster
        and assume.end_port
        and all(lane.protocol in {"TCP", "UDP"} or (lane.protocol == "SCTP" and assume.sctp) for lane in lanes)
        and all(each.kind is EndKind.POD for each in ends.values())
    )


@dataclass
class _Bits:
    """Which other ends a rule's peers hold, found once per rule and kept."""

    ends: Sequence[Endpoint]
    family: Family
    reading: Reading = field(default_factory=Reading)
    known: dict[tuple[int, Direction], list[int]] = field(default_factory=dict)

    def of(self, policy: Raw, direction: Direction) -> list[int]:
        key = (id(policy), direction)
        if key not in self.known:
            self.known[key] = [self._peers(policy, rule, direction) for rule in rules_of(policy, direction)]
        return self.known[key]

    def _peers(self, policy: Raw, rule: Mapping[str, Any], direction: Direction) -> int:
        bits = 0
        for index, end in enumerate(self.ends):
            if not peers_miss(policy, rule, direction, end, family=self.family, reading=self.reading):
                bits |= 1 << index
        return bits


def _fast(
    snapshot: Snapshot, ends: Mapping[str, Endpoint], lanes: Sequence[Lane], family: Family
) -> Iterator[tuple[Cell, Want]]:
    names, bits = list(ends), _Bits(list(ends.values()), family)
    sides = {
        direction: [_side(snapshot, subject, direction, lanes, bits) for subject in bits.ends]
        for direction in Direction
    }
    out, into = sides[Direction.EGRESS], sides[Direction.INGRESS]
    for i, source in enumerate(names):
        for j, destination in enumerate(names):
            for k, lane in enumerate(lanes):
                allowed = i == j or (out[i][k] >> j & 1 and into[j][k] >> i & 1)
                yield Cell(source, destination, lane), Want.ALLOW if allowed else Want.DENY


def _side(snapshot: Snapshot, subject: Endpoint, direction: Direction, lanes: Sequence[Lane], bits: _Bits) -> list[int]:
    """Per lane, the set of other ends this subject may talk to in a direction."""
    everyone = (1 << len(bits.ends)) - 1
    policies = list(selecting(snapshot, subject, direction))
    if not policies:
        return [everyone] * len(lanes)
    allowed = [0] * len(lanes)
    for policy in policies:
        for rule, peers in zip(rules_of(policy, direction), bits.of(policy, direction), strict=True):
            for k, lane in enumerate(lanes):
                if allowed[k] != everyone:
                    allowed[k] |= _with_ports(
                        rule, peers, lane, None if direction is Direction.EGRESS else subject, bits
                    )
    return allowed


def _with_ports(rule: Mapping[str, Any], peers: int, lane: Lane, subject: Endpoint | None, bits: _Bits) -> int:
    """The peers whose port matches too. At ingress the port is the subject's; at egress each peer's own."""
    if not rule.get("ports"):
        return peers
    if subject is not None:
        return 0 if ports_miss(rule, lane, subject, reading=bits.reading) else peers
    found = 0
    for index, end in enumerate(bits.ends):
        if peers >> index & 1 and not ports_miss(rule, lane, end, reading=bits.reading):
            found |= 1 << index
    return found
