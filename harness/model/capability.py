"""What a cluster can do: the closed vocabulary of needs, and facts in three states. Unknown is not no.

The words are those of the catalogue (section 0.4 of its Services part), `network-policy` is the word of the data files
of network plugins, and `faults` is ours. How a fact is found out stands where it is found out.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class State(enum.StrEnum):
    """Whether a cluster has something."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Fact:
    """Something about a cluster: whether it is so, what exactly there is, and why we think so."""

    state: State
    value: str = ""
    why: str = ""

    @classmethod
    def yes(cls, value: str = "", *, why: str) -> Fact:
        """It is there."""
        return cls(State.YES, value, why)

    @classmethod
    def no(cls, *, why: str, value: str = "") -> Fact:
        """It is not there."""
        return cls(State.NO, value, why)

    @classmethod
    def unknown(cls, why: str, *, value: str = "") -> Fact:
        """Nobody can tell, for this reason."""
        return cls(State.UNKNOWN, value, why)

    @classmethod
    def whether(cls, there: bool, *, why: str, value: str = "") -> Fact:
        """It is there, or not."""
        return cls(State.YES if there else State.NO, value, why)

    def as_dict(self) -> dict[str, str]:
        """JSON-ready; what is not said is left out."""
        told = {"state": str(self.state), "value": self.value, "why": self.why}
        return {key: value for key, value in told.items() if value}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Fact:
        """What `as_dict` gave. Raises KeyError, ValueError for anything else."""
        return cls(State(told["state"]), str(told.get("value", "")), str(told.get("why", "")))

    def __str__(self) -> str:
        told = f"{self.state}, {self.value}" if self.value else str(self.state)
        return f"{told}: {self.why}" if self.why else told


@dataclass(frozen=True)
class Need:
    """Something a test can need: how a skip names it, and whether running the test decides what is not known."""

    words: str
    running_decides: bool = False


NEEDS: Mapping[str, Need] = {
    "nodes2": Need("at least two schedulable Linux nodes"),
    "nodes3": Need("at least three schedulable Linux nodes"),
    "zones2": Need("nodes in at least two zones"),
    "zones3": Need("nodes in at least three zones"),
    "v4": Need("pods with IPv4 addresses"),
    "v6": Need("pods with IPv6 addresses"),
    "dual": Need("a dual-stack cluster"),
    "extip-node": Need("nodes with an ExternalIP"),
    "hostnet": Need("pods in the network of their node", running_decides=True),
    "kp": Need("kube-proxy"),
    "kp-iptables": Need("kube-proxy in iptables mode"),
    "kp-ipvs": Need("kube-proxy in ipvs mode"),
    "kp-nft": Need("kube-proxy in nftables mode"),
    "np-x": Need("a place outside the cluster that reaches its nodes"),
    "lb": Need("an implementation of LoadBalancer Services", running_decides=True),
    "ing": Need("an Ingress controller", running_decides=True),
    "admin": Need("a cluster of the run's own, in which objects outside namespaces may be made"),
    "svccidr-api": Need("the ServiceCIDR API"),
    "network-policy": Need("NetworkPolicy to be enforced", running_decides=True),
    "faults": Need("a cluster that can be broken on request (the embedded one)"),
}
"""Everything a test can need, besides a version (`k8s>=1.33`)."""

VERSION = re.compile(r"k8s>=(\d+)\.(\d+)")


def need(name: str) -> Need | None:
    """A need by name; None when nobody knows it."""
    if found := VERSION.fullmatch(name):
        return Need(f"Kubernetes {found[1]}.{found[2]} or newer")
    return NEEDS.get(name)
