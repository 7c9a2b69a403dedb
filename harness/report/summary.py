"""The end of a run in the terminal: what holds, what does not, what is not known, what does not apply. Plain lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.report.record import RunRecord

SHOWN = 20
"""Reasons of skipped tests that are listed; how many more there are is said, and the report has all."""


def lines(run: RunRecord, directory: Path | None) -> Iterator[str]:
    """The summary, a line each."""
    if not run.whole:
        of = f" of {len(run.selected)}" if run.selected else ""
        yield f"{run.state.upper()} after {len(run.tests)}{of} tests: {run.why}"
    yield f"{len(run.requirements())} requirements asked: {run.told() or 'none'}"
    for verdict in ("FAIL", "UNKNOWN"):
        for test in run.tests:
            those = test.with_verdict(verdict)
            if those or test.verdict == verdict:
                yield f"{verdict:8}{' '.join(those)}  {test.promise or test.name}"
                if test.known:
                    yield f"{'':8}known: {test.known}"
    skipped = [test for test in run.tests if test.verdict == "SKIP"]
    reasons: dict[str, list[str]] = {}
    for test in skipped:
        reasons.setdefault(test.reason.strip(), []).extend(test.ids or (test.name,))
    for reason, ids in list(reasons.items())[:SHOWN]:
        yield f"{'SKIP':8}{' '.join(sorted(set(ids)))}  {reason}"
    if (more := len(reasons) - SHOWN) > 0:
        yield f"{'SKIP':8}for {more} more reasons, which the report has"
    slowest = max(
        ((name, s) for test in run.tests for name, s in test.settled.items()), key=lambda x: x[1], default=None
    )
    if slowest is not None:
        yield f"slowest to converge: {slowest[0]}, {slowest[1]:.2f} s"
    yield from run.notes
    if directory is not None:
        yield f"report: {directory}"
