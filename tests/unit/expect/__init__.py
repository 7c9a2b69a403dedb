"""Unit tests of harness.expect."""
