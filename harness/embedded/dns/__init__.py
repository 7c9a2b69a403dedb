"""Cluster DNS, answering as CoreDNS with kubeadm's Corefile does. It runs in the DNS pods, not beside them.

resolve.py (pure) decides, wire.py writes, serve.py has the sockets, faults.py every deliberate defect. Everything that
runs in a pod imports the standard library and dnspython only.
"""
