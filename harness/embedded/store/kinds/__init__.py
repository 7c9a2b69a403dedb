"""The behaviour of every served kind, one row each."""

from __future__ import annotations

from harness.embedded.store.kinds import (
    addresses,
    daemonsets,
    ingresses,
    jobs,
    plain,
    pods,
    policies,
    services,
    slices,
    statefulsets,
    workloads,
)
from harness.embedded.store.resources import Resource
from harness.embedded.store.strategy import Strategy

_STRATEGIES: dict[str, Strategy] = {
    "ConfigMap": plain.CONFIG_MAP,
    "DaemonSet": daemonsets.DAEMON_SET,
    "Deployment": workloads.DEPLOYMENT,
    "EndpointSlice": slices.ENDPOINT_SLICE,
    "Endpoints": slices.ENDPOINTS,
    "Event": plain.EVENT,
    "Fault": plain.FAULT,
    "Ingress": ingresses.INGRESS,
    "IngressClass": ingresses.INGRESS_CLASS,
    "IPAddress": addresses.IP_ADDRESS,
    "Job": jobs.JOB,
    "Lease": plain.LEASE,
    "Namespace": plain.NAMESPACE,
    "NetworkPolicy": policies.NETWORK_POLICY,
    "Node": plain.NODE,
    "PacketTrace": Strategy(),
    "Pod": pods.POD,
    "ReplicaSet": workloads.REPLICA_SET,
    "Secret": plain.SECRET,
    "SelfSubjectAccessReview": Strategy(),
    "Service": services.SERVICE,
    "ServiceAccount": plain.SERVICE_ACCOUNT,
    "ServiceCIDR": addresses.SERVICE_CIDR,
    "StatefulSet": statefulsets.STATEFUL_SET,
}


def strategy_for(resource: Resource) -> Strategy:
    """The behaviour of a resource's kind."""
    return _STRATEGIES[resource.kind]
