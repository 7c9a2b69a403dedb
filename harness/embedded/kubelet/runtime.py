"""Exec and logs for the API server, over the kubelets of all nodes. Satisfies `apiserver.runtime.Runtime` by shape."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from harness.effects.clock import Clock, RealClock
from harness.embedded.kubelet.containers import Execution
from harness.embedded.kubelet.kubelet import Kubelet
from harness.embedded.kubelet.logs import ContainerLog, Line
from harness.embedded.kubelet.slot import Slot
from harness.embedded.kubelet.worker import PodWorker
from harness.embedded.store import errors
from harness.embedded.store.resources import by_name

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"


class PodRuntime:
    """All kubelets together."""

    def __init__(self, kubelets: Mapping[str, Kubelet], *, clock: Clock | None = None) -> None:
        self._kubelets = kubelets
        self._clock = clock or RealClock()

    async def exec(
        self, namespace: str, pod: str, container: str | None, argv: Sequence[str], *, stdin: bool, tty: bool
    ) -> Execution:
        """Start a process in a running container. Raises ApiError."""
        kubelet, worker = self._find(namespace, pod)
        slot = _slot(worker, container)
        if slot.container is None:
            raise errors.internal(f'container not found ("{slot.name}")')
        return await kubelet.crun.exec(slot.container, argv, stdin=stdin, tty=tty)

    def logs(
        self,
        namespace: str,
        pod: str,
        container: str | None,
        *,
        follow: bool,
        tail_lines: int | None,
        since_seconds: int | None,
        timestamps: bool,
        previous: bool,
        limit_bytes: int | None,
    ) -> AsyncIterator[bytes]:
        """The log of a container, in pieces. Raises ApiError at once."""
        slot = _slot(self._find(namespace, pod)[1], container)
        log = slot.previous_log if previous else slot.log
        if log is None:
            if previous:
                raise errors.bad_request(f'previous terminated container "{slot.name}" in pod "{pod}" not found')
            raise errors.bad_request(f'container "{slot.name}" in pod "{pod}" is waiting to start: {_waits_for(slot)}')
        since = None if since_seconds is None else self._clock.wall() - since_seconds
        chosen = log.lines(tail=tail_lines, since=since)
        return _pieces(log, chosen, follow=follow and not previous, timestamps=timestamps, limit=limit_bytes)

    def _find(self, namespace: str, pod: str) -> tuple[Kubelet, PodWorker]:
        found = [(kubelet, kubelet.worker(namespace, pod)) for kubelet in self._kubelets.values()]
        here = [(kubelet, worker) for kubelet, worker in found if worker is not None]
        if not here:
            raise errors.not_found(by_name("pods"), pod)
        return next((one for one in here if not one[1].vanished), here[0])


def _slot(worker: PodWorker, container: str | None) -> Slot:
    pod = worker.run.pod
    name = container or (pod["metadata"].get("annotations") or {}).get(DEFAULT_CONTAINER)
    if not name:
        return worker.main[0]
    for slot in worker.slots:
        if slot.name == name:
            return slot
    raise errors.bad_request(f"container {name} is not valid for pod {pod['metadata']['name']}")


def _waits_for(slot: Slot) -> str:
    state = slot.seen.state.render().get("waiting") or {}
    return str(state.get("reason") or "ContainerCreating")


async def _pieces(
    log: ContainerLog, chosen: list[Line], *, follow: bool, timestamps: bool, limit: int | None
) -> AsyncIterator[bytes]:
    left = limit if limit is not None else -1
    after = chosen[-1].number if chosen else log.newest
    for line in chosen:
        piece = line.render(timestamps=timestamps)
        if 0 <= left <= len(piece):
            yield piece[:left]
            return
        left -= len(piece) if left >= 0 else 0
        yield piece
    if not follow:
        return
    async for line in log.follow(after):
        piece = line.render(timestamps=timestamps)
        if 0 <= left <= len(piece):
            yield piece[:left]
            return
        left -= len(piece) if left >= 0 else 0
        yield piece
