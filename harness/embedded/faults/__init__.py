"""The faults part of the embedded cluster."""
