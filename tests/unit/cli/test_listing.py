"""`harness list`: what is decided, refused and neither, by area and level, for people and for programs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.cli import code_of, listing
from harness.cli.collecting import Case
from harness.model.requirement import Refusal, Requirement, Why
from harness.report.catalogue import Catalogue

ROWS = (
    {"id": "DNS-001", "statement": "One.", "level": "MUST", "source": "SPEC"},
    {"id": "DNS-002", "statement": "Two.", "level": "MAY"},
    {"id": "SVC-001", "statement": "Three.", "level": "GA (logs)"},
    {"id": "SVC-002", "statement": "Four."},
)
CATALOGUE = Catalogue(
    {row["id"]: Requirement.of(row) for row in ROWS},
    {"SVC-002": Refusal(Why.HARDWARE, "a radio")},
    {"DNS: names": ("DNS-001", "DNS-002"), "Services: one": ("DNS-001", "SVC-002")},
)
CASES = [Case("suites/dns/t.py::a", ("DNS-001",), "One holds."), Case("suites/dns/t.py::b", ("DNS-001",), "Again.")]


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small catalogue and two tests, without a collection."""
    monkeypatch.setattr(listing, "installed", lambda: CATALOGUE)
    monkeypatch.setattr(listing, "collect", lambda: CASES)


def said(capsys: pytest.CaptureFixture[str], *args: str) -> list[str]:
    """The lines that the command prints."""
    assert code_of(["list", *args]) == 0
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("args", "lines"),
    [
        ((), ["DNS-001  suites/dns/t.py::a  One holds.", "DNS-001  suites/dns/t.py::b  Again."]),
        (("--refused",), ["SVC-002  refused: needs hardware  Four."]),
        (("--undecided",), ["DNS-002  MAY  Two.", "SVC-001  GA (logs)  Three."]),
        (("--undecided", "--area", "SVC"), ["SVC-001  GA (logs)  Three."]),
        (("--undecided", "--level", "core"), ["SVC-001  GA (logs)  Three."]),
        (("--undecided", "--level", "MAY"), ["DNS-002  MAY  Two."]),
        (
            ("--refused", "--undecided", "--level", "extended"),
            ["DNS-002  MAY  Two.", "SVC-002  refused: needs hardware  Four."],
        ),
    ],
)
def test_it_lists_what_is_wanted(capsys: pytest.CaptureFixture[str], args: tuple[str, ...], lines: list[str]) -> None:
    """Decided ones by default; refused and undecided ones when asked for; of an area, a level, a profile."""
    assert said(capsys, *args)[:-1] == lines


def test_the_last_line_counts_what_was_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    """All of them, or those of the area."""
    assert said(capsys)[-1] == "1 of 4 requirements are decided, by 2 tests; 1 are refused, 2 undecided"
    assert (
        said(capsys, "--area", "SVC")[-1] == "0 of 2 requirements are decided, by 0 tests; 1 are refused, 1 undecided"
    )


def test_programs_get_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON every requirement with its state, tests and refusal; or only the states that were asked for."""
    rows: list[dict[str, Any]] = json.loads("\n".join(said(capsys, "--json")))
    assert {row["id"]: row["state"] for row in rows} == {
        "DNS-001": "decided",
        "DNS-002": "undecided",
        "SVC-001": "undecided",
        "SVC-002": "refused",
    }
    assert rows[0]["tests"][0] == {"name": "suites/dns/t.py::a", "promise": "One holds."}
    assert rows[3]["refused"] == {"why": "needs hardware", "evidence": "a radio"}
    assert [row["id"] for row in json.loads("\n".join(said(capsys, "--json", "--refused")))] == ["SVC-002"]


def test_upstream_tests_stand_for_requirements(capsys: pytest.CaptureFixture[str]) -> None:
    """A conformance test is asked when all that it stands for is decided or refused; else its gaps are named."""
    assert said(capsys, "--upstream") == [
        "not yet DNS: names: DNS-001 decided, DNS-002 undecided",
        "asked   Services: one: DNS-001 decided, SVC-002 refused",
    ]
    assert json.loads("\n".join(said(capsys, "--upstream", "--json")))[0]["state"] == "undecided"


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--area", "XYZ"), "'XYZ' is not one of"),
        (("--level", "PERHAPS"), "--level PERHAPS: there are core, extended, GA, MAY, MUST"),
        (("--markdown", "--refused"), "--markdown is a page of its own"),
        (("--upstream", "--area", "DNS"), "--upstream is a page of its own"),
        (("--upstream", "--markdown"), "is a page of its own"),
        (("--json", "--markdown"), "--markdown is a page of its own"),
    ],
)
def test_what_cannot_be_listed_is_refused(capsys: pytest.CaptureFixture[str], args: tuple[str, ...], told: str) -> None:
    """One line that says which words there are, and exit code 4."""
    assert code_of(["list", *args]) == 4
    assert told in capsys.readouterr().err


def test_a_test_of_an_unknown_requirement_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A requirement that no catalogue has is a mistake, never a row."""
    monkeypatch.setattr(listing, "collect", lambda: [Case("t", ("XX-1",), "")])
    assert code_of(["list"]) == 4
    assert "in no catalogue: XX-1" in capsys.readouterr().err
