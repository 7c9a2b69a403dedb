"""`harness list`: requirements, with the tests that decide them; why they are refused; what nothing decides yet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from harness.cli import catalogue as page
from harness.cli.collecting import Case, collect, decided
from harness.model.requirement import AREAS, Profile, Requirement
from harness.report.catalogue import Catalogue, installed

DECIDED, REFUSED, UNDECIDED = "decided", "refused", "undecided"


@dataclass(frozen=True)
class Known:
    """The catalogue, and the tests that decide its requirements."""

    catalogue: Catalogue
    deciding: Mapping[str, Sequence[Case]]

    def state(self, id_: str) -> str:
        """Whether a requirement is decided, refused, or neither."""
        if id_ in self.deciding:
            return DECIDED
        return REFUSED if id_ in self.catalogue.refused else UNDECIDED


@click.command("list")
@click.option("--area", type=click.Choice(tuple(AREAS)), help="Requirements whose ids begin so.")
@click.option("--level", metavar="LEVEL", help="Of a level such as MUST, or of a profile: core, extended.")
@click.option("--refused", is_flag=True, help="What is refused, and why.")
@click.option("--undecided", is_flag=True, help="What nothing decides yet.")
@click.option("--upstream", is_flag=True, help="Network tests of the conformance programme, and what they stand for.")
@click.option("--json", "as_json", is_flag=True, help="As JSON; without --refused or --undecided, of every state.")
@click.option("--markdown", is_flag=True, help="The whole catalogue as suites/CATALOGUE.md has it.")
def list_requirements(area: str | None, level: str | None, **wanted: bool) -> None:
    """Requirements that are decided, each with the tests that decide it; or those that are not."""
    filters = [name for name in ("refused", "undecided") if wanted[name]]
    pages = [name for name in ("upstream", "markdown") if wanted[name]]
    if len(pages) > 1 or (pages and (filters or area or level)) or (wanted["markdown"] and wanted["as_json"]):
        raise click.UsageError(f"--{pages[0]} is a page of its own: leave out the other options")
    catalogue = installed()
    chosen = select(catalogue, area, level)
    known = Known(catalogue, decided(collect(), catalogue))
    if wanted["markdown"]:
        click.echo(page.markdown(catalogue, known.deciding), nl=False)
    elif wanted["upstream"]:
        _show(list(upstream(known)), as_json=wanted["as_json"])
    else:
        states = filters or ([DECIDED, REFUSED, UNDECIDED] if wanted["as_json"] else [DECIDED])
        mine = [each for each in chosen if known.state(each.id) in states]
        _show([row(known, each) for each in mine], as_json=wanted["as_json"])
        if not wanted["as_json"]:
            click.echo(total(known, chosen))


def select(catalogue: Catalogue, area: str | None, level: str | None) -> list[Requirement]:
    """The requirements of an area and a level. Raises UsageError for a level that nothing has."""
    every = list(catalogue.requirements.values())
    levels = {word for each in every for word in each.words if word}
    if level is not None and level not in levels | set(Profile):
        told = ", ".join([*Profile, *sorted(word for word in levels if word.isalnum())])
        raise click.UsageError(f"--level {level}: there are {told}")
    of_area = [each for each in every if area in {None, each.area}]
    return [each for each in of_area if level is None or level in {*each.words, str(each.profile)}]


def row(known: Known, each: Requirement) -> dict[str, Any]:
    """A requirement with all that is known of it; what is empty is left out."""
    refusal = known.catalogue.refused.get(each.id)
    told = {
        "id": each.id,
        "state": known.state(each.id),
        "area": each.area,
        "level": each.level,
        "profile": str(each.profile),
        "statement": each.statement,
        "source": each.source,
        "tests": [{"name": case.name, "promise": case.promise} for case in known.deciding.get(each.id, ())],
        "refused": {"why": str(refusal.why), "evidence": refusal.evidence} if refusal is not None else None,
    }
    return {name: value for name, value in told.items() if value}


def upstream(known: Known) -> Iterator[dict[str, Any]]:
    """Each upstream test with its requirements, and whether all of them are decided or refused."""
    for name, ids in known.catalogue.upstream.items():
        states = {id_: known.state(id_) for id_ in ids}
        yield {"upstream": name, "ids": states, "state": UNDECIDED if UNDECIDED in states.values() else DECIDED}


def total(known: Known, chosen: Sequence[Requirement]) -> str:
    """How many are decided, refused, and neither."""
    states = [known.state(each.id) for each in chosen]
    tests = {case.name for each in chosen for case in known.deciding.get(each.id, ())}
    told = f"{states.count(DECIDED)} of {len(chosen)} requirements are decided, by {len(tests)} tests"
    return f"{told}; {states.count(REFUSED)} are refused, {states.count(UNDECIDED)} undecided"


def _show(rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    for each in rows:
        for line in _lines(each):
            click.echo(line)


def _lines(each: Mapping[str, Any]) -> Iterator[str]:
    if "upstream" in each:
        told = ", ".join(f"{id_} {state}" for id_, state in each["ids"].items())
        yield f"{'not yet' if each['state'] == UNDECIDED else 'asked':8}{each['upstream']}: {told}"
    elif each["state"] == DECIDED:
        yield from (f"{each['id']}  {test['name']}  {test['promise']}" for test in each["tests"])
    elif each["state"] == REFUSED:
        yield f"{each['id']}  refused: {each['refused']['why']}  {each['statement']}"
    else:
        yield f"{each['id']}  {each.get('level', '-')}  {each['statement']}"
