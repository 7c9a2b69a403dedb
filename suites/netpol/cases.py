"""Static NetworkPolicy cases on nine pods, as data: the catalogue's own and more of its rows; and how one is placed.

Every case of the catalogue is written for namespace x and mostly for pod a. A case with one subject may stand anywhere
else in the table, with namespaces and pods renamed throughout: so several share one table, a column, a row or a
namespace each (`suites.netpol.sheets`).
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import yaml

from suites.catalogue import policy_cases, requirements

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

KILL_SET = (
    "POL-328", "POL-221", "POL-254", "POL-337", "POL-405", "POL-114", "POL-308", "POL-152", "POL-154", "POL-214",
    "POL-262", "POL-118", "POL-161", "POL-162a", "POL-259", "POL-311", "POL-326", "POL-332", "POL-412",
)  # fmt: skip
"""Together these kill all 65 wrong evaluators of the catalogue's section 3.4."""

TIERS: Mapping[str, Mapping[str, str | None]] = {
    "tier": {"a": "q", "b": "r", "c": None},
    "tier0": {"a": "q", "b": "r", "c": ""},
}
"""Value of the label `tier` on the pods of a name: T9t and T9t0 of the catalogue."""

TEAMS: Mapping[str, str | None] = {"x": None, "y": "t1", "z": ""}
"""Value of the label `team` on the namespaces of T9t."""

MODEL = {f"{n}/{p}": f"10.{i}.0.{j}" for i, n in enumerate("xyz", 1) for j, p in enumerate("abc", 1)}
"""The pods' addresses in the catalogue's topology: 10.<namespace>.0.<pod>, counted from 1."""

BY_NAME = "kubernetes.io/metadata.name"
"""The label by which the API server names a namespace: the arena's have names of their own."""


@functools.cache
def all_cases() -> dict[str, dict[str, Any]]:
    """Every case by id: `k` its topology, `p` namespace and spec of each policy, perhaps `n`, what is denied."""
    text = resources.files("suites.netpol").joinpath("more-cases.yaml").read_text(encoding="utf-8")
    return {**policy_cases(), **yaml.safe_load(text)}


def statement(id_: str) -> str:
    """The requirement's sentence; variants of one requirement (POL-162a) share it."""
    return str(requirements()[requirement_id(id_)]["statement"])


def requirement_id(id_: str) -> str:
    """The requirement a case decides: its id without the letter of a variant."""
    return id_.rstrip("abcdefgh")


def topology(id_: str) -> str:
    """`tier`, `tier0`, `web`, or "" for plain nine pods."""
    return str(all_cases()[id_].get("k") or "")


@dataclass(frozen=True)
class Move:
    """Where a case stands: what its namespaces and its pods are called there."""

    namespaces: Mapping[str, str]
    pods: Mapping[str, str]

    @classmethod
    def of(cls, id_: str, place: str) -> Move:
        """To a place: "" as it is written, `y` in that namespace, `y/b` with that pod as its subject."""
        namespace, _, pod = place.partition("/")
        subject = subject_of(id_)
        return cls(_swapped("xyz", "x", namespace or "x"), _swapped("abc", subject, pod or subject))

    def ref(self, ref: str) -> str:
        """A pod of the case where it stands."""
        namespace, _, pod = ref.partition("/")
        return f"{self.namespaces[namespace]}/{self.pods[pod]}"

    def values(self, names: Mapping[str, str]) -> Mapping[str, Mapping[str, str]]:
        """Values of labels as they are called there, by the label's key. Labels of pods follow their pods."""
        tiers = {str(old): str(TIERS["tier"][self.pods[pod]]) for pod, old in TIERS["tier"].items() if old is not None}
        there = {letter: names.get(new, new) for letter, new in self.namespaces.items()}
        return {"ns": self.namespaces, "pod": self.pods, "tier": tiers, BY_NAME: there}


def subject_of(id_: str) -> str:
    """The pod that a case with one subject is about; `a` for others."""
    specs = [spec for _, spec in all_cases()[id_]["p"]]
    return str(specs[0]["podSelector"].get("matchLabels", {}).get("pod", "a")) if specs else "a"


def _swapped(letters: str, one: str, other: str) -> dict[str, str]:
    return {letter: {one: other, other: one}.get(letter, letter) for letter in letters}


def policies(
    id_: str, pods: Mapping[str, str], *, place: str = "", names: Mapping[str, str] | None = None
) -> list[tuple[str, dict[str, Any]]]:
    """The case's policies at a place: namespace letter and spec, its blocks rewritten for the addresses of these pods.

    `names` are the real names of namespaces by their letters; without it they are their letters.
    """
    move = Move.of(id_, place)
    values = move.values(names or {})
    placed = [(move.namespaces[letter], _renamed(spec, values)) for letter, spec in all_cases()[id_]["p"]]
    return [(letter, _addressed(spec, pods, move)) for letter, spec in placed]


def _renamed(part: Any, values: Mapping[str, Mapping[str, str]]) -> Any:
    """A part of a spec with the values of labels as they are called elsewhere."""
    if isinstance(part, list):
        return [_renamed(each, values) for each in part]
    if not isinstance(part, dict):
        return part
    if "operator" in part:
        known = values.get(part["key"], {})
        renamed = [known.get(value, value) for value in part.get("values", ())]
        return {**part, **({"values": renamed} if renamed else {})}
    if "matchLabels" in part:
        labels = {key: values.get(key, {}).get(value, value) for key, value in part["matchLabels"].items()}
        others = {key: _renamed(each, values) for key, each in part.items() if key != "matchLabels"}
        return {"matchLabels": labels, **others}
    return {key: _renamed(each, values) for key, each in part.items()}


def _addressed(spec: Mapping[str, Any], pods: Mapping[str, str], move: Move) -> dict[str, Any]:
    """A spec with every block of addresses rewritten."""
    placed = dict(spec)
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        if spec.get(direction):
            placed[direction] = [
                {**rule, peers: [new for peer in rule[peers] for new in _peers(peer, pods, move)]}
                if rule.get(peers)
                else rule
                for rule in spec[direction]
            ]
    return placed


def _peers(peer: Mapping[str, Any], pods: Mapping[str, str], move: Move) -> list[dict[str, Any]]:
    if "ipBlock" not in peer:
        return [dict(peer)]
    return [{"ipBlock": block} for block in blocks(peer["ipBlock"], pods, move)]


def blocks(block: Mapping[str, Any], pods: Mapping[str, str], move: Move) -> list[dict[str, Any]]:
    """A block of the catalogue's topology, where each namespace has a network of its own, for pods as they really are.

    A block of some pods becomes one block for each of them; one with exceptions covers all pods and leaves out, one by
    one, those that it excepts and those that it did not cover. A block of everything, or of half of it, stays.
    """
    network = ipaddress.ip_network(block["cidr"])
    if network.prefixlen <= 1:
        return [dict(block)]
    inside = _members(network, move)
    if "except" not in block:
        whole = len(inside) == len(pods)
        return (
            [{"cidr": cover(pods.values())}]
            if whole
            else [{"cidr": _alone(pods[ref])} for ref in pods if ref in inside]
        )
    excepted = {ref for each in block["except"] for ref in _members(ipaddress.ip_network(each), move)}
    left_out = [ref for ref in pods if ref not in inside or ref in excepted]
    return [{"cidr": cover(pods.values()), "except": [_alone(pods[ref]) for ref in left_out]}]


def _members(network: Network, move: Move) -> set[str]:
    """The pods whose address in the catalogue's topology lies in a network, as they are called where it stands."""
    return {move.ref(ref) for ref, address in MODEL.items() if ipaddress.ip_address(address) in network}


def _alone(address: str) -> str:
    return str(ipaddress.ip_network(address))


def cover(addresses: Iterable[str]) -> str:
    """The smallest network that holds all of these addresses of one family."""
    several = [ipaddress.ip_address(address) for address in addresses]
    network = ipaddress.ip_network(several[0])
    while not all(address in network for address in several):
        network = network.supernet()
    return str(network)
