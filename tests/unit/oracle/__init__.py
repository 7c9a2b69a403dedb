"""Unit tests of harness.oracle."""
