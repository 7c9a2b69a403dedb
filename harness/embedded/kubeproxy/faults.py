"""The planted faults of the Service proxy, each one question at the one place where the broken behaviour differs.

Ids are those of the catalogue's list of service faults. A fault is scoped by the namespaces of Services and by nodes.

| id           | what breaks                                                     | where           |
| services/F05 | affinity time-out in the wrong unit (`factor`, default 60)       | compile.py      |
| services/F12 | external clients are dropped where they come in               | compile.py      |
| services/F15 | no hairpin: a pod that is chosen for its own connection is lost  | compile.py      |
| services/F18 | changes made while it lasts are lost until the next change       | memory.py       |
| services/F25 | UDP conntrack entries outlive their endpoint                     | sync.py         |
| services/F39 | no endpoint is ever taken for one of this node                  | compile.py      |
| services/F54 | externalTrafficPolicy Local masquerades all the same            | compile.py      |
| services/F55 | node ports without source translation                            | compile.py      |
| services/F69 | this node's proxy programs nothing while it lasts                | memory.py       |
| services/F71 | ports of one number conflated over protocols: the last one wins  | compile.py      |
| services/F72 | source ranges count for node ports, not for the balancer's address | compile.py   |
| services/F74 | no refusal: clients of a Service without endpoints hang          | compile.py      |
| services/F75 | a node port that was given up keeps answering                    | memory.py       |
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harness.embedded.api.faults import active

AFFINITY_UNIT = "services/F05"
NO_WAY_IN = "services/F12"
NO_HAIRPIN = "services/F15"
LOST_CHANGES = "services/F18"
STALE_CONNTRACK = "services/F25"
NOTHING_LOCAL = "services/F39"
MASQUERADE_ALL = "services/F54"
NO_MASQUERADE = "services/F55"
STOPPED = "services/F69"
CONFLATED_PROTOCOLS = "services/F71"
MISPLACED_RANGES = "services/F72"
NO_REFUSAL = "services/F74"
OLD_NODE_PORT = "services/F75"

DEFAULT_UNIT_FACTOR = 60


class Broken:
    """The faults in force on one node, asked by Service namespace."""

    def __init__(self, faults: Iterable[dict[str, Any]], *, node: str) -> None:
        self._faults = tuple(faults)
        self._node = node

    def here(self, fault: str, namespace: str) -> bool:
        """Whether this fault covers a Service of that namespace on this node."""
        return self.params(fault, namespace) is not None

    def params(self, fault: str, namespace: str) -> dict[str, Any] | None:
        """Its parameters when it does."""
        return active(self._faults, fault, node=self._node, namespace=namespace) if self._faults else None

    def affinity_seconds(self, seconds: int, namespace: str) -> int:
        """The time-out as programmed: the stated one, unless seconds are taken for another unit."""
        params = self.params(AFFINITY_UNIT, namespace)
        if params is None or seconds == 0:
            return seconds
        return max(1, round(seconds * float(params.get("factor", DEFAULT_UNIT_FACTOR))))
