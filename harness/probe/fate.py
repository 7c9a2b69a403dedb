"""What became of an agent's pod, from the pod's own status. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.probe.stream import Fate


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
