"""The record of a run: one value per judged test, one per run. Versioned, JSON-ready; every report is made from it.

A requirement's verdict is the worst of the tests that decide it; it is skipped only when all of them were. A run that
did not come to its end says so, and what it did not come to.
"""

from __future__ import annotations

import enum
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

VERSION = 1
WORDS = {"FAIL": "broken", "UNKNOWN": "unknown", "SKIP": "skipped", "PASS": "hold"}
"""Verdicts, the worst first, and what is said of promises that have them."""

ORDER = ("SKIP", "PASS", "UNKNOWN", "FAIL")
"""Verdicts from the one that says least to the one that must be seen."""


class State(enum.StrEnum):
    """How far a run came."""

    COMPLETE = "complete"
    ABORTED = "aborted"
    UNFINISHED = "unfinished"
    """What a run says of itself until it ends. Whoever finds it later and nobody at work there: aborted."""


@dataclass(frozen=True)
class Asked:
    """How a run was asked for, and how its tests are asked again."""

    command: str = ""
    """The whole command."""
    runner: str = "pytest"
    """What a test's name is given to: `pytest`, or `harness run`."""
    options: tuple[str, ...] = ()
    """Options that shape the cluster and how it is asked."""
    root: str = ""
    """The directory that names of tests begin in."""


@dataclass(frozen=True)
class TestRecord:
    """One test's judgement. `settled` says, by what was waited for, how many seconds it took to converge.

    `apart` has the verdicts of requirements that the test judged one by one; of the others its own is the verdict.
    """

    __test__ = False  # pytest collects classes by that name

    name: str
    ids: tuple[str, ...]
    promise: str
    verdict: str
    reason: str = ""
    seconds: float = 0.0
    worker: str = ""
    settled: Mapping[str, float] = field(default_factory=dict)
    apart: Mapping[str, str] = field(default_factory=dict)
    known: str = ""
    """What is known of the deviation that breaks it, where all that it finds broken is known."""

    def about(self, id_: str) -> TestRecord:
        """The same with the verdict of this one requirement, and what was said of it."""
        if id_ not in self.apart:
            return self
        if self.apart[id_] == "PASS":
            return replace(self, verdict="PASS", reason="", known="")
        part = _part(self.reason, id_)
        return replace(self, verdict=self.apart[id_], reason=with_known(part, self.known))

    def with_verdict(self, verdict: str) -> tuple[str, ...]:
        """The requirements that have this verdict."""
        return tuple(id_ for id_ in self.ids if self.apart.get(id_, self.verdict) == verdict)


KNOWN = "known: "
"""What a line begins with that says what is known of a broken promise."""


def with_known(reason: str, known: str) -> str:
    """A reason with what is known of it at its end."""
    line = f"{KNOWN}{known}"
    return reason if not known or line in reason.splitlines() else f"{reason}\n\n{line}".strip()


def _part(reason: str, id_: str) -> str:
    """What a reason that tells of several requirements says of one: from the line that names it to the next such."""
    lines = reason.splitlines()
    heads = [number for number, line in enumerate(lines) if re.match(r"(FAIL|UNKNOWN): .* \[\S+\]$", line)]
    for start, end in itertools.pairwise([*heads, len(lines)]):
        if lines[start].endswith(f" [{id_}]"):
            return "\n".join(lines[start:end]).strip()
    return reason


@dataclass(frozen=True)
class RunRecord:
    """A whole run. `cluster` tells what it was run against; times are RFC 3339. `selected` names all it was to ask."""

    run: str
    started: str
    seconds: float
    cluster: Mapping[str, Any]
    tests: tuple[TestRecord, ...]
    notes: tuple[str, ...] = ()
    state: State = State.COMPLETE
    why: str = ""
    """Why it did not come to its end."""
    selected: tuple[str, ...] = ()
    asked: Asked = field(default_factory=Asked)
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Whether it came to its end."""
        return self.state is State.COMPLETE

    @property
    def unreached(self) -> tuple[str, ...]:
        """Tests that were selected and that it did not come to."""
        reached = {test.name for test in self.tests}
        return tuple(name for name in self.selected if name not in reached)

    def requirements(self) -> dict[str, str]:
        """The verdict of every requirement that was asked, by id."""
        found: dict[str, str] = {}
        for test in self.tests:
            for id_ in test.ids:
                found[id_] = max(found.get(id_, "SKIP"), test.about(id_).verdict, key=ORDER.index)
        return dict(sorted(found.items()))

    def tally(self) -> dict[str, int]:
        """How many requirements have which verdict."""
        verdicts = list(self.requirements().values())
        return {verdict: verdicts.count(verdict) for verdict in reversed(ORDER)}

    def known(self) -> tuple[str, ...]:
        """Broken requirements of which that is known."""
        found = {id_: each for each in (True, False) for id_ in self._broken(known=each)}
        return tuple(sorted(id_ for id_, known in found.items() if known))

    def _broken(self, *, known: bool) -> Iterator[str]:
        for test in self.tests:
            if bool(test.known) is known:
                yield from test.with_verdict("FAIL")

    def told(self, order: Iterable[str] = tuple(reversed(ORDER))) -> str:
        """How many requirements came to what, in words; empty where none was asked."""
        known = len(self.known())
        of = {"FAIL": f" (known: {known})" if known else ""}
        return ", ".join(
            f"{count} {WORDS[verdict]}{of.get(verdict, '')}" for verdict in order if (count := self.tally()[verdict])
        )

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, with the version and the verdict per requirement."""
        return {"version": VERSION, **asdict(self), "requirements": self.requirements()}


def exit_code(tests: Iterable[TestRecord]) -> int:
    """0 all hold, 1 a promise is broken, 3 nothing broken but something unmeasured, 5 nothing was asked (design §8).

    What is known to be broken turns no run red.
    """
    verdicts = {"known" if test.known else test.verdict for test in tests}
    if "FAIL" in verdicts:
        return 1
    if "UNKNOWN" in verdicts:
        return 3
    return 0 if verdicts else 5
