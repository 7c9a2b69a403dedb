"""Promises about catalogue."""
