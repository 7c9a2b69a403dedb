"""Cluster DNS: what must come back for a question, from API objects only.

zone = Zone.of(snapshot, ZoneFacts(ttl=30))
expected = zone.expect("web.shop.svc.cluster.local", "A")
differences = judge_answer(expected, answer)          # answer: harness.model.dns.Answer, or None when none came
deviation(expected, answer)                           # the note of a known deviation, when it is one
candidates("web", search=[...], ndots=5)              # the absolute names a resolver asks
expected_resolv_conf(pod, NodeResolver(...)), expected_hosts(...), expected_hostname(...), expected_fqdn(...)
"""

from harness.oracle.dns.expected import Alternative, Expected, Fact, Kind, Level
from harness.oracle.dns.judge import accepted_as, deviation, judge_answer
from harness.oracle.dns.names import dashed, reverse_name
from harness.oracle.dns.records import SCHEMA_VERSION, all_records
from harness.oracle.dns.resolve import PodRecords, Zone, ZoneFacts, expected
from harness.oracle.dns.resolver import (
    HostsFile,
    NodeResolver,
    ResolverFile,
    expected_fqdn,
    expected_hostname,
    expected_hosts,
    expected_resolv_conf,
    judge_hosts,
    judge_resolv_conf,
    parse_hosts,
    parse_resolv_conf,
)
from harness.oracle.dns.search import candidates

__all__ = [
    "SCHEMA_VERSION",
    "Alternative",
    "Expected",
    "Fact",
    "HostsFile",
    "Kind",
    "Level",
    "NodeResolver",
    "PodRecords",
    "ResolverFile",
    "Zone",
    "ZoneFacts",
    "accepted_as",
    "all_records",
    "candidates",
    "dashed",
    "deviation",
    "expected",
    "expected_fqdn",
    "expected_hostname",
    "expected_hosts",
    "expected_resolv_conf",
    "judge_answer",
    "judge_hosts",
    "judge_resolv_conf",
    "parse_hosts",
    "parse_resolv_conf",
    "reverse_name",
]
