"""Promises about dns."""
