"""What a column is: the facts of its cluster in words, in one order, and what tells columns apart. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.model.capability import Fact, State
from harness.report.capabilities import facts_in
from harness.report.comparison.printable import one_line
from harness.report.comparison.values import Run
from harness.report.record import RunRecord

NAMES = {
    "kind": "cluster",
    "context": "context",
    "kubernetes": "Kubernetes",
    "cni": "CNI",
    "kube_proxy": "kube-proxy",
    "dns": "DNS",
    "families": "families",
    "nodes": "nodes",
    "loadbalancer": "LoadBalancer",
    "ingress": "Ingress",
    "node_image": "node image",
    "kind_version": "kind",
    "changes": "not stock",
    "kernel": "kernel",
    "server": "server",
}
"""Facts that are shown, in this order, and what they are called."""

TELLING = (
    "context",
    "kubernetes",
    "cni",
    "kube_proxy",
    "families",
    "nodes",
    "loadbalancer",
    "ingress",
    "node_image",
    "kind",
)
"""Facts that a short name is made of when they differ."""

UNKNOWN = "?"


DETECTED = {"cni": "cni", "dns": "dns"}
"""Facts that a run finds out by itself, by what they are called among its capabilities."""

MADE = ("kind", "embedded")
"""Clusters that a run makes for itself."""

MODES = {"kp-iptables": "iptables", "kp-nft": "nftables", "kp-ipvs": "ipvs"}
STACKS = {"dual": "dual", "v4": "ipv4", "v6": "ipv6"}
"""Capabilities of which the first that is there is the fact."""

TOLD = {"kubernetes", "nodes", "kp", *DETECTED, *MODES, *STACKS}
"""Capabilities that are facts above."""


def facts(run: Run) -> dict[str, str]:
    """What is known of a run's cluster: what was asked for, over it what was detected, over it what was made."""
    found: Mapping[str, Any] = run.record.cluster if run.record is not None else {}
    made = {name: value for name, value in found.items() if value not in (None, "")}
    told = {**run.facts, **_detected(found), **made}
    if told.get("kind") in MADE:
        told.pop("server", None)  # a port of this machine, another one in every run
    return {name: one_line(str(told[name])) for name in NAMES if told.get(name) not in (None, "")}


def _detected(cluster: Mapping[str, Any]) -> dict[str, str]:
    can = {name: fact for name, fact in facts_in(cluster).items() if fact.state is State.YES}
    found = {fact: can[name].value for fact, name in DETECTED.items() if name in can}
    for fact, words in (("kube_proxy", MODES), ("families", STACKS)):
        if there := [word for name, word in words.items() if name in can]:
            found[fact] = there[0]
    return found


def about(runs: Sequence[Run]) -> list[tuple[tuple[str, str], ...]]:
    """For each run the same facts in the same order: those that any of them has, what only some can, how it went."""
    known = [facts(run) for run in runs]
    shown = [name for name in NAMES if any(name in each for each in known)]
    return [
        (*((NAMES[name], each.get(name, UNKNOWN)) for name in shown), *can, *_course(run))
        for run, each, can in zip(runs, known, _abilities(runs), strict=True)
    ]


def _abilities(runs: Sequence[Run]) -> list[list[tuple[str, str]]]:
    """Capabilities that are there in one column and not, or not certainly, in another."""
    found = [facts_in(run.record.cluster) if run.record is not None else {} for run in runs]
    names = dict.fromkeys(name for each in found for name in each if name not in TOLD)
    differing = [name for name in names if len({each[name].state for each in found if name in each}) > 1]
    return [
        [(one_line(f"found: {name}"), _ability(each[name]) if name in each else UNKNOWN) for name in differing]
        for each in found
    ]


def _ability(fact: Fact) -> str:
    return one_line(f"{fact.state} {fact.value}")


def _course(run: Run) -> tuple[tuple[str, str], ...]:
    if run.record is None:
        return (("started", "-"), ("took", "-"), ("requirements", "no result"))
    boot = run.record.cluster.get("boot_s")
    took = f"{run.record.seconds:.0f} s" + (f", {boot} s of it until the cluster was there" if boot else "")
    return (("started", one_line(run.record.started)), ("took", one_line(took)), ("requirements", tally(run.record)))


def tally(record: RunRecord) -> str:
    """How many requirements came to what."""
    return record.told() or "none asked"


def short_names(records: Sequence[RunRecord]) -> list[str]:
    """Names for runs that only their records tell apart: the facts that differ, else when they began."""
    known = [facts(Run("", record=record)) for record in records]
    common = [name for name in TELLING if all(name in each for each in known)]
    telling = [name for name in common if len({each[name] for each in known}) > 1]
    names = [" ".join(each[name] for name in telling) for each in known]
    if len(set(names)) == len(names):
        return names
    return [f"{name} {record.started}".strip() for name, record in zip(names, records, strict=True)]
