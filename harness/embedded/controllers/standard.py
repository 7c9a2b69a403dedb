"""The controllers an embedded cluster runs, put together."""

from __future__ import annotations

from collections.abc import Iterable

from harness.embedded.controllers import (
    daemonset,
    deployment,
    endpoints,
    endpointslice,
    garbage,
    job,
    loadbalancer,
    mirroring,
    namespace,
    ownslice,
    replicaset,
    scheduler,
    serviceaccount,
    servicecidr,
    statefulset,
)
from harness.embedded.controllers.loop import Controller

TICK = 1.0
"""How often the workload controllers look at the clock: minReadySeconds and deadlines are in seconds."""


def standard_controllers(*, ca: str, pools: Iterable[tuple[str, str]]) -> tuple[Controller, ...]:
    """Every controller: `ca` is the cluster's certificate (PEM), `pools` are the load balancer's address ranges."""
    slices = endpointslice.SliceController()
    legacy = endpoints.EndpointsController()
    return (
        Controller("service-account", serviceaccount.READS, serviceaccount.reconciler(ca)),
        Controller("scheduler", scheduler.READS, scheduler.reconcile),
        Controller("deployment", deployment.READS, deployment.reconcile, every=TICK),
        Controller("replicaset", replicaset.READS, replicaset.reconcile, every=TICK),
        Controller("statefulset", statefulset.READS, statefulset.reconcile, every=TICK),
        Controller("daemonset", daemonset.READS, daemonset.reconcile, every=TICK),
        Controller("job", job.READS, job.reconcile, every=TICK),
        Controller("endpointslice", endpointslice.READS, slices.reconcile),
        Controller("endpoints", endpoints.READS, legacy.reconcile),
        Controller("endpointslice-mirroring", mirroring.READS, mirroring.reconcile),
        Controller("api-server-slice", ownslice.READS, ownslice.reconcile),
        Controller("service-cidrs", servicecidr.READS, servicecidr.reconcile),
        Controller("load-balancer", loadbalancer.READS, loadbalancer.reconciler(pools)),
        Controller("namespace", namespace.READS, namespace.reconcile),
        Controller("garbage-collector", garbage.READS, garbage.reconcile),
    )
