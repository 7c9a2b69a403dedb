"""What is wanted of one cell of a table. The oracle states it, the comparison reads it; neither needs the other."""

from __future__ import annotations

import enum
from typing import NoReturn


class Want(enum.StrEnum):
    """The expectation for one flow. The value is its letter in a table, the same letters as `Seen`."""

    ALLOW = "."
    DENY = "x"
    UNDEFINED = "~"
    """Kubernetes leaves it to the implementation: recorded, never judged."""

    def __bool__(self) -> NoReturn:
        raise TypeError("an expectation is not a truth value: compare it with a member of Want")
