"""The `check` fixture: looks at a promise until it is settled, and says what came of it.

A look returns `Findings`: every difference between what was expected and what was seen, with the symptoms that hint at
a layer. No difference is good. Whoever looks decides nothing else: streaks, windows, texts and verdicts are made here.

A look that the API server fails (it restarts exactly when it matters: during upgrades) could not tell: it is UNKNOWN,
and the next look asks again while the window lasts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from harness.effects.clock import Clock
from harness.expect import Failure, NotConvergedError, NotHeldError, Symptom, converge, hold, render, trail_text
from harness.kube.errors import KubeError
from harness.model.difference import Difference, verdict_of
from harness.model.judgement import Broken, Unmeasured
from harness.model.outcome import Verdict
from harness.model.waits import Waits

T = TypeVar("T")

EASING = 0.03
"""Share of the time waited by which the next look may be late while none was good. Looks read the API: three tests that
sat out a cache of 30 s, looking ten times a second, made half of all requests of a run."""


@dataclass(frozen=True)
class Findings:
    """What one look found. Equal findings are one entry of a trail, so what differs each time stays out of that."""

    differences: tuple[Difference, ...] = ()
    symptoms: frozenset[Symptom] = frozenset()
    asked: str = field(default="", compare=False)
    rule: str = field(default="", compare=False)
    evidence: tuple[str, ...] = field(default=(), compare=False)
    repeat: str = field(default="", compare=False)

    @property
    def verdict(self) -> Verdict:
        """PASS without a difference, else the worst of them."""
        return verdict_of(self.differences) if self.differences else Verdict.PASS

    def __repr__(self) -> str:
        return "; ".join(f"{each.what}: {each.seen}" for each in self.differences[:3]) or "as expected"

    @classmethod
    def joined(cls, many: Iterable[Findings]) -> Findings:
        """Several looks at once, as one. Raises ValueError for none: nothing looked at is nothing found out."""
        several = list(many)
        if not several:
            raise ValueError("no looks to join: nothing was looked at")
        each = [one for one in several if one.differences] or [Findings()]
        return cls(
            tuple(difference for one in each for difference in one.differences),
            frozenset(symptom for one in each for symptom in one.symptoms),
            "\n".join(one.asked for one in each if one.asked),
            "\n".join(dict.fromkeys(one.rule for one in each if one.rule)),
            tuple(line for one in each for line in one.evidence),
            next((one.repeat for one in each if one.repeat), ""),
        )


class LastChange:
    """When the test last changed something: what settles is timed from there, not from the first look."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at: float | None = None

    def note(self) -> None:
        """Something was changed just now."""
        self._at = self._clock.now()

    def age(self) -> float:
        """Seconds since then; 0 when nothing was changed."""
        return 0.0 if self._at is None else self._clock.now() - self._at


def careful(look: Callable[[], Findings]) -> Callable[[], Findings]:
    """The same look, UNKNOWN where it could not be made because the API server did not answer."""

    def looked() -> Findings:
        try:
            return look()
        except (KubeError, Unmeasured) as trouble:
            lost = Difference("a look", "made", f"not made: {trouble}", verdict=Verdict.UNKNOWN)
            return Findings((lost,), frozenset({Symptom.UNMEASURED}))

    return looked


@contextlib.contextmanager
def _of_a_control() -> Iterator[None]:
    """What fails here proves nothing about the promise itself."""
    try:
        yield
    except Broken as error:
        raise Unmeasured(str(error).replace("FAIL:", "UNKNOWN: its positive control failed:", 1)) from error


class Check:
    """Judges the promise of one test. Raises `Broken` or `Unmeasured` with the whole story."""

    def __init__(
        self, *, promise: str, ids: Iterable[str], clock: Clock, waits: Waits, change: LastChange | None = None
    ) -> None:
        self.waits = waits
        self.settled: dict[str, float] = {}
        self.apart: dict[str, str] = {}
        """Verdicts of requirements that were judged one by one."""
        self.done = False
        """Whether the promise itself was judged; a positive control alone decides nothing."""
        self.change = change or LastChange(clock)
        self._promise = promise
        self._ids = tuple(ids)
        self._clock = clock

    def eventually(
        self,
        what: str,
        look: Callable[[], Findings],
        *,
        within: float,
        spacing: float | None = None,
        streak: int | None = None,
    ) -> Findings:
        """Look until the streak is full. How long that took since the last change is a result, reported as `what`.

        `spacing` is given where looks themselves cost something that is limited, such as ICMP errors; `streak` where
        the clients themselves have seen a full one.
        """
        self.done = True
        return self._converge(what, look, within=within, spacing=spacing, streak=streak)

    def _converge(
        self,
        what: str,
        look: Callable[[], Findings],
        *,
        within: float,
        spacing: float | None = None,
        streak: int | None = None,
    ) -> Findings:
        waits, age = self.waits, self.change.age()
        try:
            reached = converge(
                careful(look),
                lambda found: found.verdict,
                clock=self._clock,
                within=within,
                streak=streak or waits.streak,
                spacing=spacing or waits.spacing,
                easing=0.0 if spacing else EASING,
                what=what,
            )
        except NotConvergedError as error:
            found = error.seen if isinstance(error.seen, Findings) else Findings()
            story = f"{what}: not so within {within:g} s, {error.looks} looks"
            self._fail(found, error.verdict, (story, trail_text(error.trail, last=4)))
        self.settled[what] = round(age + reached.elapsed, 3)
        return reached.seen

    def control(self, look: Callable[[], tuple[Findings, T]]) -> T:
        """Look until a positive control is open for a streak; what it saw last. Raises Unmeasured when it never is.

        Without an open control nothing can be said about denials, so this is never a FAIL of the promise itself.
        """
        last: list[T] = []

        def findings() -> Findings:
            found, saw = look()
            last[:] = [saw]
            return found

        with _of_a_control():
            self._converge("positive control open", findings, within=self.waits.policy_live)
        return last[0]

    def controlled(self, found: Findings) -> None:
        """A positive control for which the pods themselves looked. Raises Unmeasured when it was not open."""
        if found.verdict is not Verdict.PASS:
            with _of_a_control():
                self._fail(found, found.verdict, ())

    def always(self, what: str, look: Callable[[], Findings], *, for_: float) -> None:
        """Every look of a whole window has to be good."""
        self.done = True
        try:
            hold(
                careful(look),
                lambda found: found.verdict,
                clock=self._clock,
                for_=for_,
                spacing=self.waits.spacing,
                what=what,
            )
        except NotHeldError as error:
            if not error.bad:
                raise self.unknown(str(error)) from error
            worst = max(error.bad, key=lambda each: each.verdict)
            story = f"{what}: did not stay so for {for_:g} s"
            found = worst.seen if isinstance(worst.seen, Findings) else Findings()
            self._fail(found, error.verdict, (story, trail_text(error.bad, last=4)))

    def settle(self, what: str, seconds: float) -> None:
        """Record how long something took to settle, when the pods themselves looked for it."""
        self.settled[what] = round(seconds, 3)

    def now(self, found: Findings) -> None:
        """Judge what was found once, where looking again would prove nothing."""
        self.done = True
        if found.verdict is not Verdict.PASS:
            self._fail(found, found.verdict, ())

    def each(self, found: Mapping[str, Findings], *, promises: Mapping[str, str]) -> None:
        """Judge the requirements of this test one by one: one that is broken says nothing about the others.

        Once in a test, with all of its ids. Raises Broken or Unmeasured with the story of each that does not hold, and
        ValueError when what was judged is not what the test says it decides.
        """
        if set(found) != set(self._ids):
            raise ValueError(f"judged {sorted(found)}, but the test decides {sorted(self._ids)}")
        self.done = True
        self.apart |= {id_: each.verdict.name for id_, each in found.items()}
        bad = {id_: each for id_, each in found.items() if each.verdict is not Verdict.PASS}
        if not bad:
            return
        worst = max(each.verdict for each in bad.values())
        ordered = sorted(bad.items(), key=lambda item: -item[1].verdict)
        texts = [self._text(each, each.verdict, (), promise=promises[id_], ids=(id_,)) for id_, each in ordered]
        raise (Broken if worst is Verdict.FAIL else Unmeasured)("\n\n".join(texts))

    def unknown(self, why: str) -> Unmeasured:
        """The exception for a promise that cannot be measured, for the caller to raise."""
        return Unmeasured(render(Failure(self._promise, self._ids, seen=why, verdict=Verdict.UNKNOWN)))

    def _fail(self, found: Findings, verdict: Verdict, story: tuple[str, ...]) -> None:
        text = self._text(found, verdict, story, promise=self._promise, ids=self._ids)
        raise (Broken if verdict is Verdict.FAIL else Unmeasured)(text)

    @staticmethod
    def _text(found: Findings, verdict: Verdict, story: tuple[str, ...], *, promise: str, ids: tuple[str, ...]) -> str:
        return render(
            Failure(
                promise,
                ids,
                asked=found.asked,
                rule=found.rule,
                differences=found.differences,
                symptoms=found.symptoms,
                evidence=(*story, *found.evidence),
                repeat=found.repeat,
                verdict=verdict,
            )
        )
