"""Promises about netpol."""
