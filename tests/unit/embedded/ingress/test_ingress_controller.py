"""The loop of the Ingress controller over a store, with a proxy that only remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from harness.effects.clock import RealClock
from harness.effects.run import run
from harness.embedded.api import LocalApi
from harness.embedded.ingress.compile import Configuration, Listening
from harness.embedded.ingress.controller import IngressController, Place
from harness.embedded.ingress.model import CONTROLLER
from harness.embedded.store.objects import Store

from .cluster_by_hand import rule, to
from .reader import Asked, end

INGRESSES = "ingresses.networking.k8s.io"
SLICES = "endpointslices.discovery.k8s.io"


class Remembering:
    """What stands in for HAProxy."""

    def __init__(self) -> None:
        self.applied: list[Configuration] = []
        self.fails = 0

    async def apply(self, wanted: Configuration, *, restart: bool = False) -> bool:
        if self.fails:
            self.fails -= 1
            return False
        if not self.applied or self.applied[-1] != wanted:
            self.applied.append(wanted)
        return True

    def takes(self, pem: bytes) -> bool:
        return True

    def answers(self, host: str) -> str:
        return end(self.applied[-1].text, Asked(host, "/")) if self.applied else ""


def a_store() -> Store:
    """A class, a Service with an endpoint, and the controller's own Service with its addresses."""
    store = Store()
    for name in ("x", "ingress"):
        store.create("namespaces", {"metadata": {"name": name}})
    store.create(
        "ingressclasses.networking.k8s.io", {"metadata": {"name": "haproxy"}, "spec": {"controller": CONTROLLER}}
    )
    own = {"metadata": {"name": "ingress"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}}
    store.create("services", own, namespace="ingress")
    status = {"status": {"loadBalancer": {"ingress": [{"ip": "172.18.255.200"}]}}}
    store.patch("services", "ingress", status, namespace="ingress", subresource="status")
    store.create("services", {"metadata": {"name": "one"}, "spec": {"ports": [{"port": 80}]}}, namespace="x")
    meta = {"name": "one-1", "labels": {"kubernetes.io/service-name": "one"}}
    ends = [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}}]
    slice_ = {"metadata": meta, "addressType": "IPv4", "endpoints": ends, "ports": [{"name": "", "port": 80}]}
    store.create(SLICES, slice_, namespace="x")
    return store


def an_ingress(host: str) -> dict[str, Any]:
    spec = {"ingressClassName": "haproxy", "rules": [rule(host, ("Prefix", "/", to("one")))]}
    return {"metadata": {"name": "i"}, "spec": spec}


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  # there is no event for what somebody else writes
            await asyncio.sleep(0)


def following(act: Callable[[Store, Remembering], Awaitable[None]], proxy: Remembering | None = None) -> Remembering:
    """Run a controller while something happens."""

    async def go() -> Remembering:
        store, told = a_store(), proxy or Remembering()
        controller = IngressController(
            LocalApi(store, "test"),
            told,  # type: ignore[arg-type]
            place=Place("ingress", "ingress"),
            listening=Listening(),
            clock=RealClock(),
            jitter=0.0,
        )
        task = asyncio.create_task(controller.run())
        try:
            await act(store, told)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return told

    return asyncio.run(go())


def address(store: Store) -> list[Any]:
    found = store.get(INGRESSES, "i", namespace="x")["status"]["loadBalancer"].get("ingress")
    return [entry["ip"] for entry in found or []]


def test_an_ingress_is_served_published_and_withdrawn() -> None:
    """Its route, its address; without its class neither; after its end nothing."""

    async def act(store: Store, proxy: Remembering) -> None:
        store.create(INGRESSES, an_ingress("h.io"), namespace="x")
        await until(lambda: proxy.answers("h.io") == "one" and address(store) == ["172.18.255.200"])
        store.patch(INGRESSES, "i", {"spec": {"ingressClassName": "other"}}, namespace="x")
        await until(lambda: not proxy.answers("h.io"))
        store.patch(INGRESSES, "i", {"spec": {"ingressClassName": "haproxy"}}, namespace="x")
        await until(lambda: proxy.answers("h.io") == "one")
        store.delete(INGRESSES, "i", namespace="x")
        await until(lambda: not proxy.answers("h.io"))

    following(act)


def test_endpoints_are_followed() -> None:
    """A slice that empties leaves a backend without servers."""

    async def act(store: Store, proxy: Remembering) -> None:
        store.create(INGRESSES, an_ingress("h.io"), namespace="x")
        await until(lambda: proxy.answers("h.io") == "one")
        store.patch(SLICES, "one-1", {"endpoints": []}, namespace="x")
        await until(lambda: not proxy.answers("h.io"))

    following(act)


def test_what_did_not_come_into_force_is_tried_again() -> None:
    """A configuration that the proxy refuses is not forgotten."""

    async def act(store: Store, proxy: Remembering) -> None:
        await until(lambda: bool(proxy.applied))
        proxy.fails = 1
        store.create(INGRESSES, an_ingress("h.io"), namespace="x")
        await until(lambda: proxy.answers("h.io") == "one")

    following(act)


def test_the_program_brings_nothing_along_that_is_not_there() -> None:
    """It starts where the standard library is all there is, and outside a pod says what is missing, in one line."""
    blocked = ("aiohttp", "kubernetes", "yaml", "cryptography", "rich", "click", "pytest", "dns")
    block = "; ".join(f"sys.modules[{name!r}] = None" for name in blocked)
    import sys

    argv = [sys.executable, "-c", f"import sys; {block}; import harness.embedded.ingress.__main__; print('fine')"]
    assert run(argv).text.strip() == "fine"
    alone = run([sys.executable, "-m", "harness.embedded.ingress"], check=False, env={"PATH": "/usr/bin:/bin"})
    assert alone.code == 1
    assert b"KUBERNETES_SERVICE_HOST is not set" in alone.err
    assert b"Traceback" not in alone.err
