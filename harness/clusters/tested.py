"""The Kubernetes versions an add-on's own project tests it with. It may work outside of them: told, not refused."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Tested:
    """A range of minor versions, as it is written: `1.32 to 1.34`, or `to 1.29` where the first is not known."""

    text: str
    least: tuple[int, int]
    most: tuple[int, int]

    @classmethod
    def parse(cls, text: str) -> Tested:
        """From a data file. Raises ValueError."""
        found = re.fullmatch(r"(?:(\d+)\.(\d+) )?to (\d+)\.(\d+)", text)
        if found is None:
            raise ValueError(f"kubernetes: {text!r} is no range such as '1.32 to 1.34' or 'to 1.29'")
        first, second, third, fourth = (int(each or 0) for each in found.groups())
        if (first, second) > (third, fourth):
            raise ValueError(f"kubernetes: {text!r} ends before it begins")
        return cls(text, (first, second), (third, fourth))

    def holds(self, version: str) -> bool:
        """Whether a version, such as `v1.36.2`, is in it; one that cannot be read is not known to be outside."""
        found = re.match(r"v?(\d+)\.(\d+)", version)
        return found is None or self.least <= (int(found[1]), int(found[2])) <= self.most
