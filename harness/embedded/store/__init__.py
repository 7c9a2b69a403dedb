"""The object store of the embedded cluster: Kubernetes API semantics over plain dictionaries, in memory.

It knows nothing of HTTP, tasks or the network. What it returns are snapshots it never changes afterwards; callers do
not change them either (`clone` first).
"""
