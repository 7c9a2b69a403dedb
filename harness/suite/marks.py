"""How a test says which requirements it decides, and what it needs."""

from __future__ import annotations

from collections.abc import Iterable

import pytest


def requirement(*ids: str, needs: Iterable[str] = (), promise: str = "") -> pytest.MarkDecorator:
    """The test decides these requirements of the catalogue.

    `needs` names capabilities (`harness.model.capability`) without which it is skipped with that reason; `promise` is
    the sentence for a case that is data, otherwise the test's docstring says it.
    """
    return pytest.mark.requirement(*ids, needs=tuple(needs), promise=promise)


def waits(seconds: float, why: str) -> pytest.MarkDecorator:
    """The test waits so long for the cluster, as measured, and for what: it is begun before others.

    It changes nothing but the order. Worth saying from some five seconds on.
    """
    return pytest.mark.waits(seconds, why)


exclusive = pytest.mark.exclusive
"""The test changes what others stand on: it runs while no other does."""
