"""A requirement explained: what it says, on which authority, how it is decided, by which tests, with which faults."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence

import click

from harness.cli.collecting import Case
from harness.report.catalogue import Catalogue

WIDTH = 110
COLUMNS = {"fixture": "fixture", "topology": "topology", "probe": "asked", "expect": "expected", "needs": "needs"}
"""Columns of the catalogue that say how a requirement is decided, and what they are called here."""


def lines(catalogue: Catalogue, id_: str, tests: Sequence[Case], proofs: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """What is known of it, a line each. Raises ClickException for an id that is in no catalogue."""
    row = catalogue.requirements.get(id_)
    if row is None:
        near = [each for each in catalogue.requirements if each.startswith(id_.partition("-")[0] + "-")]
        told = f"ids of that area go from {near[0]} to {near[-1]}" if near else "see harness list --json"
        raise click.ClickException(f"no requirement {id_}: {told}")
    yield f"{row.id}  {row.statement}"
    yield from _told("section", row.section)
    yield from _told("level", f"{row.level or 'none'} (profile {row.profile})")
    yield from _told("source", row.source)
    for column, name in COLUMNS.items():
        yield from _told(name, row.told.get(column, ""))
    yield from _told("varies", row.told.get("varies", ""))
    upstream = [name for name, ids in catalogue.upstream.items() if id_ in ids]
    yield from _told("upstream", "; ".join(upstream))
    refusal = catalogue.refused.get(id_)
    if refusal is not None:
        yield from _told("refused", f"{refusal.why}: {refusal.evidence}")
    elif not tests:
        yield from _told("decided by", "nothing yet")
    for case in tests:
        yield from _told("decided by", f"{case.name}: {case.promise}")
        yield from _told("ask it", f"harness run '{case.name}'")
    for proof in proofs:
        yield from _told("proved by", f"fault {proof['fault']} ({proof['layer']}), which {proof['test']} must catch")
    if tests and not proofs:
        yield from _told("proved by", "no planted fault of its own")


def _told(name: str, text: str) -> Iterator[str]:
    if text:
        first, *rest = textwrap.wrap(text, WIDTH - 14, break_long_words=False) or [""]
        yield f"  {name + ':':12}{first}"
        yield from (f"{'':14}{line}" for line in rest)
