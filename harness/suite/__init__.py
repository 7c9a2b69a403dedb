"""Everything a suite may use, and nothing else: the one module suites import.

@requirement("NET-005", "NET-006")
def test_pods_reach_each_other(arena: Arena, check: Check) -> None:
    \"\"\"Every pod reaches every other pod over TCP.\"\"\"
    check.eventually("the table is open", lambda: ..., within=check.waits.service_program)
"""

from harness.expect import Symptom, compare_sets
from harness.kube.client import Kube
from harness.kube.errors import StatusError
from harness.model.difference import Difference
from harness.model.dns import Question
from harness.model.judgement import Broken, NotApplicable, Unmeasured
from harness.model.outcome import Seen, Verdict
from harness.model.refs import Family
from harness.oracle.dns import candidates, parse_resolv_conf
from harness.oracle.ingress import default_class
from harness.oracle.policy import Cell, Lane
from harness.oracle.services import Via
from harness.probe.asks import (
    DENIED,
    Ask,
    Crash,
    Dns,
    Good,
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
from harness.probe.results import Answer, LoopOutcome, Result
from harness.suite.arena import Arena, ArenaPod, WorkerArena
from harness.suite.certificates import Pair, certificate_for
from harness.suite.check import Check, Findings
from harness.suite.dial import Dial, service_findings, services_findings
from harness.suite.facts import ClusterFacts
from harness.suite.faults import planted
from harness.suite.flows import (
    Settled,
    all_pairs,
    ask_cells,
    judge_policies,
    open_control,
    open_table,
    settle_policies,
)
from harness.suite.health import health_findings
from harness.suite.hostports import NodeDial, host_port_findings
from harness.suite.ingress import (
    Controller,
    Fetch,
    Fetched,
    certificates_judged,
    fetch_all,
    held,
    ingress,
    ingress_findings,
    ingress_snapshot,
    routes_judged,
)
from harness.suite.lifecycle import Lifecycle, lifecycle_findings
from harness.suite.marks import exclusive, requirement, waits
from harness.suite.messages import QueryShape, rcode_and_records
from harness.suite.names import Asked, ask_names, name_findings, no_answer, resolve, zone_of, zone_snapshot
from harness.suite.places import one_per_node
from harness.suite.proof import answered_by, unanswered, uncontrolled
from harness.suite.requests import (
    Filled,
    Reply,
    field_findings,
    field_of,
    refusal_findings,
    try_apply,
    try_create,
    try_patch,
)
from harness.suite.resolver import resolver_findings
from harness.suite.settle import services_settle
from harness.suite.slices import mirror_findings, slice_findings
from harness.world.manifests import HostPort, PodShape, endpointslice, policy, service

__all__ = [
    "DENIED",
    "Answer",
    "Arena",
    "ArenaPod",
    "Ask",
    "Asked",
    "Broken",
    "Cell",
    "Check",
    "ClusterFacts",
    "Controller",
    "Crash",
    "Dial",
    "Difference",
    "Dns",
    "Family",
    "Fetch",
    "Fetched",
    "Filled",
    "Findings",
    "Good",
    "Hold",
    "HostPort",
    "Hostname",
    "Http",
    "Icmp",
    "Interfaces",
    "Kube",
    "Lane",
    "Lifecycle",
    "LoopOutcome",
    "NodeDial",
    "NotApplicable",
    "Pair",
    "Payload",
    "PodShape",
    "QueryShape",
    "Question",
    "ReadFile",
    "Ready",
    "Reply",
    "Resolve",
    "Result",
    "Sctp",
    "Seen",
    "Send",
    "Serve",
    "Settled",
    "StatusError",
    "StopServing",
    "Symptom",
    "Tcp",
    "Udp",
    "Unmeasured",
    "Until",
    "Verdict",
    "Via",
    "WorkerArena",
    "all_pairs",
    "answered_by",
    "ask_cells",
    "ask_names",
    "candidates",
    "certificate_for",
    "certificates_judged",
    "compare_sets",
    "default_class",
    "endpointslice",
    "exclusive",
    "fetch_all",
    "field_findings",
    "field_of",
    "health_findings",
    "held",
    "host_port_findings",
    "ingress",
    "ingress_findings",
    "ingress_snapshot",
    "judge_policies",
    "lifecycle_findings",
    "mirror_findings",
    "name_findings",
    "no_answer",
    "one_per_node",
    "open_control",
    "open_table",
    "parse_resolv_conf",
    "planted",
    "policy",
    "rcode_and_records",
    "refusal_findings",
    "requirement",
    "resolve",
    "resolver_findings",
    "routes_judged",
    "service",
    "service_findings",
    "services_findings",
    "services_settle",
    "settle_policies",
    "slice_findings",
    "try_apply",
    "try_create",
    "try_patch",
    "unanswered",
    "uncontrolled",
    "waits",
    "zone_of",
    "zone_snapshot",
]
