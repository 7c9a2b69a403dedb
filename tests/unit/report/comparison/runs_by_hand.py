"""Small runs for tests of comparisons: tests by name and verdict, and the whole that all renderers are shown."""

from __future__ import annotations

from harness.report.comparison import build
from harness.report.comparison.values import Comparison, Run
from harness.report.record import RunRecord, TestRecord

EVIL = "<script>alert('x')</script> | **bold** [link](http://evil) \x1b]0;title\x07\x1b[2J `code` \u202egnp"
"""What a cluster might say: markup of every format we write, and characters that steer a terminal."""


def decided(id_: str, verdict: str, reason: str = "", *, name: str = "", **settled: float) -> TestRecord:
    """A test that decides one promise."""
    return TestRecord(name or f"suites/t.py::{id_}", (id_,), f"Promise {id_}.", verdict, reason, settled=settled)


def record(*tests: TestRecord, started: str = "2026-01-01T00:00:00Z", **cluster: object) -> RunRecord:
    """A run of those tests."""
    return RunRecord("abc", started, 12.5, cluster, tests)


def compared(*columns: tuple[TestRecord, ...], problems: tuple[str, ...] = ()) -> Comparison:
    """Runs that differ in nothing but their tests."""
    told = (*problems, *[""] * len(columns))
    runs = [Run(f"run {number}", record=record(*tests), problem=told[number]) for number, tests in enumerate(columns)]
    return build.compare(runs, texts={}, title="by hand")


def everything(*, evil: str = "the wire was silent") -> Comparison:
    """A comparison with rows of every kind, a column without a result, and one that is not whole."""
    first = record(
        decided("SVC-1", "PASS", delivered=0.25),
        decided("SVC-2", "FAIL", f"FAIL: {evil}\n  asked: everybody\n  {evil}"),
        decided("SVC-3", "UNKNOWN", "the stream closed"),
        decided("SVC-4", "SKIP", f"needs {evil}"),
        decided("SVC-5", "PASS"),
        decided("SVC-6", "PASS"),
        decided("SVC-7", "PASS"),
        decided("SVC-7", "SKIP", "needs IPv6", name="suites/t.py::other"),
        decided("SVC-8", "SKIP", f"needs policies: {evil}"),
        decided("SVC-9", "SKIP", f"needs policies: {evil}"),
        kind="kind",
        kubernetes="v1.36.2",
        cni=f"kindnet {evil}",
        kube_proxy="iptables",
        nodes=3,
        boot_s="51.2",
    )
    second = record(
        decided("SVC-1", "PASS", delivered=4.5),
        decided("SVC-2", "PASS"),
        decided("SVC-3", "UNKNOWN", "the stream closed"),
        decided("SVC-4", "SKIP", f"needs {evil}"),
        decided("SVC-5", "PASS"),
        decided("SVC-7", "PASS"),
        decided("SVC-7", "PASS", name="suites/t.py::other"),
        decided("SVC-8", "PASS"),
        decided("SVC-9", "PASS"),
        kind="kind",
        kubernetes="v1.36.2",
        cni=f"kindnet {evil}",
        kube_proxy="nftables",
        nodes=3,
        boot_s="49.9",
    )
    runs = [
        Run("iptables", record=first, code=1, place="reports/m/iptables", command="harness run --kube-proxy iptables"),
        Run(
            f"nftables {evil}", record=second, code=2, problem=f"interrupted after 7 tests: {evil}", place="reports/m/n"
        ),
        Run("none", {"kind": "kind", "kube_proxy": "none"}, problem="cannot be: CNI kindnet does not replace it"),
    ]
    return build.compare(runs, texts={"SVC-2": f"A Service delivers. {evil}"}, title=f"Matrix {evil}")
