"""Names in the cluster DNS, asked from a pod and held against the zone that the API's objects call for.

Source: Kubernetes DNS-Based Service Discovery 1.1.0, and the DNS catalogue (DNS-…).
"""

from __future__ import annotations

import pytest

from harness.suite import (
    Arena,
    Check,
    ClusterFacts,
    Difference,
    Findings,
    QueryShape,
    Question,
    Symptom,
    Verdict,
    ask_names,
    name_findings,
    requirement,
    resolve,
)
from suites.dns.cases import CASES, NameCase
from suites.dns.zone import ZoneNames


def _param(case: NameCase) -> object:
    return pytest.param(case, marks=requirement(*case.ids, needs=case.needs, promise=case.promise), id=case.name)


@pytest.mark.parametrize("case", [_param(case) for case in CASES])
def test_names(arena: Arena, check: Check, cluster: ClusterFacts, zone: ZoneNames, case: NameCase) -> None:
    """The cluster DNS says what the API's objects call for, and nothing else."""
    questions = [Question(zone(name), type_) for name in case.names for type_ in case.types]
    shape = QueryShape(proto=case.proto)
    check.eventually(
        "names answered",
        lambda: name_findings(arena, cluster, questions, shape=shape),
        within=check.waits.dns_program,
    )


@requirement("DNS-438", "DNS-601")
def test_every_pod_reaches_dns(arena: Arena, check: Check, cluster: ClusterFacts, zone: ZoneNames) -> None:
    """Pods on every node reach the cluster DNS over UDP and TCP."""
    questions = [Question(zone("=kubernetes.default.svc"), "A")]

    def look() -> Findings:
        return Findings.joined(
            name_findings(arena, cluster, questions, client=ref, shape=QueryShape(proto=proto))
            for ref in ("x/a", "x/b", "x/c")
            for proto in ("udp", "tcp")
        )

    check.eventually("DNS reached", look, within=check.waits.dns_program)


@requirement("DNS-604", "DNS-607", "DNS-606")
def test_envelope(arena: Arena, check: Check, cluster: ClusterFacts, zone: ZoneNames) -> None:
    """Answers about the zone are authoritative and echo the question byte for byte."""
    name = zone("cip").swapcase()

    def look() -> Findings:
        found: list[Difference] = []
        for asked in ask_names(arena, cluster, [Question(name, "A")] * 4):
            if asked.answer is None:
                found.append(Difference(name, "an answer", asked.trouble, "RFC 1035", Verdict.UNKNOWN))
                continue
            if not asked.answer.aa:
                found.append(Difference(f"{name} flags", "AA", " ".join(sorted(asked.answer.flags)), "RFC 1035"))
            if asked.answer.question is None or asked.answer.question.name != name:
                found.append(Difference("question echoed", name, str(asked.answer.question), "RFC 1035 4.1.2"))
        return Findings(tuple(found), frozenset({Symptom.DNS_ASKED, Symptom.DNS_ANSWER_WRONG} if found else ()))

    check.eventually("envelope", look, within=check.waits.dns_program)


@requirement("DNS-614", "DNS-605")
def test_edns_and_recursion(arena: Arena, check: Check, cluster: ClusterFacts, zone: ZoneNames) -> None:
    """An OPT record comes back only when one was sent, and questions without RD are answered alike."""
    question = Question(zone("cip"), "A")

    def look() -> Findings:
        found: list[Difference] = []
        for shape in (QueryShape(), QueryShape(edns=1232), QueryShape(recursion=False)):
            (asked,) = ask_names(arena, cluster, [question], shape=shape)
            if asked.answer is None:
                found.append(Difference(str(shape), "an answer", asked.trouble, "RFC 6891", Verdict.UNKNOWN))
            elif (asked.answer.edns is not None) is not (shape.edns is not None):
                wanted = "OPT" if shape.edns else "no OPT"
                found.append(Difference(f"{question} with {shape}", wanted, f"edns {asked.answer.edns}", "RFC 6891"))
            elif not asked.answer.answer:
                found.append(Difference(f"{question} with {shape}", "addresses", asked.answer.rcode, "RFC 1035"))
        return Findings(tuple(found), frozenset({Symptom.DNS_ASKED} if found else ()))

    check.eventually("EDNS and RD", look, within=check.waits.dns_program)


@requirement("DNS-426", "DNS-431")
def test_every_degree_of_qualification(arena: Arena, check: Check, cluster: ClusterFacts, zone: ZoneNames) -> None:
    """A pod's own resolver finds a Service by its bare name in its own namespace, and by every longer form anywhere."""
    wanted = {zone.address("cip")}
    forms = {
        "n/hl-0": ["cip", f"cip.{zone.space}", f"cip.{zone.space}.svc", zone("cip")],
        "x/a": [f"cip.{zone.space}", f"cip.{zone.space}.svc", zone("cip")],
    }

    def look() -> Findings:
        found: list[Difference] = []
        for client, names in forms.items():
            for name, result in zip(names, resolve(arena, client, *names), strict=True):
                if set(result.addresses) != wanted:
                    seen = ", ".join(result.addresses) or str(result)
                    found.append(Difference(f"{client} resolves {name}", ", ".join(wanted), seen, "search list"))
        return Findings(tuple(found), frozenset({Symptom.DNS_ASKED} if found else ()))

    check.eventually("resolver", look, within=check.waits.dns_program)
