"""A Kubernetes cluster made of Linux network namespaces. It never sees the harness's client side."""
