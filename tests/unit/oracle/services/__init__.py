"""Unit tests of harness.oracle.services."""
