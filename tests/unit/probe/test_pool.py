"""What became of a pod, read from its status."""

from __future__ import annotations

from typing import Any

import pytest

from harness.probe.fate import fate_of
from harness.probe.stream import Fate

KILLED = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
RUNNING: dict[str, Any] = {"running": {}}


def pod(state: dict[str, Any], *, last: dict[str, Any] | None = None, restarts: int = 0, phase: str = "Running") -> Any:
    entry = {"name": "agent", "state": state, "lastState": last or {}, "restartCount": restarts}
    other = {"name": "sidecar", "state": KILLED, "restartCount": 9}
    return {"status": {"phase": phase, "containerStatuses": [other, entry]}}


@pytest.mark.parametrize(
    ("found", "fate"),
    [
        (pod(RUNNING), Fate()),
        (pod(KILLED), Fate("container 'agent' is down: OOMKilled, exit code 137")),
        (pod(RUNNING, last=KILLED, restarts=1), Fate("container 'agent' restarted: OOMKilled, exit code 137")),
        (
            pod({"waiting": {"reason": "CrashLoopBackOff"}}, last=KILLED, restarts=3),
            Fate("container 'agent' is down: OOMKilled, exit code 137"),
        ),
        (
            pod({"waiting": {"reason": "ContainerCreating"}}, phase="Pending"),
            Fate("container 'agent' is down: ContainerCreating"),
        ),
        (
            pod({"terminated": {"exitCode": 0}}, phase="Succeeded"),
            Fate("container 'agent' is down: ended, exit code 0", final=True),
        ),
        ({"status": {"phase": "Failed"}}, Fate("the pod is Failed", final=True)),
        ({"status": {}}, Fate()),
        ({}, Fate()),
    ],
)
def test_fate_is_read_from_the_status(found: dict[str, Any], fate: Fate) -> None:
    """The agent's container is told apart from others; how it ended is in the words."""
    assert fate_of(found, "agent", {}) == fate


def test_a_restart_is_told_once() -> None:
    """The same restart is not the reason for a later break as well."""
    known: dict[str, Any] = {}
    assert fate_of(pod(RUNNING, last=KILLED, restarts=1), "agent", known).why
    assert fate_of(pod(RUNNING, last=KILLED, restarts=1), "agent", known) == Fate()
    assert fate_of(pod(RUNNING, last=KILLED, restarts=2), "agent", known).why
