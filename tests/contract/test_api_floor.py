"""What components may rely on in their API, in process (`LocalApi`) and over HTTPS (`RemoteApi`)."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from harness.embedded.api import Api, Cache, LocalApi
from harness.embedded.api.connection import CONNECT_SECONDS, tls_context
from harness.embedded.api.remote import RemoteApi
from harness.embedded.apiserver.app import make_app, serve
from harness.embedded.apiserver.authority import Authority
from harness.embedded.store.errors import ApiError
from harness.embedded.store.objects import Store
from tests.contract.agent_carrier import free_port

Obj = dict[str, Any]
SECONDS = 60.0
"""For a whole test, on a machine with much else to do: everything here takes milliseconds."""


@dataclass
class Floor:
    """A store, and a component's API to it."""

    store: Store
    api: Api
    stop_server: Callable[[], Awaitable[None]]
    start_server: Callable[[], Awaitable[None]]


class NoPods:
    """A runtime without containers."""


@asynccontextmanager
async def local(path: Path) -> AsyncIterator[Floor]:
    del path

    async def nothing() -> None: ...

    store = Store()
    yield Floor(store, LocalApi(store, "tester"), nothing, nothing)


@asynccontextmanager
async def remote(path: Path) -> AsyncIterator[Floor]:
    """The API server on loopback, with a service account's token as a pod would have it."""
    store = Store()
    authority = Authority.create(now=store.clock.wall())
    (path / "ca.crt").write_bytes(authority.ca)
    (path / "token").write_text(authority.admin_token)
    (path / "coredns").write_text(authority.token_for("kube-system", "coredns"))
    port = free_port()
    runners: list[web.AppRunner] = []

    async def start() -> None:
        listening = socket.create_server(("127.0.0.1", port))
        app = make_app(store, NoPods(), auth=authority)  # type: ignore[arg-type]
        runners.append(await serve(app, [listening], authority.server_context()))

    async def stop() -> None:
        await runners.pop().cleanup()

    await start()
    api = RemoteApi("127.0.0.1", port, token=path / "token", ca=path / "ca.crt", component="tester", watch_seconds=2)
    yield Floor(store, api, stop, start)
    if runners:
        await stop()


@pytest.fixture(params=[local, remote], ids=["local", "remote"])
def floor(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Callable[[Floor], Awaitable[None]]], None]:
    """Runs a test body on one implementation."""

    def play(body: Callable[[Floor], Awaitable[None]]) -> None:
        async def whole() -> None:
            async with asyncio.timeout(SECONDS), request.param(tmp_path) as ground:
                await body(ground)

        asyncio.run(whole())

    return play


Play = Callable[[Callable[[Floor], Awaitable[None]]], None]


def config(name: str, **data: str) -> Obj:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


async def namespace(floor: Floor, name: str = "x") -> None:
    await floor.api.create("namespaces", {"metadata": {"name": name}})


def test_objects_live_and_die(floor: Play) -> None:
    """What is created is read, replaced, patched and deleted, with the component as manager."""

    async def body(ground: Floor) -> None:
        await namespace(ground)
        made = await ground.api.create("configmaps", config("a", k="1"), namespace="x")
        assert made["metadata"]["managedFields"][0]["manager"] == "tester"
        read = await ground.api.get("configmaps", "a", namespace="x")
        assert read["data"] == {"k": "1"}
        await ground.api.update("configmaps", read | {"data": {"k": "2"}})
        await ground.api.patch("configmaps", "a", {"data": {"l": "3"}}, namespace="x")
        items, version = await ground.api.list("configmaps", namespace="x")
        assert [(item["kind"], item["data"]) for item in items] == [("ConfigMap", {"k": "2", "l": "3"})]
        assert int(version) >= int(items[0]["metadata"]["resourceVersion"])
        await ground.api.delete("configmaps", "a", namespace="x")
        with pytest.raises(ApiError) as missing:
            await ground.api.get("configmaps", "a", namespace="x")
        assert (missing.value.code, missing.value.reason) == (404, "NotFound")

    floor(body)


def test_results_are_the_callers_own(floor: Play) -> None:
    """Changing what `get` gave changes nothing in the cluster."""

    async def body(ground: Floor) -> None:
        await namespace(ground)
        await ground.api.create("configmaps", config("a", k="1"), namespace="x")
        (await ground.api.get("configmaps", "a", namespace="x"))["data"]["k"] = "spoilt"
        assert (await ground.api.get("configmaps", "a", namespace="x"))["data"]["k"] == "1"

    floor(body)


def test_stale_writes_and_wrong_uids_are_refused(floor: Play) -> None:
    """A write over news and a deletion of another object are conflicts."""

    async def body(ground: Floor) -> None:
        await namespace(ground)
        old = await ground.api.create("configmaps", config("a", k="1"), namespace="x")
        await ground.api.patch("configmaps", "a", {"data": {"k": "2"}}, namespace="x")
        for refused in (
            ground.api.update("configmaps", old),
            ground.api.delete("configmaps", "a", namespace="x", uid="00000000-0000-4000-8000-000000000000"),
        ):
            with pytest.raises(ApiError) as conflict:
                await refused
            assert conflict.value.code == 409

    floor(body)


def test_status_is_written_apart(floor: Play) -> None:
    """A patch of the subresource status reaches the status and nothing else."""

    async def body(ground: Floor) -> None:
        await ground.api.create("nodes", {"metadata": {"name": "n"}, "spec": {}})
        body = {"status": {"phase": "x"}, "spec": {"unschedulable": True}}
        node = await ground.api.patch("nodes", "n", body, subresource="status")
        assert node["status"]["phase"] == "x"
        assert "unschedulable" not in node["spec"]

    floor(body)


def test_a_watch_tells_what_happened_since(floor: Play) -> None:
    """Events come in order from the given version on, and nothing before it."""

    async def body(ground: Floor) -> None:
        await namespace(ground)
        await ground.api.create("configmaps", config("before"), namespace="x")
        _, version = await ground.api.list("configmaps")
        await ground.api.create("configmaps", config("a"), namespace="x")
        await ground.api.patch("configmaps", "a", {"data": {"k": "1"}}, namespace="x")
        seen = []
        async with aclosing(ground.api.watch("configmaps", since=version)) as events:  # type: ignore[type-var]
            async for event in events:
                seen.append((event["type"], event["object"]["metadata"]["name"]))
                if len(seen) == 2:
                    await ground.api.delete("configmaps", "a", namespace="x")
                if len(seen) == 3:
                    break
        assert seen == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]

    floor(body)


def test_a_cache_follows(floor: Play) -> None:
    """A cache has what is there at its start, and soon what changes."""

    async def body(ground: Floor) -> None:
        await namespace(ground)
        cache = Cache(ground.api, ["configmaps", "services"])
        await cache.start()
        await ground.api.create("configmaps", config("a"), namespace="x")
        generation = cache.generation
        while cache.get("configmaps", "a", "x") is None:
            generation = await cache.changed(generation)
        await ground.api.delete("configmaps", "a", namespace="x")
        while cache.get("configmaps", "a", "x") is not None:
            generation = await cache.changed(generation)
        await cache.stop()

    floor(body)


def test_a_cache_survives_the_server(floor: Play) -> None:
    """A server that goes away and comes back is followed again, changes made meanwhile included."""

    async def body(ground: Floor) -> None:
        await namespace(ground)
        cache = Cache(ground.api, ["configmaps"])
        await cache.start()
        await ground.stop_server()
        ground.store.create("configmaps", config("meanwhile"), namespace="x")
        await ground.start_server()
        ground.store.create("configmaps", config("afterwards"), namespace="x")
        generation = cache.generation
        while len(cache.all("configmaps")) < 2:
            generation = await cache.changed(generation)
        await cache.stop()

    floor(body)
    gc.collect()


def test_a_wrong_token_is_an_error_that_says_so(tmp_path: Path) -> None:
    """A refused token raises the API's own 401."""

    async def body() -> None:
        async with asyncio.timeout(SECONDS), remote(tmp_path) as ground:
            (tmp_path / "token").write_text("wrong")
            with pytest.raises(ApiError) as refused:
                await ground.api.list("services")
            assert refused.value.code == 401

    asyncio.run(body())


def test_a_server_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    """Without a server every call ends in an OSError, which a cache takes for "try again"."""

    async def body() -> None:
        async with asyncio.timeout(SECONDS), remote(tmp_path) as ground:
            await ground.stop_server()
            with pytest.raises(OSError, match="refused"):
                await ground.api.list("services")

    asyncio.run(body())


@pytest.mark.parametrize("call", ["list", "watch"])
def test_a_cancelled_call_leaves_no_thread_behind(tmp_path: Path, call: str) -> None:
    """A call to a server that never answers the handshake ends when it is cancelled, and its thread with it."""

    async def body(silent: socket.socket) -> None:
        (tmp_path / "ca.crt").write_bytes(Authority.create(now=time.time()).ca)
        (tmp_path / "token").write_text("any")
        port = silent.getsockname()[1]
        api = RemoteApi("127.0.0.1", port, token=tmp_path / "token", ca=tmp_path / "ca.crt")

        async def watch() -> None:
            async with aclosing(api.watch("services", since="1")) as events:  # type: ignore[type-var]
                await anext(events)

        task = asyncio.create_task(watch() if call == "watch" else ask(api))
        accepted, _ = await asyncio.get_running_loop().sock_accept(silent)
        with accepted:
            task.cancel()
            await asyncio.wait({task})

    async def ask(api: RemoteApi) -> None:
        await api.list("services")

    before = set(threading.enumerate())
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(0)
        asyncio.run(body(silent))  # waits for the threads of its executor
    assert time.monotonic() - began < CONNECT_SECONDS
    assert not [one for one in threading.enumerate() if one.is_alive() and one not in before]


def test_a_server_that_never_answers_is_an_os_error(tmp_path: Path) -> None:
    """A handshake nobody takes part in ends by itself."""

    async def body(port: int) -> None:
        (tmp_path / "ca.crt").write_bytes(Authority.create(now=time.time()).ca)
        (tmp_path / "token").write_text("any")
        api = RemoteApi("127.0.0.1", port, token=tmp_path / "token", ca=tmp_path / "ca.crt", request_seconds=0.2)
        with pytest.raises(TimeoutError):
            await api.list("services")

    with socket.create_server(("127.0.0.1", 0)) as silent:
        asyncio.run(body(silent.getsockname()[1]))


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_reset_before_the_handshake_leaves_no_socket(tmp_path: Path) -> None:
    """A peer that resets the connection is an OSError, and the socket is closed."""
    (tmp_path / "ca.crt").write_bytes(Authority.create(now=time.time()).ca)
    with socket.create_server(("127.0.0.1", 0)) as server:
        raw = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        accepted.close()
        with pytest.raises(OSError, match="went away"):
            tls_context(str(tmp_path / "ca.crt")).wrap_socket(
                raw, server_hostname="127.0.0.1", do_handshake_on_connect=False
            )
    gc.collect()


def test_a_watch_goes_on_when_the_server_closes_it(tmp_path: Path) -> None:
    """A watch outlives the time the server keeps it open, and loses nothing in between."""

    async def body() -> None:
        async with asyncio.timeout(SECONDS), remote(tmp_path) as ground:
            await namespace(ground)
            _, version = await ground.api.list("configmaps")
            names = [f"c{index}" for index in range(6)]

            async def act() -> None:
                for name in names:
                    await asyncio.sleep(0.5)
                    ground.store.create("configmaps", config(name), namespace="x")

            task = asyncio.create_task(act())
            seen = []
            async with aclosing(ground.api.watch("configmaps", since=version)) as events:  # type: ignore[type-var]
                while len(seen) < len(names):
                    seen.append((await anext(events))["object"]["metadata"]["name"])
            await task
            assert seen == names

    asyncio.run(body())


def test_the_dns_pods_account_may_read_what_it_needs_and_no_more(tmp_path: Path) -> None:
    """The account coredns lists Services, slices, namespaces and faults, and is refused a write and a Secret."""

    async def body() -> None:
        async with asyncio.timeout(SECONDS), remote(tmp_path) as ground:
            await namespace(ground)
            (tmp_path / "coredns").replace(tmp_path / "token")
            needed = ("services", "endpointslices.discovery.k8s.io", "namespaces", "faults.faults.harness.dev")
            for resource in needed:
                await ground.api.list(resource)
            for refused in (ground.api.create("configmaps", config("a"), namespace="x"), ground.api.list("secrets")):
                with pytest.raises(ApiError) as error:
                    await refused
                assert error.value.code == 403

    asyncio.run(body())
