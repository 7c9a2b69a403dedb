"""Lists in pages, and watches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from harness.embedded.store import log
from harness.embedded.store.errors import ApiError
from harness.embedded.store.log import WatchStream
from harness.embedded.store.objects import Store

from .objects_by_hand import a_store, config_map, make


def with_maps(*names: str) -> Store:
    """A store with ConfigMaps."""
    store = a_store()
    for name in names:
        make(store, "configmaps", config_map(name))
    return store


def names_of(items: list[dict[str, Any]]) -> list[str]:
    """Names in order."""
    return [item["metadata"]["name"] for item in items]


def test_pages_make_up_the_list() -> None:
    """Sorted, with the number of what is left, and no token at the end."""
    store = with_maps("c", "a", "b", "e", "d")
    first = store.list("configmaps", namespace="x", limit=2)
    assert (names_of(first.items), first.remaining) == (["a", "b"], 3)
    second = store.list("configmaps", namespace="x", limit=2, continue_=first.continue_)
    third = store.list("configmaps", namespace="x", limit=2, continue_=second.continue_)
    assert (names_of(second.items), names_of(third.items)) == (["c", "d"], ["e"])
    assert third.continue_ == ""
    assert {page.resource_version for page in (first, second, third)} == {first.resource_version}


def test_later_pages_show_the_state_of_the_first() -> None:
    """What is made, changed or deleted in between does not show."""
    store = with_maps("a", "b", "c", "d")
    first = store.list("configmaps", namespace="x", limit=1)
    make(store, "configmaps", config_map("bb"))
    store.delete("configmaps", "c", namespace="x")
    store.patch("configmaps", "d", {"data": {"k": "new"}}, namespace="x")
    rest = store.list("configmaps", namespace="x", continue_=first.continue_)
    assert names_of(rest.items) == ["b", "c", "d"]
    assert "data" not in rest.items[-1]


def test_selected_pages_do_not_count_what_is_left() -> None:
    """As documented for remainingItemCount."""
    page = with_maps("a", "b").list("configmaps", field_selector="metadata.namespace=x", limit=1)
    assert page.remaining is None
    assert page.continue_


def test_a_page_of_a_forgotten_time_is_gone() -> None:
    """The client starts anew."""
    store = with_maps("a", "b")
    page = store.list("configmaps", limit=1)
    make(store, "configmaps", config_map("c"))
    store.compact("configmaps")
    with pytest.raises(ApiError, match="continue parameter is too old") as error:
        store.list("configmaps", continue_=page.continue_)
    assert error.value.code == 410


@pytest.mark.parametrize("token", ["x", "e30", "!!"])
def test_a_broken_token_is_a_bad_request(token: str) -> None:
    """Whatever it is broken by."""
    with pytest.raises(ApiError) as error:
        with_maps("a").list("configmaps", continue_=token)
    assert error.value.code == 400


def test_a_list_spans_namespaces() -> None:
    """Sorted by namespace, then name."""
    store = with_maps("b")
    store.create("namespaces", {"metadata": {"name": "a"}})
    store.create("configmaps", config_map("z"), namespace="a")
    assert names_of(store.list("configmaps").items) == ["z", "b"]


def in_loop(body: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test coroutine; nothing here takes longer than a moment."""

    async def bounded() -> None:
        async with asyncio.timeout(30):
            await body()

    asyncio.run(bounded())


async def take(stream: WatchStream, count: int) -> list[tuple[str, str]]:
    """The next events: type and name."""
    events = [await anext(stream) for _ in range(count)]
    return [(event["type"], event["object"]["metadata"].get("name", "")) for event in events]


def test_a_watch_without_version_begins_with_what_is_there() -> None:
    """Then it goes on with what happens."""

    async def body() -> None:
        store = with_maps("a")
        stream = store.watch("configmaps")
        make(store, "configmaps", config_map("b"))
        store.delete("configmaps", "a", namespace="x")
        assert await take(stream, 3) == [("ADDED", "a"), ("ADDED", "b"), ("DELETED", "a")]

    in_loop(body)


def test_a_watch_from_a_version_misses_nothing() -> None:
    """Events after the version are replayed, none before."""

    async def body() -> None:
        store = with_maps("a")
        since = store.resource_version
        store.patch("configmaps", "a", {"data": {"k": "v"}}, namespace="x")
        stream = store.watch("configmaps", since=since)
        make(store, "configmaps", config_map("b"))
        assert await take(stream, 2) == [("MODIFIED", "a"), ("ADDED", "b")]

    in_loop(body)


def test_a_waiting_reader_wakes_up() -> None:
    """An event reaches who waits for it, and closing ends the wait."""

    async def body() -> None:
        store = with_maps()
        stream = store.watch("configmaps")
        waiting = asyncio.create_task(take(stream, 1))
        await asyncio.sleep(0)
        make(store, "configmaps", config_map("a"))
        assert await waiting == [("ADDED", "a")]
        ending = asyncio.create_task(anext(stream, None))
        await asyncio.sleep(0)
        stream.close()
        assert await ending is None

    in_loop(body)


def test_a_selector_turns_changes_into_comings_and_goings() -> None:
    """An object that begins to match is added, one that ceases is deleted with its last matching state."""

    async def body() -> None:
        store = with_maps("a")
        stream = store.watch("configmaps", since=store.resource_version, label_selector="l=1")
        for label in ("2", "1", "1", None):
            patch = {"metadata": {"labels": {"l": label}}, "data": {"k": str(label) + store.resource_version}}
            store.patch("configmaps", "a", patch, namespace="x")
        assert await take(stream, 2) == [("ADDED", "a"), ("MODIFIED", "a")]
        last = await anext(stream)
        assert last["type"] == "DELETED"
        assert last["object"]["metadata"]["labels"] == {"l": "1"}
        assert last["object"]["metadata"]["resourceVersion"] == store.resource_version

    in_loop(body)


def test_other_namespaces_and_resources_are_not_seen() -> None:
    """A watch of a namespace is silent about the others."""

    async def body() -> None:
        store = with_maps()
        store.create("namespaces", {"metadata": {"name": "y"}})
        stream = store.watch("configmaps", namespace="x", since=store.resource_version)
        store.create("configmaps", config_map("a"), namespace="y")
        make(store, "secrets", {"metadata": {"name": "a"}})
        make(store, "configmaps", config_map("b"))
        assert await take(stream, 1) == [("ADDED", "b")]

    in_loop(body)


def test_a_watch_from_before_the_window_is_refused() -> None:
    """410, at once: the client has to list again."""
    store = with_maps("a")
    make(store, "configmaps", config_map("b"))
    store.compact("configmaps")
    with pytest.raises(ApiError) as error:
        store.watch("configmaps", since="1")
    assert error.value.code == 410
    assert error.value.reason == "Expired"
    store.watch("configmaps", since=store.resource_version)


def test_the_window_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Old events are forgotten, and their readers told."""
    recent = log.WatchLog(window=2)
    monkeypatch.setattr(log, "WatchLog", lambda: recent)
    store = with_maps()
    store._storage.log = recent
    for name in "abcd":
        make(store, "configmaps", config_map(name))
    with pytest.raises(ApiError, match="too old resource version"):
        store.watch("configmaps", since="1")


def test_a_version_must_be_a_number() -> None:
    """Anything else is a bad request."""
    with pytest.raises(ApiError) as error:
        with_maps().watch("configmaps", since="x")
    assert error.value.code == 400


def test_a_watch_ends_at_its_time_with_a_bookmark(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bookmark carries the present version; then the stream is over."""
    monkeypatch.setattr(log, "BOOKMARK_BEFORE_END", 0.02)

    async def body() -> None:
        store = with_maps("a")
        stream = store.watch("configmaps", since=store.resource_version, bookmarks=True, timeout=0.04)
        events = [event async for event in stream]
        bookmark = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"resourceVersion": store.resource_version}}
        assert events == [{"type": "BOOKMARK", "object": bookmark}]

    in_loop(body)


def test_a_reader_that_never_reads_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the backlog it is told to list again."""
    monkeypatch.setattr(log, "BACKLOG", 2)

    async def body() -> None:
        store = with_maps()
        stream = store.watch("configmaps")
        for name in "abc":
            make(store, "configmaps", config_map(name))
        assert await take(stream, 2) == [("ADDED", "a"), ("ADDED", "b")]
        with pytest.raises(ApiError) as error:
            await anext(stream)
        assert error.value.code == 410

    in_loop(body)


def test_closing_the_store_ends_every_watch() -> None:
    """Nobody waits for a cluster that is gone."""

    async def body() -> None:
        store = with_maps()
        streams = [store.watch("configmaps"), store.watch("pods")]
        store.close()
        assert [event for stream in streams async for event in stream] == []

    in_loop(body)
