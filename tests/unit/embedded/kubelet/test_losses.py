"""Chains that lose packets of pods, as text."""

from __future__ import annotations

from typing import Any

import pytest

from harness.embedded.kubelet import losses
from harness.embedded.kubelet.faults import plan
from tests.unit.embedded.kubelet.pods_by_hand import NODE
from tests.unit.embedded.kubelet.test_faults import PODS, bound, fault


@pytest.mark.parametrize(
    ("fault_id", "rules"),
    [
        ("services/F89", ["ip saddr { 10.244.0.5 } ip daddr { 10.244.0.5 } drop;"]),
        ("services/F90", ["ip saddr { 10.244.0.5, 10.244.1.5 } tcp flags & rst == rst drop;"]),
        (
            "dns/F-54",
            ["ip saddr { 10.244.0.5, 10.244.1.5 } ip frag-off & 0x1fff != 0 drop;", "exthdr frag exists drop;"],
        ),
    ],
)
def test_what_is_lost(fault_id: str, rules: list[str]) -> None:
    """Each fault drops what it names, of the pods in its namespaces, and goes with it."""
    text = plan([fault(fault_id, namespaces=["shop"])], NODE, PODS, dead={}).rules(NODE)
    assert [rule for rule in rules if rule in text] == rules
    assert "10.244.1.6" not in text
    assert plan([fault(fault_id, nodes=["n2"])], NODE, PODS, dead={}).rules(NODE) == ""


def test_pods_that_leave_are_cut_off() -> None:
    """policy/86: only pods that are being deleted, as sources and as destinations, wherever they are."""
    leaving = bound("leaving", "n2", "10.244.1.9")
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    text = plan([fault("policy/86")], NODE, [*PODS, leaving], dead={}).rules(NODE)
    assert "ip saddr { 10.244.1.9 } drop; ip daddr { 10.244.1.9 } drop;" in text
    assert "10.244.0.5" not in text


def test_nobody_covered_is_no_chain() -> None:
    """A fault that covers no pod leaves no table behind."""
    nobody: list[dict[str, Any]] = []
    lost = dict.fromkeys((losses.ISOLATED, losses.NO_RESETS, losses.NO_FRAGMENTS, losses.LEAVING_CUT_OFF), nobody)
    assert losses.chains(lost, node="n1") == []
