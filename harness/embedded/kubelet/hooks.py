"""Lifecycle hooks of a container: postStart and preStop, by exec, HTTP or sleep. A door.

Follows kubernetes.io "Container Lifecycle Hooks".
"""

from __future__ import annotations

import asyncio
from typing import Any

from harness.embedded.kubelet.containers import Crun
from harness.embedded.kubelet.probes import path_of, port_of
from harness.embedded.kubelet.probing import Target, http_get


def hook_of(container: dict[str, Any], name: str) -> dict[str, Any] | None:
    """The container's hook of that name."""
    found: dict[str, Any] | None = (container.get("lifecycle") or {}).get(name)
    return found or None


async def run_hook(crun: Crun, hook: dict[str, Any], target: Target, *, limit: float) -> str:
    """Run a hook to its end, or until the container ends; what went wrong, "" when nothing did."""
    match hook:
        case {"sleep": action}:
            await asyncio.wait({target.container.exited}, timeout=float(action.get("seconds") or 0))
            return ""
        case {"exec": action}:
            argv = action.get("command") or []
            done = await crun.ask(target.container, argv, timeout=limit)
            if done is None:
                return f"Exec lifecycle hook ({argv}) overran {limit:g} s"
            return "" if done.code == 0 else f"Exec lifecycle hook ({argv}) failed - error: exit code {done.code}"
        case {"httpGet": action}:
            return await _get(action, target)
    return f"a hook of kind {sorted(hook)} is not served by the embedded cluster"


async def _get(action: dict[str, Any], target: Target) -> str:
    try:
        await http_get(
            target.netns,
            str(action.get("host") or target.address),
            port_of(target.spec, action["port"]),
            path=path_of(action.get("path") or "/"),
            headers={one["name"]: one["value"] for one in action.get("httpHeaders") or ()},
        )
    except (OSError, ValueError) as error:
        return f"HTTP lifecycle hook failed - error: {error}"
    return ""
