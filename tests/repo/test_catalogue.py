"""The catalogue and its page: complete, fresh, and every id a test names exists."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import yaml

from harness.cli import catalogue
from harness.cli.catalogues import requirements
from harness.cli.collecting import Case, by_requirement, collect
from harness.cli.listing import Known, upstream
from harness.model.requirement import Refusal, Requirement, Why
from harness.report.catalogue import Catalogue, installed
from harness.world import rights
from tests.repo.sources import ROOT
from tests.system import fault_proofs

FIRST_LIGHT = {"DNS": 20, "NET": 8, "SVC": 15, "EPS": 3, "POL": 14, "ING": 50}
"""Requirements of each area that are decided at least."""


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    """The tests of the suites, collected once."""
    return collect()


def test_the_page_is_what_the_catalogue_and_the_suites_say(cases: list[Case]) -> None:
    """suites/CATALOGUE.md is fresh; `make catalogue` writes it."""
    fresh = catalogue.markdown(installed(), by_requirement(cases))
    assert (ROOT / "suites/CATALOGUE.md").read_text() == fresh, "stale: run `make catalogue`"


def test_the_proofs_are_those_of_the_fault_table() -> None:
    """suites/catalogue/proofs.yaml, by which `harness explain` names faults, is fresh; `make catalogue` writes it."""
    assert fault_proofs.PLACE.read_text() == fault_proofs.text(), "stale: run `make catalogue`"


def test_every_id_that_a_test_names_is_in_the_catalogue(cases: list[Case]) -> None:
    """No test decides a requirement that does not exist."""
    assert set(by_requirement(cases)) <= set(requirements())


def test_every_test_of_the_suites_decides_a_requirement(cases: list[Case]) -> None:
    """A test that names no requirement would be seen in no report."""
    assert not [case.name for case in cases if not case.ids]


def test_enough_is_decided_in_each_area(cases: list[Case]) -> None:
    """The count of decided requirements per area does not fall below what was reached."""
    deciding = by_requirement(cases)
    counts = {area: sum(id_.startswith(f"{area}-") for id_ in deciding) for area in FIRST_LIGHT}
    assert not {area: count for area, count in counts.items() if count < FIRST_LIGHT[area]}


def test_the_page_shows_gaps_and_escapes_bars() -> None:
    """An undecided requirement says "not yet", a refused one why, and a bar in a statement does not break its row."""
    rows = [
        {"id": "DNS-001", "section": "1", "statement": "a | b", "level": "MUST"},
        {"id": "DNS-002", "section": "1", "statement": "c"},
        {"id": "DNS-003", "section": "1", "statement": "d"},
    ]
    known = Catalogue({row["id"]: Requirement.of(row) for row in rows}, {"DNS-003": Refusal(Why.HARDWARE, "a radio")})
    page = catalogue.markdown(known, {"DNS-001": [Case("suites/dns/test_a.py::test_b[x]", ("DNS-001",), "")]})
    assert "| DNS-001 | a \\| b | MUST | `dns/test_a.py::test_b` |" in page
    assert "| DNS-002 | c |  | not yet |" in page
    assert "| DNS-003 | d |  | refused: needs hardware |" in page
    assert "| Service and pod DNS | DNS | 3 | 1 | 1 |" in page


def ratchet() -> dict[str, Any]:
    """What may only become less."""
    told: dict[str, Any] = yaml.safe_load((ROOT / "tests/repo/ratchet.yaml").read_text())
    return told


def test_what_is_undecided_and_what_is_refused_only_become_less(cases: list[Case]) -> None:
    """Neither list grows: a test that goes leaves a gap that is seen, and a refusal is no way to close one."""
    known = Known(installed(), by_requirement(cases))
    states = [known.state(id_) for id_ in known.catalogue.requirements]
    assert states.count("undecided") <= ratchet()["undecided"]
    assert len(known.catalogue.refused) <= ratchet()["refused"]


def test_nothing_is_both_decided_and_refused(cases: list[Case]) -> None:
    """Who decides a refused requirement takes it out of suites/catalogue/refused.yaml; all refused ones exist."""
    assert not set(by_requirement(cases)) & set(installed().refused)
    assert set(installed().refused) <= set(installed().requirements)


def test_a_refusal_has_evidence_and_a_binding_one_its_own() -> None:
    """What a specification or the conformance programme states is refused one by one, never with a group."""
    known = installed()
    shared = Counter(each.evidence for each in known.refused.values())
    assert not [id_ for id_, each in known.refused.items() if len(each.evidence.split()) < 12]
    binding = [id_ for id_ in known.refused if known.requirements[id_].binds]
    assert not [id_ for id_ in binding if shared[known.refused[id_].evidence] > 1]
    assert {each.why for each in known.refused.values()} == set(Why)


def test_every_conformance_test_is_asked_or_named_as_a_gap(cases: list[Case]) -> None:
    """All 47 network tests of the conformance programme stand for requirements; those not decided yet are listed."""
    known = Known(installed(), by_requirement(cases))
    assert len(known.catalogue.upstream) == 47
    assert {id_ for ids in known.catalogue.upstream.values() for id_ in ids} <= set(known.catalogue.requirements)
    gaps = [each["upstream"] for each in upstream(known) if each["state"] == "undecided"]
    assert set(gaps) <= set(ratchet()["upstream"])
    assert set(ratchet()["upstream"]) <= set(known.catalogue.upstream)


def test_the_cluster_role_grants_what_the_doctor_asks_for() -> None:
    """deploy/runner/rbac.yaml and the rights that `harness doctor` reviews are the same."""
    role = yaml.safe_load((ROOT / "deploy/runner/rbac.yaml").read_text())
    wanted = [yaml.safe_load(right.rule())[0] for right in rights.RIGHTS]
    assert role["rules"] == wanted
