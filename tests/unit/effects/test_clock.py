"""Clocks: the fake one moves only when told, and moments are written as the API writes them."""

from __future__ import annotations

import asyncio

import pytest

from harness.effects.clock import FakeClock, RealClock, rfc3339, rfc3339_micro


def test_sleeping_on_a_fake_clock_takes_no_time_but_passes_it() -> None:
    """Time stands still until somebody sleeps, and both of its faces move together."""
    clock = FakeClock(start=100.0)
    assert (clock.now(), clock.wall()) == (0.0, 100.0)
    clock.sleep(2.5)
    asyncio.run(clock.pause(0.5))
    clock.sleep(-1.0)
    assert (clock.now(), clock.wall()) == (3.0, 103.0)


def test_a_real_clock_never_steps_back() -> None:
    """Two looks at a real clock are in order."""
    clock = RealClock()
    first = clock.now()
    clock.sleep(0.0)
    asyncio.run(clock.pause(0.0))
    assert clock.now() >= first


@pytest.mark.parametrize(
    ("seconds", "short", "long"),
    [
        (0, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"),
        (1_700_000_000.25, "2023-11-14T22:13:20Z", "2023-11-14T22:13:20.250000Z"),
    ],
)
def test_moments_are_written_as_the_api_does(seconds: float, short: str, long: str) -> None:
    """metav1.Time has whole seconds, metav1.MicroTime six digits, both in UTC."""
    assert (rfc3339(seconds), rfc3339_micro(seconds)) == (short, long)
