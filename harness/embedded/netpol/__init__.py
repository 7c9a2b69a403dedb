"""The netpol part of the embedded cluster."""
