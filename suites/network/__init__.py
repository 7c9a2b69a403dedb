"""Promises about network."""
