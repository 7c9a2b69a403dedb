"""Probes as data: what is asked, how often, and what a row of answers means. Pure.

Follows kubernetes.io "Configure Liveness, Readiness and Startup Probes".
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import Any

FIRST_RETRY = 0.02
SLOWEST_RETRY = {"exec": 1.0, "httpGet": 0.1, "tcpSocket": 0.1, "grpc": 1.0}
QUICK_LOOKS = 30
"""A container that was never ready yet is asked again this soon, then twice as late each time, up to a limit by what
a look costs; after so many failures only once a period.

A failed readiness probe before the first success changes nothing, so asking more often is no less than promised; it
keeps a pod that needs 0.1 s to listen from counting as unready for a whole second."""


class Role(enum.Enum):
    """What a probe decides."""

    STARTUP = "startupProbe"
    LIVENESS = "livenessProbe"
    READINESS = "readinessProbe"

    @property
    def spoken(self) -> str:
        """Its name in events."""
        return self.value.removesuffix("Probe").capitalize()


class Method(enum.Enum):
    """How a probe asks."""

    EXEC = "exec"
    HTTP = "httpGet"
    TCP = "tcpSocket"
    GRPC = "grpc"


@dataclass(frozen=True)
class Probe:
    """A container's probe."""

    role: Role
    method: Method
    action: dict[str, Any]
    initial_delay: float = 0.0
    period: float = 10.0
    timeout: float = 1.0
    successes: int = 1
    failures: int = 3
    grace: int | None = None

    def delay_after(self, *, failed: int, ever: bool) -> float:
        """Seconds to the next look, after `failed` failures in a row; `ever`: it succeeded once since the start."""
        if self.role is not Role.READINESS or ever or failed == 0:
            return self.period
        if failed > QUICK_LOOKS:
            return self.period
        return min(self.period, SLOWEST_RETRY[self.method.value], FIRST_RETRY * 2.0 ** (failed - 1))


def of_container(container: dict[str, Any], role: Role) -> Probe | None:
    """The container's probe of that role, with the API's defaults."""
    body = container.get(role.value)
    if not body:
        return None
    method = next((one for one in Method if one.value in body), None)
    if method is None:
        return None
    return Probe(
        role=role,
        method=method,
        action=body[method.value] or {},
        initial_delay=float(body.get("initialDelaySeconds") or 0),
        period=float(body.get("periodSeconds") or 10),
        timeout=float(body.get("timeoutSeconds") or 1),
        successes=int(body.get("successThreshold") or 1),
        failures=int(body.get("failureThreshold") or 3),
        grace=body.get("terminationGracePeriodSeconds"),
    )


@dataclass(frozen=True)
class Tally:
    """The verdict so far. `good` is None until the first threshold is reached."""

    good: bool | None = None
    in_a_row: int = 0
    last: bool | None = None
    ever: bool = False

    def after(self, success: bool, probe: Probe) -> Tally:
        """One more answer."""
        in_a_row = self.in_a_row + 1 if success == self.last else 1
        counted = replace(self, in_a_row=in_a_row, last=success, ever=self.ever or success)
        needed = probe.successes if success else probe.failures
        return replace(counted, good=success) if in_a_row >= needed else counted


def port_of(container: dict[str, Any], port: int | str) -> int:
    """A probe's port: a number, or the name of one of the container's ports. Raises ValueError."""
    if isinstance(port, int):
        return port
    if port.isdecimal():
        return int(port)
    for entry in container.get("ports") or ():
        if entry.get("name") == port:
            return int(entry["containerPort"])
    raise ValueError(f"couldn't find port: {port!r}")


def path_of(path: str) -> str:
    """An HTTP probe's path as a request target."""
    return path if path.startswith("/") else f"/{path}"
