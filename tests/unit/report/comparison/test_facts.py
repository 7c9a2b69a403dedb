"""What a column is, in words, and what tells columns apart."""

from __future__ import annotations

from harness.report.comparison import facts
from harness.report.comparison.values import Run
from tests.unit.report.comparison.runs_by_hand import decided, record


def test_a_record_outranks_what_was_asked_for() -> None:
    """The version that was found is shown, not the one that was asked for; what only was asked for stays."""
    run = Run("a", {"kubernetes": "1.36", "families": "dual"}, record(kubernetes="v1.36.2", nodes=3))
    assert facts.facts(run) == {"kubernetes": "v1.36.2", "families": "dual", "nodes": "3"}


def test_all_columns_have_the_same_facts_in_the_same_order() -> None:
    """A fact that one of them lacks is a question mark there, and a run without a result has no tally."""
    ran = Run("a", {}, record(decided("A-1", "PASS"), kind="kind", cni="calico v3", boot_s="40"))
    first, second = facts.about([ran, Run("b", {"kind": "kind", "kube_proxy": "none"})])
    assert [name for name, _ in first] == [name for name, _ in second]
    assert dict(first)["took"] == "12 s, 40 s of it until the cluster was there"
    assert dict(second) == {
        "cluster": "kind",
        "CNI": "?",
        "kube-proxy": "none",
        "started": "-",
        "took": "-",
        "requirements": "no result",
    }


def test_short_names_are_what_differs() -> None:
    """Before and after an upgrade are told apart by their versions, two nights by when they began."""
    upgrade = [record(kubernetes="v1.35.0", cni="calico"), record(kubernetes="v1.36.2", cni="calico")]
    assert facts.short_names(upgrade) == ["v1.35.0", "v1.36.2"]
    nights = [record(started="2026-01-01T00:00:00Z"), record(started="2026-01-02T00:00:00Z")]
    assert facts.short_names(nights) == ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]
    three = [*upgrade, record(kubernetes="v1.36.2", cni="calico", started="2026-01-02T00:00:00Z")]
    assert len(set(facts.short_names(three))) == 3


def test_facts_of_a_cluster_steer_nothing() -> None:
    """A version string with control characters and many lines is one harmless line."""
    assert facts.facts(Run("a", record=record(kubernetes="v1\x1b[2J\nboo"))) == {"kubernetes": "v1\ufffd[2J"}
