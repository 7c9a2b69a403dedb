"""\"Never\" and \"unchanged\": a state counts as held when every look of a whole window was good.

The window is looked at to its end also after a bad look: how long it was bad is half of the explanation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from harness.effects.clock import Clock
from harness.expect.looks import Look, Trail, trail_text
from harness.model.outcome import Verdict, worst

T = TypeVar("T")

FEWEST = 3
"""Looks a window needs: its two ends alone say nothing of what was between them."""


@dataclass(frozen=True)
class Held(Generic[T]):
    """Every one of `looks` looks in `elapsed` seconds was good."""

    elapsed: float
    looks: int
    trail: tuple[Look[T], ...]


class NotHeldError(AssertionError):
    """Some look was not good. FAIL when one was bad, UNKNOWN when some could only not tell, or looks were too few."""

    def __init__(self, what: str, *, for_: float, looks: int, bad: tuple[Look[T], ...]) -> None:
        self.what, self.for_, self.looks, self.bad = what, for_, looks, bad
        self.verdict = worst(each.verdict for each in bad) if bad else Verdict.UNKNOWN
        if not bad:
            super().__init__(f"{what}: only {looks} looks in {for_:g} s, each of them slow: it was hardly watched")
            return
        count = sum(each.times for each in bad)
        super().__init__(f"{what}: {count} of {looks} looks in {for_:g} s were not good:\n{trail_text(bad)}")


def hold(
    look: Callable[[], T],
    good: Callable[[T], bool | Verdict],
    *,
    clock: Clock,
    for_: float,
    spacing: float = 0.1,
    what: str = "the state",
) -> Held[T]:
    """Look for the whole window, its end included.

    Raises NotHeldError after it when any look was not good, or looks took so long that there were fewer than FEWEST.
    """
    if for_ <= 0:
        raise ValueError(f"a window of {for_:g} s holds nothing: use more than 0")
    trail: Trail[T] = Trail(clock)
    bad: list[Look[T]] = []
    while True:
        at = trail.elapsed()
        seen = trail.look(look, good, at=at)
        if seen.verdict is not Verdict.PASS:
            if bad and bad[-1].first == seen.first:
                bad[-1] = seen
            else:
                bad.append(seen)
        if at >= for_:
            break
        clock.sleep(min(max(0.0, at + spacing - trail.elapsed()), max(0.0, for_ - trail.elapsed())))
    if bad or trail.looks < min(FEWEST, 1 + for_ / spacing):
        raise NotHeldError(what, for_=for_, looks=trail.looks, bad=tuple(bad))
    return Held(at, trail.looks, tuple(trail.entries))
