"""When an ended container runs again, when a failed pull is tried again. Pure.

Follows kubernetes.io "Pod Lifecycle": restartPolicy, and back-off of 10 s doubling to 5 minutes, forgotten after 10
minutes of running.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

FIRST_BACKOFF = 10.0
LONGEST_BACKOFF = 300.0
FORGET_AFTER = 600.0


@dataclass(frozen=True)
class Backoff:
    """The delays between attempts of one thing: none before the second attempt, then 10 s, 20 s, …"""

    current: float = 0.0
    attempts: int = 0

    def failed(self, *, ran: float = 0.0) -> Backoff:
        """After an attempt that held for `ran` seconds."""
        basis = Backoff() if ran >= FORGET_AFTER else self
        if basis.attempts == 0:
            return Backoff(current=0.0, attempts=1)
        longer = min(LONGEST_BACKOFF, basis.current * 2) if basis.current else FIRST_BACKOFF
        return replace(basis, current=longer, attempts=basis.attempts + 1)


def restarts(policy: str, *, code: int, init: bool = False, sidecar: bool = False) -> bool:
    """Whether a container that ended with `code` runs again under the pod's restartPolicy."""
    if sidecar:
        return True
    if init:
        # Once through is what an init container is for; only failures are repeated.
        return code != 0 and policy != "Never"
    return policy == "Always" or (policy == "OnFailure" and code != 0)


def is_sidecar(container: dict[str, object]) -> bool:
    """An init container that stays (KEP-753)."""
    return container.get("restartPolicy") == "Always"
