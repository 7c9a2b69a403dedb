"""Cases that share a table keep theirs, each in its place; and all sheets together kill every wrong engine."""

from __future__ import annotations

import functools
import itertools

import pytest

from harness.model.expectation import Want
from harness.oracle.policy import Cell, denied, table
from harness.oracle.snapshot import Snapshot
from suites.catalogue import requirements
from suites.netpol import cases, sheets
from tests.unit.oracle.policy import topology as nine
from tests.unit.oracle.policy.engine import Engine
from tests.unit.oracle.policy.mutants import MUTANTS
from tests.unit.oracle.policy.mutants import table as told_by

LANES = list(nine.LANES.values())
ADDRESSES = {ref: f"10.244.{number % 3}.{20 + number}" for number, ref in enumerate(nine.NAMES)}
"""Pods of one namespace lie on three nodes, as in a real cluster."""
SHEETS = [(batch, number) for batch, several in sheets.BATCHES.items() for number in range(len(several))]
PLACED = [(batch, number, place) for batch, number in SHEETS for place in sheets.BATCHES[batch][number]]
ALLOW = Want.ALLOW
ONLY_SCTP_SHOWS = {"SctpNeverMatches", "SctpNeverDenied"}
"""Engines that are wrong about SCTP alone: the lanes of TCP and UDP cannot tell."""


@functools.cache
def ground(labels: str) -> Snapshot:
    """Nine pods with the labels of a topology and, as in every arena, the port called `web`."""
    web = {"a": [{"name": "web", "containerPort": 80}], "b": [{"name": "web", "containerPort": 81}]}
    teams = {letter: {"team": team} if labels and team is not None else {} for letter, team in cases.TEAMS.items()}
    objects = [nine.namespace(letter, **teams[letter]) for letter in nine.NAMESPACES]
    for ref, address in ADDRESSES.items():
        letter, _, name = ref.partition("/")
        tier = cases.TIERS[labels][name] if labels else None
        about = {"pod": name, **({"app": "w"} if labels else {}), **({"tier": tier} if tier is not None else {})}
        objects.append(nine.pod(letter, name, ip=address, labels=about, ports=list(web.get(name, []))))
    return Snapshot.of(objects)


def specs(sheet: sheets.Sheet) -> tuple[tuple[str, dict[str, object]], ...]:
    """The policies of a sheet."""
    several = (cases.policies(id_, ADDRESSES, place=place) for place, id_ in sheet.items())
    return tuple(itertools.chain.from_iterable(several))


@functools.cache
def row(batch: str, number: int, place: str | None = None) -> nine.Row:
    """A sheet, or one of its cases alone where it stands, with the oracle's table."""
    sheet = sheets.BATCHES[batch][number]
    chosen = specs(sheet if place is None else {place: sheet[place]})
    objects = [nine.policy(letter, spec, f"p{index}") for index, (letter, spec) in enumerate(chosen)]
    snapshot = ground(sheets.topology(batch)).replacing(*objects)
    return nine.Row(f"{batch} {number}", snapshot, chosen, table(snapshot, lanes=LANES), {})


def test_every_case_stands_in_one_place() -> None:
    """No case is left out, none is asked twice; the one without any policy has a test of its own."""
    placed = [id_ for several in sheets.BATCHES.values() for sheet in several for id_ in sheet.values()]
    assert len(placed) == len(set(placed))
    assert set(placed) == set(cases.all_cases()) - {"POL-101"}


def test_all_of_the_kill_set_is_asked() -> None:
    """The catalogue's small set that kills all of its wrong evaluators is among the cases."""
    placed = {id_ for several in sheets.BATCHES.values() for sheet in several for id_ in sheet.values()}
    assert set(cases.KILL_SET) <= placed


def test_what_is_decided_is_in_the_catalogue() -> None:
    """Every requirement a batch says it decides is one."""
    assert {id_ for several in sheets.BATCHES.values() for id_ in sheets.decided(several)} <= set(requirements())


@pytest.mark.parametrize(("batch", "number", "place"), [each for each in PLACED if each[2]])
def test_a_case_has_its_golden_table_where_it_stands(batch: str, number: int, place: str) -> None:
    """Renamed throughout, a case denies exactly the renamed cells of the table that the catalogue made by hand."""
    id_ = sheets.BATCHES[batch][number][place]
    got = row(batch, number, place).table
    if (made := nine.golden().get(id_)) is not None:
        move = cases.Move.of(id_, place)
        moved = {Cell(move.ref(cell.source), move.ref(cell.destination), cell.lane): made.table[cell] for cell in got}
        assert {cell: want for cell, want in moved.items() if got[cell] is not want} == {}


@pytest.mark.parametrize("id_", [id_ for id_, case in cases.all_cases().items() if "n" in case])
def test_further_cases_deny_as_many_pairs_as_the_catalogue_says(id_: str) -> None:
    """The counts written beside a case, which are its row's, are those of its table."""
    objects = [nine.policy(letter, spec, f"p{n}") for n, (letter, spec) in enumerate(cases.policies(id_, ADDRESSES))]
    counts = denied(table(ground(cases.topology(id_)).replacing(*objects), lanes=LANES))
    said = cases.all_cases()[id_]["n"]
    assert counts == {lane: said.get(short, said["*"]) for short, lane in nine.LANES.items()}


@pytest.mark.parametrize(("batch", "number"), SHEETS)
def test_cases_do_not_disturb_each_other(batch: str, number: int) -> None:
    """In the cells that a case owns alone the whole sheet says what the case says; of two owners either may deny."""
    sheet, together = sheets.BATCHES[batch][number], row(batch, number).table
    place_of = {id_: place for place, id_ in sheet.items()}
    for cell, want in together.items():
        alone = [row(batch, number, place_of[id_]).table[cell] for id_ in sheets.owners(sheet, cell)]
        assert want is (ALLOW if all(each is ALLOW for each in alone) else Want.DENY), cell


@pytest.mark.parametrize(("batch", "number"), SHEETS)
def test_every_case_owns_cells_of_its_own(batch: str, number: int) -> None:
    """Each case decides at least half a column or row for which no other case answers."""
    sheet = sheets.BATCHES[batch][number]
    for id_ in sheet.values():
        assert sum(sheets.owners(sheet, cell) == {id_} for cell in row(batch, number).table) >= len(LANES) * 4


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.__name__)
def test_the_sheets_kill_every_wrong_engine(mutant: type[Engine]) -> None:
    """No engine with a known fault has the tables of all sheets, on the lanes that are always asked."""
    asked = {lane for lane in LANES if lane.protocol != "SCTP" or mutant.__name__ in ONLY_SCTP_SHOWS}
    for batch, number in SHEETS:
        one = row(batch, number)
        allowed = told_by(mutant, one)
        if any((want is ALLOW) != allowed(cell) for cell, want in one.table.items() if cell.lane in asked):
            return
    pytest.fail("no sheet tells it from a right one")


def test_a_right_engine_agrees_with_every_sheet() -> None:
    """An engine that shares no code with the oracle gives the same tables."""
    for batch, number in SHEETS:
        one = row(batch, number)
        allowed = told_by(Engine, one)
        assert [cell for cell, want in one.table.items() if (want is ALLOW) != allowed(cell)] == []
