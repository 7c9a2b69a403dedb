"""Every golden row: the hand-made table agrees with its count, with the table function, and with single verdicts."""

from __future__ import annotations

import pytest

from harness.model.expectation import Want
from harness.oracle.policy import Lane, denied, pods, table, verdict

from .topology import LANES, NAMES, golden

ROWS = list(golden())


def test_every_row_of_the_catalogue_is_here() -> None:
    """The golden file holds the catalogue's 122 table rows, none lost."""
    assert len(ROWS) == 122


@pytest.mark.parametrize("row_id", ROWS)
def test_a_hand_made_table_denies_as_many_pairs_as_the_catalogue_counts(row_id: str) -> None:
    """The number of denied pairs of a golden table is the catalogue's n in every lane."""
    row = golden()[row_id]
    assert denied(row.table) == row.n


@pytest.mark.parametrize("row_id", ROWS)
def test_the_oracle_gives_the_hand_made_table(row_id: str) -> None:
    """The table of the oracle is the golden one, cell by cell, the diagonal included."""
    row = golden()[row_id]
    got = table(row.snapshot, lanes=list(LANES.values()))
    assert {cell: (want, got[cell]) for cell, want in row.table.items() if got[cell] is not want} == {}
    assert got.keys() == row.table.keys()


@pytest.mark.parametrize("row_id", ROWS)
def test_single_verdicts_agree_with_the_table(row_id: str) -> None:
    """Asking flow by flow gives what the table gives; a denied flow names a policy, an allowed one says why."""
    row = golden()[row_id]
    ends = pods(row.snapshot)
    for cell, want in row.table.items():
        decision = verdict(
            row.snapshot, ends[cell.source], ends[cell.destination], port=cell.lane.port, protocol=cell.lane.protocol
        )
        assert decision.want is want, cell
        if want is Want.DENY:
            assert any(side.want is Want.DENY and side.policies for side in (decision.egress, decision.ingress))
        else:
            sides = (decision.egress, decision.ingress)
            assert decision.note or all(side.by or side.note for side in sides)


def test_a_whole_table_takes_less_than_five_milliseconds() -> None:
    """Nine by nine pods in four lanes, from API objects to 324 cells: the best of ten runs is below 5 ms."""
    import timeit

    row = golden()["POL-328"]
    lanes = [Lane(80, "TCP"), Lane(81, "TCP"), Lane(80, "UDP"), Lane(81, "UDP")]
    best = min(timeit.repeat(lambda: table(row.snapshot, lanes=lanes), number=1, repeat=10))
    assert best < 0.005, f"{best * 1000:.2f} ms for {len(NAMES) ** 2 * len(lanes)} cells"
