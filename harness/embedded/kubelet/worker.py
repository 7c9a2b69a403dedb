"""One pod from the moment it is bound to its node until nothing of it is left. The driver of slots and sandbox."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Iterable
from typing import Any

from harness.embedded.api import Api
from harness.embedded.kubelet import faults, resolver, volumes
from harness.embedded.kubelet.podrun import PodRun, Tools
from harness.embedded.kubelet.policy import is_sidecar
from harness.embedded.kubelet.resolver import HostnameError
from harness.embedded.kubelet.rootfs import PodFiles
from harness.embedded.kubelet.sandbox import SandboxError, close_sandbox, open_sandbox
from harness.embedded.kubelet.slot import Slot
from harness.embedded.kubelet.status import PodSeen, Terminated, Waiting, render
from harness.embedded.kubelet.volumes import MountError, Sources
from harness.embedded.store.errors import ApiError

RETRY = 1.0
"""Seconds until a volume or sandbox that could not be made is tried again, though no object changed."""

FORCED_GRACE = 2.0
"""Seconds the containers of a pod get whose object is gone already: a real kubelet's minimum."""


class PodWorker:
    """Runs one pod. `update` tells it of a new object, `vanish` that there is none any more."""

    def __init__(self, api: Api, tools: Tools, pod: dict[str, Any]) -> None:
        self._api = api
        self._tools = tools
        self.run = PodRun(tools, pod, PodFiles(tools.node.home / "pods" / pod["metadata"]["uid"]), self._touch)
        self._began = tools.clock.wall()
        self._gone = False
        self._dirty = asyncio.Event()
        self._said: dict[str, Any] = {}
        self._volume_versions: dict[str, tuple[Any, ...]] = {}
        self._volume_number = 0
        self._volume_turn = asyncio.Lock()
        spec = pod["spec"]
        self.init = [Slot(self.run, one, init=True) for one in spec.get("initContainers") or ()]
        self.main = [Slot(self.run, one, init=False) for one in spec["containers"]]
        for slot in self.slots:
            slot.seen.state = Waiting("PodInitializing" if self.init else "ContainerCreating")
        self._keeping: list[asyncio.Task[None]] = []
        self._take(pod)

    @property
    def slots(self) -> list[Slot]:
        """All containers."""
        return [*self.init, *self.main]

    def update(self, pod: dict[str, Any]) -> None:
        """The pod's object is now this one; the one known already, or an older one, changes nothing."""
        if _version(pod) <= _version(self.run.pod):
            return
        self._take(pod)

    def _take(self, pod: dict[str, Any]) -> None:
        self.run.pod = pod
        if pod["metadata"].get("deletionTimestamp"):
            self._end(float(pod["metadata"].get("deletionGracePeriodSeconds") or 0))
        self.run.touched.set()
        self._dirty.set()

    def vanish(self, *, grace: float = FORCED_GRACE) -> None:
        """The pod's object is gone, or its kubelet stops: end it, and tell nobody."""
        self._gone = True
        self._end(grace)

    def _end(self, grace: float) -> None:
        self.run.grace = min(grace, self.run.grace) if self.run.ending.is_set() else grace
        self.run.ending.set()
        self.run.touched.set()

    @property
    def vanished(self) -> bool:
        """Whether the pod's object is gone."""
        return self._gone

    def _touch(self) -> None:
        self._dirty.set()

    async def work(self) -> None:
        """The pod's whole life."""
        speaking = asyncio.create_task(self._speak())
        try:
            await self._tools.jitter()
            await self._bring_up()
            await self._attend()
        except Exception as problem:
            self.run.say("FailedSync", f"error syncing pod: {problem}", warning=True)
            await self._abandon()
            raise
        finally:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)
        await self._wind_down()

    async def _abandon(self) -> None:
        """Remove what there is of a pod whose worker failed, so that another can begin anew; its object stays."""
        self._end(0.0)
        await asyncio.gather(*(slot.stop() for slot in self.slots), *self._keeping, return_exceptions=True)
        await close_sandbox(self.run.pod, self._tools.node)
        await asyncio.to_thread(shutil.rmtree, self.run.files.home, ignore_errors=True)

    async def _bring_up(self) -> None:
        if not await self._mounted() or not await self._sandboxed():
            return
        for slot in self.init:
            self._keeping.append(asyncio.create_task(slot.keep()))
            if not await self._initialised(slot):
                return
        self._keeping += [asyncio.create_task(slot.keep()) for slot in self.main]

    async def _initialised(self, slot: Slot) -> bool:
        """Wait until an init container has done its part; False when the pod ends or fails before."""
        keeper = self._keeping[-1]
        while not slot.seen.done_well:
            if keeper.done() or self.run.ending.is_set():
                return slot.seen.done_well
            # A sidecar is awaited until it is started, which shows as a change of status.
            await asyncio.wait({keeper}, timeout=0.02 if is_sidecar(slot.spec) else None)
        return True

    async def _mounted(self) -> bool:
        while not self.run.ending.is_set():
            try:
                await self._fill_volumes()
                return True
            except MountError as problem:
                self.run.say("FailedMount", str(problem), warning=True)
            await self.run.pause_for_change(RETRY)
        return False

    async def _fill_volumes(self) -> None:
        """Write what is out of date, one writer at a time: a change may come while the pod is being brought up."""
        async with self._volume_turn:
            await asyncio.to_thread(self._write_volumes)

    def _write_volumes(self) -> None:
        sources = Sources(self.run.pod, self.run.facts, self.run.lookup, self._tools.token_for)
        for volume in self.run.pod["spec"].get("volumes") or ():
            group = self.run.volume_group
            directory = self.run.files.volume(volume["name"])
            if (version := self._version_of(volume)) == self._volume_versions.get(volume["name"]):
                continue
            files = volumes.contents(volume, sources)
            if files is None:
                volumes.make_empty(directory, group=group)
            else:
                self._volume_number += 1
                volumes.write(directory, files, version=str(self._volume_number), group=group)
            self._volume_versions[volume["name"]] = version

    def _version_of(self, volume: dict[str, Any]) -> tuple[Any, ...]:
        """What a volume's content depends on; a different one means different content."""
        meta = self.run.pod["metadata"]
        found = [self.run.lookup(*reference) for reference in volumes.references(volume)]
        versions = tuple(one["metadata"].get("resourceVersion") if one else None for one in found)
        return (versions, str(meta.get("labels")), str(meta.get("annotations")), self.run.facts.addresses)

    def volumes_changed(self) -> bool:
        """Whether files of ConfigMaps, Secrets or the downward API are out of date."""
        if self.run.sandbox is None or self.run.ending.is_set():
            return False
        found = {one["name"]: self._version_of(one) for one in self.run.pod["spec"].get("volumes") or ()}
        return found != self._volume_versions

    async def refresh_volumes(self) -> None:
        """Bring those files up to date."""
        # An object that went away leaves the files as they were, as with a real kubelet.
        with contextlib.suppress(MountError, OSError):
            await self._fill_volumes()

    async def _sandboxed(self) -> bool:
        node = self._tools.node
        while not self.run.ending.is_set():
            try:
                hostname = self._hostname()
                async with self._tools.gate:
                    if self.run.ending.is_set():
                        return False
                    if self.run.sandbox is None:
                        self.run.sandbox = await open_sandbox(self.run.pod, node, hostname=hostname)
                self._write_files(hostname)
                await self._fill_volumes()
                return True
            except (SandboxError, HostnameError, MountError) as problem:
                self.run.say("FailedCreatePodSandBox", str(problem), warning=True)
            await self.run.pause(RETRY)
        return False

    def _planted(self, fault_id: str) -> bool:
        return faults.covers(self._tools.cache.all(faults.RESOURCE), fault_id, self.run.pod, self._tools.node)

    def _hostname(self) -> str:
        """Raises HostnameError."""
        given = resolver.hostname_of(self.run.pod, self._tools.node)
        return "localhost" if self._planted(faults.NAMELESS) else given

    def _write_files(self, hostname: str) -> None:
        pod, node = self.run.pod, self._tools.node
        wrong_dns = faults.cluster_dns(self._tools.cache.all(faults.RESOURCE), pod, node)
        self.run.files.write(
            hosts=resolver.hosts_file(
                pod, node, addresses=() if self._planted(faults.NAMELESS) else self.run.facts.addresses
            ),
            resolv_conf=resolver.resolver_of(pod, node, cluster_dns=wrong_dns).render(),
            hostname=hostname,
        )

    async def _attend(self) -> None:
        """Until the pod is to end. One whose containers have all settled gives its address back before that."""
        if self._keeping:
            finished = asyncio.ensure_future(asyncio.wait(self._keeping))
            ending = asyncio.ensure_future(self.run.ending.wait())
            await asyncio.wait({finished, ending}, return_when=asyncio.FIRST_COMPLETED)
            if finished.done() and not self.run.ending.is_set() and self._all_settled():
                await close_sandbox(self.run.pod, self._tools.node)
            finished.cancel()
            ending.cancel()
        await self.run.ending.wait()
        await self._linger()
        await asyncio.gather(*(slot.stop() for slot in self.main))
        for slot in reversed(self.init):
            await slot.stop()
        await asyncio.gather(*self._keeping)

    async def _linger(self) -> None:
        """services/F92: the containers of a pod whose object is gone run on, unless their kubelet stops too."""
        while self._gone and self.run.grace and self._planted(faults.LEFT_RUNNING):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RETRY):
                    await self._tools.cache.changed(self._tools.cache.generation)

    def _all_settled(self) -> bool:
        return all(slot.seen.settled for slot in self.main) or not any(slot.container for slot in self.slots)

    async def _wind_down(self) -> None:
        """Say how it ended, remove all of it, and let the object go."""
        for slot in self.slots:
            slot.seen.ready = False
            slot.seen.settled = isinstance(slot.seen.state, Terminated)
        if not self._gone:
            await self._post()
        await close_sandbox(self.run.pod, self._tools.node)
        await asyncio.to_thread(shutil.rmtree, self.run.files.home, ignore_errors=True)
        if self._gone:
            return
        meta = self.run.pod["metadata"]
        with contextlib.suppress(ApiError, OSError):
            await self._api.delete("pods", meta["name"], namespace=meta["namespace"], grace=0, uid=meta["uid"])

    async def _speak(self) -> None:
        """Post the status whenever something changed; changes that come together are told together."""
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            await self._post()

    async def _post(self) -> None:
        with contextlib.suppress(ApiError, OSError):
            await self._post_status(await self._present())

    async def _present(self) -> dict[str, Any]:
        """The pod's object; a fresh one where others write conditions that a merge patch would undo."""
        pod, meta = self.run.pod, self.run.pod["metadata"]
        if pod["spec"].get("readinessGates"):
            return await self._api.get("pods", meta["name"], namespace=meta["namespace"])
        return pod

    async def _post_status(self, pod: dict[str, Any]) -> None:
        told = 1 if self._planted(faults.ONE_ADDRESS) else None
        seen = PodSeen(
            addresses=self.run.facts.addresses[:told],
            sandbox=self.run.sandbox is not None,
            started=self._began,
            init=[slot.seen for slot in self.init],
            main=[slot.seen for slot in self.main],
        )
        status = render(pod, self._tools.node, seen, now=self._tools.clock.wall())
        if status == self._said:
            return
        meta = self.run.pod["metadata"]
        patch = {"metadata": {"uid": meta["uid"]}, "status": status}
        self._said = status
        self.update(
            await self._api.patch("pods", meta["name"], patch, namespace=meta["namespace"], subresource="status")
        )


def _version(pod: dict[str, Any]) -> int:
    return int(pod["metadata"].get("resourceVersion") or 0)


def of_node(pods: Iterable[dict[str, Any]], node: str) -> dict[str, dict[str, Any]]:
    """The pods bound to a node that are its kubelet's business, by uid."""
    return {pod["metadata"]["uid"]: pod for pod in pods if pod["spec"].get("nodeName") == node}
