"""Asking the cluster DNS from pods, in whole messages, and judging the answers against the zone the API calls for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from harness.expect import Symptom
from harness.model.difference import Difference
from harness.model.dns import Answer, Question
from harness.model.outcome import Seen, Verdict
from harness.oracle.dns import Expected, Kind, Zone, ZoneFacts, judge_answer
from harness.oracle.snapshot import Snapshot, namespace_of
from harness.probe.asks import Dns, Resolve, Tcp
from harness.probe.results import Result
from harness.suite.arena import Arena
from harness.suite.check import Findings
from harness.suite.facts import ClusterFacts
from harness.suite.messages import NotAMessageError, QueryShape, answer, query
from harness.suite.proof import answered_by
from harness.suite.slices import slices_judged

ZONE_KINDS = ("services", "endpointslices.discovery.k8s.io")

PRESENT = frozenset({Kind.POSITIVE, Kind.APEX_SOA})

ROUND = 2
"""Times a question is asked in one look: cluster DNS has two replicas, and one of them may be wrong alone."""


@dataclass(frozen=True)
class Asked:
    """A question, how it was put, and what came back."""

    question: Question
    shape: QueryShape
    result: Result
    answer: Answer | None
    trouble: str = ""


def ask_names(
    arena: Arena,
    cluster: ClusterFacts,
    questions: Sequence[Question],
    *,
    client: str = "x/a",
    shape: QueryShape = QueryShape(),  # noqa: B008  (frozen)
    server: str = "",
) -> list[Asked]:
    """Put questions to the cluster DNS (or `server`) from one pod, all at once; one `Asked` each."""
    wires = [query(question, shape) for question in questions]
    asks = [
        Dns(server or cluster.dns_server, wire, proto=shape.proto, timeout=arena.waits.dns_timeout) for wire in wires
    ]
    results = arena.ask(client, *asks)
    return [
        _read(question, shape, wire, result) for question, wire, result in zip(questions, wires, results, strict=True)
    ]


def _read(question: Question, shape: QueryShape, wire: bytes, result: Result) -> Asked:
    if result.seen is not Seen.REACHED:
        return Asked(question, shape, result, None, trouble=str(result))
    try:
        return Asked(question, shape, result, answer(result.wire, asked=wire, proto=shape.proto))
    except NotAMessageError as error:
        return Asked(question, shape, result, None, trouble=str(error))


def name_findings(
    arena: Arena,
    cluster: ClusterFacts,
    questions: Sequence[Question],
    *,
    client: str = "x/a",
    shape: QueryShape = QueryShape(),  # noqa: B008  (frozen)
    snapshot: Snapshot | None = None,
    present: bool = False,
    server: str = "",
) -> Findings:
    """One look at some names: each asked ROUND times, every answer held against the zone of the API's objects.

    The slices of the arena's own Services come first: while they are not what the pods call for, nothing is asked. A
    server that has seen no more of a change than the slices have would pass for one that has followed it.

    `present`: the test is about names that exist. Where none of them does by the API's objects, the test is not on the
    ground it was written for: UNKNOWN, and nothing is asked. `server`: another address than the cluster DNS's first.
    """
    if not questions:
        raise ValueError("no questions: nothing would be looked at")
    snapshot = snapshot or zone_snapshot(arena)
    if stale := _stale(arena, snapshot):
        return stale
    zone = zone_of(snapshot, cluster)
    if present and not any(zone.expect(each.name, each.type).promised.kind in PRESENT for each in questions):
        ground = Difference("names with records by the API's objects", "some", "none", verdict=Verdict.UNKNOWN)
        return Findings((ground,), asked=", ".join(map(str, questions)))
    asked = ask_names(arena, cluster, list(questions) * ROUND, client=client, shape=shape, server=server)
    found = [_judged(zone.expect(each.question.name, each.question.type), each) for each in asked]
    return _told(arena, cluster, client, [(each, one) for each, one in zip(asked, found, strict=True) if one])


def _stale(arena: Arena, snapshot: Snapshot) -> Findings | None:
    """What is wrong with the slices of the arena's own Services, if anything is."""
    ours = set(arena.namespaces.values())
    # An ExternalName follows no slices; real controllers (1.36) leave those of its former self.
    of_services = [
        each for each in snapshot.services if namespace_of(each) in ours and each["spec"].get("type") != "ExternalName"
    ]
    judged = [found for each in of_services if (found := slices_judged(snapshot, each))]
    return Findings.joined(judged) if judged else None


def zone_snapshot(arena: Arena, letters: Iterable[str] = ()) -> Snapshot:
    """The objects the zone follows from, of the arena's namespaces and of the cluster's own Services.

    `letters` narrows it to some namespaces of the arena, for questions about no others.
    """
    ours = [arena.namespace(letter) for letter in letters] or list(arena.namespaces.values())
    jobs = [(kind, space) for kind in ZONE_KINDS for space in (*ours, "default", "kube-system")]
    return arena.read([*jobs, *(("pods", space) for space in ours), ("nodes", None), ("namespaces", None)])


def zone_of(snapshot: Snapshot, cluster: ClusterFacts) -> Zone:
    """The zone the oracle builds of them."""
    return Zone.of(snapshot, ZoneFacts(zone=cluster.zone))


def _judged(expected: Expected, asked: Asked) -> list[Difference]:
    if asked.answer is None:
        return [no_answer(asked, rule=expected.rule)]
    return [replace(each, what=f"{asked.question} {each.what}") for each in judge_answer(expected, asked.answer)]


def no_answer(asked: Asked, *, rule: str = "") -> Difference:
    """The difference of a question without a readable answer; UNKNOWN when the probe itself broke."""
    verdict = Verdict.UNKNOWN if asked.result.seen in {Seen.UNMEASURED, Seen.MISSING} else Verdict.FAIL
    return Difference(f"{asked.question} reply", "a DNS message", asked.trouble, rule, verdict)


def _told(arena: Arena, cluster: ClusterFacts, client: str, bad: Sequence[tuple[Asked, list[Difference]]]) -> Findings:
    if not bad:
        return Findings()
    differences = tuple(dict.fromkeys(difference for _, each in bad for difference in each))
    first = bad[0][0]
    return Findings(
        differences,
        _symptoms(arena, cluster, client, [asked for asked, _ in bad]),
        asked=f"{client} → {cluster.dns_server}:53/{first.shape.proto} "
        + ", ".join(dict.fromkeys(str(asked.question) for asked, _ in bad)),
        rule="\n".join(dict.fromkeys(each.rule for each in differences if each.rule)),
        evidence=tuple(line for asked, _ in bad[:2] for line in told(asked)),
        repeat=f"kubectl -n {arena.pods[client].namespace} exec {arena.pods[client].name} -- "
        f"python3 -c \"import socket; print(socket.getaddrinfo('{first.question.name}', None))\"",
    )


def _symptoms(arena: Arena, cluster: ClusterFacts, client: str, bad: Sequence[Asked]) -> frozenset[Symptom]:
    found = {Symptom.DNS_ASKED}
    if any(asked.result.seen is Seen.UNMEASURED for asked in bad):
        found.add(Symptom.UNMEASURED)
    if answers := [asked.answer for asked in bad if asked.answer is not None]:
        found |= {Symptom.DNS_SERVER_REACHED, Symptom.DNS_ANSWER_WRONG}
        if not any(each.aa for each in answers) and _pods_are_the_authority(arena, cluster, client, bad[0]):
            # Packets that no proxy claims leave by the default route, and resolvers on the way answer for anybody.
            found.add(Symptom.DNS_STRANGER)
        return frozenset(found)
    return frozenset(found | {Symptom.DNS_SILENT} | _beside(arena, cluster, client, bad[0]))


def _beside(arena: Arena, cluster: ClusterFacts, client: str, asked: Asked) -> set[Symptom]:
    """What a client that gets no answer from the cluster DNS reaches beside it: another pod, and the DNS pods."""
    other = next(arena.pods[ref] for ref in arena.table if ref != client)
    (result,) = arena.ask(client, Tcp(other.address(), 80, timeout=arena.waits.denied_retry_timeout))
    found = {Symptom.POD_ADDRESS_WORKS if answered_by(result) == other.full else Symptom.POD_ADDRESS_FAILS}
    if not cluster.dns_endpoints():
        return found | {Symptom.DNS_UNSERVED}
    if any(each.result.seen is Seen.REACHED for each in _at_the_pods(arena, cluster, client, asked)):
        found.add(Symptom.DNS_POD_ANSWERS)
    return found


def _pods_are_the_authority(arena: Arena, cluster: ClusterFacts, client: str, asked: Asked) -> bool:
    """Whether the DNS pods, asked at their own addresses, answer with authority."""
    told = _at_the_pods(arena, cluster, client, asked)
    return any(each.answer is not None and each.answer.aa for each in told)


def _at_the_pods(arena: Arena, cluster: ClusterFacts, client: str, asked: Asked) -> list[Asked]:
    """The same question, put to every DNS pod at its own address."""
    wire, shape, timeout = query(asked.question, asked.shape), asked.shape, arena.waits.dns_timeout
    asks = [Dns(host, wire, port=port, proto=shape.proto, timeout=timeout) for host, port in cluster.dns_endpoints()]
    return [_read(asked.question, shape, wire, result) for result in arena.ask(client, *asks)]


def told(asked: Asked) -> list[str]:
    """A reply as text, section by section."""
    if asked.answer is None:
        return [f"{asked.question}: {asked.trouble}"]
    reply = asked.answer
    lines = [f"{asked.question}: {reply.rcode} {' '.join(sorted(reply.flags))} {reply.size} bytes over {reply.proto}"]
    for section in ("answer", "authority", "additional"):
        lines += [f"  {section}: {record}" for record in getattr(reply, section)]
    return lines


def resolve(arena: Arena, client: str, *names: str) -> list[Result]:
    """Ask a pod's own resolver: search list, ndots and hosts file count."""
    return arena.ask(client, *(Resolve(name) for name in names))
