"""What a column is, in words, and what tells columns apart."""

from __future__ import annotations

from harness.report.comparison import facts
from harness.report.comparison.values import Run
from harness.report.record import RunRecord
from tests.unit.report.comparison.runs_by_hand import decided, record


def test_a_record_outranks_what_was_asked_for() -> None:
    """The version that was found is shown, not the one that was asked for; what only was asked for stays."""
    run = Run("a", {"kubernetes": "1.36", "families": "dual"}, record(kubernetes="v1.36.2", nodes=3))
    assert facts.facts(run) == {"kubernetes": "v1.36.2", "families": "dual", "nodes": "3"}


def test_the_address_of_a_cluster_that_a_run_made_is_no_news() -> None:
    """Of one that was there it tells which; of one that was made only a port."""
    assert facts.facts(Run("a", {}, record(kind="kubeconfig", server="https://a"))) == {
        "kind": "kubeconfig",
        "server": "https://a",
    }
    assert facts.facts(Run("a", {}, record(kind="kind", server="https://a"))) == {"kind": "kind"}


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
    assert facts.short_names([record(cni="calico"), record(started="later")]) == ["2026-01-01T00:00:00Z", "later"]


def test_facts_of_a_cluster_steer_nothing() -> None:
    """A version string with control characters and many lines is one harmless line."""
    assert facts.facts(Run("a", record=record(kubernetes="v1\x1b[2J\nboo"))) == {"kubernetes": "v1\ufffd[2J"}


def capable(**found: str) -> RunRecord:
    """A run on a cluster of which was found out what it can; a word behind the state is the value."""
    told = {name.replace("_", "-"): each.partition(" ") for name, each in found.items()}
    return record(capabilities={name: {"state": state, "value": value} for name, (state, _, value) in told.items()})


def test_what_was_detected_tells_what_an_existing_cluster_is() -> None:
    """Plugin, mode of kube-proxy, DNS and families are found out where no options could say them."""
    found = capable(
        cni="yes calico v3.30", kp_nft="yes", kp_iptables="no", dns="yes CoreDNS 1.12", v4="yes", dual="yes"
    )
    assert facts.facts(Run("a", {"kube_proxy": "iptables"}, found)) == {
        "cni": "calico v3.30",
        "kube_proxy": "nftables",
        "dns": "CoreDNS 1.12",
        "families": "dual",
    }
    assert facts.facts(Run("a", {}, capable(v4="yes", dual="no", cni="unknown")))["families"] == "ipv4"
    made = record(cni="kindnet (untested)", capabilities={"cni": {"state": "yes", "value": "kindnet"}})
    assert facts.facts(Run("a", {}, made))["cni"] == "kindnet (untested)"


def test_only_abilities_that_differ_are_shown() -> None:
    """What both can, or what is called differently in both, explains no difference."""
    runs = [
        Run("a", record=capable(lb="yes metallb", ing="no", zones2="unknown", hostnet="yes x")),
        Run("b", record=capable(lb="no", ing="no", zones2="no", hostnet="yes y")),
        Run("c", problem="did not come up"),
    ]
    first, second, third = (dict(each) for each in facts.about(runs))
    assert (first["found: lb"], second["found: lb"], third["found: lb"]) == ("yes metallb", "no", "?")
    assert (first["found: zones2"], second["found: zones2"]) == ("unknown", "no")
    assert not {"found: ing", "found: hostnet"} & set(first)
