"""The api part of the embedded cluster."""
