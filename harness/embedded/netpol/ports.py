"""Which ports one rule opens: numbers, ranges, names, or a whole protocol. Pure.

Source: NetworkPolicyPort of networking.k8s.io/v1. A name is resolved on the pod that listens: the subject for
ingress, each peer for egress. It means a number only under its own protocol.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.embedded.netpol import faults
from harness.embedded.netpol.faults import Broken
from harness.embedded.netpol.model import Pod

Range = tuple[int, int]


@dataclass(frozen=True)
class Ports:
    """What a rule says of one protocol (None: of every protocol there is)."""

    protocol: str | None = None
    whole: bool = False
    ranges: tuple[Range, ...] = ()
    names: tuple[str, ...] = ()

    def with_numbers(self, numbers: Iterable[int]) -> Ports:
        """The same with names replaced by what they mean."""
        return Ports(self.protocol, self.whole, merged([*self.ranges, *((one, one) for one in numbers)]))

    @property
    def matches(self) -> list[str]:
        """As nft conditions, [] when nothing is opened; names are not in here."""
        if self.protocol is None:
            return [""]
        if self.whole:
            return [f"meta l4proto {self.protocol}"]
        if not self.ranges:
            return []
        listed = ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in self.ranges)
        return [f"{self.protocol} dport {{ {listed} }}"]


def ports_of(rule: Mapping[str, Any], *, broken: Broken, namespace: str) -> list[Ports]:
    """One value per protocol; a missing or empty list of ports restricts nothing."""
    entries = rule.get("ports")
    if not entries or broken.here(faults.PORTS_IGNORED, namespace):
        return [Ports()]
    protocols = sorted({_protocol(entry) for entry in entries})
    return [_of_protocol(one, [e for e in entries if _protocol(e) == one], broken, namespace) for one in protocols]


def _protocol(entry: Mapping[str, Any]) -> str:
    return str(entry.get("protocol") or "TCP").lower()


def _of_protocol(protocol: str, entries: list[Mapping[str, Any]], broken: Broken, namespace: str) -> Ports:
    ranges: list[Range] = []
    names: list[str] = []
    for entry in entries:
        port = entry.get("port")
        if port is None:
            return Ports(protocol, whole=True)
        if isinstance(port, str):
            names.append(port)
        elif broken.here(faults.END_PORT_IGNORED, namespace):
            ranges.append((port, port))
        else:
            ranges.append((port, entry.get("endPort") or port))
    return Ports(protocol, ranges=merged(ranges), names=tuple(sorted(set(names))))


def merged(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Without overlaps, which nft would refuse, and without gaps of nothing between."""
    result: list[Range] = []
    for low, high in sorted(ranges):
        if result and low <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(high, result[-1][1]))
        else:
            result.append((low, high))
    return tuple(result)


def numbers_on(pod: Pod, ports: Ports, *, broken: Broken, namespace: str) -> list[int]:
    """What the names of a rule mean on the pod that listens."""
    protocol = None if broken.here(faults.NAME_WITHOUT_PROTOCOL, namespace) else ports.protocol
    return sorted({number for name in ports.names for number in pod.numbers(name, protocol)})
