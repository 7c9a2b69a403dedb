"""Everything a suite may use, and nothing else: the one module suites import.

@requirement("NET-005", "NET-006")
def test_pods_reach_each_other(arena: Arena, check: Check) -> None:
    \"\"\"Every pod reaches every other pod over TCP.\"\"\"
    check.eventually("the table is open", lambda: ..., within=check.waits.service_program)
"""

from harness.expect import Symptom, compare_sets
from harness.kube.client import Kube
from harness.model.difference import Difference
from harness.model.judgement import Broken, NotApplicable, Unmeasured
from harness.model.outcome import Seen, Verdict
from harness.model.refs import Family
from harness.oracle.policy import Cell, Lane
from harness.probe.asks import (
    Ask,
    Dns,
    Hold,
    Hostname,
    Http,
    Icmp,
    Interfaces,
    Payload,
    ReadFile,
    Ready,
    Resolve,
    Sctp,
    Send,
    Serve,
    StopServing,
    Tcp,
    Udp,
    Until,
)
from harness.probe.results import Result
from harness.suite.arena import Arena, ArenaPod
from harness.suite.check import Check, Findings
from harness.suite.facts import ClusterFacts
from harness.suite.flows import all_pairs, ask_cells, judge_policies, open_table
from harness.suite.marks import exclusive, requirement
from harness.world.manifests import PodShape, policy, service

__all__ = [
    "Arena",
    "ArenaPod",
    "Ask",
    "Broken",
    "Cell",
    "Check",
    "ClusterFacts",
    "Difference",
    "Dns",
    "Family",
    "Findings",
    "Hold",
    "Hostname",
    "Http",
    "Icmp",
    "Interfaces",
    "Kube",
    "Lane",
    "NotApplicable",
    "Payload",
    "PodShape",
    "ReadFile",
    "Ready",
    "Resolve",
    "Result",
    "Sctp",
    "Seen",
    "Send",
    "Serve",
    "StopServing",
    "Symptom",
    "Tcp",
    "Udp",
    "Unmeasured",
    "Until",
    "Verdict",
    "all_pairs",
    "ask_cells",
    "compare_sets",
    "exclusive",
    "judge_policies",
    "open_table",
    "policy",
    "requirement",
    "service",
]
