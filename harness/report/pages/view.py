"""What the pages of one run show, in the order in which it is read: how it went, what is broken, what is unknown. Pure.

Renderers turn it into HTML, Markdown and YAML; what is told, and in which words, is decided here.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from harness.model.requirement import AREAS, Profile
from harness.report.catalogue import Catalogue
from harness.report.comparison.facts import NAMES, facts
from harness.report.comparison.printable import one_line, printable
from harness.report.comparison.reasons import LAYER, short
from harness.report.comparison.values import Run
from harness.report.record import ORDER, WORDS, RunRecord, State, TestRecord

RANK = tuple(WORDS)
OTHERS = "other"
UNCLEAR = "unclear"


@dataclass(frozen=True)
class Item:
    """A test as a page shows it."""

    test: TestRecord
    number: int
    areas: tuple[str, ...]
    short: str
    whole: str
    layer: str
    repeat: str

    @property
    def ids(self) -> tuple[str, ...]:
        """The requirements of which it says what its verdict says; of others that it judged apart it says better."""
        return self.test.with_verdict(self.test.verdict) or self.test.ids

    @property
    def promise(self) -> str:
        """What it promises, or its name."""
        return one_line(self.test.promise or self.test.name, longest=400)


@dataclass(frozen=True)
class Row:
    """How an area, or a profile, stands: how many requirements came to what, and how many there are."""

    key: str
    name: str
    counts: Mapping[str, int]
    total: int
    refused: int

    @property
    def asked(self) -> int:
        """How many were asked."""
        return sum(self.counts.values())


@dataclass(frozen=True)
class Timing:
    """How long something took to settle."""

    what: str
    seconds: float
    ids: tuple[str, ...]
    test: str


@dataclass(frozen=True)
class View:
    """One run, ready to be shown."""

    run: RunRecord
    catalogue: Catalogue

    @property
    def headline(self) -> str:
        """How it went, in one sentence: what is broken stands first, and an unfinished run never seems whole."""
        asked = sum(self.run.tally().values())
        plain = (
            f"{asked} promise{'' if asked == 1 else 's'} asked: {self.run.told(RANK)}"
            if asked
            else "no promise was asked"
        )
        return plain if self.run.whole else f"{self.run.state.upper()} {self.reached}. {plain}"

    @property
    def reached(self) -> str:
        """How far it came."""
        done, of = len(self.run.tests), len(self.run.selected)
        return f"after {done} of {of} tests" if of else f"after {done} tests"

    @property
    def course(self) -> str:
        """Why it did not come to its end; empty for one that did."""
        if self.run.whole:
            return ""
        if self.run.state is State.UNFINISHED:
            return (
                f"This page was written {self.reached}, while the run went on. If no run goes on any more, it was "
                "aborted there; `harness report` on its directory reads what came since"
            )
        return f"This run was aborted {self.reached}: {self.run.why or 'it does not say why'}"

    def items(self, *verdicts: str) -> list[Item]:
        """The tests of these verdicts, the worst first, each kind in the order in which they ended."""
        numbered = list(enumerate(self.run.tests))
        return [self._item(number, test) for want in verdicts for number, test in numbered if test.verdict == want]

    def _item(self, number: int, test: TestRecord) -> Item:
        return Item(
            test=test,
            number=number,
            areas=tuple(dict.fromkeys(area_of(id_) for id_ in test.ids)) or (OTHERS,),
            short=short(test.reason) if test.reason.strip() else "",
            whole=printable(test.reason).strip(),
            layer=layer_of(test.reason),
            repeat=again(self.run, [test.name]),
        )

    def areas(self) -> list[Row]:
        """How each area stands that was asked, in the order of the catalogues."""
        return self._rows(area_of, [*AREAS, OTHERS], {**AREAS, OTHERS: "Other tests"})

    def profiles(self) -> list[Row]:
        """How both profiles stand."""
        names = {str(each): str(each) for each in Profile}
        return self._rows(lambda id_: str(self.catalogue.profile(id_)), list(names), names)

    def _rows(self, key: Callable[[str], str], order: Iterable[str], names: Mapping[str, str]) -> list[Row]:
        verdicts = self.run.requirements()
        rows = []
        for each in order:
            mine = [verdict for id_, verdict in verdicts.items() if key(id_) == each]
            if mine:
                known = [id_ for id_ in self.catalogue.requirements if key(id_) == each]
                counts = {verdict: mine.count(verdict) for verdict in RANK}
                refused = sum(id_ in self.catalogue.refused for id_ in known)
                rows.append(Row(each, names[each], counts, max(len(known), len(mine)), refused))
        return rows

    def skipped(self) -> list[tuple[str, tuple[str, ...]]]:
        """Why tests were skipped, with the ids (or names) that this leaves open; the commonest reason first."""
        return grouped(self.run.tests, "SKIP")

    def layers(self) -> list[tuple[str, int]]:
        """Which layers seem to be at fault, and in how many broken tests."""
        found = [item.layer for item in self.items("FAIL")]
        return sorted(((name, found.count(name)) for name in dict.fromkeys(found)), key=lambda each: -each[1])

    def timings(self, most: int = 25) -> list[Timing]:
        """What took longest to settle."""
        found = [
            Timing(one_line(what), seconds, test.ids, test.name)
            for test in self.run.tests
            for what, seconds in test.settled.items()
        ]
        return sorted(found, key=lambda each: -each.seconds)[:most]

    def facts(self) -> dict[str, str]:
        """What it ran against and with: the cluster, then the versions on our side."""
        told = {**facts(Run("", record=self.run)), **self.run.versions}
        return {one_line(name): one_line(str(value), longest=600) for name, value in told.items() if value}

    def about(self) -> list[tuple[str, str]]:
        """The same for people, and when it was."""
        told = [(NAMES.get(name, name), value) for name, value in self.facts().items()]
        when = [("started", one_line(self.run.started)), ("took", f"{self.run.seconds:.0f} s")]
        return [*told, *when, ("run", one_line(self.run.run))]

    def go_on(self) -> str:
        """The command that asks again what is broken, unknown or was not come to; empty where there is nothing."""
        bad = any(test.verdict in {"FAIL", "UNKNOWN"} for test in self.run.tests)
        flags = [flag for flag, there in (("--failed", bad), ("--unfinished", bool(self.run.unreached))) if there]
        return f"harness rerun {' '.join(flags)}" if flags else ""


def area_of(id_: str) -> str:
    """What an id begins with; other tests' names have no area."""
    prefix = id_.partition("-")[0]
    return prefix if re.fullmatch(r"[A-Z]{2,5}-\S+", id_) and prefix in AREAS else OTHERS


def layer_of(reason: str) -> str:
    """The layer that a failure's text blames."""
    found = next((line.removeprefix(LAYER) for line in printable(reason).splitlines() if line.startswith(LAYER)), "")
    return one_line(found.partition(" (")[0]) or UNCLEAR


def again(run: RunRecord, names: Iterable[str]) -> str:
    """The command that asks these tests again on the same kind of cluster."""
    options = " ".join(shlex.quote(one_line(each, longest=1000)) for each in run.asked.options)
    tests = " ".join(shlex.quote(one_line(name, longest=1000)) for name in names)
    return f"{run.asked.runner} {tests} {options}".rstrip()


def grouped(tests: Iterable[TestRecord], verdict: str) -> list[tuple[str, tuple[str, ...]]]:
    """Tests of a verdict by their reasons in one line, largest group first: ids, or names where there are none."""
    found: dict[str, dict[str, None]] = {}
    for test in tests:
        if test.verdict == verdict:
            found.setdefault(short(test.reason), {}).update(dict.fromkeys(test.with_verdict(verdict) or (test.name,)))
    groups = [(reason, tuple(sorted(ids))) for reason, ids in found.items()]
    return sorted(groups, key=lambda group: -len(group[1]))


def reasons(tests: Iterable[TestRecord], verdict: str) -> Iterator[tuple[str, str]]:
    """Requirements whose own verdict this is, with why; each once."""
    tests = list(tests)
    worst: dict[str, str] = {}
    for test in tests:
        for id_ in test.ids:
            worst[id_] = max(worst.get(id_, "SKIP"), test.about(id_).verdict, key=ORDER.index)
    told = {id_: short(test.about(id_).reason) for test in reversed(tests) for id_ in test.with_verdict(verdict)}
    yield from ((id_, why) for id_, why in sorted(told.items()) if worst[id_] == verdict)
