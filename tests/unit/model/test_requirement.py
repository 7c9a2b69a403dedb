"""Requirements: their words, their profile, and what may be refused with evidence only."""

from __future__ import annotations

import pytest

from harness.model.requirement import Profile, Requirement


def of(level: str) -> Requirement:
    """A requirement of that level."""
    return Requirement.of({"id": "DNS-001", "statement": "One.", "level": level, "probe": "q", "needs": None})


@pytest.mark.parametrize(
    ("level", "core", "binds"),
    [
        ("MUST", True, True),
        ("MUST+CONF", True, True),
        ("RFC+COMMON", True, False),
        ("GA, k8s>=1.33 (beta from 1.29)", True, False),
        ("C (v1.29)", True, True),
        ("CONF(weak)", True, True),
        ("API+E2E", True, False),
        ("MUST / IMPL", True, True),
        ("COMMON", False, False),
        ("O, k8s>=1.36", False, False),
        ("I (code)", False, False),
        ("OPT to allow SCTP; MUST to keep TCP/UDP closed", False, False),
        ("UNDEF / MUST for ingress", False, False),
        ("\u2013 (harness rule)", False, False),
        ("", False, False),
    ],
)
def test_the_first_words_of_a_level_decide(level: str, core: bool, binds: bool) -> None:
    """What binds every cluster is core, whatever is added behind."""
    found = of(level)
    assert (found.profile is Profile.CORE, found.binds) == (core, binds)


def test_a_row_is_read_whole() -> None:
    """Columns that a row does not fill are left out, the others are kept by name."""
    assert of("MUST").told == {"probe": "q"}
    assert of("MUST").area == "DNS"
    with pytest.raises(KeyError):
        Requirement.of({"id": "DNS-001"})
