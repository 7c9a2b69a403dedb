"""Names in the cluster DNS, asked from a pod and held against the zone that the API's objects call for.

Source: Kubernetes DNS-Based Service Discovery 1.1.0, and the DNS catalogue (DNS-…).
"""

from __future__ import annotations

import random

import pytest

from harness.suite import (
    Arena,
    Asked,
    Check,
    ClusterFacts,
    Difference,
    Family,
    Findings,
    NotApplicable,
    QueryShape,
    Question,
    ReadFile,
    Seen,
    Symptom,
    Verdict,
    ask_names,
    candidates,
    name_findings,
    no_answer,
    one_per_node,
    parse_resolv_conf,
    requirement,
    resolve,
    zone_snapshot,
)
from suites.dns import cases, edges
from suites.dns.cases import NameCase
from suites.dns.zone import ZoneNames

SPELLINGS = 16
"""Ways to spell a name; each is asked with recursion desired and without."""


def _param(case: NameCase) -> object:
    return pytest.param(case, marks=requirement(*case.ids, needs=case.needs, promise=case.promise), id=case.name)


@pytest.mark.parametrize("case", [_param(case) for case in (*cases.CASES, *edges.CASES)])
def test_names(arena: Arena, check: Check, cluster: ClusterFacts, zone: ZoneNames, case: NameCase) -> None:
    """The cluster DNS says what the API's objects call for, and nothing else."""
    if case.insecure and "pods insecure" not in cluster.fact("dns-settings").value:
        raise NotApplicable("needs a cluster DNS that has a name for any pod address (CoreDNS: `pods insecure`)")
    questions = [Question(zone(name), type_) for name in case.names for type_ in case.types] * case.repeat
    shapes = case.shapes or (QueryShape(proto=case.proto),)

    def look() -> Findings:
        objects, present = zone_snapshot(arena, case.spaces), not case.absent
        return Findings.joined(
            name_findings(arena, cluster, questions, client=client, shape=shape, snapshot=objects, present=present)
            for client in case.clients
            for shape in shapes
        )

    check.eventually("names answered", look, within=check.waits.dns_program)


@requirement("DNS-438", "DNS-601")
def test_every_pod_reaches_dns(arena: Arena, check: Check, cluster: ClusterFacts, zone: ZoneNames) -> None:
    """Pods on every node reach the cluster DNS over UDP and TCP."""
    questions = [Question(zone("=kubernetes.default.svc"), type_) for type_ in ("A", "AAAA")]
    clients = one_per_node(arena, cluster)

    def look() -> Findings:
        objects = zone_snapshot(arena, "n")
        shapes = [QueryShape(proto=proto) for proto in ("udp", "tcp")]
        return Findings.joined(
            name_findings(arena, cluster, questions, client=ref, shape=shape, snapshot=objects, present=True)
            for ref in clients
            for shape in shapes
        )

    check.eventually("DNS reached", look, within=check.waits.dns_program)


@requirement("DNS-604", "DNS-607", "DNS-606")
def test_envelope(arena: Arena, check: Check, cluster: ClusterFacts, zone: ZoneNames) -> None:
    """Answers about the zone are authoritative, and echo the question byte for byte and the flag of recursion."""
    questions = [Question(mixed(zone("cip"), seed), "A") for seed in range(SPELLINGS)]

    def look() -> Findings:
        found: list[Difference] = []
        for recursion in (True, False):
            for asked in ask_names(arena, cluster, questions, shape=QueryShape(recursion=recursion)):
                found += enveloped(asked, recursion=recursion)
        return names_judged(found)

    check.eventually("envelope", look, within=check.waits.dns_program)


def mixed(name: str, seed: int) -> str:
    """A name with letters in upper and lower case at random, the same for the same seed."""
    draws = random.Random(seed)  # noqa: S311  # not for secrets
    return "".join(draws.choice((letter.lower(), letter.upper())) for letter in name)


def enveloped(asked: Asked, *, recursion: bool) -> list[Difference]:
    """What is wrong with an answer around its records."""
    if asked.answer is None:
        return [no_answer(asked, rule="RFC 1035")]
    name, flags, found = asked.question.name, asked.answer.flags, []
    if not asked.answer.aa:
        found.append(Difference(f"{name} flags", "AA", " ".join(sorted(flags)), "RFC 1035"))
    if ("RD" in flags) is not recursion:
        found.append(Difference(f"{name} flag RD", str(recursion), " ".join(sorted(flags)), "RFC 1035 4.1.1"))
    if asked.answer.question is None or asked.answer.question.name != name:
        found.append(Difference("question echoed", name, str(asked.answer.question), "RFC 1035 4.1.2"))
    return found


def names_judged(found: list[Difference]) -> Findings:
    """Findings about what a DNS server said; what was not measured says nothing about it."""
    broken = any(each.verdict is Verdict.FAIL for each in found)
    hints = {Symptom.DNS_ASKED, Symptom.DNS_ANSWER_WRONG} if broken else {Symptom.UNMEASURED}
    return Findings(tuple(found), frozenset(hints if found else ()))


@requirement("DNS-614", "DNS-605")
def test_edns_and_recursion(arena: Arena, check: Check, cluster: ClusterFacts, zone: ZoneNames) -> None:
    """An OPT record comes back only when one was sent, and questions without RD are answered alike."""
    question = Question(zone("cip"), "A" if zone.family is Family.V4 else "AAAA")

    def look() -> Findings:
        found: list[Difference] = []
        for shape in (QueryShape(), QueryShape(edns=1232), QueryShape(recursion=False)):
            (asked,) = ask_names(arena, cluster, [question], shape=shape)
            if asked.answer is None:
                found.append(no_answer(asked, rule="RFC 6891"))
            elif (asked.answer.edns is not None) is not (shape.edns is not None):
                wanted = "OPT" if shape.edns else "no OPT"
                found.append(Difference(f"{question} with {shape}", wanted, f"edns {asked.answer.edns}", "RFC 6891"))
            elif not asked.answer.answer:
                found.append(Difference(f"{question} with {shape}", "addresses", asked.answer.rcode, "RFC 1035"))
        return names_judged(found)

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
                    verdict = Verdict.UNKNOWN if result.seen is Seen.UNMEASURED else Verdict.FAIL
                    what = f"{client} resolves {name}"
                    found.append(Difference(what, ", ".join(wanted), seen, "search list", verdict))
        return names_judged(found)

    check.eventually("resolver", look, within=check.waits.dns_program)


@requirement("DNS-427")
def test_service_records_by_the_search_list(arena: Arena, check: Check, cluster: ClusterFacts, zone: ZoneNames) -> None:
    """A port's SRV records are found by every shorter form of their name, down the search list of the pod's file."""
    client, whole = "n/hl-0", zone("_http._tcp.cip")
    forms = ["_http._tcp.cip", f"_http._tcp.cip.{zone.space}", f"_http._tcp.cip.{zone.space}.svc", whole]

    def look() -> Findings:
        (file,) = arena.ask(client, ReadFile("/etc/resolv.conf"))
        if file.seen is not Seen.REACHED:
            return names_judged([Difference("/etc/resolv.conf", "read", str(file), verdict=Verdict.UNKNOWN)])
        told = parse_resolv_conf(file.content.decode())
        found: list[Difference] = []
        for form in forms:
            tried = candidates(form, search=told.search, ndots=told.ndots)
            last = first_with_records(arena, cluster, tried, client=client)
            if last.answer is None:
                found.append(no_answer(last, rule="search list"))
            elif last.question.name != whole:
                found.append(Difference(f"SRV {form} leads to", whole, last.question.name, "search list"))
        if found:
            return names_judged(found)
        return name_findings(arena, cluster, [Question(whole, "SRV")], client=client, present=True)

    check.eventually("SRV by the search list", look, within=check.waits.dns_program)


def first_with_records(arena: Arena, cluster: ClusterFacts, names: list[str], *, client: str) -> Asked:
    """What a stub resolver ends with that tries SRV names in turn: records, no answer, or what it asked last."""
    asked: list[Asked] = []
    for name in names:
        asked += ask_names(arena, cluster, [Question(name, "SRV")], client=client)
        if asked[-1].answer is None or asked[-1].answer.answer:
            break
    return asked[-1]
