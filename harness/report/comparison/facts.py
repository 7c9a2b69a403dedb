"""What a column is: the facts of its cluster in words, in one order, and what tells columns apart. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.report.comparison.printable import one_line
from harness.report.comparison.values import Run
from harness.report.record import RunRecord

NAMES = {
    "kind": "cluster",
    "context": "context",
    "kubernetes": "Kubernetes",
    "cni": "CNI",
    "kube_proxy": "kube-proxy",
    "families": "families",
    "nodes": "nodes",
    "loadbalancer": "LoadBalancer",
    "ingress": "Ingress",
    "node_image": "node image",
    "kind_version": "kind",
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


def facts(run: Run) -> dict[str, str]:
    """What is known of a run's cluster: what was asked for, and over it what was found."""
    found: Mapping[str, Any] = run.record.cluster if run.record is not None else {}
    told = {**run.facts, **{name: value for name, value in found.items() if value is not None}}
    return {name: one_line(str(told[name])) for name in NAMES if told.get(name) not in (None, "")}


def about(runs: Sequence[Run]) -> list[tuple[tuple[str, str], ...]]:
    """For each run the same facts in the same order: those that any of them has, and how it went."""
    known = [facts(run) for run in runs]
    shown = [name for name in NAMES if any(name in each for each in known)]
    return [
        (*((NAMES[name], each.get(name, UNKNOWN)) for name in shown), *_course(run))
        for run, each in zip(runs, known, strict=True)
    ]


def _course(run: Run) -> tuple[tuple[str, str], ...]:
    if run.record is None:
        return (("started", "-"), ("took", "-"), ("requirements", "no result"))
    boot = run.record.cluster.get("boot_s")
    took = f"{run.record.seconds:.0f} s" + (f", {boot} s of it until the cluster was there" if boot else "")
    return (("started", one_line(run.record.started)), ("took", one_line(took)), ("requirements", tally(run.record)))


WORDS = {"PASS": "hold", "FAIL": "broken", "UNKNOWN": "unknown", "SKIP": "skipped"}


def tally(record: RunRecord) -> str:
    """How many requirements came to what."""
    counts = [f"{count} {WORDS[verdict]}" for verdict, count in record.tally().items() if count]
    return ", ".join(counts) or "none asked"


def short_names(records: Sequence[RunRecord]) -> list[str]:
    """Names for runs that only their records tell apart: the facts that differ, else when they began."""
    known = [facts(Run("", record=record)) for record in records]
    telling = [name for name in TELLING if len({each.get(name) for each in known}) > 1]
    names = [" ".join(each.get(name, UNKNOWN) for name in telling) for each in known]
    if len(set(names)) == len(names):
        return names
    return [f"{name} {record.started}".strip() for name, record in zip(names, records, strict=True)]
