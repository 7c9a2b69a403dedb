"""What an embedded cluster can be asked to be. One frozen value, passed to its process as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

FAMILIES = {"ipv4": ("IPv4",), "dual": ("IPv4", "IPv6")}
"""Values of --families, and the IP families (in order of preference) that they stand for."""


@dataclass(frozen=True)
class Settings:
    """An embedded cluster.

    Nodes are spread evenly over `zones` zones, neighbours together; 0 leaves them without.
    `jitter` is the longest delay, in seconds, that a controller or agent lets pass before it acts on a change;
    delays are drawn from `seed`. A cluster without races hides the harness's own, so zero is for benchmarks.
    """

    name: str = "embedded"
    families: tuple[str, ...] = ("IPv4", "IPv6")
    nodes: int = 3
    zones: int = 2
    jitter: float = 0.3
    seed: int = 1

    def zone(self, index: int) -> str:
        """The zone of the node with this number: with three nodes in two zones, two stand in the first."""
        return f"zone-{index * self.zones // self.nodes + 1}" if self.zones else ""

    def as_dict(self) -> dict[str, Any]:
        """The settings as JSON-ready values."""
        return {**asdict(self), "families": list(self.families)}

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Settings:
        """Read what `as_dict` wrote."""
        return cls(**{**document, "families": tuple(document["families"])})
