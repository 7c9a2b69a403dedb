"""The recorded answers of a real cluster are accepted; each of them spoilt in any way is rejected."""

from __future__ import annotations

import pytest

from harness.model.dns import Answer, Question
from harness.oracle.dns import Kind, accepted_as, deviation, judge_answer

from .mutations import FORWARDED, MUTATIONS, Mutation
from .recorded import answers, zone

TITLES = [title for title, _, _ in answers()]


@pytest.mark.parametrize(("title", "question", "answer"), answers(), ids=TITLES)
def test_a_recorded_answer_is_accepted(title: str, question: Question, answer: Answer) -> None:
    """What CoreDNS answered to this question is one of the acceptable answers."""
    expected = zone().expect(question.name, question.type)
    assert [str(each) for each in judge_answer(expected, answer)] == []
    assert accepted_as(expected, answer) is not None


def test_few_recorded_answers_are_known_deviations() -> None:
    """The lenient alternatives stay the exception: what is tolerated is counted, and may only shrink."""
    notes = [deviation(zone().expect(question.name, question.type), answer) for _, question, answer in answers()]
    assert len([each for each in notes if each]) <= 31


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda each: each.__name__)
def test_a_spoilt_answer_is_rejected(mutation: Mutation) -> None:
    """Every recorded answer the mutation applies to is rejected once it is spoilt so."""
    applied = 0
    for title, question, answer in answers():
        expected = zone().expect(question.name, question.type)
        somebody_elses = Kind.NOT_OURS in {each.kind for each in expected.alternatives}
        if somebody_elses and mutation not in FORWARDED:
            continue
        spoilt = mutation(expected, answer)
        if spoilt is None:
            continue
        applied += 1
        assert judge_answer(expected, spoilt), (
            f"{title} spoilt by {mutation.__name__} was accepted as {accepted_as(expected, spoilt)}"
        )
        assert accepted_as(expected, spoilt) is None
    assert applied > 0, "the mutation never applied"


def test_a_cluster_answer_to_a_foreign_question_is_rejected() -> None:
    """Data of the zone under a name outside it is a fault."""
    ours = next(
        answer for _, question, answer in answers() if question == Question("cip.rec-dns.svc.cluster.local.", "A")
    )
    for name in ("example.com.", "kubernetes.default.", "200.255.96.10.in-addr.arpa."):
        assert judge_answer(zone().expect(name, "A"), Answer("NOERROR", frozenset({"QR"}), ours.answer))
    negative = next(answer for _, question, answer in answers() if question.name.startswith("nope.cluster"))
    assert judge_answer(zone().expect("example.com.", "A"), negative)
