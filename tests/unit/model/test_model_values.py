"""Values of the model: verdicts and references."""

from __future__ import annotations

import itertools

import pytest

from harness.model.difference import Difference, verdict_of
from harness.model.judgement import Broken, Judgement, NotApplicable, Unmeasured
from harness.model.outcome import Seen, Verdict, worst
from harness.model.refs import Family, NamespacedName, PodRef


@pytest.mark.parametrize("verdicts", list(itertools.product(Verdict, repeat=3)))
def test_the_worst_of_many_is_their_verdict(verdicts: tuple[Verdict, ...]) -> None:
    """FAIL before UNKNOWN before PASS, in whatever order they come."""
    expected = next(each for each in (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS) if each in verdicts)
    assert worst(verdicts) is expected


def test_nothing_looked_at_is_unknown() -> None:
    """The worst of no verdict is UNKNOWN; no difference between two things is PASS."""
    assert worst([]) is Verdict.UNKNOWN
    assert verdict_of([]) is Verdict.PASS


def test_one_missing_observation_is_not_hidden_by_agreement() -> None:
    """Differences are judged by the worst of them."""
    unknown = Difference("cell", "open", "nothing came", verdict=Verdict.UNKNOWN)
    assert verdict_of([unknown]) is Verdict.UNKNOWN
    assert verdict_of([unknown, Difference("cell", "open", "closed")]) is Verdict.FAIL


@pytest.mark.parametrize("value", [*Seen, *Verdict])
def test_no_outcome_is_a_truth_value(value: Seen | Verdict) -> None:
    """`if verdict:` is a mistake, and says so."""
    with pytest.raises(TypeError, match="not a truth value"):
        bool(value)


def test_a_difference_prints_what_was_expected_and_seen() -> None:
    """One line with both, and the rule where there is one."""
    assert str(Difference("ttl", "≤ 30", "60")) == "ttl: expected ≤ 30, saw 60"
    assert str(Difference("ttl", "≤ 30", "60", rule="DNS-003")) == "ttl: expected ≤ 30, saw 60 (DNS-003)"


def test_every_judgement_has_one_root() -> None:
    """Whoever catches judgements catches all of them, and nothing else."""
    assert {Broken, Unmeasured, NotApplicable} == set(Judgement.__subclasses__())


@pytest.mark.parametrize("text", ["", "a", "/", "a/", "/b", "a/b/c"])
def test_a_pod_of_a_topology_is_namespace_and_pod(text: str) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(ValueError, match="for example x/a"):
        PodRef.parse(text)


def test_references_print_as_they_are_written() -> None:
    """`x/a` is read and printed alike; a full name has its namespace."""
    assert str(PodRef.parse("x/a")) == "x/a"
    assert str(NamespacedName("kube-system", "coredns")) == "kube-system/coredns"


@pytest.mark.parametrize(
    ("address", "family"), [("10.0.0.1", Family.V4), ("fd00::1", Family.V6), ("::ffff:10.0.0.1", Family.V6)]
)
def test_a_literal_address_has_a_family(address: str, family: Family) -> None:
    """Colons make IPv6, in the API's spelling."""
    assert Family.of(address) is family
