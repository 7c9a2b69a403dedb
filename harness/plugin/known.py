"""What is known to be broken on the cluster of a run does not turn it red: pytest's own expected failure, told as such.

The verdict stays FAIL. A test of which anything else is broken, or not known, is as red as ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.clusters.declared import deviations
from harness.clusters.deviations import known
from harness.model.capability import Fact
from harness.plugin import outcomes
from harness.plugin.options import RunOptions
from harness.report.record import TestRecord

Known = Mapping[str, str]
"""What is known of broken promises, by id."""


def of(options: RunOptions, found: Mapping[str, Fact]) -> Known:
    """What is known of the cluster that was found, and what the user knows of it."""
    if options.deviations is None:
        return {}
    return known((*deviations(options.kind, found), *options.deviations), found)


def excuse(report: Any, known: Known) -> None:
    """Make a phase's report, if all that it finds broken is known, one of a failure that was expected."""
    told = outcomes.read(report)
    if told is None or not outcomes.failed(report):
        return
    apart: Mapping[str, str] = getattr(report, "harness_apart", {})
    broken = [id_ for id_ in told["ids"] if apart.get(id_, outcomes.FAIL) == outcomes.FAIL]
    if not broken or outcomes.UNKNOWN in apart.values() or not all(id_ in known for id_ in broken):
        return
    told["known"] = "; ".join(dict.fromkeys(known[id_] for id_ in broken))
    report.outcome, report.wasxfail = "skipped", told["known"]


def holding(known: Known, tests: Sequence[TestRecord]) -> list[str]:
    """A line for each promise that holds though it is known not to."""
    verdicts: dict[str, set[str]] = {}
    for test in tests:
        for id_ in test.ids:
            if id_ in known:
                verdicts.setdefault(id_, set()).add(test.about(id_).verdict)
    held = sorted(id_ for id_, each in verdicts.items() if each == {outcomes.PASS})
    return [f"note: {id_} holds, though it is known not to: {known[id_]}" for id_ in held]
