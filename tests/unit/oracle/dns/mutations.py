"""Answers spoilt in one way each. A mutation returns None where it does not apply."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from harness.model.dns import Answer, Question, Record
from harness.oracle.dns import Expected, Kind
from harness.oracle.dns.judge import fact

Mutation = Callable[[Expected, Answer], Answer | None]
OTHER = {"A": "203.0.113.77", "AAAA": "2001:db8::77", "PTR": "wrong.rec-dns.svc.cluster.local.", "TXT": '"9.9.9"'}


def _required(expected: Expected, answer: Answer) -> list[Record]:
    """Records whose loss must be noticed."""
    wanted = frozenset().union(*(each.required for each in expected.alternatives))
    return [] if answer.tc else [each for each in answer.answer if fact(each) in wanted]


def _changed(answer: Answer, old: Record, new: Record | None) -> Answer:
    records = tuple(new if each is old else each for each in answer.answer)
    return replace(answer, answer=tuple(each for each in records if each is not None))


def drop_a_record(expected: Expected, answer: Answer) -> Answer | None:
    found = _required(expected, answer)
    return _changed(answer, found[0], None) if found else None


def drop_the_last_record(expected: Expected, answer: Answer) -> Answer | None:
    found = _required(expected, answer)
    return _changed(answer, found[-1], None) if found else None


def add_a_record(expected: Expected, answer: Answer) -> Answer | None:
    found = next((each for each in answer.answer if each.type in OTHER), None)
    return replace(answer, answer=(*answer.answer, replace(found, rdata=OTHER[found.type]))) if found else None


def change_a_record(expected: Expected, answer: Answer) -> Answer | None:
    found = next((each for each in answer.answer if each.type in OTHER), None)
    return _changed(answer, found, replace(found, rdata=OTHER[found.type])) if found else None


def swap_the_port(expected: Expected, answer: Answer) -> Answer | None:
    found = next((each for each in answer.answer if each.type == "SRV"), None)
    if found is None:
        return None
    priority, weight, port, target = found.rdata.split()
    return _changed(answer, found, replace(found, rdata=f"{priority} {weight} {int(port) + 1} {target}"))


def swap_the_target(expected: Expected, answer: Answer) -> Answer | None:
    found = next((each for each in answer.answer if each.type == "SRV"), None)
    if found is None:
        return None
    words = found.rdata.split()
    return _changed(answer, found, replace(found, rdata=" ".join([*words[:3], "other.rec-dns.svc.cluster.local."])))


def starve_by_weight(expected: Expected, answer: Answer) -> Answer | None:
    found = next((each for each in answer.answer if each.type == "SRV"), None)
    if found is None:
        return None
    words = found.rdata.split()
    return _changed(answer, found, replace(found, rdata=f"0 0 {words[2]} {words[3]}"))


def lead_the_cname_astray(expected: Expected, answer: Answer) -> Answer | None:
    found = next((each for each in answer.answer if each.type == "CNAME"), None)
    return _changed(answer, found, replace(found, rdata="elsewhere.example.")) if found else None


def own_it_by_another_name(expected: Expected, answer: Answer) -> Answer | None:
    found = answer.answer[0] if answer.answer else None
    return _changed(answer, found, replace(found, owner="cip2.rec-dns.svc.cluster.local.")) if found else None


def say_it_twice(expected: Expected, answer: Answer) -> Answer | None:
    return replace(answer, answer=(*answer.answer, answer.answer[0])) if answer.answer else None


def live_too_long(expected: Expected, answer: Answer) -> Answer | None:
    if not answer.answer:
        return None
    return replace(answer, answer=tuple(replace(each, ttl=expected.ttl + 1) for each in answer.answer))


def give_one_record_another_lifetime(expected: Expected, answer: Answer) -> Answer | None:
    first = answer.answer[0] if answer.answer else None
    if first is None or sum((each.owner, each.type) == (first.owner, first.type) for each in answer.answer) < 2:
        return None
    return _changed(answer, first, replace(first, ttl=first.ttl - 1))


def change_the_class(expected: Expected, answer: Answer) -> Answer | None:
    return _changed(answer, answer.answer[0], replace(answer.answer[0], cls="CH")) if answer.answer else None


def empty_the_answer(expected: Expected, answer: Answer) -> Answer | None:
    """NOERROR, nothing in it, no SOA: neither data nor a proper negative."""
    return replace(answer, answer=(), authority=(), additional=()) if answer.answer else None


def fail(expected: Expected, answer: Answer) -> Answer | None:
    return replace(answer, rcode="SERVFAIL", answer=(), authority=(), additional=())


def refuse(expected: Expected, answer: Answer) -> Answer | None:
    return replace(answer, rcode="REFUSED", answer=(), authority=(), additional=())


def deny_the_name(expected: Expected, answer: Answer) -> Answer | None:
    """NXDOMAIN for a name that must exist."""
    kinds = {each.kind for each in expected.alternatives}
    tolerated = any("NXDOMAIN" in each.rcodes for each in expected.alternatives)  # a CNAME to somewhere else
    if answer.rcode != "NOERROR" or kinds & {Kind.NXDOMAIN, Kind.ABSENT} or tolerated:
        return None
    return replace(answer, rcode="NXDOMAIN")


def admit_the_name(expected: Expected, answer: Answer) -> Answer | None:
    """NODATA for a name that must not exist."""
    kinds = {each.kind for each in expected.alternatives}
    if answer.rcode != "NXDOMAIN" or kinds & {Kind.NODATA, Kind.ABSENT}:
        return None
    return replace(answer, rcode="NOERROR")


def invent_data(expected: Expected, answer: Answer) -> Answer | None:
    if answer.answer:
        return None
    rtype = expected.question.type if expected.question.type in OTHER else "A"
    record = Record(expected.question.name, rtype, OTHER[rtype], 30)
    return replace(answer, rcode="NOERROR", answer=(record,), authority=())


def lose_the_soa(expected: Expected, answer: Answer) -> Answer | None:
    return replace(answer, authority=()) if answer.authority else None


def double_the_soa(expected: Expected, answer: Answer) -> Answer | None:
    return replace(answer, authority=answer.authority * 2) if answer.authority else None


def take_anothers_soa(expected: Expected, answer: Answer) -> Answer | None:
    return (
        replace(answer, authority=tuple(replace(each, owner="other.test.") for each in answer.authority))
        if answer.authority
        else None
    )


def refer_elsewhere(expected: Expected, answer: Answer) -> Answer | None:
    referral = Record("cluster.local.", "NS", "ns.elsewhere.test.", 30)
    return replace(answer, authority=(*answer.authority, referral)) if answer.authority else None


def remember_the_absence(expected: Expected, answer: Answer) -> Answer | None:
    """A negative answer that may be kept for an hour."""

    def longer(record: Record) -> Record:
        return replace(record, ttl=3600, rdata=" ".join([*record.rdata.split()[:6], "3600"]))

    return replace(answer, authority=tuple(map(longer, answer.authority))) if answer.authority else None


def garble_the_soa(expected: Expected, answer: Answer) -> Answer | None:
    return (
        replace(answer, authority=tuple(replace(each, rdata="ns. host. 1") for each in answer.authority))
        if answer.authority
        else None
    )


def lie_besides(expected: Expected, answer: Answer) -> Answer | None:
    """A wrong address for a right name in the additional section."""
    if not answer.additional:
        return None
    first, *rest = answer.additional
    return replace(answer, additional=(replace(first, rdata="203.0.113.78"), *rest))


def chatter_besides(expected: Expected, answer: Answer) -> Answer | None:
    """An address of a name that has nothing to do with the answer."""
    stranger = Record("cip-noep.rec-dns.svc.cluster.local.", "A", "10.96.108.234", 30)
    if stranger.owner in expected.question.name:
        return None
    return replace(answer, additional=(*answer.additional, stranger)) if answer.additional else None


def ask_instead_of_answering(expected: Expected, answer: Answer) -> Answer | None:
    return replace(answer, flags=answer.flags - {"QR"})


def answer_another_question(expected: Expected, answer: Answer) -> Answer | None:
    return replace(answer, question=Question("another.rec-dns.svc.cluster.local.", expected.question.type))


def truncate_over_tcp(expected: Expected, answer: Answer) -> Answer | None:
    return replace(answer, flags=answer.flags | {"TC"}, proto="tcp")


FORWARDED: tuple[Mutation, ...] = (ask_instead_of_answering, answer_another_question, truncate_over_tcp)
"""What must be noticed even where the answer is somebody else's."""

MUTATIONS: tuple[Mutation, ...] = (
    drop_a_record,
    drop_the_last_record,
    add_a_record,
    change_a_record,
    swap_the_port,
    swap_the_target,
    starve_by_weight,
    lead_the_cname_astray,
    own_it_by_another_name,
    say_it_twice,
    live_too_long,
    give_one_record_another_lifetime,
    change_the_class,
    empty_the_answer,
    fail,
    refuse,
    deny_the_name,
    admit_the_name,
    invent_data,
    lose_the_soa,
    double_the_soa,
    take_anothers_soa,
    refer_elsewhere,
    remember_the_absence,
    garble_the_soa,
    lie_besides,
    chatter_besides,
    *FORWARDED,
)
