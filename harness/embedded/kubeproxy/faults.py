"""The planted faults of the Service proxy, each one question at the one place where the broken behaviour differs.

Ids are those of the catalogue's list of service faults; from F78 on they are ours. A fault is scoped by the namespaces
of Services and by nodes.

| id           | what breaks                                                        | where                |
| services/F05 | affinity time-out in the wrong unit (`factor`, default 60)         | compile.py           |
| services/F06 | affinity is forgotten under externalTrafficPolicy Local            | compile.py           |
| services/F08 | affinity sticks to endpoints that are not ready                    | misread.py           |
| services/F11 | the node itself does not reach ClusterIPs                          | compile.py           |
| services/F12 | external clients are dropped where they come in                    | compile.py           |
| services/F15 | no hairpin: a pod that is chosen for its own connection is lost    | compile.py           |
| services/F18 | changes made while it lasts are lost until the next change; with   | memory.py            |
|              | `new_ones_come`, those of Services that were not known are not     |                      |
| services/F24 | nothing is programmed                                              | misread.py           |
| services/F25 | UDP conntrack entries outlive their endpoint                       | conntrack.py         |
| services/F29 | UDP conntrack entries outlive a change of the target port          | conntrack.py         |
| services/F30 | every change clears all UDP connections of the Services it covers  | conntrack.py         |
| services/F36 | terminating endpoints get new connections like ready ones          | misread.py           |
| services/F39 | no endpoint is ever taken for one of this node                     | compile.py           |
| services/F41 | balancer addresses under policy Local are a black hole from inside | compile.py           |
| services/F42 | ipMode is ignored: addresses of proxying balancers are captured    | misread.py           |
| services/F43 | the answer of a health check node port stays as it was at first    | health.py            |
| services/F44 | no health check node ports; with `all`, they count all endpoints   | health.py            |
| services/F54 | externalTrafficPolicy Local masquerades all the same               | compile.py           |
| services/F55 | node ports without source translation                              | compile.py           |
| services/F68 | the last endpoint is never chosen                                  | compile.py           |
| services/F69 | this node's proxy programs nothing while it lasts                  | memory.py            |
| services/F71 | ports of one number conflated over protocols: the last one wins    | compile.py           |
| services/F72 | source ranges count for node ports, not for the balancer's address | compile.py           |
| services/F74 | no refusal: clients of a Service without endpoints hang            | compile.py           |
| services/F75 | a node port that was given up keeps answering                      | memory.py            |
| services/F78 | no fallback to endpoints that still serve while they terminate     | misread.py           |
| services/F79 | traffic policy Local is taken for Cluster                          | misread.py           |
| services/F80 | hints are ignored; with `always`, used though an endpoint has none | misread.py           |
| services/F81 | labels that hand a Service to another proxy are ignored            | misread.py           |
| services/F82 | of several slices of a Service only the first one counts           | misread.py           |
| services/F83 | terminating endpoints are cut off, also from what is established   | compile.py           |
| services/F84 | load balancer source ranges are ignored                            | misread.py           |
| services/F91 | session affinity is ignored                                        | misread.py           |
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harness.embedded.api.faults import active

AFFINITY_UNIT = "services/F05"
AFFINITY_UNDER_LOCAL = "services/F06"
STICKS_TO_UNREADY = "services/F08"
NODE_SHUT_OUT = "services/F11"
NO_WAY_IN = "services/F12"
NO_HAIRPIN = "services/F15"
LOST_CHANGES = "services/F18"
UNPROGRAMMED = "services/F24"
STALE_CONNTRACK = "services/F25"
STALE_PORT = "services/F29"
CLEARED_TOO_MUCH = "services/F30"
TERMINATING_PREFERRED = "services/F36"
NOTHING_LOCAL = "services/F39"
BLACK_HOLE = "services/F41"
MODE_IGNORED = "services/F42"
STALE_HEALTH = "services/F43"
WRONG_HEALTH = "services/F44"
MASQUERADE_ALL = "services/F54"
NO_MASQUERADE = "services/F55"
LAST_STARVED = "services/F68"
STOPPED = "services/F69"
CONFLATED_PROTOCOLS = "services/F71"
MISPLACED_RANGES = "services/F72"
NO_REFUSAL = "services/F74"
OLD_NODE_PORT = "services/F75"
NO_FALLBACK = "services/F78"
POLICY_IGNORED = "services/F79"
HINTS = "services/F80"
LABELS_IGNORED = "services/F81"
FIRST_SLICE = "services/F82"
CUT_OFF = "services/F83"
RANGES_IGNORED = "services/F84"
AFFINITY_IGNORED = "services/F91"

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
