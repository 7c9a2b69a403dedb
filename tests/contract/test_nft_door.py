"""One battery for the door to nftables, run on the fake and on a kernel: fakes are verified.

The kernel's part runs in network namespaces of its own and is skipped where none can be made.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.embedded.netns import namespace
from harness.embedded.nft.door import Door, KernelDoor
from harness.embedded.nft.fake import FakeDoor
from harness.embedded.nft.kernel import Kernel, NftError
from harness.embedded.nft.ruleset import (
    EMPTY,
    Chain,
    Family,
    Hook,
    Learned,
    Rule,
    Ruleset,
    Set,
    Table,
    VerdictMap,
    by_name,
    shape_of,
)

Run = Callable[[Callable[[Door], Coroutine[Any, Any, None]]], None]


def make_namespace() -> Path | None:
    path = namespace.NAMED / f"door{os.getpid()}"
    try:
        namespace.make(path)
    except (namespace.NamespaceError, OSError):
        return None
    return path


@pytest.fixture
def netns() -> Iterator[Path]:
    path = make_namespace()
    if path is None:
        pytest.skip("no right to make network namespaces (needs root)")
    yield path
    namespace.remove(path)


@pytest.fixture(params=["fake", "kernel"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a story with a fresh door."""
    made: Callable[[], Door] = FakeDoor
    if request.param == "kernel":
        path = request.getfixturevalue("netns")
        made = lambda: KernelDoor(path)  # noqa: E731

    def runner(story: Callable[[Door], Coroutine[Any, Any, None]]) -> None:
        async def whole() -> None:
            door = made()
            try:
                await story(door)
            finally:
                await door.close()

        asyncio.run(whole())

    return runner


def table(number: int, *, family: Family = Family.IPV4, name: str = "t", extra: tuple[Chain, ...] = ()) -> Table:
    """A table with one of everything; `number` varies its contents."""
    v6 = family is Family.IPV6
    host = "fd00::" if v6 else "10.0.0."
    targets = tuple(
        Chain(
            f"endpoint-X-ns/svc/{one}",
            (
                Rule(f"{family} saddr {host}{one} return", f"number {one}"),
                Rule(f"update @seen {{ {family} saddr timeout 30s }}"),
                Rule(f"meta l4proto tcp dnat to {f'[{host}{one}]' if v6 else f'{host}{one}'}:80"),
            ),
        )
        for one in range(1, number + 1)
    )
    picks = ", ".join(f"{index} : goto {chain.name}" for index, chain in enumerate(targets))
    base = (Rule(f"numgen random mod {number} vmap {{ {picks} }}"),) if targets else ()
    drops = {f"{host}{one} . 80": "drop" for one in range(1, number + 1)}
    return Table(
        family,
        name,
        by_name([Chain("nat", base, Hook("prerouting", "nat", -100)), *targets, *extra]),
        by_name([Set("s", family.address_type, frozenset(f"{host}{one}" for one in range(1, number + 1)))]),
        by_name([Learned("seen", family.address_type)]),
        by_name([VerdictMap("m", f"{family.address_type} . inet_service", drops)]),
    )  # fmt: skip


async def must_hold(door: Door, *tables: Table) -> None:
    for one in tables:
        assert await door.shape(one.family, one.name) == shape_of(one)


def test_what_is_asked_for_is_there(run: Run) -> None:
    """Every kind of thing arrives, in both families."""

    async def story(door: Door) -> None:
        tables = (table(3), table(2, family=Family.IPV6))
        await door.replace(Ruleset(tables))
        await must_hold(door, *tables)

    run(story)


def test_second_replace_leaves_no_trace_of_the_first(run: Run) -> None:
    """Growing, shrinking, emptying: after each the kernel holds exactly the last."""

    async def story(door: Door) -> None:
        for number in (3, 5, 1, 0, 4):
            await door.replace(Ruleset((table(number),)))
            await must_hold(door, table(number))
        await door.replace(EMPTY)
        assert await door.shape(Family.IPV4, "t") is None

    run(story)


def test_a_change_of_kind_is_carried_out(run: Run) -> None:
    """A set of another type, a chain on another hook: what cannot be altered is made anew."""

    async def story(door: Door) -> None:
        await door.replace(Ruleset((table(2),)))
        moved = Table(
            Family.IPV4,
            "t",
            by_name([Chain("nat", (), Hook("output", "nat", -100))]),
            by_name([Set("s", "inet_service", frozenset({"80"}))]),
        )
        await door.replace(Ruleset((moved,)))
        await must_hold(door, moved)

    run(story)


def test_a_refused_ruleset_changes_nothing(run: Run) -> None:
    """All or nothing: after a refusal the old rules stand, and the next good ruleset is applied."""

    async def story(door: Door) -> None:
        await door.replace(Ruleset((table(2),)))
        broken = table(3, extra=(Chain("lost", (Rule("jump nowhere"),)),))
        with pytest.raises(NftError):
            await door.replace(Ruleset((broken,)))
        await must_hold(door, table(2))
        await door.replace(Ruleset((table(4),)))
        await must_hold(door, table(4))

    run(story)


def test_an_untouched_door_is_intact(run: Run) -> None:
    """What was applied and left alone is found as it was."""

    async def story(door: Door) -> None:
        assert await door.is_intact()
        await door.replace(Ruleset((table(3), table(3, family=Family.IPV6))))
        assert await door.is_intact()

    run(story)


def test_other_tables_are_left_alone(netns: Path) -> None:
    """Neither a change nor a removal touches a table of somebody else."""
    other = Kernel(netns)
    other.run("add table ip other\nadd chain ip other c\n")

    async def story() -> None:
        door = KernelDoor(netns)
        await door.replace(Ruleset((table(2),)))
        await door.replace(EMPTY)
        assert await door.shape(Family.IPV4, "other") is not None
        await door.close()

    asyncio.run(story())
    other.close()


def test_learned_elements_survive_other_changes(netns: Path) -> None:
    """Elements that packets put into a set stay when something else changes."""
    kernel = Kernel(netns)

    def learned() -> int:
        objects = kernel.listing("ip", "t") or []
        return sum(len(one["set"].get("elem", ())) for one in objects if one.get("set", {}).get("name") == "seen")

    async def story() -> None:
        door = KernelDoor(netns)
        await door.replace(Ruleset((table(2),)))
        kernel.run("add element ip t seen { 10.9.9.9 timeout 30s }\n")
        await door.replace(Ruleset((table(5),)))
        assert learned() == 1
        assert await door.is_intact(), "what packets learned is no tampering"
        await door.close()

    asyncio.run(story())
    kernel.close()


@pytest.mark.parametrize("harm", ["delete table ip t", "flush chain ip t nat", "delete element ip t s { 10.0.0.1 }"])
def test_tampering_is_noticed_and_repaired(netns: Path, harm: str) -> None:
    """Rules that somebody else took away are missed, and the next replace brings all of them back."""
    kernel = Kernel(netns)

    async def story() -> None:
        door = KernelDoor(netns)
        await door.replace(Ruleset((table(2),)))
        kernel.run(harm + "\n")
        assert not await door.is_intact()
        await door.replace(Ruleset((table(2),)))
        await must_hold(door, table(2))
        await door.close()

    asyncio.run(story())
    kernel.close()


def test_a_change_after_tampering_is_not_lost(netns: Path) -> None:
    """A difference that the kernel refuses, because its base is gone, is followed by the whole."""
    kernel = Kernel(netns)

    async def story() -> None:
        door = KernelDoor(netns)
        await door.replace(Ruleset((table(2),)))
        kernel.run("delete table ip t\n")
        await door.replace(Ruleset((table(3),)))
        await must_hold(door, table(3))
        await door.close()

    asyncio.run(story())
    kernel.close()


def test_a_closed_kernel_refuses(netns: Path) -> None:
    """After close nothing is sent anywhere."""
    kernel = Kernel(netns)
    kernel.close()
    with pytest.raises(NftError, match="the door is closed"):
        kernel.run("add table ip t\n")


def test_a_missing_namespace_is_said(tmp_path: Path) -> None:
    """A door into nowhere fails where it is made, naming the path."""
    with pytest.raises(OSError, match="nowhere"):
        Kernel(tmp_path / "nowhere")
