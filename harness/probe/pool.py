"""Sessions of many pods, opened when first asked. One dead agent costs its own answers, nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from harness.effects.clock import Clock, RealClock
from harness.kube.client import Kube
from harness.kube.errors import KubeError, NotFound
from harness.model.outcome import Seen
from harness.model.refs import NamespacedName
from harness.probe.archive import CONTAINER, RELAY_COMMAND
from harness.probe.asks import Ask, Heard
from harness.probe.results import Result
from harness.probe.session import Batch, Session, longest
from harness.probe.stream import Connect, Fate, Stream, Teller

OPEN_TIMEOUT = 10.0
"""Seconds to start a relay in a pod: a loaded container runtime needs up to some seconds for an exec."""


ATTACH_TIMEOUT = 30.0
"""Seconds for the agents of fresh pods to answer for the first time."""

_NOBODY = "-"


class Pool:
    """Sessions by pod, each with its own stream and thread. Safe to use from several threads."""

    def __init__(
        self,
        kube: Kube,
        *,
        container: str = CONTAINER,
        command: Sequence[str] = RELAY_COMMAND,
        clock: Clock | None = None,
    ) -> None:
        self._kube = kube
        self._container = container
        self._command = tuple(command)
        self._clock = clock or RealClock()
        self._sessions: dict[NamespacedName, Session] = {}
        self._lock = threading.Lock()

    def session(self, pod: NamespacedName) -> Session:
        """The pod's session; made, not yet opened, when there is none."""
        with self._lock:
            session = self._sessions.get(pod)
            if session is None:
                session = Session(self._connector(pod), str(pod), fate=self._teller(pod), clock=self._clock)
                self._sessions[pod] = session
            return session

    def ask(
        self, pod: NamespacedName, asks: Sequence[Ask], *, timeout: float | None = None, parallel: int = 0
    ) -> list[Result]:
        """Ask one pod; one result per ask, in order."""
        return self.session(pod).ask(asks, timeout=timeout, parallel=parallel)

    def ask_many(
        self,
        questions: Mapping[NamespacedName, Sequence[Ask]],
        *,
        timeout: float | None = None,
        parallel: int = 0,
        on_result: Callable[[NamespacedName, int, Result], None] | None = None,
    ) -> dict[NamespacedName, list[Result]]:
        """Ask many pods at once; every ask has a result. `parallel` bounds the asks in flight per pod (0: all).

        `timeout` counts from the start, for all pods together.
        """
        began = self._clock.now()
        batches: dict[NamespacedName, Batch] = {}
        for pod, asks in questions.items():
            batches[pod] = self.session(pod).begin(asks, parallel=parallel, on_result=_for(pod, on_result))
        limit = timeout
        if limit is None:
            limit = max((longest(asks, parallel=parallel) for asks in questions.values()), default=0.0)
        return {pod: batch.wait(max(0.0, began + limit - self._clock.now())) for pod, batch in batches.items()}

    def open(self, pods: Iterable[NamespacedName]) -> None:
        """Begin to open the sessions of these pods, all at once, without waiting."""
        for pod in pods:
            self.session(pod).open()

    def attach(self, pods: Sequence[NamespacedName], *, timeout: float = ATTACH_TIMEOUT) -> dict[NamespacedName, str]:
        """Open the sessions of these pods and wait for their agents; why it failed for those where it did."""
        asked = self.ask_many({pod: [Heard(nonce=_NOBODY)] for pod in pods}, timeout=timeout)
        return {pod: results[0].error for pod, results in asked.items() if results[0].seen is not Seen.REACHED}

    def forget(self, pods: Iterable[NamespacedName]) -> None:
        """Close the sessions of these pods: they are about to be deleted."""
        with self._lock:
            gone = [session for pod in list(pods) if (session := self._sessions.pop(pod, None))]
        _close_all(gone)

    def close(self) -> None:
        """Close every session."""
        with self._lock:
            sessions, self._sessions = list(self._sessions.values()), {}
        _close_all(sessions)

    def _connector(self, pod: NamespacedName) -> Connect:
        def connect() -> Stream:
            return self._kube.open_exec(
                pod.namespace, pod.name, self._command, container=self._container, timeout=OPEN_TIMEOUT
            )

        return connect

    def _teller(self, pod: NamespacedName) -> Teller:
        known: dict[str, Any] = {}

        def tell() -> Fate:
            try:
                found = self._kube.get("pods", pod.name, namespace=pod.namespace)
            except NotFound:
                return Fate("the pod is gone", final=True)
            except KubeError:
                return Fate()
            return fate_of(found, self._container, known)

        return tell


def fate_of(pod: Mapping[str, Any], container: str, known: dict[str, Any]) -> Fate:
    """Why the agent in this pod cannot answer what it was asked. `known` remembers restarts already told."""
    status = pod.get("status") or {}
    for entry in status.get("containerStatuses") or []:
        if entry.get("name") != container:
            continue
        state = entry.get("state") or {}
        ended = state.get("terminated") or (entry.get("lastState") or {}).get("terminated") or {}
        count = int(entry.get("restartCount", 0))
        down = "running" not in state
        if down or count > known.get("restarts", 0):
            known["restarts"] = count
            what = "is down" if down else "restarted"
            final = status.get("phase") in ("Failed", "Succeeded")
            return Fate(f"container {container!r} {what}: {_ended(ended, state)}", final=final)
    if status.get("phase") in ("Failed", "Succeeded"):
        return Fate(f"the pod is {status['phase']}", final=True)
    return Fate()


def _ended(ended: Mapping[str, Any], state: Mapping[str, Any]) -> str:
    if ended:
        return f"{ended.get('reason') or 'ended'}, exit code {ended.get('exitCode')}"
    return str((state.get("waiting") or {}).get("reason") or "not started")


def _for(
    pod: NamespacedName, on_result: Callable[[NamespacedName, int, Result], None] | None
) -> Callable[[int, Result], None] | None:
    if on_result is None:
        return None
    return lambda place, result: on_result(pod, place, result)


def _close_all(sessions: Sequence[Session]) -> None:
    """Close them side by side: each may have to wait for its thread."""
    threads = [threading.Thread(target=session.close, daemon=True) for session in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10.0)
