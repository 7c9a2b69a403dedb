"""The kubelet part of the embedded cluster."""
