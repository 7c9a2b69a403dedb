"""Sessions of many places, opened when first asked. One dead agent costs its own answers, nothing else.

Places are pods, unless they are said to be reached by a carrier of their own (`carrier.py`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence

from harness.effects.clock import Clock, RealClock
from harness.kube.client import Kube
from harness.model.outcome import Seen
from harness.model.refs import NamespacedName
from harness.probe.archive import CONTAINER, RELAY_COMMAND
from harness.probe.asks import Ask, Heard
from harness.probe.carrier import Carrier, Pods
from harness.probe.results import Result
from harness.probe.session import Batch, Session, longest

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
        self._pods = Pods(kube, container=container, command=command)
        self._elsewhere: dict[NamespacedName, Carrier] = {}
        self._clock = clock or RealClock()
        self._sessions: dict[NamespacedName, Session] = {}
        self._lock = threading.Lock()

    def place(self, name: NamespacedName, carrier: Carrier) -> None:
        """From now on this name is a place that is no pod."""
        with self._lock:
            self._elsewhere[name] = carrier

    def session(self, pod: NamespacedName) -> Session:
        """The pod's session; made, not yet opened, when there is none."""
        with self._lock:
            session = self._sessions.get(pod)
            if session is None:
                carrier = self._elsewhere.get(pod, self._pods)
                session = Session(carrier.connector(pod), str(pod), fate=carrier.teller(pod), clock=self._clock)
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
