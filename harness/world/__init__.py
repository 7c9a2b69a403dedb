"""Fixtures in a cluster: topologies, manifests, arenas, ownership and removal."""
