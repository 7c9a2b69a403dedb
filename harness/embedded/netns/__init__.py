"""Linux network namespaces as the floor of the embedded cluster: namespaces, links, sockets inside them, the fabric.

Everything made here lives in the calling process's own mount and network namespaces, which its starter made private.
Nothing here knows Kubernetes objects.
"""
