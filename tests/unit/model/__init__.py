"""Unit tests of harness.model."""
