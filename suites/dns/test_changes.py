"""Names follow the API: Services and pods that come, change and go.

Source: Kubernetes DNS-Based Service Discovery 1.1.0; the dynamics section of the DNS catalogue.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from harness.suite import (
    Arena,
    Check,
    ClusterFacts,
    Difference,
    Findings,
    PodShape,
    Question,
    Ready,
    Symptom,
    Tcp,
    ask_names,
    name_findings,
    no_answer,
    requirement,
    service,
    uncontrolled,
    waits,
    zone_snapshot,
)

CACHED = waits(30, "what was asked before stays in the cache of a kubeadm cluster's DNS for 30 s")
HTTP = {"name": "http", "port": 80, "targetPort": 80}
ADDRESSES = ("A", "AAAA")


def names(arena: Arena, cluster: ClusterFacts, *shorthands: str, types: Sequence[str] = ADDRESSES) -> list[Question]:
    """Questions about names in namespace x."""
    base = f"{arena.namespace('x')}.svc.{cluster.zone}."
    return [Question(f"{name}.{base}", type_) for name in shorthands for type_ in types]


def reverse(address: str) -> Question:
    """The question for an address's names."""
    return Question(ipaddress.ip_address(address).reverse_pointer + ".", "PTR")


def settle(
    arena: Arena, check: Check, cluster: ClusterFacts, what: str, questions: Sequence[Question], *, present: bool = True
) -> None:
    """Wait until the DNS says what the API's objects now call for; `present` when some of the names have to exist."""
    check.eventually(what, lambda: looked(arena, cluster, questions, present=present), within=check.waits.dns_program)


def looked(arena: Arena, cluster: ClusterFacts, questions: Sequence[Question], *, present: bool = False) -> Findings:
    """One look at names and addresses of namespace x: no other is read for it, since some take half a minute."""
    return name_findings(arena, cluster, questions, snapshot=zone_snapshot(arena, "x"), present=present)


@requirement("DNS-701", "DNS-702")
def test_new_service(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A new Service becomes resolvable, also when its name was asked before it existed."""
    questions = names(arena, cluster, "dyn", "_http._tcp.dyn", types=(*ADDRESSES, "SRV"))
    settle(arena, check, cluster, "absent before", questions, present=False)
    arena.apply(service("dyn", {"selector": {"app": "agent"}, "ports": [HTTP]}))
    settle(arena, check, cluster, "new Service in DNS", questions)


@CACHED
@requirement("DNS-704")
def test_deleted_service(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A deleted Service disappears from forward and reverse names."""
    (made,) = arena.apply(service("dyn", {"selector": {"app": "agent"}, "ports": [HTTP]}))
    questions = names(arena, cluster, "dyn", "_http._tcp.dyn", types=(*ADDRESSES, "SRV"))
    back = reverse(made["spec"]["clusterIP"])
    settle(arena, check, cluster, "there before", [*questions, back])
    arena.delete("services", "dyn")

    def look() -> Findings:
        forward = looked(arena, cluster, questions)
        return Findings.joined([forward, nameless(arena, cluster, back, questions[0].name)])

    check.eventually("deleted Service gone from DNS", look, within=check.waits.dns_program)


def nameless(arena: Arena, cluster: ClusterFacts, question: Question, name: str) -> Findings:
    """One look at a reverse name that must no longer lead to `name`; to another Service's it may: addresses return."""
    found: list[Difference] = []
    for asked in ask_names(arena, cluster, [question] * 2):
        if asked.answer is None:
            found.append(no_answer(asked))
        elif any(record.rdata.lower() == name.lower() for record in asked.answer.answer):
            found.append(Difference(f"{question} {name}", "absent", "present", "the Service is deleted"))
    return Findings(tuple(dict.fromkeys(found)), frozenset({Symptom.DNS_ASKED} if found else ()))


@CACHED
@requirement("DNS-709", "DNS-710")
def test_readiness(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A pod that turns unready leaves all headless names and returns; the cluster address stays all the time."""
    shape = PodShape(labels={"app": "dyn"}, ports=(80,), readiness=True, spec={"hostname": "d", "subdomain": "dyn-hl"})
    arena.start({"x/d": shape})
    arena.apply(
        service("dyn-hl", {"clusterIP": "None", "selector": {"app": "dyn"}, "ports": [HTTP]}),
        service("dyn", {"selector": {"app": "dyn"}, "ports": [HTTP]}),
    )
    headless = names(arena, cluster, "dyn-hl", "d.dyn-hl", "_http._tcp.dyn-hl", types=(*ADDRESSES, "SRV"))
    questions = [*headless, reverse(arena.pods["x/d"].address())]
    stays = names(arena, cluster, "dyn")
    lapses: list[Findings] = []

    def look(*, present: bool) -> Findings:
        # Kept apart: names that come and go may be late, the one that stays may not be away for a single look.
        objects = zone_snapshot(arena, "x")
        steady = name_findings(arena, cluster, stays, snapshot=objects, present=True)
        lapses.append(steady)
        return Findings.joined([steady, name_findings(arena, cluster, questions, snapshot=objects, present=present)])

    within, spacing = check.waits.dns_program, check.waits.spacing
    check.eventually("ready pod in DNS", lambda: look(present=True), within=within)
    lapses.clear()
    for ready, what in ((False, "unready pod gone from DNS"), (True, "pod back in DNS")):
        arena.ask("x/d", Ready(ready=ready))
        arena.await_readiness("x/d", ready=ready)
        # Looked at without a pause, however long it takes: the name that stays is watched by the same looks.
        check.eventually(what, lambda ready=ready: look(present=ready), within=within, spacing=spacing)  # type: ignore[misc]  # default argument
    check.now(absent(lapses))


def absent(lapses: Sequence[Findings]) -> Findings:
    """Of many looks, the answers that said something wrong. A lookup that was lost is no answer."""
    wrong = [each for each in lapses if Symptom.DNS_ANSWER_WRONG in each.symptoms]
    return Findings.joined(wrong or [Findings()])


@requirement("DNS-713", "DNS-712")
def test_ports_move(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Renaming and renumbering a port moves its SRV record."""
    arena.apply(service("dyn", {"selector": {"app": "agent"}, "ports": [HTTP]}))
    questions = names(arena, cluster, "_http._tcp.dyn", "_web._tcp.dyn", types=("SRV",))
    settle(arena, check, cluster, "first port", questions)
    arena.apply(service("dyn", {"selector": {"app": "agent"}, "ports": [{**HTTP, "name": "web", "port": 81}]}))
    settle(arena, check, cluster, "moved port in DNS", questions)


@requirement("DNS-714")
def test_selector_changes(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Changing a headless Service's selector exchanges its addresses: the new ones, and none of the old."""
    headless = {"clusterIP": "None", "ports": [HTTP]}
    arena.apply(service("dyn", {**headless, "selector": {"pod": "a"}}))
    questions = names(arena, cluster, "dyn")
    settle(arena, check, cluster, "first set", questions)
    arena.apply(service("dyn", {**headless, "selector": {"pod": "b"}}))
    settle(arena, check, cluster, "new set in DNS", questions)


@CACHED
@requirement("DNS-707")
def test_members_come_and_go(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Pods that join and leave a headless Service are in its names, their SRV records and reverse names, and leave."""
    arena.label("x/a", {"role": "member"})
    arena.apply(service("dyn", {"clusterIP": "None", "selector": {"role": "member"}, "ports": [HTTP]}))
    questions = names(arena, cluster, "dyn", "_http._tcp.dyn", types=(*ADDRESSES, "SRV"))
    questions += [reverse(arena.pods[f"x/{name}"].address()) for name in "abc"]
    settle(arena, check, cluster, "one member", questions)
    for members, what in (("abc", "three members"), ("b", "one is left")):
        for name in "abc":
            arena.label(f"x/{name}", {"role": "member" if name in members else None})
        settle(arena, check, cluster, what, questions)


@requirement("DNS-715", "DNS-716")
def test_external_name_changes(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A changed externalName moves the CNAME; turning the Service into a ClusterIP replaces it by addresses."""
    questions = names(arena, cluster, "dyn", types=("CNAME", *ADDRESSES))
    for target in ("one.example.test", "two.example.test"):
        arena.apply(service("dyn", {"type": "ExternalName", "externalName": target}))
        settle(arena, check, cluster, f"CNAME {target}", questions[:1])
    arena.patch(
        "services",
        "dyn",
        {"spec": {"type": "ClusterIP", "externalName": None, "selector": {"app": "agent"}, "ports": [HTTP]}},
    )
    settle(arena, check, cluster, "addresses instead of CNAME", questions)


@requirement("DNS-210")
def test_terminating_pod_leaves(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A pod leaves headless names when it is deleted, not when it has ended."""
    arena.start({f"x/{name}": PodShape(labels={"app": "dyn"}, ports=(80,), linger=10) for name in ("d", "e")})
    arena.apply(service("dyn", {"clusterIP": "None", "selector": {"app": "dyn"}, "ports": [HTTP]}))
    questions = names(arena, cluster, "dyn")
    settle(arena, check, cluster, "both pods in DNS", questions)
    leaving = arena.pods["x/d"]
    arena.delete("pods", "d", grace=12)

    def look() -> Findings:
        gone = looked(arena, cluster, questions, present=True)
        (still,) = arena.ask("y/b", Tcp(leaving.address(), 80))
        ended = uncontrolled("y/b → x/d, which is being deleted", still, by=leaving.full)
        return Findings.joined([gone, Findings(tuple(ended))])

    check.eventually("terminating pod gone from DNS", look, within=check.waits.dns_program)
