"""Network plugins: the add-ons (`addon.py`) that a cluster cannot be without, with what they ask of kind's nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from harness.clusters.addon import Addon, Download, listed

CAPABILITIES = {
    "network-policy": "enforces NetworkPolicy",
    "end-port": "port ranges in policies",
    "named-ports": "named ports in policies",
    "sctp-policy": "SCTP in policies",
    "ip-block-except": "ipBlock with except",
    "cluster-network-policy": "ClusterNetworkPolicy",
    "dual-stack": "two families",
    "ipv6": "IPv6 alone",
    "host-port": "host ports",
    "replaces-kube-proxy": "proxies Services itself",
}


@dataclass(frozen=True)
class Plugins:
    """CNI plugin programs that kind's nodes lack and this plugin delegates to: an archive per architecture."""

    files: tuple[str, ...]
    archives: Mapping[str, Download]


@dataclass(frozen=True)
class Cni(Addon):
    """A network plugin. Of its `kube_proxy` the first is taken unasked."""

    WHAT: ClassVar[str] = "CNI"
    OPTION: ClassVar[str] = "--cni"
    FOLDER: ClassVar[str] = "cni"
    CAPABILITIES: ClassVar[Mapping[str, str]] = CAPABILITIES

    bundled: bool = False
    """It comes with kind's node image and is installed by kind."""
    pod_subnets: Mapping[str, str] = field(default_factory=dict)
    plugins: Plugins | None = None
    host_modules: tuple[str, ...] = ()

    @property
    def absent(self) -> bool:
        """Nothing is installed."""
        return not self.bundled and self.source is None

    @classmethod
    def _read(cls, told: dict[str, Any]) -> dict[str, Any]:
        plugins = told.get("plugins")
        return {
            **super()._read(told),
            "plugins": None if plugins is None else _plugins(plugins),
            "host_modules": listed(told, "host_modules"),
        }


def _plugins(told: Mapping[str, Any]) -> Plugins:
    return Plugins(listed(told, "files"), {arch: Download(**each) for arch, each in told["archives"].items()})


names = Cni.names
load = Cni.load
parse = Cni.parse
