"""The cache over list and watch, the in-process API, and the question for planted faults."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from harness.effects.clock import FakeClock
from harness.embedded.api import Cache, LocalApi, cache
from harness.embedded.api.faults import active
from harness.embedded.store.errors import ApiError, expired
from harness.embedded.store.objects import Store


def a_store() -> Store:
    """A store with the namespace x."""
    store = Store(clock=FakeClock(start=1_800_000_000.0), seed=1)
    store.create("namespaces", {"metadata": {"name": "x"}})
    return store


def config_map(name: str, **data: str) -> dict[str, Any]:
    """A ConfigMap in x."""
    return {"metadata": {"name": name, "namespace": "x"}, "data": data}


def in_loop(body: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test coroutine; nothing here takes longer than a moment."""

    async def bounded() -> None:
        async with asyncio.timeout(30):
            await body()

    asyncio.run(bounded())


def test_a_cache_starts_full_and_follows() -> None:
    """What is there at the start is there after it; what happens later arrives."""

    async def body() -> None:
        store = a_store()
        api = LocalApi(store, "test")
        await api.create("configmaps", config_map("a"))
        known = Cache(api, ["configmaps", "pods"])
        await known.start()
        assert known.get("configmaps", "a", "x") is not None
        assert known.get("configmaps", "b", "x") is None
        seen = known.generation
        await api.create("configmaps", config_map("b"))
        await api.patch("configmaps", "a", {"data": {"k": "v"}}, namespace="x")
        while known.get("configmaps", "a", "x").get("data") != {"k": "v"}:
            seen = await known.changed(seen)
        assert {item["metadata"]["name"] for item in known.all("configmaps")} == {"a", "b"}
        assert len(known.by_namespace("configmaps", "x")) == 2
        assert known.by_namespace("configmaps", "y") == []
        await api.delete("configmaps", "a", namespace="x")
        await known.changed(seen)
        assert known.get("configmaps", "a", "x") is None
        await known.stop()

    in_loop(body)


def test_a_change_is_not_waited_for_twice() -> None:
    """Who missed a generation is not made to wait for the next."""

    async def body() -> None:
        store = a_store()
        known = Cache(LocalApi(store, "test"), ["configmaps"])
        await known.start()
        seen = known.generation
        store.create("configmaps", config_map("a"), namespace="x")
        latest = await known.changed(seen)
        assert await known.changed(seen) == latest > seen
        await known.stop()

    in_loop(body)


def test_a_stopped_cache_leaves_no_watch() -> None:
    """Nothing is queued for a reader that is gone."""

    async def body() -> None:
        store = a_store()
        known = Cache(LocalApi(store, "test"), ["configmaps"])
        await known.start()
        await known.stop()
        assert not any(store._storage.log._streams.values())

    in_loop(body)


class Forgetful(LocalApi):
    """An API whose first watch has expired."""

    refusals = 1

    def watch(self, resource: str, *, since: str) -> AsyncIterator[dict[str, Any]]:
        if self.refusals:
            self.refusals -= 1
            raise expired()
        return super().watch(resource, since=since)


def test_an_expired_watch_is_followed_by_a_new_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """What happened meanwhile is not missed."""
    monkeypatch.setattr(cache, "RETRY_SECONDS", 0.0)

    async def body() -> None:
        store = a_store()
        known = Cache(Forgetful(store, "test"), ["configmaps"])
        await known.start()
        store.create("configmaps", config_map("a"), namespace="x")
        await known.changed(0)
        assert known.get("configmaps", "a", "x") is not None
        await known.stop()

    in_loop(body)


def test_a_start_that_cannot_succeed_says_why() -> None:
    """A mistake in the program is not waited for."""

    async def body() -> None:
        with pytest.raises(KeyError):
            await Cache(LocalApi(a_store(), "test"), ["widgets"]).start()

    in_loop(body)


def test_what_the_local_api_returns_is_the_callers_own() -> None:
    """Changing it changes nothing in the store, and the component is the field manager."""

    async def body() -> None:
        store = a_store()
        api = LocalApi(store, "my-component")
        made = await api.create("configmaps", config_map("a", k="v"))
        made["data"]["k"] = "w"
        fetched = await api.get("configmaps", "a", namespace="x")
        assert fetched["data"] == {"k": "v"}
        assert fetched["metadata"]["managedFields"][0]["manager"] == "my-component"
        fetched["data"]["k"] = "z"
        assert (await api.update("configmaps", fetched))["data"] == {"k": "z"}
        items, version = await api.list("configmaps", namespace="x")
        assert (len(items), version) == (1, store.resource_version)

    in_loop(body)


def test_a_deletion_can_be_aimed_at_one_object() -> None:
    """Another uid under the same name is spared; grace is passed on."""

    async def body() -> None:
        store = a_store()
        api = LocalApi(store, "test")
        await api.create("configmaps", config_map("a"))
        with pytest.raises(ApiError) as error:
            await api.delete("configmaps", "a", namespace="x", uid="other")
        assert error.value.code == 409
        spec = {"nodeName": "n", "containers": [{"name": "c", "image": "i"}]}
        await api.create("pods", {"metadata": {"name": "p", "namespace": "x"}, "spec": spec})
        await api.delete("pods", "p", namespace="x", grace=7)
        pod = await api.get("pods", "p", namespace="x")
        assert pod["metadata"]["deletionGracePeriodSeconds"] == 7

    in_loop(body)


def fault(**spec: Any) -> dict[str, Any]:
    """A Fault."""
    return {"metadata": {"name": "f"}, "spec": {"id": "dns/F-03", **spec}}


@pytest.mark.parametrize(
    ("spec", "place", "wanted"),
    [
        ({}, {}, {}),
        ({"params": {"a": 1}}, {}, {"a": 1}),
        ({"nodes": ["n"]}, {"node": "n"}, {}),
        ({"nodes": ["n"]}, {"node": "m"}, None),
        ({"nodes": ["n"]}, {}, None),
        ({"namespaces": ["x"]}, {"namespace": "x", "node": "n"}, {}),
        ({"namespaces": ["x"], "nodes": ["m"]}, {"namespace": "x", "node": "n"}, None),
    ],
)
def test_a_fault_is_active_where_its_scope_says(spec: Any, place: Any, wanted: Any) -> None:
    """Everywhere unless it names nodes or namespaces."""
    assert active([fault(**spec)], "dns/F-03", **place) == wanted


def test_other_and_ending_faults_are_not_active() -> None:
    """Only the asked id counts, and not one that is being deleted."""
    ending = fault()
    ending["metadata"]["deletionTimestamp"] = "2027-01-15T08:00:00Z"
    assert active([fault()], "dns/F-04") is None
    assert active([ending], "dns/F-03") is None
    assert active([ending, fault(params={"b": 2})], "dns/F-03") == {"b": 2}
