"""JUnit and the terminal summary, made from one record."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

from harness.model.capability import Fact
from harness.report import junit, summary
from harness.report.record import RunRecord, TestRecord

TESTS = (
    TestRecord("suites/dns/test_a.py::test_one[x]", ("DNS-1",), "One.", "PASS", seconds=0.5, settled={"dns": 0.25}),
    TestRecord("suites/dns/test_a.py::test_two", ("DNS-2",), "Two.", "FAIL", "FAIL: Two.\n  \x1b[31mseen\x1b[0m"),
    TestRecord("suites/dns/test_a.py::test_three", ("DNS-3",), "Three.", "UNKNOWN", "the stream closed"),
    TestRecord("suites/dns/test_a.py::test_four", ("DNS-4",), "Four.", "SKIP", "needs IPv6"),
    TestRecord("suites/dns/test_a.py::test_five", ("DNS-5",), "Five.", "SKIP", "needs IPv6"),
)
RUN = RunRecord("abc", "2024-01-01T00:00:00Z", 1.5, {"kind": "embedded", "nodes": 3}, TESTS, ("a note",))


def test_every_verdict_has_its_element_and_its_count() -> None:
    """FAIL, UNKNOWN and SKIP are failure, error and skipped, in the elements and in the suite's totals."""
    suite = ET.fromstring(junit.render(RUN))[0]
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "5",
        "failures": "1",
        "errors": "1",
        "skipped": "2",
    }
    found = {str(case.get("name")): [child.tag for child in case if child.tag != "properties"] for case in suite[1:]}
    assert found == {
        "test_one[x]": [],
        "test_two": ["failure"],
        "test_three": ["error"],
        "test_four": ["skipped"],
        "test_five": ["skipped"],
    }


def test_ids_and_cluster_are_properties() -> None:
    """A reader of the file can tell which requirement a case decides and what it was run against."""
    suite = ET.fromstring(junit.render(RUN))[0]
    assert {each.get("name"): each.get("value") for each in suite[0]} == {
        "run": "abc",
        "state": "complete",
        "kind": "embedded",
        "nodes": "3",
    }
    case = suite.find("testcase")
    assert case is not None
    assert [each.get("value") for each in case.iter("property")] == ["DNS-1"]
    assert (case.get("classname"), case.get("time")) == ("suites.dns.test_a", "0.500")


def test_capabilities_are_properties_by_name() -> None:
    """Each with its state, what there is, and why; not one property with a dictionary."""
    cni, policy = Fact.yes("kindnet", why="its DaemonSet"), Fact.unknown("only packets tell")
    told = {"cni": cni.as_dict(), "network-policy": policy.as_dict()}
    suite = ET.fromstring(junit.render(replace(RUN, cluster={"kind": "kind", "capabilities": told})))[0]
    assert {each.get("name"): each.get("value") for each in suite[0]} == {
        "run": "abc",
        "state": "complete",
        "kind": "kind",
        "capability.cni": "yes, kindnet: its DaemonSet",
        "capability.network-policy": "unknown: only packets tell",
    }


def test_colours_do_not_break_the_document() -> None:
    """Characters that XML cannot carry are replaced, and the first line of a reason is the message."""
    failure = ET.fromstring(junit.render(RUN)).find(".//failure")
    assert failure is not None
    assert failure.get("message") == "FAIL: Two."
    assert "\x1b" not in str(failure.text)


def test_the_summary_counts_requirements_and_names_what_must_be_seen() -> None:
    """Counts, a line per broken and unknown promise, skips by reason, the slowest wait, notes, the report."""
    assert list(summary.lines(RUN, Path("reports/x"))) == [
        "5 requirements asked: 1 broken, 1 unknown, 1 hold, 2 skipped",
        "FAIL    DNS-2  Two.",
        "UNKNOWN DNS-3  Three.",
        "SKIP    DNS-4 DNS-5  needs IPv6",
        "slowest to converge: dns, 0.25 s",
        "a note",
        "report: reports/x",
    ]


def test_the_summary_of_nothing_is_one_line() -> None:
    """A run in which nothing was asked says so."""
    empty = RunRecord("abc", "2024-01-01T00:00:00Z", 0.0, {}, ())
    assert list(summary.lines(empty, None)) == ["0 requirements asked: none"]


def test_the_summary_says_how_many_skips_it_leaves_out() -> None:
    """Reasons beyond the listed ones are counted, so that none is lost without a word; the last that fits is not."""
    for count, told in ((summary.SHOWN, []), (summary.SHOWN + 3, ["SKIP    for 3 more reasons, which the report has"])):
        tests = tuple(TestRecord(f"t::{n}", (f"A-{n}",), "", "SKIP", f"needs {n}") for n in range(count))
        lines = list(summary.lines(RunRecord("abc", "2024-01-01T00:00:00Z", 0.0, {}, tests), None))
        assert [line for line in lines if " more " in line] == told
        assert len(lines) == 1 + summary.SHOWN + len(told)
