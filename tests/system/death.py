"""How long what belongs to an owner may outlive it, and waiting for its end. How it is ended is the product's affair.

Seconds count on a machine that can do what it is asked; one that runs behind gets as much longer as it runs behind.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from harness.effects.clock import RealClock

LIMIT = 5.0
"""Seconds after its owner's death until nothing of a cluster is left (design section 4, rule 7)."""

CLOCK = RealClock()


def limit() -> float:
    """LIMIT, longer where more wants to run than there are processors."""
    return LIMIT * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def until(done: Callable[[], object], *, within: float | None = None) -> bool:
    """Whether it came true in time."""
    deadline = CLOCK.now() + (within or limit())
    while CLOCK.now() < deadline:
        if done():
            return True
        CLOCK.sleep(0.02)
    return bool(done())
