"""Marks: what is made says whose it is, and names stay within what the API takes."""

from __future__ import annotations

import re

import pytest

from harness.world.ownership import CASE, MANAGED_BY, RUN, WORKER, Owner, case_label, marked, new_run_id

LABEL = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@pytest.mark.parametrize(
    "case",
    [
        "suites/dns/test_a.py::test_one[x]",
        "suites/netpol/test_tables.py::test_table[empty-labels]",
        "x" * 200,
        "[[[",
        "ü" * 70,
        "a" * 62 + "::" + "b" * 62,
        "-._" * 40,
    ],
)
def test_every_case_name_becomes_a_label_value(case: str) -> None:
    """Whatever a test is called, the API takes its label."""
    assert LABEL.fullmatch(case_label(case)), case_label(case)


def test_long_names_are_told_apart_by_their_end() -> None:
    """Two parametrized cases of one long test keep different labels: the parameter is at the end."""
    base = "suites/services/" + "long_" * 20 + "test.py::test_x"
    assert case_label(f"{base}[a]") != case_label(f"{base}[b]")


def test_names_of_namespaces_are_valid_and_differ() -> None:
    """Runs, workers and letters all make different names that a namespace may have."""
    names = {Owner(run, worker).namespace(letter) for run in "ab" for worker in ("gw0", "gw11") for letter in "xyz"}
    assert len(names) == 12
    assert all(NAME.fullmatch(name) for name in names)


def test_two_runs_have_two_ids() -> None:
    """A run's id is short and new."""
    ids = {new_run_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(NAME.fullmatch(each) for each in ids)


def test_marks_name_run_worker_and_case() -> None:
    """A worker's object has no case mark, a test's object has."""
    owner = Owner("abc", "gw1")
    assert owner.labels() == {MANAGED_BY: "harness", RUN: "abc", WORKER: "gw1"}
    assert owner.labels(case="a::b")[CASE] == "a-b"


def test_marking_leaves_the_manifest_as_it_was() -> None:
    """Marks are added to a copy; its own labels stay; ours win over a forged one."""
    manifest = {"kind": "Pod", "metadata": {"name": "a", "labels": {"app": "x", RUN: "forged"}}}
    made = marked(manifest, {RUN: "abc"})
    assert made["metadata"]["labels"] == {"app": "x", RUN: "abc"}
    assert manifest["metadata"]["labels"] == {"app": "x", RUN: "forged"}
