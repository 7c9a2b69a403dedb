"""Ingress: the API, who answers which host and path, certificates, and what changes."""
