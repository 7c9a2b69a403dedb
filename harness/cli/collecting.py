"""The tests of the installed suites, found by collecting them as pytest does, in a process of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass

import click

from harness.cli.catalogues import suite_packages
from harness.cli.run import pytest_arguments
from harness.effects.run import Completed, run
from harness.report.catalogue import Catalogue

COLLECT = ("--collect-only", "-q", "-p", "no:cacheprovider", "-p", "harness.cli.collector")
MARK = "harness-collected: "
"""Begins the line in which the collector, a plugin of that process, tells what it found."""

COLLECT_LIMIT = 120.0
"""Seconds a collection may take; it takes one or two, and a loaded machine makes that ten."""


@dataclass(frozen=True)
class Case:
    """A test, the requirements it decides, and its promise."""

    name: str
    ids: tuple[str, ...]
    promise: str


def collect() -> list[Case]:
    """The tests of the installed suites. Raises ClickException with pytest's words when they cannot be collected."""
    arguments = pytest_arguments(COLLECT, suite_packages())
    done = run([sys.executable, "-m", "pytest", *arguments], check=False, timeout=COLLECT_LIMIT)
    for line in done.text.splitlines():
        if line.startswith(MARK) and done.code in {0, 5}:
            told = json.loads(line.removeprefix(MARK))
            return [Case(name, tuple(ids), promise) for name, ids, promise in told]
    raise click.ClickException(f"the suites cannot be collected: {_complaint(done)}")


def _complaint(done: Completed) -> str:
    said = (done.text + done.err.decode(errors="replace")).strip().splitlines()
    errors = [line for line in said if line.startswith(("E  ", "ERROR"))]
    return "; ".join(errors[:3] or said[-1:] or [f"exit code {done.code}"])


def by_requirement(cases: Iterable[Case]) -> dict[str, list[Case]]:
    """The tests that decide each requirement."""
    found: dict[str, list[Case]] = {}
    for case in cases:
        for id_ in case.ids:
            found.setdefault(id_, []).append(case)
    return found


def decided(cases: Iterable[Case], catalogue: Catalogue) -> dict[str, list[Case]]:
    """The tests that decide each requirement. Raises ClickException for one that is in no catalogue."""
    deciding = by_requirement(cases)
    if unknown := sorted(set(deciding) - set(catalogue.requirements)):
        raise click.ClickException(f"tests decide requirements that are in no catalogue: {', '.join(unknown)}")
    return deciding
