"""Which static cases stand together in one table, and where: a case of one pod or one namespace leaves room for others.

A sheet is one set of policies on the nine pods, judged at once. A case for ingress owns the columns of its place, one
for egress its rows; one about both directions, or about what a policy leaves alone (group B), owns columns and rows.
What nobody owns every case of the sheet answers for. A cell of two owners may be denied by either, and breaks both.
That each case keeps its table there, and that the sheets kill every wrong engine of the catalogue, is tested
(`tests/unit/suites/test_policy_sheets.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.suite import Cell
from suites.netpol import cases

Sheet = Mapping[str, str]
"""Cases by their places: "" the whole table, `y` a namespace, `y/b` a pod."""

PLACES = ("x/a", "x/b", "x/c", "y/a", "y/b", "y/c", "z/a", "z/b", "z/c")


def _columns(*numbers: int) -> Sheet:
    """Cases of one pod, side by side."""
    return dict(zip(PLACES, (f"POL-{number}" for number in numbers), strict=False))


def _namespaces(*numbers: int | str) -> Sheet:
    """Cases of one namespace, side by side."""
    return dict(zip("xyz", (f"POL-{number}" for number in numbers), strict=False))


def _alone(*numbers: int) -> tuple[Sheet, ...]:
    """Cases that need the whole table, one after the other."""
    return tuple({"": f"POL-{number}"} for number in numbers)


BATCHES: Mapping[str, tuple[Sheet, ...]] = {
    "isolation": (
        *_alone(104, 108),
        {"x": "POL-102", "y": "POL-109"},
        {"x": "POL-103", "y": "POL-110"},
    ),
    "defaults": (
        {"x/a": "POL-105", "y/b": "POL-113", "z/c": "POL-116"},
        {"x/a": "POL-117", "y/b": "POL-118", "z/c": "POL-111"},
        {"x/a": "POL-106", "y/b": "POL-119", "z/c": "POL-120"},
        *_alone(123, 124),
    ),
    "both-directions": (
        {"x/a": "POL-107", "y/b": "POL-114", "z/c": "POL-115"},
        {"x/a": "POL-121", "y/b": "POL-122", "z/c": "POL-275"},
        {"x/a": "POL-408", "y/b": "POL-415", "z/c": "POL-416"},
    ),
    "both-ends": _alone(411, 412, 413, 414, 417),
    "egress": (
        _columns(231, 232, 233, 234, 235, 236, 237, 264, 316),
        {"x/a": "POL-326", "x/b": "POL-317", "y/a": "POL-337", "y/c": "POL-327"},
    ),
    "targets": (
        _namespaces("112a", "112b", "112c"),
        _namespaces(153, 154, 155),
        _namespaces(156, 164, 401),
    ),
    "peers": (
        _columns(201, 202, 203, 204, 205, 206, 207, 208, 209),
        _columns(210, 211, 212, 216, 217, 218, 219, 220, 258),
    ),
    "blocks": (
        _columns(251, 252, 253, 254, 255, 256, 257, 259, 260),
        _columns(261, 262, 263, 274, 402, 403, 406, 407, 301),
    ),
    "ports": (
        _columns(302, 303, 304, 305, 306, 307, 308, 309, 310),
        _columns(311, 312, 314, 315, 321, 322, 323, 324, 331),
        _columns(332, 333, 334, 335, 336, 225, 340, 341),
    ),
    "names": (
        {"x": "POL-325", "y": "POL-328", "z": "POL-405"},
        _namespaces("409a", "409b", "409c"),
        {"x": "POL-404"},
    ),
    "labels": (
        _namespaces(152, 157, 158),
        _namespaces(160, "162a", 163),
        {"x/a": "POL-213", "x/b": "POL-214", "x/c": "POL-215", "y/a": "POL-221", "y/b": "POL-222", "z/a": "POL-223"},
        {"x/a": "POL-238a", "y/a": "POL-238b", "z/a": "POL-238c", "x/b": "POL-238d"},
    ),
    "empty-labels": (_namespaces(159, 161, "162b"),),
}
"""Every static case once; the sheets of a batch follow one another on the same pods."""


@dataclass(frozen=True)
class Part:
    """Cells of a case that decide one more requirement."""

    case: str
    of: Callable[[Cell], bool] = lambda _: True


def _from_x(cell: Cell) -> bool:
    return _within(cell.source, "x") and not _within(cell.destination, "x")


def _into_x(cell: Cell) -> bool:
    return _within(cell.destination, "x") and not _within(cell.source, "x")


ALSO: Mapping[str, Part] = {
    "POL-101": Part("POL-124", lambda cell: "x/a" not in {cell.source, cell.destination}),
    "POL-265": Part("POL-252"),  # a block matches the address of a pod
    "POL-342": Part("POL-341"),  # a datagram counts as arrived when its answer came back
    "POL-601": Part("POL-102", _from_x),
    "POL-602": Part("POL-103", _into_x),
    "POL-605": Part("POL-102", _into_x),
    "POL-615": Part("POL-102", lambda cell: _into_x(cell) and cell.lane.protocol == "UDP"),
}
"""Requirements that cells of a case decide too. POL-102 and POL-103 stand in x."""


GROUP_B = frozenset(f"POL-{number}" for number in range(101, 130))
"""Isolation and its defaults: what such a policy does not isolate is as much its promise as what it does."""


def topology(batch: str) -> str:
    """The labels that the pods and namespaces of a batch have: `tier`, `tier0`, or none."""
    named = {cases.topology(id_) for sheet in BATCHES[batch] for id_ in sheet.values()}
    return next((each for each in named if each in cases.TIERS), "")


def requirements_of(id_: str) -> dict[str, Callable[[Cell], bool]]:
    """The requirements that a case decides, each with those of the case's cells that do."""
    also = {other: part.of for other, part in ALSO.items() if part.case == id_}
    return {cases.requirement_id(id_): lambda _: True, **also}


def decided(sheets: Iterable[Sheet]) -> tuple[str, ...]:
    """The requirements that sheets decide, each once."""
    ids = (id_ for sheet in sheets for case in sheet.values() for id_ in requirements_of(case))
    return tuple(dict.fromkeys(ids))


def owns(place: str, id_: str, cell: Cell) -> bool:
    """Whether a case at a place decides a cell."""
    if place == "":
        return True
    directions = {each for _, spec in cases.all_cases()[id_]["p"] for each in _types(spec)}
    into, out_of = _within(cell.destination, place), _within(cell.source, place)
    if id_ in GROUP_B:
        return into or out_of
    return (into and "Ingress" in directions) or (out_of and "Egress" in directions)


def owners(sheet: Sheet, cell: Cell) -> set[str]:
    """The cases that answer for a cell."""
    found = {id_ for place, id_ in sheet.items() if owns(place, id_, cell)}
    return found or set(sheet.values())


def _types(spec: Mapping[str, Any]) -> list[str]:
    """The directions a policy isolates: what the API server would fill in."""
    filled = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
    return list(spec.get("policyTypes") or filled)


def _within(ref: str, place: str) -> bool:
    return place in (ref, ref.partition("/")[0])
