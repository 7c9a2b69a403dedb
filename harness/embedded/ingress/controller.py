"""Follows the API, has HAProxy follow it, and says in each Ingress where it is served.

Services, slices and Secrets are followed only while there is an Ingress of ours: an idle controller costs nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.effects.clock import Clock
from harness.embedded.api import Api, Cache
from harness.embedded.ingress.compile import Configuration, Listening, compile_plan
from harness.embedded.ingress.faults import INGRESSES, RESOURCE, SECRETS, SERVICES, SLICES, Lag, Planted
from harness.embedded.ingress.model import CLASSES, Plan, View, plan
from harness.embedded.ingress.proxy import Haproxy
from harness.embedded.store.errors import ApiError

log = logging.getLogger(__name__)

Obj = dict[str, Any]
BEHIND = (SERVICES, SLICES, SECRETS)
RETRY_SECONDS = 1.0
"""After a configuration that HAProxy did not take: the next change may come much later."""


@dataclass(frozen=True)
class Place:
    """Where the controller is found: its Service."""

    namespace: str
    service: str


class IngressController:
    """Runs until it is cancelled."""

    def __init__(
        self, api: Api, proxy: Haproxy, *, place: Place, listening: Listening, clock: Clock, jitter: float
    ) -> None:
        self._api = api
        self._proxy = proxy
        self._place = place
        self._listening = listening
        self._clock = clock
        self._jitter = jitter
        self._cache = Cache(api, [INGRESSES, CLASSES, RESOURCE])
        self._behind: Cache | None = None
        self._lag = Lag()
        self._wake = asyncio.Event()
        self._tasks: dict[Cache, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Follow for ever. Raises RunError when HAProxy cannot be started or ends."""
        await self._proxy.apply(self._compiled(Plan()))
        await self._follow(self._cache)
        while True:
            self._wake.clear()
            if not await self._once():
                await self._clock.pause(RETRY_SECONDS)
                continue
            await self._wake.wait()
            await self._clock.pause(random.uniform(0.0, self._jitter))  # noqa: S311  # not for secrets

    async def _once(self) -> bool:
        """One look and what follows from it; whether it is in force."""
        view = self._view()
        await self._look_behind(wanted=bool(view.served))
        view = self._view()
        done = await self._proxy.apply(self._compiled(self._usable(plan(view))), restart=view.planted.restarts)
        if done:
            await self._publish(view)
        return done

    def _view(self) -> View:
        planted = Planted(self._cache.all(RESOURCE))
        objects = {resource: self._cache.all(resource) for resource in (INGRESSES, CLASSES)}
        objects |= {resource: self._behind.all(resource) if self._behind else [] for resource in BEHIND}
        return View(objects | dict(self._lag.apply(_without_classes(objects), planted)), planted)

    async def _look_behind(self, *, wanted: bool) -> None:
        """Begin or end following what stands behind Ingresses."""
        if wanted and self._behind is None:
            self._behind = Cache(self._api, BEHIND)
            await self._follow(self._behind)
        elif not wanted and self._behind is not None:
            behind, self._behind = self._behind, None
            task = self._tasks.pop(behind)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await behind.stop()

    async def _follow(self, cache: Cache) -> None:
        await cache.start()
        self._tasks[cache] = asyncio.create_task(self._wake_on(cache), name="wake")

    async def _wake_on(self, cache: Cache) -> None:
        generation = cache.generation
        while True:
            generation = await cache.changed(generation)
            self._wake.set()

    def _usable(self, wanted: Plan) -> Plan:
        return replace(wanted, certificates=tuple(each for each in wanted.certificates if self._proxy.takes(each.pem)))

    def _compiled(self, wanted: Plan) -> Configuration:
        deaf = Planted(self._cache.all(RESOURCE)).deaf_to_v6
        return compile_plan(wanted, replace(self._listening, v6=False) if deaf else self._listening)

    async def _publish(self, view: View) -> None:
        """Write our addresses into the Ingresses we serve, and take them out of those we do not."""
        ours = self._addresses()
        if not ours:
            return
        served = {id(each) for each in view.served if not view.quirks(each).unpublished}
        for each in self._cache.all(INGRESSES):
            told = _entries(each)
            mine = id(each) in served
            if (mine and told != ours) or (not mine and told == ours):
                await self._write_status(each, ours if mine else None)

    def _addresses(self) -> list[Obj]:
        if self._behind is None:
            return []
        service = self._behind.get(SERVICES, self._place.service, self._place.namespace)
        return [{"ip": entry["ip"]} for entry in _entries(service or {}) if entry.get("ip")]

    async def _write_status(self, ingress: Obj, entries: Sequence[Obj] | None) -> None:
        meta = ingress["metadata"]
        body = {"status": {"loadBalancer": {"ingress": entries}}}
        try:
            await self._api.patch(INGRESSES, meta["name"], body, namespace=meta["namespace"], subresource="status")
        except ApiError as error:  # gone, or going: its end wakes us
            log.debug("status of %s/%s: %s", meta["namespace"], meta["name"], error)


def _without_classes(objects: dict[str, list[Obj]]) -> dict[str, list[Obj]]:
    return {resource: items for resource, items in objects.items() if resource != CLASSES}


def _entries(obj: Obj) -> list[Obj]:
    return list(((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ())
