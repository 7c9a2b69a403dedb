"""Eventually and never, on a clock that only moves when somebody waits."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.effects.clock import FakeClock
from harness.expect import NotConvergedError, NotHeldError, converge, hold
from harness.expect.looks import TRAIL, Look, trail_text
from harness.model.outcome import Verdict


def script(*seen: object) -> Callable[[], object]:
    """Looks that see these things in turn, the last one for ever."""
    left = list(seen)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


def is_good(seen: object) -> bool:
    return seen == "good"


def test_a_streak_of_good_looks_is_convergence() -> None:
    """The time of convergence is the first look of the final streak; confirmation is its last."""
    found = converge(script("bad", "bad", "good"), is_good, clock=FakeClock(), within=10, streak=3, spacing=0.5)
    assert (found.elapsed, found.confirmed, found.looks, found.seen) == (1.0, 2.0, 5, "good")
    assert [(each.seen, each.times) for each in found.trail] == [("bad", 2), ("good", 3)]


def test_a_bad_look_starts_the_streak_anew() -> None:
    """Two good looks, one bad: the count begins again."""
    found = converge(script("good", "good", "bad", "good"), is_good, clock=FakeClock(), within=10, streak=3, spacing=1)
    assert (found.elapsed, found.looks) == (3.0, 6)


def test_never_good_is_an_error_with_the_trail() -> None:
    """The error says how long, how often, and what was seen last."""
    clock = FakeClock()
    with pytest.raises(NotConvergedError) as caught:
        converge(script("NXDOMAIN", "SERVFAIL"), is_good, clock=clock, within=2, spacing=0.5, what="web resolves")
    error = caught.value
    assert "web resolves: not steady within 2 s, 5 looks" in str(error)
    assert "0.50s..2.00s 4 times FAIL 'SERVFAIL'" in str(error)
    assert (error.verdict, error.seen, clock.now()) == (Verdict.FAIL, "SERVFAIL", 2.5)


def test_flapping_never_converges() -> None:
    """Good every second look is not good."""
    looks = 0

    def look() -> str:
        nonlocal looks
        looks += 1
        return "good" if looks % 2 else "bad"

    with pytest.raises(NotConvergedError) as caught:
        converge(look, is_good, clock=FakeClock(), within=20, streak=2, spacing=0.1)
    assert len(caught.value.trail) == TRAIL


def test_a_streak_begun_in_time_may_end_late() -> None:
    """The promise is that the state is reached within the budget; proving it takes the streak."""
    found = converge(script("bad", "good"), is_good, clock=FakeClock(), within=1, streak=5, spacing=1)
    assert (found.elapsed, found.confirmed) == (1.0, 5.0)


def test_a_streak_broken_after_the_budget_is_too_late() -> None:
    """Once the time is over a bad look ends it."""
    with pytest.raises(NotConvergedError):
        converge(script("bad", "good", "bad", "good"), is_good, clock=FakeClock(), within=1, streak=2, spacing=1)


def test_one_look_is_made_even_without_time() -> None:
    """A budget of nothing still asks once."""
    assert converge(script("good"), is_good, clock=FakeClock(), within=0, streak=1).looks == 1
    with pytest.raises(NotConvergedError):
        converge(script("bad"), is_good, clock=FakeClock(), within=0, streak=1)


def test_slow_looks_are_not_spaced_further() -> None:
    """The spacing counts from the start of a look."""
    clock = FakeClock()

    def look() -> str:
        clock.sleep(2)
        return "good"

    assert converge(look, is_good, clock=clock, within=10, streak=3, spacing=0.5).confirmed == 4.0


def test_not_knowing_is_neither_good_nor_broken() -> None:
    """A judge that cannot tell keeps the streak from filling, and the error's verdict is UNKNOWN."""
    with pytest.raises(NotConvergedError) as caught:
        converge(script("lost"), lambda _: Verdict.UNKNOWN, clock=FakeClock(), within=1)
    assert caught.value.verdict is Verdict.UNKNOWN
    assert converge(script("x"), lambda _: Verdict.PASS, clock=FakeClock(), within=1).looks == 3


def test_a_streak_of_nothing_is_refused() -> None:
    """Zero looks prove nothing."""
    with pytest.raises(ValueError, match="streak of 0"):
        converge(script("good"), is_good, clock=FakeClock(), within=1, streak=0)


def test_what_a_look_raises_goes_through() -> None:
    """An error in looking is not an observation."""

    def look() -> str:
        raise OSError("no agent")

    with pytest.raises(OSError, match="no agent"):
        converge(look, is_good, clock=FakeClock(), within=1)


def test_holding_looks_at_the_whole_window_its_end_included() -> None:
    """The last look is at or after the end."""
    held = hold(script("good"), is_good, clock=FakeClock(), for_=1, spacing=0.3)
    assert (held.looks, held.elapsed) == (5, 1.0)
    assert [each.times for each in held.trail] == [5]


def test_one_bad_look_breaks_the_hold_and_the_rest_is_still_seen() -> None:
    """The error says how many looks were bad and when."""
    with pytest.raises(NotHeldError) as caught:
        hold(script("good", "open", "open", "good", "odd", "good"), is_good, clock=FakeClock(), for_=1, spacing=0.125)
    assert "3 of 9 looks in 1 s were not good" in str(caught.value)
    assert "0.12s..0.25s 2 times FAIL 'open'" in str(caught.value)
    assert caught.value.verdict is Verdict.FAIL


def test_a_hold_that_could_not_be_measured_is_unknown() -> None:
    """A lost look is no proof of a broken promise, and no proof of a kept one."""
    judge = {"good": Verdict.PASS, "lost": Verdict.UNKNOWN, "bad": Verdict.FAIL}
    with pytest.raises(NotHeldError) as caught:
        hold(script("good", "lost", "good"), lambda seen: judge[str(seen)], clock=FakeClock(), for_=1)
    assert caught.value.verdict is Verdict.UNKNOWN
    with pytest.raises(NotHeldError) as caught:
        hold(script("lost", "bad", "good"), lambda seen: judge[str(seen)], clock=FakeClock(), for_=1)
    assert caught.value.verdict is Verdict.FAIL


def test_a_window_of_few_slow_looks_is_unknown() -> None:
    """Two looks that took half a window each have not watched it."""
    clock = FakeClock()

    def slow() -> str:
        clock.sleep(2.0)
        return "good"

    with pytest.raises(NotHeldError, match="only 2 looks in 2 s") as caught:
        hold(slow, is_good, clock=clock, for_=2)
    assert caught.value.verdict is Verdict.UNKNOWN


def test_an_empty_window_is_refused() -> None:
    """A hold of no time is a test that cannot fail."""
    with pytest.raises(ValueError, match="holds nothing"):
        hold(script("good"), is_good, clock=FakeClock(), for_=0)


def test_a_trail_prints_its_last_entries() -> None:
    """A single look has one time, several have a span."""
    entries = tuple(Look(float(i), float(i), i, Verdict.PASS) for i in range(5))
    assert trail_text(entries, last=2) == "  3.00s PASS 3\n  4.00s PASS 4"


def test_looks_ease_while_nothing_is_good() -> None:
    """Further apart in proportion to the wait so far, never beyond the window's end, and close again for the streak."""
    clock, moments = FakeClock(), list[float]()

    def look() -> str:
        moments.append(clock.now())
        return "good" if clock.now() >= 8 else "bad"

    converge(look, is_good, clock=clock, within=10, streak=3, spacing=1, easing=0.5)
    assert moments == [0, 1, 2, 3, 4.5, 6.75, 10, 11, 12]


def test_a_window_that_is_eased_is_looked_at_to_its_end() -> None:
    """A state that is reached in the last moment counts, however far apart looks had become."""
    clock = FakeClock()
    found = converge(
        lambda: "good" if clock.now() >= 10 else "bad", is_good, clock=clock, within=10, streak=1, spacing=1, easing=0.9
    )
    assert found.elapsed == 10
