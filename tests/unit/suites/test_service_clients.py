"""Who dials Services in general tests: no backend, so that without hairpin only the cases of that name fail."""

from __future__ import annotations

import pytest

from harness.world.topology import arena
from suites.endpointslices import dialled as slices
from suites.services import dialled as services
from suites.services.cases import CASES, EVERYWHERE, NOBODY, ONE, ServiceCase

HAIRPIN = [case for case in CASES if "hairpin" in case.name]
BACKENDS = {"x/a", "x/b", "x/c"}


def nodes(count: int) -> dict[str, str]:
    """Where the nine pods stand on so many nodes."""
    return {str(place.ref): place.node for place in arena([f"n{number}" for number in range(count)])}


def selected(case: ServiceCase) -> set[str]:
    """The pods behind a case."""
    if case.spec["selector"] == NOBODY:
        return set()
    return {f"x/{ONE['pod']}"} if case.spec["selector"] == ONE else BACKENDS


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_only_hairpin_cases_are_dialled_by_backends(case: ServiceCase) -> None:
    """A pod dials its own Service in the cases that are about it, all of whose clients do, and in no other."""
    both = set(case.clients) & selected(case)
    assert both == (set(case.clients) if case in HAIRPIN else set())


def test_hairpin_has_its_cases() -> None:
    """One backend alone, and several."""
    assert {id_ for case in HAIRPIN for id_ in case.ids} == {"SVC-044", "SVC-045", "SVC-046"}


@pytest.mark.parametrize("clients", [EVERYWHERE, services.CLIENTS, slices.CLIENTS])
@pytest.mark.parametrize("count", range(2, 10))
def test_clients_stand_beside_backends_and_apart(clients: tuple[str, ...], count: int) -> None:
    """However many nodes there are, one client shares the node of x/c, and one does not; three nodes all have one."""
    where = nodes(count)
    assert not set(clients) & BACKENDS
    beside = [ref for ref in clients if where[ref] == where["x/c"]]
    assert beside and len(beside) < len(clients)
    if count == 3:
        assert {where[ref] for ref in clients} == set(where.values())
