"""Promises about services."""
