"""Every policy case of the catalogue, traced through the generated rules: denied pairs counted and, where the catalogue
names them, compared one by one. The expectations are the catalogue's words, written before this compiler existed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.embedded.netpol.nine_pods import LANES, PODS, denied, pods_in, rules, spec_of

CATALOGUE = Path(__file__).parents[4] / "suites" / "catalogue"
CASES: dict[str, Any] = yaml.safe_load((CATALOGUE / "policy-cases.yaml").read_text())
EXPECT: dict[str, str] = {
    row["id"]: row.get("expect", "") for row in yaml.safe_load((CATALOGUE / "policy.yaml").read_text())
}
PROTOCOL_OF = {"T": "TCP", "U": "UDP", "S": "SCTP"}
TWO_VARIANTS = {"POL-162a": "n=0", "POL-162b": "n=8"}  # one row of the catalogue, two topologies


def expected_text(case: str) -> str:
    return TWO_VARIANTS.get(case) or EXPECT[case]


def expected_counts(text: str) -> dict[str, int]:
    """Denied pairs per lane, from the catalogue's notation."""
    if uniform := re.search(r"\bn=(\d+)", text):
        return {lane: int(uniform[1]) for lane, _, _ in LANES}
    if uniform := re.search(r"all lanes (\d+)", text):
        return {lane: int(uniform[1]) for lane, _, _ in LANES}
    counts = {lane: int(found[1]) for lane, _, _ in LANES if (found := re.search(rf"{lane}:(\d+)", text))}
    for names, number in re.findall(r"((?:TCP|UDP|SCTP)(?:, (?:TCP|UDP|SCTP))*)(?: lanes)? (\d+)", text):
        for lane, _, _ in LANES:
            if PROTOCOL_OF[lane[0]] in names.split(", "):
                counts.setdefault(lane, int(number))
    for number in re.findall(r"others (\d+)", text):
        for lane, _, _ in LANES:
            counts.setdefault(lane, int(number))
    return counts


@pytest.mark.parametrize("case", CASES)
def test_case(case: str) -> None:
    """The rules deny exactly what the catalogue says."""
    text = expected_text(case)
    counts = expected_counts(text)
    assert set(counts) == {lane for lane, _, _ in LANES}, f"cannot read: {text}"
    rulesets = rules(spec_of(CASES[case]["p"]), kind=CASES[case].get("k", ""))
    tables = {lane[0]: denied(rulesets, lane) for lane in LANES}
    assert {lane: len(pairs) for lane, pairs in tables.items()} == counts
    if "n=" not in text:
        return
    for target, sources in re.findall(r"→(\w/\w) from (\{[^}]*\})", text):
        for lane, pairs in tables.items():
            admitted = {pod for pod in PODS if pod != target and (pod, target) not in pairs}
            assert admitted == pods_in(sources), lane
    for source, targets in re.findall(r"(?<![→\w])(\w/\w)→(\{[^}]*\})(?!@)", text):
        for lane, pairs in tables.items():
            assert {pod for pod in PODS if pod != source and (source, pod) not in pairs} == pods_in(targets), lane


@pytest.mark.parametrize("case", [case for case, body in CASES.items() if "ipBlock" not in str(body)])
def test_case_in_ipv6(case: str) -> None:
    """What speaks of no address holds for both addresses of a pod alike (POL-702)."""
    rulesets = rules(spec_of(CASES[case]["p"]), kind=CASES[case].get("k", ""))
    for lane in LANES:
        assert denied(rulesets, lane, "IPv6") == denied(rulesets, lane), lane


def test_all_cases_are_here() -> None:
    """The catalogue's 122 cases, none forgotten."""
    assert len(CASES) == 122
