"""Asking an API server again while it is away for a moment. It restarts exactly when it matters: during upgrades.

For requests that may be made twice. Patience that ran out once is short from then on, until something is answered
again: a cluster that is gone for good costs one wait, not one for every request of a run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from harness.effects.clock import Clock, RealClock
from harness.kube import errors

T = TypeVar("T")

AWAY = 30.0
"""Seconds an API server may be away: a restarting one of kubeadm is back within 10 to 20."""

RETRY = 0.5
"""Seconds before asking again."""

PASSING = (errors.Unreachable, errors.TooManyRequests, errors.ServerProblem)
"""What a server that restarts or is loaded says."""


class Patience:
    """How long requests are repeated. One for everything that is asked of one cluster."""

    def __init__(self, *, within: float = AWAY, clock: Clock | None = None) -> None:
        self._within = within
        self._clock = clock or RealClock()
        self._exhausted = False

    def __call__(self, ask: Callable[[], T]) -> T:
        """What `ask` gives, asked again while the server is away. Raises what the last attempt raised."""
        deadline = self._clock.now() + (0.0 if self._exhausted else self._within)
        while True:
            try:
                given = ask()
            except errors.CertificateProblem:
                raise
            except PASSING:
                if self._clock.now() >= deadline:
                    self._exhausted = True
                    raise
                self._clock.sleep(RETRY)
            else:
                self._exhausted = False
                return given
