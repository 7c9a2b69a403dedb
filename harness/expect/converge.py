"""\"Eventually\": a state counts as reached after a streak of good looks. The time it took is a result, not waste.

The whole assertion belongs into `look` and `good`: a streak of half-checked looks proves half of the promise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from harness.effects.clock import Clock
from harness.expect.looks import Look, Trail, trail_text
from harness.model.outcome import Verdict

T = TypeVar("T")


@dataclass(frozen=True)
class Convergence(Generic[T]):
    """It was reached `elapsed` seconds after the start, and was still so when the streak was full."""

    elapsed: float
    """To the first look of the final streak."""
    confirmed: float
    """To the last look of it."""
    looks: int
    seen: T
    trail: tuple[Look[T], ...]


class NotConvergedError(AssertionError):
    """The streak was never full. Carries the trail; UNKNOWN when the last look could not tell."""

    def __init__(self, what: str, *, within: float, looks: int, trail: tuple[Look[T], ...]) -> None:
        self.what, self.within, self.looks, self.trail = what, within, looks, trail
        self.verdict = trail[-1].verdict if trail and trail[-1].verdict is Verdict.UNKNOWN else Verdict.FAIL
        super().__init__(
            f"{what}: not steady within {within:g} s, {looks} looks; the last of them:\n{trail_text(trail)}"
        )

    @property
    def seen(self) -> object:
        """The last observation."""
        return self.trail[-1].seen


def converge(
    look: Callable[[], T],
    good: Callable[[T], bool | Verdict],
    *,
    clock: Clock,
    within: float,
    streak: int = 3,
    spacing: float = 0.1,
    easing: float = 0.0,
    what: str = "the expected state",
) -> Convergence[T]:
    """Look until `streak` good looks came in a row, the first of them `within` seconds; any other look starts anew.

    `good` may also return a Verdict: UNKNOWN is not good, and is not a broken promise either. Looks begin `spacing`
    seconds apart, or at once when one took longer. While none is good they may come later by this share of the time
    waited so far (`easing`): what took long is timed as exactly in proportion. What `look` raises goes through.
    """
    if streak < 1:
        raise ValueError(f"a streak of {streak} looks proves nothing: use at least 1")
    trail: Trail[T] = Trail(clock)
    run, began = 0, 0.0
    while True:
        at = trail.elapsed()
        if run == 0 and at > within and trail.looks:
            raise NotConvergedError(what, within=within, looks=trail.looks, trail=tuple(trail.entries))
        seen = trail.look(look, good, at=at)
        if seen.verdict is Verdict.PASS:
            began = at if run == 0 else began
            run += 1
        else:
            run = 0
        if run == streak:
            return Convergence(began, at, trail.looks, seen.seen, tuple(trail.entries))
        pause = spacing if run else max(spacing, min(easing * at, within - at))
        clock.sleep(max(0.0, at + pause - trail.elapsed()))
