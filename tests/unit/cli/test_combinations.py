"""Combinations of a matrix: their names, options and folders; what is a typing error and what is a column."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click
import pytest

from harness.cli import combinations
from harness.cli.combinations import DIMENSIONS, OWN, Asked, asked, kind_request, must_be_passed_on
from harness.clusters.provider import ClusterError
from harness.effects.deployed import deployed


def anything(chosen: Mapping[str, str]) -> str | None:
    """Everything can be."""
    return None


def made(cluster: str | None = None, **given: str) -> list[combinations.Combination]:
    """The combinations of options given with underscores."""
    values = {f"--{name.replace('_', '-')}": value for name, value in given.items()}
    return combinations.combinations(asked(cluster, values), anything)


def test_every_combination_is_there_and_the_last_dimension_changes_first() -> None:
    """Two plugins, two versions, two modes: eight runs, each with all of its options."""
    found = made(cni="kindnet,calico", k8s="1.35,1.36", kube_proxy="iptables,nftables", nodes="1")
    assert len(found) == 8
    assert [each.name for each in found[:3]] == [
        "kindnet 1.35 kube-proxy iptables",
        "kindnet 1.35 kube-proxy nftables",
        "kindnet 1.36 kube-proxy iptables",
    ]
    assert found[0].options == (
        *("--cluster", "kind", "--cni", "kindnet", "--k8s", "1.35", "--kube-proxy", "iptables", "--nodes", "1"),
    )
    assert len({each.folder for each in found}) == 8
    assert found[0].folder == "kindnet-1.35-kube-proxy-iptables"


def test_a_name_says_what_varies_else_what_was_given() -> None:
    """One value everywhere is no news; a single combination is named by what it is, and nothing is only `none`."""
    assert [each.name for each in made(cni="calico", kube_proxy="iptables,nftables")] == [
        "kube-proxy iptables",
        "kube-proxy nftables",
    ]
    assert [each.name for each in made(lb="metallb,none")] == ["metallb", "lb none"]
    assert [each.name for each in made(cni="calico", nodes="1")] == ["calico 1 node"]
    assert [each.name for each in made("embedded")] == ["embedded"]
    assert [each.name for each in made(nodes="1,3")] == ["1 node", "3 nodes"]


def test_names_that_look_alike_have_folders_of_their_own(tmp_path: Path) -> None:
    """Two manifests of one name, and values that no folder can be called."""
    files = [tmp_path / "a/mine.yaml", tmp_path / "b/mine.yaml"]
    for file in files:
        file.parent.mkdir()
        file.write_text("apiVersion: v1\nkind: List\nitems: []\n")
    found = made(cni=",".join(map(str, files)))
    assert [each.folder for each in found] == ["mine", "mine-2"]
    assert [each.name for each in found] == [f"mine ({file})" for file in files]
    assert [each.folder for each in made(k8s="kindest/node:v1.36.2,../..:x")] == ["kindest-node-v1.36.2", "x"]


def test_a_file_is_called_what_is_in_it(tmp_path: Path) -> None:
    """The name its data give, beside one that travels with us, too: the column must say which plugin it is."""
    file = tmp_path / "cni.yaml"
    file.write_text(deployed("cni", "flannel.yaml").read_text())
    assert [each.name for each in made(cni=f"kindnet,{file}")] == ["kindnet", "flannel"]
    assert [each.name for each in made(cni=f"flannel,{file}")] == ["flannel", f"flannel ({file})"]


def test_facts_tell_what_a_run_would_have_been() -> None:
    """What was not asked for is what the run would take by itself."""
    (combination,) = made(cni="calico")
    assert combination.facts == {
        "kind": "kind",
        "cni": "calico v3.32.1 (untested)",
        "kube_proxy": "iptables",
        "families": "dual",
        "nodes": "3",
        "loadbalancer": "none",
        "ingress": "none",
    }
    assert made("embedded")[0].facts == {"kind": "embedded", "families": "dual"}


def test_existing_clusters_are_compared_by_context() -> None:
    """A kubeconfig or a context means existing clusters; the file goes to every run."""
    wanted = asked(None, {"--context": "old,new"}, kubeconfig=Path("/k"))
    found = combinations.combinations(wanted, anything)
    assert [each.options for each in found] == [
        ("--cluster", "kubeconfig", "--kubeconfig", "/k", "--context", name) for name in ("old", "new")
    ]
    assert asked(None, {}, kubeconfig=Path("/k")).cluster == "kubeconfig"
    assert asked(None, {}).cluster == "kind"


@pytest.mark.parametrize(("offline", "last"), [(None, "iptables"), ("", "--offline"), ("/mirror", "--offline=/mirror")])
def test_offline_goes_to_every_run(offline: str | None, last: str) -> None:
    """With its folder in one word, so that nothing that follows can be taken for it."""
    wanted = asked("kind", {"--kube-proxy": "iptables"}, offline=offline)
    assert combinations.combinations(wanted, anything)[0].options[-1] == last


@pytest.mark.parametrize(
    ("cluster", "given", "said"),
    [
        (None, {"--cni": "kindnet,,calico"}, "none of them empty"),
        (None, {"--cni": ""}, "none of them empty"),
        (None, {"--cni": "kindnet,calico,kindnet"}, "kindnet is named twice"),
        (None, {"--kube-proxy": "iptables,magic"}, "--kube-proxy magic: there are iptables, nftables"),
        (None, {"--families": "ipv5"}, "--families ipv5: there are ipv4"),
        (None, {"--nodes": "1,many"}, "--nodes many: write a number"),
        (None, {"--k8s": "newest"}, "--k8s newest: write a version"),
        ("embedded", {"--cni": "calico"}, "--cni is for kind clusters, not for embedded"),
        ("kubeconfig", {"--families": "ipv4", "--context": "a"}, "--families is for kind and embedded clusters"),
        (None, {"--context": "a", "--k8s": "1.36"}, "--k8s is for kind clusters, not for kubeconfig"),
        ("kind", {"--context": "a"}, "--context is for kubeconfig clusters, not for kind"),
        ("kubeconfig", {}, "needs --kubeconfig FILE or --context"),
    ],
)
def test_what_cannot_be_meant_refuses_the_whole_matrix(cluster: str | None, given: dict[str, str], said: str) -> None:
    """A typing error is found before the first run, not after two hours."""
    with pytest.raises(click.UsageError, match=r"^[^\n]+$") as told:
        asked(cluster, given)
    assert said in str(told.value)


@pytest.mark.parametrize(
    ("cluster", "fixed", "said"),
    [
        ("embedded", {"kubeconfig": Path("k")}, "leave out --kubeconfig"),
        ("embedded", {"offline": ""}, "--offline is for kind clusters"),
    ],
)
def test_what_is_the_same_for_all_must_fit_too(cluster: str, fixed: dict[str, Path | str], said: str) -> None:
    """A file or a folder that the kind of cluster has no use for."""
    with pytest.raises(click.UsageError, match=said):
        asked(cluster, {}, **fixed)


@pytest.mark.parametrize("option", sorted(OWN))
@pytest.mark.parametrize("form", ["{}", "{}=x"])
def test_options_that_a_matrix_gives_itself_are_not_passed_on(option: str, form: str) -> None:
    """Each says what to do instead; everything else is passed on."""
    with pytest.raises(click.UsageError, match=f"{option} behind the --: "):
        must_be_passed_on(["suites/dns", "-n", "2", form.format(option)])
    must_be_passed_on(["suites/dns", "-n", "2", "-k", "cni", "--wait=policy_live=9", "--feature-gate", "A=true"])


def test_every_dimension_is_an_option_that_is_not_passed_on() -> None:
    """A new dimension cannot be given twice."""
    assert {each.option for each in DIMENSIONS} <= set(OWN)


def test_a_plugin_nobody_knows_is_a_typing_error() -> None:
    """It refuses the matrix, with the names there are; so does any other add-on."""
    with pytest.raises(click.UsageError, match="--lb metalb: there are cloud-provider-kind"):
        combinations.must_know_addons(asked(None, {"--lb": "metallb,metalb"}))
    with pytest.raises(click.UsageError, match="--cni calica: there are antrea"):
        combinations.must_know_addons(asked(None, {"--cni": "kindnet,calica"}))
    combinations.must_know_addons(Asked("embedded", {}))


def test_a_combination_that_cannot_be_says_why() -> None:
    """A mode the plugin does not work with is refused by the rules of a run itself, and the others are not."""

    def rules(chosen: Mapping[str, str]) -> str | None:
        try:
            kind_request(chosen)
        except ClusterError as error:
            return str(error)
        return None

    wanted = asked(None, {"--cni": "kindnet,cilium", "--kube-proxy": "iptables,none"})
    found = {each.name: each.refused for each in combinations.combinations(wanted, rules)}
    assert found["kindnet kube-proxy iptables"] == ""
    assert "kindnet does not replace kube-proxy" in found["kindnet kube-proxy none"]
    assert len(found) == 4


def test_addons_are_dimensions_too() -> None:
    """With and without a LoadBalancer implementation: two runs, whose facts tell which."""
    with_, without = made(lb="metallb,none")
    assert (with_.name, without.options) == ("metallb", ("--cluster", "kind", "--lb", "none"))
    assert with_.facts["loadbalancer"].startswith("metallb v")
    assert kind_request({"--lb": "metallb"}).lb.name == "metallb"
    assert kind_request({"--ingress": "contour"}).ingress.name == "contour"


def test_an_embedded_cluster_has_its_families() -> None:
    """IPv6 alone is not one of them."""
    assert combinations.why_not_embedded({"--families": "ipv4"}) is None
    assert combinations.why_not_embedded({}) is None
    assert "an embedded cluster is ipv4 or dual" in str(combinations.why_not_embedded({"--families": "ipv6"}))
