"""How a place is reached where an agent is asked: a pod by exec, a place outside the cluster by a process of ours.

Whoever asks sees no difference: each place has a name, a stream is opened to its agent, and somebody can tell what
became of it (`stream.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from harness.effects.run import Conversation, RunError
from harness.kube.client import Kube
from harness.kube.errors import KubeError, NotFound, StreamClosed, StreamRefused
from harness.model.refs import NamespacedName
from harness.probe import archive
from harness.probe.fate import fate_of
from harness.probe.stream import Connect, Fate, Stream, Teller

OPEN_TIMEOUT = 10.0
"""Seconds to start a relay in a pod: a loaded container runtime needs up to some seconds for an exec."""

LAST_WORDS = 3.0
"""Seconds an agent gets to end when its input is closed; it takes milliseconds, a container engine takes longer."""


class Carrier(Protocol):
    """A way to the agents of some places."""

    def connector(self, place: NamespacedName) -> Connect:
        """What opens a stream to the agent there."""
        ...

    def teller(self, place: NamespacedName) -> Teller:
        """What tells, of a stream that broke, what became of the agent."""
        ...


class Pods:
    """Agents in pods, each behind an exec stream through the API server."""

    def __init__(self, kube: Kube, *, container: str, command: Sequence[str]) -> None:
        self._kube = kube
        self._container = container
        self._command = tuple(command)

    def connector(self, place: NamespacedName) -> Connect:
        """An exec of the relay."""

        def connect() -> Stream:
            return self._kube.open_exec(
                place.namespace, place.name, self._command, container=self._container, timeout=OPEN_TIMEOUT
            )

        return connect

    def teller(self, place: NamespacedName) -> Teller:
        """As the pod's status tells."""
        known: dict[str, Any] = {}

        def tell() -> Fate:
            try:
                found = self._kube.get("pods", place.name, namespace=place.namespace)
            except NotFound:
                return Fate("the pod is gone", final=True)
            except KubeError:
                return Fate()
            return fate_of(found, self._container, known)

        return tell


class Processes:
    """Agents that are processes of ours, started at the place by a command, with our pipes as their only line.

    `command` runs what is appended to it at that place; `python` is the interpreter there. Each stream is an agent of
    its own: one that has ended is not resumed but begun anew.
    """

    def __init__(self, command: Sequence[str], *, python: str = "python3") -> None:
        self._command = tuple(command)
        self._python = python

    def connector(self, place: NamespacedName) -> Connect:
        """Starts the agent, and hands it over to itself."""

        def connect() -> Stream:
            content = archive.archive()
            command = archive.attend_command(str(place), content, python=self._python)
            try:
                line = Conversation([*self._command, *command])
            except RunError as error:
                raise StreamRefused(f"{(self._command or command)[0]}: {error.line}") from error
            try:
                line.send(content)
            except RunError as error:
                line.end(LAST_WORDS)
                raise StreamRefused(error.line) from error
            return ProcessStream(line)

        return connect

    def teller(self, place: NamespacedName) -> Teller:
        """Its stream is its process: who lost the one has lost the other."""
        return lambda: Fate(f"no agent at {place}", final=True)


class ProcessStream:
    """The stream to such an agent."""

    def __init__(self, line: Conversation) -> None:
        self._line = line

    def send(self, data: bytes) -> None:
        """Write everything. Raises StreamClosed."""
        try:
            self._line.send(data)
        except RunError as error:
            raise StreamClosed(error.line) from error

    def receive(self, timeout: float) -> bytes:
        """Bytes as soon as there are some; b"" after `timeout`. Raises StreamClosed."""
        try:
            return self._line.receive(timeout)
        except RunError as error:
            raise StreamClosed(error.line) from error

    def close(self) -> None:
        """End the agent."""
        self._line.end(LAST_WORDS)
