"""NetworkPolicy truth tables: every pair of nine pods, on four lanes, for static sets of policies.

Cases stand side by side in one table where each owns its part of it (`suites.netpol.sheets`), and tables follow one
another on the same pods: the policies of the next come before those of the last go, and what was open before the first
is the control of all. A pod that stopped answering meanwhile shows in each table: its own cells have to be open.

Specification: NetworkPolicy v1 (networking.k8s.io) as catalogued in groups B to G of the policy catalogue.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest

from harness.suite import (
    Arena,
    Cell,
    Check,
    ClusterFacts,
    Findings,
    Lane,
    Seen,
    Settled,
    open_control,
    policy,
    requirement,
    settle_policies,
)
from suites.netpol import cases, sheets

LANES = (Lane(80, "TCP"), Lane(81, "TCP"), Lane(80, "UDP"), Lane(81, "UDP"))
POLICIES = "networkpolicies.networking.k8s.io"


class Tables:
    """The nine pods under one sheet of policies after another."""

    def __init__(self, arena: Arena, check: Check, cluster: ClusterFacts) -> None:
        self._arena, self._check, self._family = arena, check, cluster.families[0]
        self._pods = {ref: arena.pods[ref].address(self._family) for ref in arena.table}
        self._control: dict[Cell, Seen] = open_control(arena, check, lanes=LANES, family=self._family)
        self._standing: list[tuple[str, str]] = []

    def turn_to(self, sheet: sheets.Sheet) -> Settled:
        """Replace the policies that stand by those of a sheet; the table, once it has settled."""
        last, self._standing = self._standing, []
        for place, id_ in sheet.items():
            specs = cases.policies(id_, self._pods, place=place, names=self._arena.namespaces)
            for number, (letter, spec) in enumerate(specs):
                self._standing.append((f"{id_.lower()}-{number}", letter))
                self._arena.apply(policy(self._standing[-1][0], spec), namespace=letter)
        for name, letter in last:
            self._arena.delete(POLICIES, name, namespace=letter)
        what = f"policies of {' '.join(sheet.values())} in force"
        return settle_policies(
            self._arena, self._check, lanes=LANES, family=self._family, control=self._control, what=what
        )


def prepare(arena: Arena, topology: str) -> None:
    """Give pods and namespaces the labels of a topology."""
    if topology not in cases.TIERS:
        return
    for ref in arena.table:
        arena.label(ref, {"app": "w", "tier": cases.TIERS[topology][ref.partition("/")[2]]})
    for letter, team in cases.TEAMS.items():
        arena.label_namespace(letter, {"team": team})


def _batch(name: str) -> object:
    mark = requirement(*sheets.decided(sheets.BATCHES[name]), needs=("network-policy",))
    return pytest.param(name, marks=mark, id=name)


def _decides(sheet: sheets.Sheet, case: str, of: Callable[[Cell], bool], cell: Cell) -> bool:
    return case in sheets.owners(sheet, cell) and of(cell)


@pytest.mark.parametrize("batch", [_batch(name) for name in sheets.BATCHES])
def test_table(arena: Arena, check: Check, cluster: ClusterFacts, batch: str) -> None:
    """Exactly the pairs that the policies admit can talk."""
    prepare(arena, sheets.topology(batch))
    tables = Tables(arena, check, cluster)
    found: dict[str, list[Findings]] = {}
    for sheet in sheets.BATCHES[batch]:
        table = tables.turn_to(sheet)
        for case in sheet.values():
            for id_, of in sheets.requirements_of(case).items():
                found.setdefault(id_, []).append(table.findings(functools.partial(_decides, sheet, case, of)))
    joined = {id_: Findings.joined(several) for id_, several in found.items()}
    check.each(joined, promises={id_: cases.statement(id_) for id_ in joined})


@requirement("POL-169", "POL-563", "POL-566", "POL-567", "POL-667", needs=("network-policy", "nodes2"))
def test_nodes_make_no_difference(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Policies hold between pods on one node and across nodes, for targets on any; a pod always reaches itself."""
    table = Tables(arena, check, cluster).turn_to({"x": "POL-104", "y/b": "POL-107"})

    def near(cell: Cell) -> bool:
        return arena.pods[cell.source].node == arena.pods[cell.destination].node

    found = {
        "POL-169": table.findings(lambda cell: "x/" in cell.source + cell.destination),
        "POL-563": table.findings(lambda cell: cell.source == cell.destination),
        "POL-566": table.findings(lambda cell: near(cell) and cell.source != cell.destination),
        "POL-567": table.findings(lambda cell: not near(cell)),
        "POL-667": table.findings(),
    }
    check.each(found, promises={id_: cases.statement(id_) for id_ in found})
