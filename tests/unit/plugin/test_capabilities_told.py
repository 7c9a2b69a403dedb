"""What a cluster can do, in a run's first lines and reports: with every contradiction, and at the end if found late."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest

pytest_plugins = ("pytester",)

MADE = """
from dataclasses import replace

import pytest

from harness.clusters import cni
from harness.clusters.kind import Request
from harness.clusters.provider import Access
from harness.model.capability import Fact
from harness.plugin.session import RUN
from harness.suite import NotApplicable, requirement

FOUND = {{
    "kubernetes": Fact.yes("v1.36.2", why="/version"),
    "cni": Fact.yes("flannel", why="DaemonSet kube-flannel/kube-flannel-ds"),
    "network-policy": Fact.no(why="a policy changed nothing"),
}}

def make(config):
    run = config.stash[RUN]
    run.options = replace(run.options, kind=Request(cni=cni.load("kindnet")))
    notes = {{"families": "dual", "kube_proxy": "iptables", "node_image": "node:1", "boot_s": "1"}}
    run.owner._access = Access({{}}, None, "kind", notes)
    run.facts = {{"kind": "kind", "kubernetes": "v1.36.2"}}
    run.found = dict(FOUND)

def pytest_collection_finish(session):
    make(session.config)
    if {early}:
        session.config.stash[RUN].tell_found()
"""
TEST = '''
from harness.suite import NotApplicable, requirement

@requirement("T-1")
def test_lacking():
    """A promise about policies."""
    raise NotApplicable("needs NetworkPolicy to be enforced: a policy changed nothing")
'''
OTHER = "note: CNI kindnet was asked for, but CNI flannel was found: DaemonSet kube-flannel/kube-flannel-ds"
IGNORED = "note: CNI kindnet is declared network-policy: yes (enforces NetworkPolicy), but no was found: a policy"


@pytest.fixture
def told(pytester: pytest.Pytester) -> Any:
    """Runs the test with a cluster that is there early or late: what pytest printed, run.json, junit.xml."""

    def run(*, early: bool) -> tuple[str, dict[str, Any], ET.Element]:
        pytester.makeconftest(MADE.format(early=early))
        pytester.makepyfile(TEST)
        result = pytester.runpytest("-p", "no:cacheprovider", "--report", "told")
        record = json.loads((pytester.path / "told/run.json").read_text())
        return str(result.stdout), record, ET.parse(pytester.path / "told/junit.xml").getroot()

    return run


def test_the_first_lines_tell_what_was_found_and_every_contradiction(told: Any) -> None:
    """When the cluster is there before the first test; contradictions are repeated at the end, the rest is not."""
    printed, record, _ = told(early=True)
    before, _, after = printed.partition("= promises =")
    assert "harness: found: Kubernetes v1.36.2, CNI flannel" in before
    assert f"harness: {OTHER}" in before
    assert f"harness: {IGNORED}" in before
    assert "found: Kubernetes" not in after
    assert IGNORED in after
    assert [note for note in record["notes"] if IGNORED in note]


def test_a_cluster_that_came_later_is_told_at_the_end(told: Any) -> None:
    """An embedded cluster is made when the first test needs it."""
    before, _, after = told(early=False)[0].partition("= promises =")
    assert "found: Kubernetes" not in before
    assert "found: Kubernetes v1.36.2, CNI flannel" in after


def test_the_reports_carry_facts_and_the_reason_of_a_skip(told: Any) -> None:
    """run.json and JUnit: each fact with its reason, and SKIP with what was missing."""
    _, record, junit = told(early=True)
    assert record["cluster"]["capabilities"]["network-policy"] == {"state": "no", "why": "a policy changed nothing"}
    assert [(test["verdict"], test["reason"]) for test in record["tests"]] == [
        ("SKIP", "needs NetworkPolicy to be enforced: a policy changed nothing")
    ]
    properties = {each.get("name"): each.get("value") for each in junit.iter("property")}
    assert properties["capability.cni"] == "yes, flannel: DaemonSet kube-flannel/kube-flannel-ds"
    skipped = junit.find(".//skipped")
    assert skipped is not None
    assert skipped.get("message") == "needs NetworkPolicy to be enforced: a policy changed nothing"
