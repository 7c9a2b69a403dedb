"""The store part of the embedded cluster."""
