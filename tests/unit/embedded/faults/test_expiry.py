"""Planted faults end by themselves: a killed test leaves a healthy cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from harness.effects.clock import FakeClock, rfc3339
from harness.embedded.api import LocalApi
from harness.embedded.api.faults import RESOURCE
from harness.embedded.faults import Expiry
from harness.embedded.faults.expiry import expired
from harness.embedded.store.objects import Store

BEGAN = 1_800_000_000.0


def fault(name: str = "f", **spec: Any) -> dict[str, Any]:
    """A planted fault."""
    return {"metadata": {"name": name}, "spec": {"id": "dns/F-03", "owner": "test", **spec}}


@pytest.mark.parametrize(
    ("spec", "age", "over"),
    [
        ({"ttlSeconds": 10}, 9.9, False),
        ({"ttlSeconds": 10}, 10.0, True),
        ({"ttlSeconds": 10}, 1000.0, True),
        ({}, 1e9, False),
        ({"ttlSeconds": 10}, -5.0, False),
    ],
)
def test_a_fault_is_over_after_its_time(spec: dict[str, Any], age: float, *, over: bool) -> None:
    """At its last second, not before; without a time it stays until somebody takes it away."""
    made = fault(**spec)
    made["metadata"]["creationTimestamp"] = rfc3339(BEGAN)
    assert expired(made, now=BEGAN + age) is over


def in_time(body: Callable[[FakeClock, Store], Awaitable[None]]) -> None:
    """Run a test beside a running expiry."""

    async def run() -> None:
        clock = FakeClock(start=BEGAN)
        store = Store(clock=clock, seed=1)
        expiry = Expiry(LocalApi(store, "fault-expiry"), clock=clock)
        await expiry.start()
        async with asyncio.timeout(30):
            await body(clock, store)
        await expiry.stop()

    asyncio.run(run())


def names(store: Store) -> set[str]:
    return {item["metadata"]["name"] for item in store.list(RESOURCE).items}


async def until(holds: Callable[[], bool]) -> None:
    """Let the others run until it holds."""
    while not holds():  # noqa: ASYNC110  # the clock moves only while others run
        await asyncio.sleep(0)


def test_faults_go_when_their_time_is_over() -> None:
    """Each at its own time; one without a time stays."""

    async def body(clock: FakeClock, store: Store) -> None:
        for made in (fault("short", ttlSeconds=5), fault("long", ttlSeconds=60), fault("standing")):
            store.create(RESOURCE, made)
        await until(lambda: names(store) == {"long", "standing"})
        assert 5 <= clock.wall() - BEGAN < 60
        await until(lambda: names(store) == {"standing"})
        assert clock.wall() - BEGAN >= 60

    in_time(body)


def test_a_fault_planted_later_ends_too() -> None:
    """While there is none nothing is watched by the clock; the next one is."""

    async def body(clock: FakeClock, store: Store) -> None:
        store.create(RESOURCE, fault("one", ttlSeconds=1))
        await until(lambda: not names(store))
        store.create(RESOURCE, fault("two", ttlSeconds=1))
        await until(lambda: not names(store))

    in_time(body)


def test_a_fault_that_is_taken_away_is_no_trouble() -> None:
    """Its owner may be quicker than the clock."""

    async def body(clock: FakeClock, store: Store) -> None:
        store.create(RESOURCE, fault("mine", ttlSeconds=1))
        store.delete(RESOURCE, "mine")
        store.create(RESOURCE, fault("other", ttlSeconds=1))
        await until(lambda: not names(store))

    in_time(body)


def test_nothing_runs_on_after_its_end() -> None:
    """Stopping takes the task along; what was planted stays as it is."""

    async def run() -> None:
        clock = FakeClock(start=BEGAN)
        store = Store(clock=clock, seed=1)
        expiry = Expiry(LocalApi(store, "fault-expiry"), clock=clock)
        await expiry.start()
        await expiry.stop()
        store.create(RESOURCE, fault("left", ttlSeconds=1))
        clock.sleep(60)
        for _ in range(20):
            await asyncio.sleep(0)
        assert names(store) == {"left"}
        assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []

    asyncio.run(run())
