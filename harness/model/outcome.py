"""What a probe saw, and what is concluded from it. Values only; nothing here measures or decides.

Unknown is never a pass: a broken or missing observation has values of its own, and a verdict has three.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import NoReturn


class Seen(enum.StrEnum):
    """What a probe saw. The value is its letter in a table."""

    REACHED = "."
    REFUSED = "r"
    """An answer that says no: RST, or ICMP port/administratively unreachable."""
    SILENT = "x"
    """Nothing came back within the probe's time."""
    UNMEASURED = "!"
    """The probe itself broke, or its answer was lost: nothing is known."""
    MISSING = "?"
    """Nobody asked, or nobody answered for it: a hole in the table."""

    def __bool__(self) -> NoReturn:
        raise TypeError("an observation is not a truth value: compare it with a member of Seen")


class Verdict(enum.IntEnum):
    """The judgement of a promise. Ordered: the worst of many is their `max`."""

    PASS = 0
    UNKNOWN = 1
    FAIL = 2

    def __bool__(self) -> NoReturn:
        raise TypeError("a verdict is not a truth value: compare it with a member of Verdict")


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of a whole: FAIL before UNKNOWN before PASS. Of nothing, UNKNOWN: nobody looked."""
    return max(verdicts, default=Verdict.UNKNOWN)
