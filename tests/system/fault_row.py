"""What a row of the table of planted faults is, and which rows share a planting."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

DNS, KUBELET, PROXY, POLICY = "dns", "kubelet", "service proxy", "policy"
NETWORK, SLICES = "pod network", "endpointslice controller"
API, INGRESS = "api server", "ingress controller"


class Scope(enum.Enum):
    """Where a fault is planted."""

    ARENA = "the namespaces of one arena"
    NODE = "one node, for the namespaces of one arena"
    EVERYWHERE = "the whole cluster"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A fault and the test that catches it (a node id below `suites/`)."""

    fault: str
    test: str
    ids: tuple[str, ...]
    layer: str
    params: Mapping[str, object] = field(default_factory=dict)
    scope: Scope = Scope.ARENA
    over_time: bool = False
    outright: bool = False

    @property
    def area(self) -> str:
        """The suite of the test."""
        return self.test.partition("/")[0]


def caught(
    fault: str,
    layer: str,
    tests: Mapping[str, str],
    *,
    scope: Scope = Scope.ARENA,
    over_time: bool = False,
    params: Mapping[str, object] | None = None,
) -> tuple[Row, ...]:
    """A row for each of several tests that catch the same fault: by node id, the requirements."""
    more: Mapping[str, object] = params or {}
    return tuple(
        Row(fault=fault, test=test, ids=tuple(ids.split()), layer=layer, params=more, scope=scope, over_time=over_time)
        for test, ids in tests.items()
    )


SHARE = 6
"""Rows that share a planting at most: workers are handed plantings, and none may be the last to end by far."""


def plantings(rows: Sequence[Row], *, most: int = SHARE) -> list[list[int]]:
    """Places of rows by planting, the same fault in the same scope once for several.

    What a fault over time keeps of a namespace would be what an earlier test left: those are planted for each row.
    """
    alike: dict[object, list[list[int]]] = {}
    for place, row in enumerate(rows):
        key = place if row.over_time else (row.fault, repr(sorted(row.params.items())), row.scope)
        lots = alike.setdefault(key, [[]])
        if len(lots[-1]) == most:
            lots.append([])
        lots[-1].append(place)
    return [lot for lots in alike.values() for lot in lots]
