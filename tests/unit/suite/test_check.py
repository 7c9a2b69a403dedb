"""Verdicts of the `check` fixture: what passes, what fails, what nobody knows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.effects.clock import FakeClock
from harness.expect import Symptom
from harness.kube.errors import Forbidden, Unreachable
from harness.model.difference import Difference
from harness.model.judgement import Broken, NotApplicable, Unmeasured
from harness.model.outcome import Verdict
from harness.model.waits import Waits
from harness.suite.check import Check, Findings, LastChange

GOOD = Findings()
BAD = Findings((Difference("the answer", "42", "41", "some rule"),), frozenset({Symptom.WRONG_BACKEND}))
LOST = Findings((Difference("the answer", "42", "lost", verdict=Verdict.UNKNOWN),), frozenset({Symptom.UNMEASURED}))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(start=1000.0)


@pytest.fixture
def check(clock: FakeClock) -> Check:
    return Check(promise="It is 42.", ids=["NET-001"], clock=clock, waits=Waits())


def script(*looks: Findings | Exception) -> Callable[[], Findings]:
    """Looks that come to this in turn, the last one for ever."""
    left = list(looks)

    def look() -> Findings:
        one = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(one, Exception):
            raise one
        return one

    return look


def test_a_streak_of_good_looks_holds(check: Check) -> None:
    """Three good looks in a row settle a promise, and the time of the first of them is reported."""
    check.eventually("answer", script(BAD, BAD, GOOD), within=5)
    assert check.settled == {"answer": 0.2}
    assert check.done


def test_time_counts_from_the_last_change(clock: FakeClock) -> None:
    """What happened between the change and the first look belongs to the time it took to settle."""
    change = LastChange(clock)
    check = Check(promise="p", ids=[], clock=clock, waits=Waits(), change=change)
    assert change.age() == 0.0
    change.note()
    clock.sleep(2.0)
    check.eventually("answer", script(BAD, GOOD), within=5)
    assert check.settled == {"answer": 2.1}


def test_a_broken_promise_tells_the_whole_story(check: Check) -> None:
    """The failure names promise, id, difference, rule and layer, and what was seen when."""
    with pytest.raises(Broken) as failure:
        check.eventually("answer", script(BAD), within=5)
    text = str(failure.value)
    assert text.startswith("FAIL: It is 42. [NET-001]")
    for part in ("41", "some rule", "service proxy", "answer: not so within 5 s"):
        assert part in text


def test_what_was_never_measured_is_unknown(check: Check) -> None:
    """Lost looks to the end of the window are no failure."""
    with pytest.raises(Unmeasured, match="UNKNOWN"):
        check.eventually("answer", script(LOST), within=5)


@pytest.mark.parametrize(
    "trouble", [Unreachable("refused"), Forbidden({"code": 403}, asked="list"), Unmeasured("gone")]
)
def test_a_look_the_api_server_fails_is_made_again(check: Check, trouble: Exception) -> None:
    """An API server that restarts in the middle of a window breaks a look, not the test; the streak starts anew."""
    check.eventually("answer", script(GOOD, GOOD, trouble, trouble, GOOD), within=5)
    assert check.settled == {"answer": 0.4}


def test_an_api_server_that_stays_away_is_unknown(check: Check) -> None:
    """Where no look could be made to the end, nothing is known, and the text says why."""
    with pytest.raises(Unmeasured, match="connection refused"):
        check.eventually("answer", script(Unreachable("connection refused")), within=5)


def test_a_look_that_failed_in_a_held_window_makes_it_unknown(check: Check) -> None:
    """A gap in a window that had to be good throughout could hide anything."""
    with pytest.raises(Unmeasured):
        check.always("answer", script(GOOD, Unreachable("refused"), GOOD), for_=2)


def test_one_bad_look_breaks_a_held_window(check: Check) -> None:
    """A promise to stay is broken by one look, also beside looks that could not tell."""
    with pytest.raises(Broken, match="did not stay so"):
        check.always("answer", script(GOOD, LOST, BAD, GOOD), for_=2)


def test_a_good_window_holds(check: Check, clock: FakeClock) -> None:
    """A window is looked at to its end."""
    check.always("answer", script(GOOD), for_=2)
    assert clock.now() >= 2.0


def test_what_does_not_apply_goes_through(check: Check) -> None:
    """A look may find out that the cluster lacks what it needs: that is a skip, not a lost look."""
    with pytest.raises(NotApplicable):
        check.eventually("answer", script(NotApplicable("no IPv6")), within=5)


def test_a_control_that_never_opens_is_unknown_not_broken(check: Check) -> None:
    """Without an open control nothing can be said about denials."""
    with pytest.raises(Unmeasured, match="positive control failed"):
        check.control(lambda: (BAD, "saw"))


def test_an_open_control_hands_over_what_it_saw(check: Check) -> None:
    """What the last look of the streak saw is what denials are held against."""
    seen = iter(range(100))
    assert check.control(lambda: (GOOD, next(seen))) == 2


def test_a_control_alone_judges_nothing(check: Check) -> None:
    """A test that only opened its control and forgot its promise is not done."""
    check.control(lambda: (GOOD, None))
    assert not check.done


def test_a_single_judgement(check: Check) -> None:
    """What was found once is judged as it is."""
    check.now(GOOD)
    with pytest.raises(Unmeasured):
        check.now(LOST)
    with pytest.raises(Broken):
        check.now(BAD)


def test_findings_are_as_bad_as_their_worst() -> None:
    """A broken difference outweighs an unknown one, and that outweighs none."""
    assert (GOOD.verdict, LOST.verdict, BAD.verdict) == (Verdict.PASS, Verdict.UNKNOWN, Verdict.FAIL)
    assert Findings((*LOST.differences, *BAD.differences)).verdict is Verdict.FAIL


def test_joining_keeps_every_difference() -> None:
    """Several looks as one: all differences and symptoms, and what was good leaves nothing."""
    joined = Findings.joined([GOOD, BAD, LOST])
    assert joined.differences == (*BAD.differences, *LOST.differences)
    assert joined.symptoms == {Symptom.WRONG_BACKEND, Symptom.UNMEASURED}
    assert Findings.joined([GOOD, GOOD]) == GOOD


def test_joining_nothing_is_an_error() -> None:
    """No looks are no good looks."""
    with pytest.raises(ValueError, match="nothing was looked at"):
        Findings.joined([])


BOTH = {"NET-001": "It is 42.", "NET-002": "It is 43."}


@pytest.fixture
def several(clock: FakeClock) -> Check:
    return Check(promise="They are what they are.", ids=list(BOTH), clock=clock, waits=Waits())


def test_each_requirement_is_judged_by_itself(several: Check) -> None:
    """One that is broken is told with its own sentence and id; the other has passed."""
    with pytest.raises(Broken) as failure:
        several.each({"NET-001": BAD, "NET-002": GOOD}, promises=BOTH)
    assert str(failure.value).startswith("FAIL: It is 42. [NET-001]")
    assert "NET-002" not in str(failure.value)
    assert several.apart == {"NET-001": "FAIL", "NET-002": "PASS"}


def test_the_broken_is_told_before_the_unknown(several: Check) -> None:
    """Both stories are told, the one that must be seen first."""
    with pytest.raises(Broken, match=r"(?s)NET-002.*UNKNOWN: It is 42"):
        several.each({"NET-001": LOST, "NET-002": BAD}, promises=BOTH)


def test_each_may_be_unknown(several: Check) -> None:
    """What only could not be measured is no failure."""
    with pytest.raises(Unmeasured):
        several.each({"NET-001": LOST, "NET-002": GOOD}, promises=BOTH)


@pytest.mark.parametrize("ids", [["NET-001"], ["NET-001", "NET-002", "NET-003"]])
def test_all_that_is_declared_is_judged_and_nothing_else(several: Check, ids: list[str]) -> None:
    """A requirement that a test says it decides and does not look at is an error, and so is the reverse."""
    with pytest.raises(ValueError, match="the test decides"):
        several.each(dict.fromkeys(ids, GOOD), promises=dict.fromkeys(ids, ""))
    assert not several.done


@pytest.mark.parametrize(("spacing", "least", "most"), [(None, 20, 120), (0.1, 290, 310)])
def test_looks_ease_unless_their_spacing_was_chosen(
    check: Check, clock: FakeClock, spacing: float | None, least: int, most: int
) -> None:
    """Who names a spacing has a reason for it: ICMP errors, or a watch that must have no gaps."""
    began, looks = clock.now(), list[float]()

    def look() -> Findings:
        looks.append(clock.now())
        return GOOD if clock.now() >= began + 30 else BAD

    check.eventually("late", look, within=45, spacing=spacing)
    assert least < len(looks) < most
