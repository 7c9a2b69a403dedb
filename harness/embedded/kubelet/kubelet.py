"""The kubelet of one node: registers it and runs whatever pods are bound to it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from harness.effects.clock import Clock, RealClock
from harness.embedded.api import Api, Cache
from harness.embedded.kubelet import faults
from harness.embedded.kubelet.containers import Crun, adopt_orphans
from harness.embedded.kubelet.events import Recorder
from harness.embedded.kubelet.node import NodeKeeper
from harness.embedded.kubelet.orphans import collect_forever
from harness.embedded.kubelet.podrun import Jitter, Tools
from harness.embedded.kubelet.spec import NodeSpec
from harness.embedded.kubelet.volumes import TokenFor
from harness.embedded.kubelet.worker import PodWorker, of_node

AT_ONCE = 2
"""Sandboxes one node makes at the same time, unless a gate is given: what two cores can do."""

SYNC_AGAIN = 1.0
"""Seconds after which a pod whose worker failed gets another."""

_log = logging.getLogger(__name__)


async def no_jitter() -> None:
    """Act at once."""


class Kubelet:
    """One node's kubelet. `token_for` makes service account tokens; `gate` may be shared by several kubelets."""

    def __init__(
        self,
        api: Api,
        node: NodeSpec,
        *,
        token_for: TokenFor,
        clock: Clock | None = None,
        jitter: Jitter = no_jitter,
        gate: asyncio.Semaphore | None = None,
    ) -> None:
        self.node = node
        self._api = api
        clock = clock or RealClock()
        self._cache = Cache(api, ["pods", "services", "configmaps", "secrets", faults.RESOURCE])
        self._recorder = Recorder(api, clock, component="kubelet", node=node.name)
        self._tools = Tools(
            node=node,
            crun=Crun(node.home, clock),
            cache=self._cache,
            recorder=self._recorder,
            clock=clock,
            token_for=token_for,
            jitter=jitter,
            gate=gate or asyncio.Semaphore(AT_ONCE),
        )
        self._keeper = NodeKeeper(api, node, clock)
        self._faults = faults.FaultKeeper(node, self._cache, clock)
        self._workers: dict[str, PodWorker] = {}
        self._working: dict[str, asyncio.Task[None]] = {}
        self._ended: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def crun(self) -> Crun:
        """The node's container runtime."""
        return self._tools.crun

    async def start(self) -> None:
        """Register the node, ready, and begin to run its pods. Raises ApiError when the node cannot be registered."""
        adopt_orphans()
        await self._cache.start()
        await self._keeper.start()
        self._tasks = [
            asyncio.create_task(self._follow(), name=f"kubelet {self.node.name}"),
            asyncio.create_task(collect_forever(), name=f"orphans {self.node.name}"),
            asyncio.create_task(self._faults.keep(), name=f"faults {self.node.name}"),
        ]

    async def stop(self) -> None:
        """End all pods at once, take planted faults back, and say that the node is not ready. Their objects stay."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for worker in self._workers.values():
            worker.vanish(grace=0.0)
        await asyncio.gather(*self._working.values(), return_exceptions=True)
        await self._faults.heal()
        await self._recorder.flush()
        await self._keeper.stop()
        await self._cache.stop()

    def worker(self, namespace: str, name: str) -> PodWorker | None:
        """Whoever runs that pod here; of two with one name, the one whose object is still there."""
        found = [one for one in self._workers.values() if _named(one.run.pod) == (namespace, name)]
        return next((one for one in found if not one.vanished), found[-1] if found else None)

    async def _follow(self) -> None:
        generation = -1
        while True:
            now = self._cache.generation
            if now != generation:
                generation = now
                self._compare()
                await self._refresh()
            await self._cache.changed(generation)

    def _compare(self) -> None:
        """Bound pods without a worker get one; workers hear of changes, and of pods that are gone."""
        wanted = of_node(self._cache.all("pods"), self.node.name)
        for uid, pod in wanted.items():
            if uid in self._workers:
                self._workers[uid].update(pod)
            elif uid not in self._ended and (pod["metadata"].get("deletionTimestamp") or not _finished(pod)):
                self._begin(uid, pod)
        self._ended &= wanted.keys()
        for uid, worker in self._workers.items():
            if uid not in wanted:
                worker.vanish()

    def _begin(self, uid: str, pod: dict[str, Any]) -> None:
        worker = PodWorker(self._api, self._tools, pod)
        task = asyncio.create_task(worker.work(), name=f"pod {pod['metadata']['namespace']}/{pod['metadata']['name']}")
        self._workers[uid], self._working[uid] = worker, task
        task.add_done_callback(lambda done: self._forget(uid, done))

    def _forget(self, uid: str, task: asyncio.Task[None]) -> None:
        self._workers.pop(uid, None)
        self._working.pop(uid, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("%s: %s", task.get_name(), error, exc_info=error)
            # A pod is not left to itself because its worker failed: another one begins anew, as kubelets sync again.
            asyncio.get_running_loop().call_later(SYNC_AGAIN, self._sync_again)
            return
        # Its object may be seen for a moment longer.
        self._ended.add(uid)

    def _sync_again(self) -> None:
        if not all(task.done() for task in self._tasks):
            self._compare()

    async def _refresh(self) -> None:
        for worker in list(self._workers.values()):
            if worker.volumes_changed():
                await worker.refresh_volumes()


def _finished(pod: dict[str, Any]) -> bool:
    return (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}


def _named(pod: dict[str, Any]) -> tuple[str, str]:
    return pod["metadata"]["namespace"], pod["metadata"]["name"]
