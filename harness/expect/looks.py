"""What looking again and again leaves behind: a trail of distinct observations with their times. Values only."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from harness.effects.clock import Clock
from harness.model.outcome import Verdict

T = TypeVar("T")

TRAIL = 40
"""How many distinct observations a trail keeps: enough to see flapping, short enough to print."""


@dataclass(frozen=True)
class Look(Generic[T]):
    """The same observation, `times` looks in a row, from `first` to `last` seconds after the start."""

    first: float
    last: float
    seen: T
    verdict: Verdict
    times: int = 1

    def __str__(self) -> str:
        span = f"{self.first:.2f}s" if self.times == 1 else f"{self.first:.2f}s..{self.last:.2f}s {self.times} times"
        return f"{span} {self.verdict.name} {self.seen!r}"


@dataclass
class Trail(Generic[T]):
    """Looks made so far. Equal neighbours are one entry; the oldest entries are forgotten."""

    clock: Clock
    looks: int = 0
    entries: deque[Look[T]] = field(default_factory=lambda: deque(maxlen=TRAIL))
    started: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.clock.now()

    def elapsed(self) -> float:
        """Seconds since the first look was due."""
        return self.clock.now() - self.started

    def look(self, look: Callable[[], T], good: Callable[[T], bool | Verdict], *, at: float) -> Look[T]:
        """Look once, judge at once, remember. The time of a look is when it began."""
        seen = look()
        verdict = as_verdict(good(seen))
        self.looks += 1
        previous = self.entries[-1] if self.entries else None
        if previous is not None and previous.verdict is verdict and previous.seen == seen:
            self.entries[-1] = Look(previous.first, at, previous.seen, verdict, previous.times + 1)
        else:
            self.entries.append(Look(at, at, seen, verdict))
        return self.entries[-1]


def as_verdict(judgement: bool | Verdict) -> Verdict:
    """A judge may say yes, no, or that it cannot tell."""
    if isinstance(judgement, Verdict):
        return judgement
    return Verdict.PASS if judgement else Verdict.FAIL


def trail_text(entries: tuple[Look[T], ...], *, last: int = 10) -> str:
    """The last entries, one a line."""
    return "\n".join(f"  {each}" for each in entries[-last:])
