"""The table of waits: reasons for all, overrides checked."""

from __future__ import annotations

from dataclasses import fields

import pytest

from harness.model.waits import BadWaitError, Waits


def test_every_wait_has_a_unit_and_a_reason() -> None:
    """No number stands without a why."""
    for each in fields(Waits):
        assert each.metadata["unit"] in {"s", "looks"}
        assert len(Waits().why(each.name)) > 20


def test_overrides_change_what_they_name_and_nothing_else() -> None:
    """The rest keeps its defaults; the old table stays as it was."""
    plain = Waits()
    changed = plain.override({"policy_live": 5, "streak": 2.0})
    assert (changed.policy_live, changed.streak) == (5, 2)
    assert changed.pod_ready == plain.pod_ready
    assert plain.policy_live == Waits.policy_live != 5


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    """A misspelt wait is an error, not a setting without effect."""
    with pytest.raises(BadWaitError, match=r"unknown wait \['polcy_live'\]; known: \['probe_timeout', "):
        Waits().override({"polcy_live": 5})


@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan"), True, "5"])
def test_impossible_durations_are_refused(value: float) -> None:
    """Waits are positive, finite numbers."""
    with pytest.raises(BadWaitError, match="probe_timeout"):
        Waits().override({"probe_timeout": value})


@pytest.mark.parametrize("value", [0, 2.5])
def test_a_streak_counts_whole_looks(value: float) -> None:
    """A streak of nothing proves nothing, half a look does not exist."""
    with pytest.raises(BadWaitError, match="streak"):
        Waits().override({"streak": value})
