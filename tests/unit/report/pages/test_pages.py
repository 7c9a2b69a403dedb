"""The other pages of a run: the Markdown summary, the conformance report, and what all of them are made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml

from harness.report import pages
from harness.report.pages import conformance, markdown
from harness.report.pages.view import View, area_of, layer_of
from harness.report.record import RunRecord, State, TestRecord
from tests.unit.report.pages.pages_ground import ABORTED, CATALOGUE, RUN


def told(run: RunRecord) -> dict[str, object]:
    """The conformance report as it is read back."""
    read: dict[str, object] = yaml.safe_load(conformance.document(View(run, CATALOGUE)))
    return read


def test_the_summary_begins_with_what_is_broken() -> None:
    """Headline, layer, the command to go on, then each failure with its own command; nothing of it is markup."""
    page = markdown.page(View(RUN, CATALOGUE))
    lines = page.splitlines()
    assert lines[0] == "# 6 promises asked: 2 broken, 1 unknown, 2 skipped, 1 hold"
    assert lines[2] == "Layers at fault, as it seems: **policy** (1)"
    assert "`harness rerun --failed`" in lines[4]
    assert page.index("## Broken: 1") < page.index("## Could not be measured: 1") < page.index("## By area")
    assert "<script>" not in page
    assert "[link](" not in page
    assert "| needs IPv6 | SVC-002 SVC-003 |" in page


def test_every_row_of_its_tables_has_all_its_cells() -> None:
    """A bar in what a cluster said does not make another column."""
    for line in markdown.page(View(RUN, CATALOGUE)).splitlines():
        if line.startswith("| DNS-002"):
            assert len([bar for bar in line.replace("\\|", "").split("|") if bar]) == 4


def test_a_long_summary_is_cut_and_says_so() -> None:
    """A cluster on which nothing works does not make a summary that a CI cuts off in the middle."""
    broken = tuple(
        TestRecord(f"t.py::t{number}", (f"DNS-{number}",), "P.", "FAIL", "why" * 100) for number in range(2000)
    )
    page = markdown.page(View(replace(RUN, tests=broken), CATALOGUE))
    assert "and 1960 more: report.html has all" in page
    assert len(page.encode()) < 900_000


def test_the_conformance_report_tells_profiles_apart() -> None:
    """Core and extended, each with what holds, what does not, and how much of it was asked at all."""
    read = told(RUN)
    core, extended = read["profiles"]  # type: ignore[misc]  # plain YAML
    assert (core["name"], core["result"]) == ("core", "failure")
    assert core["supported"] == ["DNS-001"]
    assert [each["id"] for each in core["unsupported"]] == ["DNS-002", "POL-001"]
    assert core["unknown"] == [{"id": "SVC-001", "reason": "the stream closed"}]
    assert core["statistics"] == {
        "requirements": 4,
        "asked": 4,
        "refused": 0,
        "supported": 1,
        "unsupported": 2,
        "unknown": 1,
        "skipped": 0,
    }
    assert extended["result"] == "partial"
    assert extended["skipped"] == [{"id": "SVC-002", "reason": "needs IPv6"}, {"id": "SVC-003", "reason": "needs IPv6"}]
    assert extended["statistics"]["refused"] == 1


def test_it_says_what_was_asked_of_what_and_how_to_repeat_it() -> None:
    """Versions of cluster, plugin, kernel and harness, and the exact command."""
    read = told(RUN)
    about = read["about"]
    assert isinstance(about, dict)
    assert {"kubernetes": "v1.36.0", "kernel": "6.1", "harness": "0.1.0"}.items() <= about.items()
    assert "cni" in about
    assert read["reproduce"] == RUN.asked.command
    assert (read["apiVersion"], read["kind"], read["state"]) == ("harness.dev/v1", "ConformanceReport", "complete")


@pytest.mark.parametrize(
    ("verdicts", "state", "said"),
    [
        ({"PASS"}, State.COMPLETE, "success"),
        ({"PASS", "SKIP"}, State.COMPLETE, "partial"),
        ({"PASS", "SKIP", "UNKNOWN"}, State.COMPLETE, "unknown"),
        ({"PASS", "UNKNOWN", "FAIL"}, State.COMPLETE, "failure"),
        (set(), State.COMPLETE, "not asked"),
        ({"PASS"}, State.ABORTED, "aborted"),
        ({"PASS"}, State.UNFINISHED, "unfinished"),
        ({"PASS", "FAIL"}, State.ABORTED, "failure"),
    ],
)
def test_a_profile_never_seems_better_than_is_known(verdicts: set[str], state: State, said: str) -> None:
    """Unknown and aborted are no success, and what is broken is broken however far the run came."""
    assert conformance.result(verdicts, state) == said


def test_an_aborted_run_is_one_in_every_page(tmp_path: Path) -> None:
    """HTML, Markdown, YAML and JUnit all say it; in JUnit by an error, or half a run would count as a good one."""
    pages.write(ABORTED, tmp_path, CATALOGUE)
    assert {path.name for path in tmp_path.iterdir()} == set(pages.FILES)
    for name in (pages.HTML, pages.MARKDOWN):
        assert "ABORTED after 1 of 6 tests" in (tmp_path / name).read_text()
    assert yaml.safe_load((tmp_path / pages.CONFORMANCE).read_text())["tests"] == {"selected": 6, "ended": 1}
    suite = ET.parse(tmp_path / pages.JUNIT).getroot()[0]
    assert (suite.get("tests"), suite.get("errors")) == ("2", "1")
    (error,) = suite.iter("error")
    assert error.get("message") == "aborted after 1 of 6 tests: interrupted"


def test_requirements_that_a_test_judged_apart_keep_their_own_verdicts() -> None:
    """A test that is broken for one requirement and holds for another blames only the first."""
    reason = "FAIL: One. [DNS-001]\nseen\n\nFAIL: Two. [DNS-002]\nother"
    mixed = TestRecord("t.py::t", ("DNS-001", "DNS-002"), "Both.", "FAIL", reason, apart={"DNS-002": "PASS"})
    run = replace(RUN, tests=(mixed,))
    (item,) = View(run, CATALOGUE).items("FAIL")
    assert item.ids == ("DNS-001",)
    core = told(run)["profiles"][0]  # type: ignore[index]  # plain YAML
    assert [each["id"] for each in core["unsupported"]] == ["DNS-001"]
    assert core["supported"] == ["DNS-002"]
    assert "DNS-002" not in markdown.page(View(run, CATALOGUE)).partition("## By area")[0].partition("## Broken")[2]


@pytest.mark.parametrize(
    ("id_", "area"), [("DNS-001", "DNS"), ("ING-12", "ING"), ("T-1", "other"), ("XX-1", "other"), ("t.py::t", "other")]
)
def test_an_id_names_its_area(id_: str, area: str) -> None:
    """What the catalogue does not know is other."""
    assert area_of(id_) == area


def test_a_failure_names_its_layer() -> None:
    """The layer that the explanation blames, or that it is unclear."""
    assert layer_of("FAIL: x\n\nlayer at fault, as it seems: pod network (no route)\n") == "pod network"
    assert layer_of("something else") == "unclear"
