"""What kubelets write into pods for their resolvers, read from inside and held against the pods' specs.

What a node itself has is not to be seen from the API: a pod with dnsPolicy Default shows it, and an ordinary pod shows
which nameservers its kubelet was told to give.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.expect import Symptom
from harness.model.difference import Difference
from harness.model.outcome import Seen, Verdict
from harness.oracle.dns import (
    NodeResolver,
    expected_fqdn,
    expected_hostname,
    expected_hosts,
    expected_resolv_conf,
    judge_hosts,
    judge_resolv_conf,
    parse_hosts,
    parse_resolv_conf,
)
from harness.oracle.snapshot import Raw
from harness.probe.asks import Hostname, ReadFile
from harness.probe.results import Result
from harness.suite.arena import Arena
from harness.suite.check import Findings
from harness.suite.facts import ClusterFacts


def resolver_findings(
    arena: Arena, cluster: ClusterFacts, refs: Sequence[str], *, ordinary: str, default: str
) -> Findings:
    """One look at resolv.conf, hosts and host name of some pods of one node.

    `ordinary` has the nameservers of the cluster, `default` (dnsPolicy Default) the resolver of the node; both are
    judged like the others as far as they do not define what they are held against.
    """
    asks = (ReadFile("/etc/resolv.conf"), ReadFile("/etc/hosts"), Hostname())
    told = arena.ask_all(dict.fromkeys((*refs, ordinary, default), asks))
    if lost := [f"{ref}: {each}" for ref, results in told.items() for each in results if each.seen is Seen.UNMEASURED]:
        differences = tuple(Difference("files of a pod", "read", each, verdict=Verdict.UNKNOWN) for each in lost)
        return Findings(differences, frozenset({Symptom.UNMEASURED}))
    node = NodeResolver(
        cluster_dns=parse_resolv_conf(_text(told[ordinary][0])).nameservers,
        cluster_domain=cluster.zone,
        file=parse_resolv_conf(_text(told[default][0])),
    )
    found = [each for ref in dict.fromkeys((*refs, ordinary)) for each in _judged(arena, ref, node, told[ref])]
    hints = frozenset({Symptom.RESOLVER_FILE_WRONG} if found else ())
    return Findings(tuple(found), hints, asked=", ".join(refs) + ": their resolv.conf, hosts and host names")


def _judged(arena: Arena, ref: str, node: NodeResolver, told: Sequence[Result]) -> list[Difference]:
    place = arena.pods[ref]
    pod = arena.kube.get("pods", place.name, namespace=place.namespace)
    resolver, hosts, name = told
    found = judge_resolv_conf(expected_resolv_conf(pod, node), parse_resolv_conf(_text(resolver)))
    wanted = expected_hosts(pod, node)
    found += judge_hosts(wanted, parse_hosts(_text(hosts))) if wanted is not None else []
    found += _names(pod, node, name)
    return [replace(each, what=f"{ref} {each.what}") for each in found]


def _names(pod: Raw, node: NodeResolver, told: Result) -> list[Difference]:
    rows = (
        ("host name", expected_hostname(pod, node), told.text),
        ("whole name", expected_fqdn(pod, node), str(told.details.get("fqdn", ""))),
    )
    return [Difference(what, want, got, "pod hostname, subdomain") for what, want, got in rows if want != got]


def _text(result: Result) -> str:
    return result.content.decode(errors="replace")
