"""`harness list`: requirements, and the tests that decide them, found by collecting the suites as pytest does."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

import click

from harness.cli import catalogue
from harness.cli.catalogues import requirements, suite_packages
from harness.cli.run import pytest_arguments
from harness.effects.run import Completed, run

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


@click.command("list")
@click.option("--markdown", is_flag=True, help="The whole catalogue as suites/CATALOGUE.md has it.")
def list_requirements(*, markdown: bool) -> None:
    """Requirements that are decided, each with the tests that decide it."""
    cases, known = collect(), requirements()
    deciding = by_requirement(cases)
    if unknown := sorted(set(deciding) - set(known)):
        raise click.ClickException(f"tests decide requirements that are in no catalogue: {', '.join(unknown)}")
    if markdown:
        click.echo(catalogue.markdown(known, deciding), nl=False)
        return
    for id_ in known:
        for case in deciding.get(id_, ()):
            click.echo(f"{id_}  {case.name}  {case.promise}")
    click.echo(f"{len(deciding)} of {len(known)} requirements are decided, by {len(cases)} tests")


def by_requirement(cases: list[Case]) -> dict[str, list[Case]]:
    """The tests that decide each requirement."""
    found: dict[str, list[Case]] = {}
    for case in cases:
        for id_ in case.ids:
            found.setdefault(id_, []).append(case)
    return found
