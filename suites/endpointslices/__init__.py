"""Promises about endpointslices."""
