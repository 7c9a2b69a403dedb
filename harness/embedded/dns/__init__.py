"""The dns part of the embedded cluster."""
