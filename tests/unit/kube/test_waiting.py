"""Waiting, in fake time: what ends a wait, what interrupts it, and what it says in vain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from harness.effects.clock import FakeClock
from harness.kube import errors
from harness.kube.waiting import RETRY, Chosen, Condition, Event, Listing, Object, wait_all

PODS = Chosen("pods", "x", "app=web", "")


def pod(name: str, *, ready: bool = False) -> Object:
    return {"metadata": {"name": name, "namespace": "x"}, "ready": ready}


class Script:
    """A client whose lists and watches were written beforehand. A watch in vain takes all the time it is given."""

    def __init__(self, clock: FakeClock, *steps: Listing | errors.KubeError | list[Event | errors.KubeError]) -> None:
        self._clock = clock
        self._steps = list(steps)
        self.asked: list[dict[str, Any]] = []

    def list(self, resource: str, **selection: Any) -> Listing:
        self.asked.append({"resource": resource, **selection})
        step = self._steps.pop(0)
        if isinstance(step, errors.KubeError):
            raise step
        assert isinstance(step, Listing)
        return step

    def watch(self, resource: str, *, since: str, timeout: float, **selection: Any) -> Iterator[Event]:
        self.asked.append({"resource": resource, "since": since, **selection})
        events = self._steps.pop(0) if self._steps else []
        assert isinstance(events, list)
        for event in events:
            if isinstance(event, errors.KubeError):
                raise event
            yield event
        self._clock.sleep(timeout)


def all_ready(objects: Sequence[Object]) -> bool:
    return bool(objects) and all(obj["ready"] for obj in objects)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def wait(script: Script, clock: FakeClock, condition: Condition = all_ready, timeout: float = 10.0) -> Sequence[Object]:
    return wait_all(script, PODS, condition, timeout=timeout, what="pods of web", clock=clock)


def test_what_is_already_so_needs_no_watch(clock: FakeClock) -> None:
    """A state that holds ends the wait with the first list."""
    script = Script(clock, Listing([pod("a", ready=True)], "7"))
    assert [obj["metadata"]["name"] for obj in wait(script, clock)] == ["a"]
    assert script.asked == [{"resource": "pods", "namespace": "x", "labels": "app=web", "fields": ""}]


def test_changes_are_followed_from_the_list_on(clock: FakeClock) -> None:
    """The watch begins where the list ended; added, changed and deleted objects are accounted for."""
    events: list[Event | errors.KubeError] = [
        Event("ADDED", pod("c", ready=True)),
        Event("DELETED", pod("b")),
        Event("MODIFIED", pod("a", ready=True)),
    ]
    script = Script(clock, Listing([pod("a"), pod("b")], "7"), events)
    assert sorted(obj["metadata"]["name"] for obj in wait(script, clock)) == ["a", "c"]
    assert script.asked[1]["since"] == "7"
    assert clock.now() == 0


def test_in_vain_it_ends_in_time_with_the_last_state(clock: FakeClock) -> None:
    """A wait in vain takes its time and no more, and has the object as it was last."""
    script = Script(clock, Listing([pod("a")], "7"), [Event("MODIFIED", {**pod("a"), "late": True})])
    with pytest.raises(errors.WaitTimeout, match="pods of web: not as asked after 10 s") as caught:
        wait(script, clock)
    assert clock.now() == pytest.approx(10)
    assert caught.value.last is not None
    assert caught.value.last["late"] is True


@pytest.mark.parametrize(
    "trouble",
    [
        errors.Unreachable("refused"),
        errors.TimedOut("slow"),
        errors.from_status({"code": 503}, asked="GET"),
        errors.from_status({"code": 429}, asked="GET"),
        errors.from_status({"code": 410, "reason": "Expired"}, asked="GET"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("where", ["list", "watch"])
def test_passing_trouble_is_waited_out(clock: FakeClock, trouble: errors.KubeError, where: str) -> None:
    """A server that is away, loaded, or has forgotten is asked again a little later."""
    there = Listing([pod("a", ready=True)], "9")
    script = Script(clock, trouble, there) if where == "list" else Script(clock, Listing([], "7"), [trouble], there)
    assert len(wait(script, clock)) == 1
    assert clock.now() == pytest.approx(RETRY)


@pytest.mark.parametrize(
    "trouble",
    [
        errors.CertificateProblem("not ours"),
        errors.from_status({"code": 401}, asked="GET"),
        errors.from_status({"code": 403}, asked="GET"),
        errors.UnknownResource("widgets"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_lasting_trouble_ends_the_wait(clock: FakeClock, trouble: errors.KubeError) -> None:
    """What time does not mend is raised at once."""
    with pytest.raises(type(trouble)):
        wait(Script(clock, trouble), clock)
    assert clock.now() == 0


def test_trouble_to_the_end_is_in_the_words(clock: FakeClock) -> None:
    """A wait that never got an answer says what was in the way."""
    script = Script(clock, *[errors.Unreachable("connection refused")] * 100)
    with pytest.raises(errors.WaitTimeout, match="connection refused") as caught:
        wait(script, clock, timeout=3)
    assert caught.value.last is None


def test_waiting_for_nothing_to_be_left(clock: FakeClock) -> None:
    """A wait can be for objects to go."""
    script = Script(clock, Listing([pod("a")], "7"), [Event("DELETED", pod("a"))])
    assert wait(script, clock, lambda objects: not objects) == []
