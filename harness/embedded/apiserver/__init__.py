"""The apiserver part of the embedded cluster."""
