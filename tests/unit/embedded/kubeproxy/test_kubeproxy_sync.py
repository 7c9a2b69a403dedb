"""The proxy's loop over a fake API and a fake door: rules in force at start, changes followed, refusals survived."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.embedded.api.rulekeeper import RETRY
from harness.embedded.kubeproxy.compile import SERVICE_IPS, TABLE
from harness.embedded.kubeproxy.sync import ServiceProxy
from harness.embedded.nft.fake import FakeDoor
from harness.embedded.nft.kernel import NftError
from harness.embedded.nft.ruleset import Family, Ruleset
from tests.unit.embedded.kubeproxy.service_flows import service, slices

SERVICES, SLICES = "services", "endpointslices.discovery.k8s.io"


@dataclass(frozen=True)
class Node:
    name: str = "n1"
    netns: Path = Path("/nowhere")
    addresses: tuple[str, ...] = ()  # none, so that nothing is opened: rules are what these tests are about
    pod_cidrs: tuple[str, ...] = ("10.244.0.0/24", "fd00:10:244::/64")


class FakeApi:
    """Objects by resource; `put` and `take` are seen by whoever watches."""

    def __init__(self, **objects: list[dict[str, Any]]) -> None:
        self.objects = {resource.replace("__", "."): items for resource, items in objects.items()}
        self.queues: dict[str, asyncio.Queue[dict[str, Any]]] = {}

    async def list(self, resource: str, **_: Any) -> tuple[list[dict[str, Any]], str]:
        return self.objects.get(resource, []), "1"

    async def watch(self, resource: str, *, since: str) -> AsyncIterator[dict[str, Any]]:
        queue = self.queues.setdefault(resource, asyncio.Queue())
        while True:
            yield await queue.get()

    def say(self, resource: str, kind: str, obj: dict[str, Any]) -> None:
        self.queues.setdefault(resource, asyncio.Queue()).put_nowait({"type": kind, "object": obj})


class StillClock:
    """Pauses of a length last until the test ends them; it remembers how long they were meant to be."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self.over: dict[float, asyncio.Event] = {}

    def now(self) -> float:
        return 0.0

    def wall(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here sleeps in a thread")

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await self.over.setdefault(seconds, asyncio.Event()).wait()


class RefusingDoor(FakeDoor):
    """Refuses the next `refusals` transactions."""

    refusals = 0

    async def replace(self, ruleset: Ruleset) -> None:
        if self.refusals:
            self.refusals -= 1
            raise NftError("no", text="")
        await super().replace(ruleset)


async def no_jitter() -> None:
    await asyncio.sleep(0)


def proxy(
    api: Any, door: FakeDoor, clock: StillClock, jitter: Callable[[], Awaitable[None]] = no_jitter
) -> ServiceProxy:
    return ServiceProxy(api, Node(), jitter=jitter, clock=clock, door=door)


async def settled() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


def front_ends(door: FakeDoor) -> set[str]:
    table = door.ruleset.table(Family.IPV4, TABLE)
    assert table is not None
    return set(table.maps[SERVICE_IPS].elements)


def test_rules_are_in_force_when_start_returns() -> None:
    """Whoever waited for start can send packets."""

    async def story() -> None:
        api, door, clock = FakeApi(services=[service("s", 1)]), FakeDoor(), StillClock()
        api.objects[SLICES] = slices("s", "b")
        one = proxy(api, door, clock)
        await one.start()
        assert front_ends(door) == {"10.96.0.1 . tcp . 80"}
        assert one.ruleset is door.ruleset
        await one.stop()

    asyncio.run(story())


def test_changes_are_followed() -> None:
    """A Service that comes is programmed, one that goes is taken away."""

    async def story() -> None:
        api, door, clock = FakeApi(), FakeDoor(), StillClock()
        one = proxy(api, door, clock)
        await one.start()
        for item in slices("s", "b"):
            api.say(SLICES, "ADDED", item)
        api.say(SERVICES, "ADDED", service("s", 1))
        await settled()
        assert front_ends(door) == {"10.96.0.1 . tcp . 80"}
        api.say(SERVICES, "DELETED", service("s", 1))
        await settled()
        assert front_ends(door) == set()
        await one.stop()

    asyncio.run(story())


def test_changes_during_the_jitter_cost_one_sync() -> None:
    """What happens while the proxy hesitates is done together."""

    async def story() -> None:
        api, door, clock, go = FakeApi(), FakeDoor(), StillClock(), asyncio.Event()

        async def hesitate() -> None:
            await go.wait()

        one = proxy(api, door, clock, hesitate)
        await one.start()
        for number in range(1, 6):
            api.say(SERVICES, "ADDED", service(f"s{number}", number))
            await settled()
        assert one.syncs == 1
        go.set()
        await settled()
        assert one.syncs == 2
        await one.stop()

    asyncio.run(story())


def test_a_refusal_is_tried_again() -> None:
    """A transaction that nft refuses is repeated after a while, without a new change."""

    async def story() -> None:
        api, door, clock = FakeApi(), RefusingDoor(), StillClock()
        one = proxy(api, door, clock)
        await one.start()
        door.refusals = 1
        for item in slices("s", "b"):
            api.say(SLICES, "ADDED", item)
        api.say(SERVICES, "ADDED", service("s", 1))
        await settled()
        assert RETRY in clock.pauses
        clock.over[RETRY].set()
        await settled()
        assert front_ends(door) == {"10.96.0.1 . tcp . 80"}
        await one.stop()

    asyncio.run(story())
