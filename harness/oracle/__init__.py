"""What Kubernetes promises, computed from API objects only. Knows nothing of any data plane.

snapshot = Snapshot.of(objects)              # harness.oracle.snapshot
harness.oracle.policy                        # verdicts and truth tables of NetworkPolicies
harness.oracle.dns                           # what must come back for a DNS question; resolv.conf, hosts, hostname
harness.oracle.services                      # deliver(...): who may answer behind an address, seen from where
harness.oracle.ingress                       # route(...): who has to answer a host and path; certificates; classes
harness.oracle.endpointslices                # judge_slices(...): what slices must contain given the pods
    harness.oracle.through                       # policies applied to connections by a Service address
"""
