"""The loop that runs controllers: over the real store, without jitter."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from harness.embedded.api import LocalApi
from harness.embedded.controllers import Controllers, standard_controllers
from harness.embedded.controllers.changes import Change, Create, Patch
from harness.embedded.controllers.loop import Controller
from harness.embedded.controllers.snapshot import Snapshot
from harness.embedded.store.errors import ApiError
from harness.embedded.store.objects import Store

SECONDS = 5.0


async def at_once() -> None:
    """No jitter."""
    await asyncio.sleep(0)


def play(body: Callable[[Store, LocalApi], Awaitable[None]]) -> None:
    async def whole() -> None:
        store = Store()
        async with asyncio.timeout(SECONDS):
            await body(store, LocalApi(store, "tester"))

    asyncio.run(whole())


async def until(good: Callable[[], bool]) -> None:
    """Let the loop run until it is so; the test's time-out is the limit."""
    while not good():  # noqa: ASYNC110 - there is nobody to signal an event: the store is what is watched
        await asyncio.sleep(0)


def config_maker(wanted: int) -> Controller:
    """Makes ConfigMaps until it sees so many: too many are made if it does not wait for its own writes."""

    def reconcile(snapshot: Snapshot) -> list[Change]:
        missing = wanted - len(snapshot.all("configmaps"))
        meta = {"generateName": "c-", "namespace": "x"}
        return [Create("configmaps", {"metadata": dict(meta)}) for _ in range(missing)]

    return Controller("maker", ("configmaps", "namespaces"), reconcile)


def test_a_controller_sees_its_own_writes_before_it_looks_again() -> None:
    """Five wanted objects are five objects, however often the controller is woken."""

    async def body(store: Store, api: LocalApi) -> None:
        await api.create("namespaces", {"metadata": {"name": "x"}})
        loop = Controllers(api, [config_maker(5)], jitter=at_once)
        await loop.start()
        for index in range(20):
            await api.create("namespaces", {"metadata": {"name": f"n{index}"}})
            await asyncio.sleep(0)
        await until(lambda: len(store.list("configmaps").items) >= 5)
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(store.list("configmaps").items) == 5
        await loop.stop()

    play(body)


def test_a_refused_write_is_tried_again() -> None:
    """A write that is refused once is made later, without anything else happening."""

    class Once(LocalApi):
        """Refuses the first creation."""

        refused = False

        async def create(self, resource: str, obj: dict[str, Any], *, namespace: str | None = None) -> dict[str, Any]:
            if not self.refused:
                self.refused = True
                raise ApiError({"code": 409, "reason": "Conflict"})
            return await super().create(resource, obj, namespace=namespace)

    async def body(store: Store, api: LocalApi) -> None:
        await api.create("namespaces", {"metadata": {"name": "x"}})
        loop = Controllers(Once(store, "tester"), [config_maker(1)], jitter=at_once)
        await loop.start()
        await until(lambda: len(store.list("configmaps").items) == 1)
        await loop.stop()

    play(body)


def test_a_controller_that_fails_once_goes_on() -> None:
    """An exception in reconcile is logged, and the next change is served."""
    looks = []

    def reconcile(snapshot: Snapshot) -> list[Change]:
        looks.append(len(snapshot.all("namespaces")))
        if len(looks) == 1:
            raise KeyError("malformed")
        return [Patch("namespaces", "", "x", {"metadata": {"labels": {"seen": "1"}}})] if looks[-1] else []

    async def body(store: Store, api: LocalApi) -> None:
        loop = Controllers(api, [Controller("fragile", ("namespaces",), reconcile)], jitter=at_once)
        await loop.start()
        await until(lambda: bool(looks))
        await api.create("namespaces", {"metadata": {"name": "x"}})
        await until(lambda: "seen" in (store.get("namespaces", "x")["metadata"].get("labels") or {}))
        await loop.stop()

    play(body)


def test_the_standard_controllers_settle() -> None:
    """A Deployment and its Service come up, nothing is written any more, and the namespace empties itself."""

    async def body(store: Store, api: LocalApi) -> None:
        status = {"conditions": [{"type": "Ready", "status": "True"}]}
        await api.create("nodes", {"metadata": {"name": "n1"}, "spec": {}})
        await api.patch("nodes", "n1", {"status": status}, subresource="status")
        pools = [("172.18.255.200", "172.18.255.250")]
        loop = Controllers(api, standard_controllers(ca="PEM", pools=pools), jitter=at_once)
        await loop.start()
        await api.create("namespaces", {"metadata": {"name": "x"}})
        ports = [{"port": 80, "targetPort": 8080}]
        service = {
            "metadata": {"name": "web"},
            "spec": {"selector": {"app": "web"}, "ports": ports, "type": "LoadBalancer"},
        }
        await api.create("services", service, namespace="x")
        labels = {"app": "web"}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        spec = {"replicas": 3, "selector": {"matchLabels": labels}, "template": template}
        await api.create("deployments.apps", {"metadata": {"name": "web"}, "spec": spec}, namespace="x")
        await until(lambda: [p["spec"].get("nodeName") for p in store.list("pods").items] == ["n1"] * 3)
        await until(lambda: bool(store.get("services", "web", namespace="x")["status"]["loadBalancer"]))
        before = ""
        while before != store.resource_version:
            before = store.resource_version
            for _ in range(100):
                await asyncio.sleep(0)
        await api.delete("namespaces", "x")
        while not _gone(store):
            for pod in store.list("pods").items:
                if pod["metadata"].get("deletionTimestamp"):
                    await api.delete("pods", pod["metadata"]["name"], namespace="x", grace=0)
            await asyncio.sleep(0)
        left = [
            item for r in ("services", "configmaps", "endpoints", "replicasets.apps") for item in store.list(r).items
        ]
        assert left == []
        await loop.stop()

    play(body)


def _gone(store: Store) -> bool:
    return "x" not in [item["metadata"]["name"] for item in store.list("namespaces").items]


def test_a_finalizer_that_was_the_last_is_not_waited_for() -> None:
    """Who lets an object go sees nothing of it any more, and goes on at once."""
    gone = asyncio.Event()

    def reconcile(snapshot: Snapshot) -> list[Change]:
        leaving = [each for each in snapshot.all("configmaps") if "deletionTimestamp" in each["metadata"]]
        if not snapshot.all("configmaps"):
            gone.set()
        return [Patch("configmaps", "x", "c", {"metadata": {"finalizers": None}}) for _ in leaving]

    async def body(store: Store, api: LocalApi) -> None:
        await api.create("namespaces", {"metadata": {"name": "x"}})
        held = {"metadata": {"name": "c", "namespace": "x", "finalizers": ["a.b/c"]}}
        await api.create("configmaps", held, namespace="x")
        loop = Controllers(api, [Controller("keeper", ("configmaps",), reconcile)], jitter=at_once)
        await loop.start()
        await asyncio.sleep(0)
        await api.delete("configmaps", "c", namespace="x")
        began = asyncio.get_running_loop().time()
        await gone.wait()
        assert asyncio.get_running_loop().time() - began < 1.0
        await loop.stop()

    play(body)
