"""What only packets tell of a cluster, asked from inside its pods: whether policies are enforced, what its DNS is.

Asked when a test needs it, once in a run, on ground that is then as it was before. A probe that cannot tell says so.
"""

from __future__ import annotations

from collections.abc import Callable

from harness.effects.clock import Clock, RealClock
from harness.expect import NotConvergedError, converge
from harness.kube.errors import Forbidden, KubeError
from harness.model.capability import Fact
from harness.model.dns import Question
from harness.model.judgement import Judgement
from harness.model.outcome import Seen, Verdict
from harness.probe.asks import Dns, Tcp
from harness.probe.results import Result
from harness.suite.arena import NODES, Arena, WorkerArena
from harness.suite.messages import NotAMessageError, QueryShape, answer, query
from harness.suite.proof import answered_by
from harness.world import manifests
from harness.world.manifests import PodShape

CASE = "capabilities"
TARGET, BESIDE, CLIENT = "x/a", "x/b", "y/b"
"""Who is isolated, who is not and proves that silence is not loss, and who asks both."""

ISOLATE = manifests.policy("capability", {"podSelector": {"matchLabels": {"pod": "a"}}, "policyTypes": ["Ingress"]})
PORT = 30999
"""A port that no node has to itself: the pod never runs."""

VERSION = Question("version.bind.", "TXT", "CH")

Look = tuple[Result, Result]


def policies_enforced(base: WorkerArena, *, clock: Clock | None = None) -> Fact:
    """Whether a policy that isolates a pod does: reached before, silent while it stands, reached after it is gone."""
    arena = Arena(base, case=CASE, log=lambda _: None)
    try:
        return _enforced(arena, clock or RealClock())
    except (KubeError, Judgement) as error:
        return Fact.unknown(f"a policy that isolates {TARGET} could not be tried: {error}")


def _enforced(arena: Arena, clock: Clock) -> Fact:
    before, told = _looked(arena, _open, clock, within=arena.waits.pod_network)
    if before is not Verdict.PASS:
        return Fact.unknown(f"{CLIENT} did not reach {TARGET} before any policy came: {told}")
    try:
        arena.apply(ISOLATE, namespace="x")
        during, told = _looked(arena, _isolated, clock, within=arena.waits.policy_live)
    finally:
        arena.close()
    after, later = _looked(arena, _open, clock, within=arena.waits.policy_live)
    if after is not Verdict.PASS:
        return Fact.unknown(f"{CLIENT} did not reach {TARGET} after the policy was gone: {later}")
    if during is Verdict.UNKNOWN:
        return Fact.unknown(f"a policy that isolates {TARGET} could not be tried: {told}")
    if during is Verdict.FAIL:
        waited = f"{arena.waits.policy_live:g} s"
        return Fact.no(why=f"a policy that isolates {TARGET} kept {CLIENT} out at no time within {waited}")
    return Fact.yes(why=f"a policy isolated {TARGET}, and it was reached before and after")


def _looked(
    arena: Arena, judge: Callable[[Arena, Look], Verdict], clock: Clock, *, within: float
) -> tuple[Verdict, str]:
    """What became of it, and what was seen last."""
    pods = [arena.pods[TARGET], arena.pods[BESIDE]]
    last: list[Result] = []

    def look() -> Look:
        last[:] = arena.ask(CLIENT, *(Tcp(pod.address(), 80, timeout=arena.waits.probe_timeout) for pod in pods))
        return last[0], last[1]

    verdict = Verdict.PASS
    try:
        converge(look, lambda seen: judge(arena, seen), clock=clock, within=within, streak=arena.waits.streak)
    except NotConvergedError as error:
        verdict = error.verdict
    return verdict, f"{last[0]}; {BESIDE}: {last[1]}"


def _open(arena: Arena, seen: Look) -> Verdict:
    """Both answer."""
    if any(each.seen in {Seen.UNMEASURED, Seen.MISSING} for each in seen):
        return Verdict.UNKNOWN
    reached = [answered_by(each) == arena.pods[ref].full for ref, each in zip((TARGET, BESIDE), seen, strict=True)]
    return Verdict.PASS if all(reached) else Verdict.FAIL


def _isolated(arena: Arena, seen: Look) -> Verdict:
    """The isolated one does not answer, and the one beside it does."""
    there, beside = seen
    if there.seen in {Seen.UNMEASURED, Seen.MISSING} or answered_by(beside) != arena.pods[BESIDE].full:
        return Verdict.UNKNOWN
    return Verdict.FAIL if there.seen is Seen.REACHED else Verdict.PASS


def node_pods_admitted(base: WorkerArena) -> Fact:
    """Whether pods in the network of their node are admitted where the namespace's own profile allows them.

    Nothing runs for it: the pod is created for show.
    """
    shape = PodShape(ports=(PORT,), host_network=True)
    try:
        base.house_nodes()
        base.kube.create(base.manifest(f"{NODES}/capability", shape), dry_run=True)
    except KubeError as error:
        refused = isinstance(error, Forbidden) and not error.is_of_an_ending_namespace
        return Fact.no(why=str(error)) if refused else Fact.unknown(str(error))
    return Fact.yes(why="a pod in a namespace of the privileged profile would be admitted")


def dns_version(base: WorkerArena, server: Callable[[], str]) -> Fact:
    """What the cluster DNS calls itself when it is asked for `version.bind`; it may be its upstream that answers."""
    wire = query(VERSION, QueryShape())
    try:
        (told,) = base.pool.ask(base.pods[CLIENT].key, [Dns(server(), wire, timeout=base.waits.dns_timeout)])
        if told.seen is not Seen.REACHED:
            return Fact.unknown(f"asked for version.bind: {told}")
        reply = answer(told.wire, asked=wire, proto="udp")
    except (Judgement, KubeError, NotAMessageError) as error:
        return Fact.unknown(str(error))
    if not reply.answer:
        return Fact.no(why=f"version.bind: {reply.rcode}")
    return Fact.yes(reply.answer[0].rdata.strip('"'), why="version.bind")
