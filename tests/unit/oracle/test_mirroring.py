"""Mirrored slices: what Endpoints call for, and every way to differ from it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from harness.oracle.mirroring import LEADER, MANAGED_BY, MIRROR, SKIP, judge_mirror

Object = dict[str, Any]
SERVICE: Object = {"metadata": {"name": "db"}, "spec": {"ports": [{"port": 80}]}}
LAST = "kubectl.kubernetes.io/last-applied-configuration"
ENDPOINTS: Object = {
    "metadata": {"name": "db", "labels": {"team": "blue"}, "annotations": {"note": "x", LAST: "{}"}},
    "subsets": [
        {
            "addresses": [{"ip": "192.0.2.1"}],
            "notReadyAddresses": [{"ip": "192.0.2.2"}],
            "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
        }
    ],
}
SLICE: Object = {
    "metadata": {
        "name": "db-1",
        "labels": {"team": "blue", MANAGED_BY: MIRROR, "kubernetes.io/service-name": "db"},
        "annotations": {"note": "x"},
    },
    "addressType": "IPv4",
    "endpoints": [
        {"addresses": ["192.0.2.1"], "conditions": {"ready": True}},
        {"addresses": ["192.0.2.2"], "conditions": {"ready": False}},
    ],
    "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
}


def changed(obj: Object, change: Callable[[Object], object]) -> Object:
    made = copy.deepcopy(obj)
    change(made)
    return made


def told(endpoints: Object | None, *slices: Object, service: Object | None = SERVICE) -> list[str]:
    return [str(each) for each in judge_mirror(endpoints, service, slices)]


def test_a_true_mirror_is_right() -> None:
    """Addresses, readiness, ports, labels and annotations agree: no difference."""
    assert told(ENDPOINTS, SLICE) == []


def test_slices_of_others_do_not_count() -> None:
    """Neither as the mirror nor as something that must not be there."""
    foreign = changed(SLICE, lambda each: each["metadata"]["labels"].pop(MANAGED_BY))
    assert told(None, foreign) == []
    assert len(told(ENDPOINTS, foreign)) == 2


@pytest.mark.parametrize(
    ("change", "told_of"),
    [
        (lambda each: each["endpoints"].pop(), "192.0.2.2 http 80/TCP not ready"),
        (lambda each: each["endpoints"][0].update(addresses=["192.0.2.9"]), "192.0.2.9 http 80/TCP ready"),
        (lambda each: each["endpoints"][1].update(conditions={"ready": True}), "192.0.2.2 http 80/TCP ready"),
        (lambda each: each["ports"][0].update(port=81), "192.0.2.1 http 81/TCP ready"),
        (lambda each: each["endpoints"].append(each["endpoints"][0]), "once"),
        (lambda each: each["metadata"]["labels"].pop("team"), "label team"),
        (lambda each: each["metadata"]["annotations"].pop("note"), "annotation note"),
        (lambda each: each["metadata"]["annotations"].update({LAST: "{}"}), f"annotation {LAST}"),
        (lambda each: each.update(addressType="IPv6"), "all IPv6"),
    ],
    ids=["missing", "other", "readiness", "port", "twice", "label", "annotation", "own-annotation", "family"],
)
def test_each_difference_is_told(change: Callable[[Object], object], told_of: str) -> None:
    """A mirror that is wrong in one point is said to be wrong in that point."""
    assert any(told_of in line for line in told(ENDPOINTS, changed(SLICE, change)))


@pytest.mark.parametrize(
    ("endpoints", "service"),
    [
        (None, SERVICE),
        (ENDPOINTS, None),
        (ENDPOINTS, {**SERVICE, "spec": {"selector": {"app": "db"}}}),
        (changed(ENDPOINTS, lambda each: each["metadata"]["labels"].update({SKIP: "true"})), SERVICE),
        (changed(ENDPOINTS, lambda each: each["metadata"]["annotations"].update({LEADER: "{}"})), SERVICE),
    ],
    ids=["no-endpoints", "no-service", "selector", "skipped", "leader"],
)
def test_what_is_not_mirrored_has_no_slices(endpoints: Object | None, service: Object | None) -> None:
    """A slice that is there all the same is too much, none is right."""
    assert told(endpoints, service=service) == []
    assert told(endpoints, SLICE, service=service) != []
