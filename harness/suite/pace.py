"""How hard one worker presses a cluster: all at once, until positive controls show that this is more than it carries.

Overload is not denial. A control cell that is silent in a burst and open when it is asked alone was lost to load: from
then on bursts are smaller and looks are further apart, so that later tables are judged by what policies do.
"""

from __future__ import annotations

BURST = 36
"""Cells that one pod has in flight when a table of nine pods is asked on four lanes, all at once."""

FEWEST = 4
"""Cells in flight below which no burst is left to make smaller."""

SLOWEST = 8
"""How much slower than at first it gets at most."""


class Pace:
    """The pace of one worker. It only slows down: what overloaded a cluster once does so again."""

    def __init__(self) -> None:
        self.easing = 1
        """How many times slower than all at once."""

    @property
    def parallel(self) -> int:
        """Cells a pod may have in flight; 0: all of them."""
        return 0 if self.easing == 1 else max(FEWEST, BURST // self.easing)

    def spacing(self, usual: float) -> float:
        """Seconds between two looks at one cell, where `usual` is right for a cluster at ease."""
        return usual * self.easing

    def overloaded(self) -> None:
        """A burst lost cells that are open."""
        self.easing = min(2 * self.easing, SLOWEST)
