"""What a kubelet is told about its node: a value made by the wiring."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class HostResolver:
    """The node's own /etc/resolv.conf, which pods with dnsPolicy Default inherit."""

    nameservers: tuple[str, ...] = ("172.18.0.1",)
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ("ndots:0",)


@dataclass(frozen=True)
class NodeSpec:
    """One node. Addresses and pod networks are in order of preference, IPv4 before IPv6."""

    name: str
    netns: Path
    addresses: tuple[str, ...]
    pod_cidrs: tuple[str, ...]
    cluster_dns: tuple[str, ...] = ("10.96.0.10",)
    cluster_domain: str = "cluster.local"
    resolver: HostResolver = field(default_factory=HostResolver)
    state: Path = Path("/run/harness")
    control_plane: bool = False
    zone: str = ""
    """Where it stands (`topology.kubernetes.io/zone`); nowhere in particular when empty."""

    @property
    def home(self) -> Path:
        """Where this node's kubelet keeps its pods."""
        return self.state / "nodes" / self.name
