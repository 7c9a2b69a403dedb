"""Fixtures of the tests of `harness.world`."""

from tests.unit.suite.conftest import ground

__all__ = ["ground"]
