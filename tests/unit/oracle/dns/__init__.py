"""Unit tests of harness.oracle.dns."""
