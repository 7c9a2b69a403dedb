"""The golden rows discriminate: an unbroken naive engine agrees with all of them, every broken one with not all."""

from __future__ import annotations

import pytest

from harness.model.expectation import Want

from .engine import Engine
from .mutants import MUTANTS, table
from .topology import Row, golden

SHARP = [
    "328", "221", "254", "337", "405", "114", "308", "152", "154", "214", "262", "118",
    "161", "162a", "162b", "259", "311", "326", "332", "412",
]  # fmt: skip
"""The catalogue's greedy selection first: most mutants die within these."""
ORDER = [f"POL-{each}" for each in SHARP]
ORDER += [each for each in golden() if each not in ORDER]


def agrees(engine: type[Engine], row: Row) -> bool:
    allowed = table(engine, row)
    return all((want is Want.ALLOW) == allowed(cell) for cell, want in row.table.items())


@pytest.mark.parametrize("row_id", ORDER)
def test_the_naive_engine_agrees_with_the_golden_table(row_id: str) -> None:
    """A second implementation that shares no code gives the hand-made table too."""
    assert agrees(Engine, golden()[row_id])


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.__name__)
def test_some_golden_table_kills_the_mutant(mutant: type[Engine]) -> None:
    """No engine with a known fault passes all golden rows."""
    assert any(not agrees(mutant, golden()[row_id]) for row_id in ORDER)


def test_there_are_at_least_65_mutants() -> None:
    """The catalogue simulated 65 wrong evaluators; we have no fewer."""
    assert len(MUTANTS) >= 65


def test_deny_all_and_allow_all_rows_alone_are_nearly_blind() -> None:
    """A run built on deny-everything rows lets most mutants live: that is why the other rows exist."""
    blunt = [golden()[f"POL-{each}"] for each in ("102", "103", "104", "108")]
    killed = [each for each in MUTANTS if not all(agrees(each, row) for row in blunt)]
    assert len(killed) < len(MUTANTS) / 2
