"""Planted faults that lose packets of pods on a node: the nft chains that do it (pure).

    services/F89  pods of one node do not reach each other, as with isolated ports of a bridge          (ours)
    services/F90  refusals are lost: a firewall lets no reset pass                                      (ours)
    dns/F-54      fragments are dropped
    policy/86     pods that are being deleted lose their network at once

Only what is forwarded is touched: the node itself reaches its pods, so their probes stay good.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

ISOLATED = "services/F89"
NO_RESETS = "services/F90"
NO_FRAGMENTS = "dns/F-54"
LEAVING_CUT_OFF = "policy/86"

FILTER = "chain losses {{ type filter hook forward priority -10;{} }}"
RAW = "chain scraps {{ type filter hook prerouting priority -450;{} }}"
"""Ahead of the connection table, which puts fragments together."""

FRAGMENT = {"ip": "ip frag-off & 0x1fff != 0", "ip6": "exthdr frag exists"}

Pods = Sequence[dict[str, Any]]


def chains(lost: Mapping[str, Pods], *, node: str) -> list[str]:
    """The chains for faults in force here, given the pods that each of them covers."""
    filters = [
        *_between(lost.get(ISOLATED, ()), node),
        *(f"{way} tcp flags & rst == rst drop;" for way in _words(lost.get(NO_RESETS, ()), "saddr")),
        *(f"{way} drop;" for side in ("saddr", "daddr") for way in _words(_leaving(lost.get(LEAVING_CUT_OFF)), side)),
    ]
    scraps = [f"{way} {FRAGMENT[way.split()[0]]} drop;" for way in _words(lost.get(NO_FRAGMENTS, ()), "saddr")]
    return [
        form.format("".join(f" {rule}" for rule in rules))
        for form, rules in ((FILTER, filters), (RAW, scraps))
        if rules
    ]


def _between(pods: Pods, node: str) -> list[str]:
    own = _by_family(pod for pod in pods if pod["spec"].get("nodeName") == node)
    return [f"{word} saddr {several} {word} daddr {several} drop;" for word, several in own.items()]


def _leaving(pods: Pods | None) -> list[dict[str, Any]]:
    return [pod for pod in pods or () if pod["metadata"].get("deletionTimestamp")]


def _words(pods: Iterable[dict[str, Any]], side: str) -> list[str]:
    return [f"{word} {side} {several}" for word, several in _by_family(pods).items()]


def _by_family(pods: Iterable[dict[str, Any]]) -> dict[str, str]:
    """The pods' addresses as sets, by nft's word for their family."""
    found: dict[str, list[str]] = {}
    for pod in pods:
        for entry in (pod.get("status") or {}).get("podIPs") or ():
            found.setdefault("ip6" if ":" in entry["ip"] else "ip", []).append(entry["ip"])
    return {word: f"{{ {', '.join(sorted(several))} }}" for word, several in sorted(found.items())}
