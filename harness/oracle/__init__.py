"""What Kubernetes promises, computed from API objects only. Knows nothing of any data plane."""
