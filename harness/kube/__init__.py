"""Everything between us and a Kubernetes API: requests, watches, exec streams.

The only place of the official client.
"""
