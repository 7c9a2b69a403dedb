"""Where clusters come from: embedded, kind, or a kubeconfig."""
