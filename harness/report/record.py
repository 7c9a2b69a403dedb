"""The record of a run: one value per judged test, one per run. Versioned, JSON-ready; every report is made from it.

A requirement's verdict is the worst of the tests that decide it; it is skipped only when all of them were.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

VERSION = 1
ORDER = ("SKIP", "PASS", "UNKNOWN", "FAIL")
"""Verdicts from the one that says least to the one that must be seen."""


@dataclass(frozen=True)
class TestRecord:
    """One test's judgement. `settled` says, by what was waited for, how many seconds it took to converge."""

    __test__ = False  # pytest collects classes by that name

    name: str
    ids: tuple[str, ...]
    promise: str
    verdict: str
    reason: str = ""
    seconds: float = 0.0
    worker: str = ""
    settled: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class RunRecord:
    """A whole run. `cluster` tells what it was run against; times are RFC 3339."""

    run: str
    started: str
    seconds: float
    cluster: Mapping[str, Any]
    tests: tuple[TestRecord, ...]
    notes: tuple[str, ...] = ()

    def requirements(self) -> dict[str, str]:
        """The verdict of every requirement that was asked, by id."""
        found: dict[str, str] = {}
        for test in self.tests:
            for id_ in test.ids:
                found[id_] = max(found.get(id_, "SKIP"), test.verdict, key=ORDER.index)
        return dict(sorted(found.items()))

    def tally(self) -> dict[str, int]:
        """How many requirements have which verdict."""
        verdicts = list(self.requirements().values())
        return {verdict: verdicts.count(verdict) for verdict in reversed(ORDER)}

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, with the version and the verdict per requirement."""
        return {"version": VERSION, **asdict(self), "requirements": self.requirements()}


def exit_code(tests: Iterable[TestRecord]) -> int:
    """0 all hold, 1 a promise is broken, 3 nothing broken but something unmeasured, 5 nothing was asked (design §8)."""
    verdicts = {test.verdict for test in tests}
    if "FAIL" in verdicts:
        return 1
    if "UNKNOWN" in verdicts:
        return 3
    return 0 if verdicts else 5
