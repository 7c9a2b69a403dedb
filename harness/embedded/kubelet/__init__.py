"""The kubelet of the embedded cluster: runs the pods bound to one node as real containers in real namespaces.

    pure       resolver, environment, volumes (contents), security, oci, status, probes, policy, node (object)
    doors      cni (plugins), containers (crun), rootfs (directories), probing (sockets), netns (namespaces)
    driver     worker (one task per pod), kubelet (watches, registers the node), runtime (exec and logs for the API)

It is not a container runtime or a CNI: crun and Debian's plugins are.
"""
