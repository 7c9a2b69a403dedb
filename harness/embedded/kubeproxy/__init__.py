"""The kubeproxy part of the embedded cluster."""
