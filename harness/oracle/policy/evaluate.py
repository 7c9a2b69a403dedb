"""The verdict of one flow: allowed, denied, or left to the implementation, with the reason of each side.

A function of the snapshot alone: time, order and names play no part. Only new flows are predicted; replies of an
allowed flow and connections that existed before a change are not its business.
Source: networking.k8s.io/v1; catalogue policy, parts 4.3, 4.6, 4.7.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from harness.model.expectation import Want
from harness.model.refs import Family, Protocol
from harness.oracle.policy.endpoints import EndKind, Endpoint, Flow, Lane
from harness.oracle.policy.rules import (
    Direction,
    HostNetwork,
    Reading,
    peers_miss,
    policy_name,
    ports_miss,
    rules_of,
    selecting,
)
from harness.oracle.snapshot import Raw, Snapshot


@dataclass(frozen=True)
class Assumptions:
    """What is known about the engine under test. Where nothing is known and it matters, the verdict is UNDEFINED."""

    host_network: HostNetwork | None = None
    """None: not known, both are computed."""
    sctp: bool = True
    end_port: bool = True
    blocks_see_cluster: bool = True
    """False: the engine may not match pods and nodes by ipBlock, so what hangs on that is UNDEFINED."""

    def readings(self) -> tuple[Reading, ...]:
        """Every way of reading the policies that these assumptions leave open."""
        modes = (HostNetwork.NODE, HostNetwork.POD) if self.host_network is None else (self.host_network,)
        blocks = (True,) if self.blocks_see_cluster else (True, False)
        return tuple(Reading(mode, self.end_port, sees) for mode in modes for sees in blocks)


@dataclass(frozen=True)
class Miss:
    """A rule of a selecting policy that did not match, and on what. An empty text means that half matched."""

    policy: str
    rule: int
    peer: str
    port: str

    @property
    def near(self) -> bool:
        """One half matched."""
        return not (self.peer and self.port)


@dataclass(frozen=True)
class Side:
    """One half of a verdict: the egress side belongs to the source, the ingress side to the destination."""

    direction: Direction
    want: Want
    subject: str
    policies: tuple[str, ...] = ()
    """Those that isolate the subject in this direction."""
    by: str = ""
    """The rule that allowed, for example `x/allow-web rule 0`."""
    misses: tuple[Miss, ...] = ()
    note: str = ""
    """Why policies had no say."""


@dataclass(frozen=True)
class Decision:
    """A verdict with its reasons; `explain(decision)` prints them."""

    flow: Flow
    want: Want
    egress: Side
    ingress: Side
    note: str = ""
    """Why the sides alone did not decide."""


def verdict(
    snapshot: Snapshot,
    source: Endpoint,
    destination: Endpoint,
    *,
    port: int,
    protocol: str = Protocol.TCP,
    family: Family = Family.V4,
    via_service: bool = False,
    assume: Assumptions = Assumptions(),  # noqa: B008  (frozen)
) -> Decision:
    """What must happen to a new flow. Raises NotAnEndpointError when an end has no address of the family."""
    flow = Flow(source, destination, Lane(port, str(protocol)), family, via_service=via_service)
    source.address(family)
    destination.address(family)
    decisions = [_read(snapshot, flow, reading) for reading in assume.readings()]
    first = decisions[0]
    if any(each.want is not first.want for each in decisions):
        first = replace(
            first, want=Want.UNDEFINED, note="engines may differ: host-network pods, or ipBlock on cluster addresses"
        )
    return _outside_the_api(first, assume)


def _outside_the_api(decision: Decision, assume: Assumptions) -> Decision:
    protocol = decision.flow.lane.protocol
    if protocol not in set(Protocol):
        return replace(decision, want=Want.UNDEFINED, note=f"NetworkPolicy does not define {protocol}")
    if protocol == Protocol.SCTP and not assume.sctp:
        return replace(decision, want=Want.UNDEFINED, note="the cluster does not carry SCTP")
    return decision


def _read(snapshot: Snapshot, flow: Flow, reading: Reading) -> Decision:
    egress = side(snapshot, flow, Direction.EGRESS, reading=reading)
    ingress = side(snapshot, flow, Direction.INGRESS, reading=reading)
    decision = Decision(flow, _both(egress.want, ingress.want), egress, ingress)
    if _same_pod(flow):
        return _to_itself(decision)
    if egress.want is Want.DENY and _is_own_node(flow.destination, flow.source, reading):  # a node has no ingress side
        return replace(decision, want=Want.UNDEFINED, note="egress to the pod's own node: the documents disagree")
    return decision


def _to_itself(decision: Decision) -> Decision:
    if not decision.flow.via_service:
        return replace(decision, want=Want.ALLOW, note="a pod always reaches its own address")
    if decision.egress.policies or decision.ingress.policies:
        return replace(decision, want=Want.UNDEFINED, note="a pod that reaches itself through a Service is not defined")
    return decision


def side(snapshot: Snapshot, flow: Flow, direction: Direction, *, reading: Reading) -> Side:
    """One side of a flow, under one reading."""
    ingress = direction is Direction.INGRESS
    subject, other = (flow.destination, flow.source) if ingress else (flow.source, flow.destination)
    if not reading.is_pod(subject):
        return Side(direction, Want.ALLOW, subject.text, note=f"policies do not isolate {subject.kind} {subject}")
    policies = list(selecting(snapshot, subject, direction))
    names = tuple(policy_name(each) for each in policies)
    if ingress and _is_own_node(other, subject, reading):
        return Side(direction, Want.ALLOW, subject.text, names, note="a pod's own node always reaches it")
    if not policies:
        return Side(direction, Want.ALLOW, subject.text, note=f"no policy selects it for {direction}")
    return _by_rules(policies, names, flow, direction, other, reading)


def _by_rules(
    policies: Iterable[Raw], names: tuple[str, ...], flow: Flow, direction: Direction, other: Endpoint, reading: Reading
) -> Side:
    subject = (flow.destination if direction is Direction.INGRESS else flow.source).text
    misses: list[Miss] = []
    for policy in policies:
        for index, rule in enumerate(rules_of(policy, direction)):
            peer = peers_miss(policy, rule, direction, other, family=flow.family, reading=reading)
            port = ports_miss(rule, flow.lane, flow.destination, reading=reading)
            if not peer and not port:
                return Side(direction, Want.ALLOW, subject, names, by=f"{policy_name(policy)} rule {index}")
            misses.append(Miss(policy_name(policy), index, peer, port))
    return Side(direction, Want.DENY, subject, names, misses=tuple(misses))


def _both(egress: Want, ingress: Want) -> Want:
    return Want.DENY if Want.DENY in (egress, ingress) else Want.ALLOW


def _same_pod(flow: Flow) -> bool:
    ours, theirs = flow.source, flow.destination
    return (
        ours.kind is theirs.kind
        and bool(ours.namespace)
        and (ours.namespace, ours.name) == (theirs.namespace, theirs.name)
    )


def _is_own_node(end: Endpoint, pod: Endpoint, reading: Reading) -> bool:
    """Whether `end` is the node `pod` runs on, or speaks with its address."""
    if end.kind is EndKind.HOST_POD and reading.is_pod(end):
        return False
    return end.kind in {EndKind.NODE, EndKind.HOST_POD} and bool(pod.node) and end.node == pod.node
