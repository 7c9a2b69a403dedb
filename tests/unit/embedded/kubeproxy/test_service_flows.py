"""The flow table of Services, held against the tracer: compiler and rules, no kernel."""

from __future__ import annotations

import pytest

from harness.embedded.kubeproxy.compile import compile_services
from harness.embedded.kubeproxy.model import Snapshot
from harness.embedded.nft.ruleset import Ruleset
from harness.embedded.nft.trace import Origin, Packet, Situation, Traced, Verdict, outcomes
from tests.unit.embedded.kubeproxy.service_flows import (
    FAMILIES,
    FLOWS,
    NODE_ADDRESSES,
    POD_CIDRS,
    PODS,
    REFUSED,
    SERVICE_CIDRS,
    SERVICES,
    SILENT,
    SLICES,
    TARGET_PORT,
    UNTOUCHED,
    Flow,
    pick,
)


def rules() -> Ruleset:
    return compile_services(
        Snapshot(
            node="n1",
            addresses=NODE_ADDRESSES["n1"],
            pod_cidrs=POD_CIDRS["n1"],
            service_cidrs=SERVICE_CIDRS,
            services=tuple(SERVICES),
            slices=tuple(SLICES),
        )
    )


RULES = rules()


def traced(flow: Flow, family: str) -> tuple[Traced, ...]:
    origin = Origin.NODE if flow.who == "n1" else Origin.LINK
    packet = Packet(flow.source(family), flow.destination(family), flow.protocol, flow.port, origin=origin)
    return outcomes(RULES, packet, Situation(local=frozenset(NODE_ADDRESSES["n1"])))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: f"{flow.who}-{flow.to}-{flow.port}-{flow.protocol}")
def test_flow(flow: Flow, family: str) -> None:
    """Each row of the table comes true in the rules, in both families."""
    ends = traced(flow, family)
    story = "\n".join(str(step) for step in ends[0].steps)
    if flow.result in {REFUSED, SILENT}:
        wanted = Verdict.REJECT if flow.result == REFUSED else Verdict.DROP
        assert {end.verdict for end in ends} == {wanted}, story
        return
    assert {end.verdict for end in ends} == {Verdict.ACCEPT}, story
    if flow.result == UNTOUCHED:
        assert {(end.packet.destination, end.packet.port) for end in ends} == {(flow.destination(family), flow.port)}
        return
    reached = {(end.packet.destination, end.packet.port) for end in ends}
    assert reached == {(pick(PODS[pod][1:], family), TARGET_PORT) for pod in flow.result}, story
    assert {end.masqueraded for end in ends} == {flow.masked}, story


def test_every_row_has_a_reason_and_no_row_is_told_twice() -> None:
    """The table stays a table: rows are distinct and each says why."""
    keys = [(flow.who, flow.to, flow.port, flow.protocol) for flow in FLOWS]
    assert len(set(keys)) == len(keys)
    assert all(flow.why for flow in FLOWS)
