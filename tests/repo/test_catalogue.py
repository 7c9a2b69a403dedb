"""The catalogue and its page: complete, fresh, and every id a test names exists."""

from __future__ import annotations

import pytest
import yaml

from harness.cli import catalogue
from harness.cli.catalogues import requirements
from harness.cli.listing import Case, by_requirement, collect
from harness.world import rights
from tests.repo.sources import ROOT

FIRST_LIGHT = {"DNS": 20, "NET": 8, "SVC": 15, "EPS": 3, "POL": 14}
"""Requirements of each area that are decided at least."""


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    """The tests of the suites, collected once."""
    return collect()


def test_the_page_is_what_the_catalogue_and_the_suites_say(cases: list[Case]) -> None:
    """suites/CATALOGUE.md is fresh; `make catalogue` writes it."""
    fresh = catalogue.markdown(requirements(), by_requirement(cases))
    assert (ROOT / "suites/CATALOGUE.md").read_text() == fresh, "stale: run `make catalogue`"


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
    """An undecided requirement says "not yet", and a bar in a statement does not break its row."""
    known = {
        "DNS-001": {"id": "DNS-001", "section": "1", "statement": "a | b", "level": "MUST"},
        "DNS-002": {"id": "DNS-002", "section": "1", "statement": "c"},
    }
    page = catalogue.markdown(known, {"DNS-001": [Case("suites/dns/test_a.py::test_b[x]", ("DNS-001",), "")]})
    assert "| DNS-001 | a \\| b | MUST | `dns/test_a.py::test_b` |" in page
    assert "| DNS-002 | c |  | not yet |" in page
    assert "| Service and pod DNS | DNS | 2 | 1 |" in page


def test_the_cluster_role_grants_what_the_doctor_asks_for() -> None:
    """deploy/runner/rbac.yaml and the rights that `harness doctor` reviews are the same."""
    role = yaml.safe_load((ROOT / "deploy/runner/rbac.yaml").read_text())
    wanted = [yaml.safe_load(right.rule())[0] for right in rights.RIGHTS]
    assert role["rules"] == wanted
