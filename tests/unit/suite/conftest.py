"""Fixtures of the tests of `harness.suite`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.suite.ground import Ground


@pytest.fixture
def ground() -> Iterator[Ground]:
    """Nine pods on fakes."""
    made = Ground()
    yield made
    made.base.lanes.shutdown()
