"""Every fact by its name, found out when it is asked for, once. What cannot be read is unknown, with the reason."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping

from harness.kube.errors import KubeError
from harness.model.capability import VERSION, Fact
from harness.model.refs import Family
from harness.world.capabilities import addresses, machines, workloads
from harness.world.capabilities.reads import Reads

Find = Callable[[Reads], Fact]

FACTS: Mapping[str, Find] = {
    "kubernetes": workloads.version,
    "nodes": machines.count,
    "nodes2": functools.partial(machines.at_least, 2),
    "nodes3": functools.partial(machines.at_least, 3),
    "zones2": functools.partial(machines.zones, 2),
    "zones3": functools.partial(machines.zones, 3),
    "control-plane": machines.control_plane,
    "extip-node": machines.external_address,
    "node-network": machines.reached,
    "v4": functools.partial(addresses.family, Family.V4),
    "v6": functools.partial(addresses.family, Family.V6),
    "dual": addresses.dual,
    "service-cidrs": addresses.cidrs,
    "svccidr-api": workloads.service_cidr_api,
    "cni": workloads.plugin,
    "kp": workloads.proxy,
    **{need: functools.partial(workloads.proxy_mode, mode) for mode, need in workloads.MODES.items()},
    "dns": workloads.dns,
    "dns-settings": workloads.dns_settings,
    "dns-version": workloads.dns_version,
    "node-local-dns": workloads.node_local_dns,
    "lb": workloads.load_balancer,
    "ing": workloads.ingress,
    "admin": workloads.ours,
    "apis": workloads.optional_apis,
    "hostnet": lambda _: Fact.unknown("the first pod that asks for it tells"),
    "np-x": lambda _: Fact.unknown("the first test that asks from outside tells"),
    "network-policy": workloads.policy,
    "faults": workloads.faults,
}
"""What is told of a cluster, in this order: the needs of tests, and what only explains a result."""


UNEXPECTED = (KeyError, IndexError, TypeError, ValueError, AttributeError)
"""What reading raises when an object of somebody's cluster lacks what such objects have: no reason to end a run."""


class Detector:
    """The facts of one cluster."""

    def __init__(self, reads: Reads) -> None:
        self.reads = reads
        self._found: dict[str, Fact] = {}

    def fact(self, name: str) -> Fact:
        """A fact by its name, also `k8s>=1.33`. Raises KeyError for one that nobody knows."""
        if name not in self._found:
            self._found[name] = self._find(name)
        return self._found[name]

    def all(self) -> dict[str, Fact]:
        """Every fact."""
        return {name: self.fact(name) for name in FACTS}

    def _find(self, name: str) -> Fact:
        wanted = VERSION.fullmatch(name)
        find = functools.partial(_at_least, int(wanted[1]), int(wanted[2])) if wanted else FACTS[name]
        try:
            return find(self.reads)
        except KubeError as error:
            return Fact.unknown(str(error))
        except UNEXPECTED as error:
            return Fact.unknown(f"an object of the API is not as expected: {error!r}")


def _at_least(major: int, minor: int, reads: Reads) -> Fact:
    found = re.match(r"v?(\d+)\.(\d+)", reads.version)
    if found is None:
        return Fact.unknown(f"the server calls its version {reads.version!r}")
    return Fact.whether((int(found[1]), int(found[2])) >= (major, minor), why=f"the server is {reads.version}")
