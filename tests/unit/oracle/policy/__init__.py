"""Unit tests of harness.oracle.policy."""
