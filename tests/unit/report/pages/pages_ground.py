"""A run in which everything happens, with what a cluster may say to hurt a page, and a catalogue that knows some."""

from __future__ import annotations

from harness.model.requirement import Refusal, Requirement, Why
from harness.report.catalogue import Catalogue
from harness.report.record import Asked, RunRecord, State, TestRecord

EVIL = "</pre><script>alert(1)</script>\x1b[31m red\x1b[0m \u202e&amp; | `code` [link](http://evil.example)"
FAILURE = f"""FAIL: Two. [DNS-002]
  asked:    x/a → 10.96.0.10:53/UDP
  because:  {EVIL}

             expected  seen
  y/a → x/a  denied    reached

layer at fault, as it seems: policy (packets pass that no rule admits)

repeat: kubectl get pods"""

TESTS = (
    TestRecord("suites/dns/test_a.py::test_one[x]", ("DNS-001",), "One.", "PASS", "", 0.5, "gw0", {"name known": 0.25}),
    TestRecord("suites/dns/test_a.py::test_two[it's]", ("DNS-002", "POL-001"), "Two.", "FAIL", FAILURE, 2.0, "gw1"),
    TestRecord("suites/svc/test_b.py::test_three", ("SVC-001",), EVIL, "UNKNOWN", "the stream closed"),
    TestRecord("suites/svc/test_b.py::test_four", ("SVC-002",), "Four.", "SKIP", "needs IPv6"),
    TestRecord("suites/svc/test_b.py::test_five", ("SVC-003",), "Five.", "SKIP", "needs IPv6"),
    TestRecord("test_shop.py::test_shop", (), "The shop answers.", "PASS", settled={EVIL: 4.5}),
)
ASKED = Asked(
    "pytest suites -n 4 --cluster kind --cni 'my file.yaml'",
    "pytest",
    ("--cluster=kind", "--cni=my file.yaml"),
    "/there",
)
RUN = RunRecord(
    "abc",
    "2026-01-01T00:00:00Z",
    12.5,
    {"kind": "kind", "kubernetes": "v1.36.0", "kernel": "6.1", "cni": EVIL},
    TESTS,
    ("a note <b>",),
    selected=tuple(test.name for test in TESTS),
    asked=ASKED,
    versions={"harness": "0.1.0"},
)
ABORTED = RunRecord(
    "abc",
    "2026-01-01T00:00:00Z",
    3.0,
    {"kind": "embedded"},
    TESTS[:1],
    state=State.ABORTED,
    why="interrupted",
    selected=RUN.selected,
    asked=ASKED,
)
CATALOGUE = Catalogue(
    {
        row["id"]: Requirement.of(row)
        for row in (
            {"id": "DNS-001", "statement": 'One is "one" & <one>.', "level": "MUST"},
            {"id": "DNS-002", "statement": "Two.", "level": "RFC+COMMON"},
            {"id": "DNS-003", "statement": "Three.", "level": "MAY"},
            {"id": "SVC-001", "statement": "S one.", "level": "GA, k8s>=1.33"},
            {"id": "SVC-002", "statement": "S two.", "level": "O"},
            {"id": "SVC-003", "statement": "S three.", "level": "I (code)"},
            {"id": "POL-001", "statement": "P one.", "level": "MUST / IMPL"},
            {"id": "POL-002", "statement": "P two."},
        )
    },
    {"POL-002": Refusal(Why.HARDWARE, "a radio")},
)
