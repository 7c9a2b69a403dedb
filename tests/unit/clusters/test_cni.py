"""Network plugins as data: the files that travel, files of the user's, patches, order, and what is said of bad ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.clusters import addon_manifest
from harness.clusters.addon import Chart, Download, Manifest, Patch, Rollout, When
from harness.clusters.cni import Cni, load, names, parse
from harness.clusters.provider import ClusterError

PLACES = {"cluster": "c", "pod_subnet_ipv4": "10.9.0.0/16"}
MINIMAL = {"name": "n", "about": "a"}


def test_the_catalogue_has_the_plugins_people_choose_from() -> None:
    """By the names the option takes."""
    assert names() == ["antrea", "calico", "cilium", "flannel", "kindnet", "kube-router", "none", "weave"]


@pytest.mark.parametrize("name", names())
def test_every_data_file_waits_for_something_and_pins_its_programs(name: str) -> None:
    """What data files of all add-ons have to say is tested with those; this is what a network plugin says besides."""
    plugin = load(name)
    assert plugin.absent or plugin.ready
    if plugin.plugins:
        assert all(len(archive.sha256) == 64 for archive in plugin.plugins.archives.values())


def test_what_never_passed_is_untested() -> None:
    """A plugin's title says when it last passed, or that it never did."""
    assert parse(MINIMAL | {"bundled": True, "version": "v1"}, where="f").title == "n v1 (untested)"
    passed = {"version": "v1", "date": yaml.safe_load("2026-11-22"), "run": "abc"}
    assert parse(MINIMAL | {"bundled": True, "passed": passed}, where="f").title == "n (passed 2026-11-22)"
    assert load("none").title == "none"


def test_a_bare_yes_is_a_yes() -> None:
    """YAML makes true of it."""
    told = yaml.safe_load("{network-policy: yes, end-port: no, ipv6: partly}")
    assert parse(MINIMAL | {"capabilities": told}, where="f").capabilities == {
        "network-policy": "yes",
        "end-port": "no",
        "ipv6": "partly",
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"families": ["ipv5"]}, "families: ipv5 is none of ipv4, ipv6, dual"),
        ({"kube_proxy": ["userspace"]}, "kube_proxy: userspace is none of"),
        ({"capabilities": {"magic": True}}, "capabilities: magic is none of"),
        ({"capabilities": {"ipv6": "perhaps"}}, "a capability is said by: perhaps is none of"),
        ({"colour": "blue"}, "colour"),
        ({"source": {"url": "u"}}, "sha256"),
        ({"patches": [{"find": "a", "put": "b"}]}, "why"),
        (
            {"patches": [{"why": "w", "find": "a", "put": "b", "when": {"moon": ["full"]}}]},
            "unknown condition ['moon']",
        ),
        ({"plugins": {"files": ["bridge"]}}, "lacks 'archives'"),
        ({"ready": [{"kind": "DaemonSet"}]}, "namespace"),
        ({"name": None}, ""),
    ],
)
def test_a_bad_data_file_is_said_in_one_line(change: dict[str, Any], said: str) -> None:
    """The line begins with the file and names what is wrong in it."""
    document = {key: value for key, value in {**MINIMAL, **change}.items() if value is not None}
    with pytest.raises(ClusterError) as told:
        parse(document, where="mine.yaml")
    assert str(told.value).startswith("mine.yaml: ")
    assert said in str(told.value)
    assert "\n" not in str(told.value)


def test_what_is_no_data_at_all_is_said() -> None:
    """A list is no plugin."""
    with pytest.raises(ClusterError, match=r"mine\.yaml: "):
        parse(["a"], where="mine.yaml")


def test_a_users_files_are_told_apart(tmp_path: Path) -> None:
    """A data file, a manifest, a chart folder, a packed chart."""
    data, manifest, chart = tmp_path / "data.yaml", tmp_path / "net.yaml", tmp_path / "chart"
    data.write_text(yaml.safe_dump(MINIMAL | {"source": {"url": "https://u/f", "sha256": "0"}}))
    manifest.write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n---\nmore: 1\n")
    chart.mkdir()
    (chart / "Chart.yaml").write_text("name: chart\n")
    (tmp_path / "packed.tgz").write_bytes(b"")
    assert load(str(data)).source == Download("https://u/f", "0")
    assert load(str(manifest)).source == Manifest(manifest)
    assert load(str(chart)).source == Chart(chart=str(chart))
    assert load(str(tmp_path / "packed.tgz")).source == Chart(chart=str(tmp_path / "packed.tgz"))


def test_what_cannot_be_a_plugin_is_refused(tmp_path: Path) -> None:
    """An unknown name, a missing file, a folder of something else, a file that is not YAML."""
    (tmp_path / "bad.yaml").write_text("][")
    for given, said in [
        ("calicoo", "--cni calicoo: there are antrea, calico"),
        (f"{tmp_path}/none.yaml", "no such file"),
        (f"{tmp_path}/", "a folder without Chart.yaml"),
        (f"{tmp_path}/bad.yaml", "not YAML"),
    ]:
        with pytest.raises(ClusterError, match=said):
            load(given)


# -- the manifest ----------------------------------------------------------------------------------------------------


def plugin(*patches: Patch, ready: tuple[Rollout, ...] = ()) -> Cni:
    """A plugin with patches."""
    return Cni(name="n", about="a", patches=patches, ready=ready)


def patched(text: str, *patches: Patch, families: str = "ipv4", kube_proxy: str = "iptables") -> str:
    """The text after the patches."""
    return addon_manifest.patched(text, plugin(*patches), places=PLACES, families=families, kube_proxy=kube_proxy)


def test_patches_replace_text_and_fill_places() -> None:
    """In order, each with what the cluster has."""
    first = Patch("w", find="NET", put="%pod_subnet_ipv4%")
    second = Patch("w", find="10.9.", put="[%cluster%] 10.9.")
    assert patched("a NET b", first, second) == "a [c] 10.9.0.0/16 b"


@pytest.mark.parametrize(
    ("when", "families", "kube_proxy", "counts"),
    [
        (When(), "ipv4", "iptables", True),
        (When(families=("dual", "ipv6")), "dual", "iptables", True),
        (When(families=("dual",)), "ipv4", "iptables", False),
        (When(kube_proxy=("none",)), "ipv4", "iptables", False),
        (When(families=("ipv4",), kube_proxy=("none",)), "ipv4", "none", True),
    ],
)
def test_a_patch_may_count_for_some_clusters_only(when: When, families: str, kube_proxy: str, counts: bool) -> None:
    """By its families and its mode of kube-proxy."""
    assert patched("a", Patch("w", "a", "b", when=when), families=families, kube_proxy=kube_proxy) == "ab"[counts]


@pytest.mark.parametrize(("text", "found"), [("", 0), ("aaa", 3)])
def test_a_patch_that_does_not_fit_is_refused(text: str, found: int) -> None:
    """A manifest that changed must not be installed half patched."""
    with pytest.raises(ClusterError, match=f"the patch 'w' expects 'a' 2 times in the manifest, it is there {found}"):
        patched(text, Patch("w", "a", "b", times=2))


def test_objects_come_in_an_order_that_works() -> None:
    """Lists opened, empty documents left out, what others need first, everything else in its own order."""
    text = """
    {kind: DaemonSet, metadata: {name: d}}
    ---
    ---
    {kind: List, items: [{kind: ConfigMap, metadata: {name: c}}, {kind: Role, metadata: {name: r}}]}
    ---
    {kind: CustomResourceDefinition, metadata: {name: x}}
    ---
    {kind: Namespace, metadata: {name: n}}
    """.replace("    ", "")
    found = [each["metadata"]["name"] for each in addon_manifest.objects(text, where="f")]
    assert found == ["n", "x", "c", "d", "r"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("][", "f: not YAML"),
        ("", "f: nothing to install"),
        ("a: 1", "f: not a manifest"),
        ("- 1", "f: not a manifest"),
        ("{kind: Pod}", "f: not a manifest"),
    ],
)
def test_what_is_no_manifest_is_refused(text: str, said: str) -> None:
    """Before a cluster is made for it."""
    with pytest.raises(ClusterError, match=said):
        addon_manifest.objects(text, where="f")


def workload(kind: str, name: str, *images: str, namespace: str | None = "s") -> dict[str, Any]:
    """A workload whose first container starts the others."""
    spec = {"initContainers": [{"image": images[0]}], "containers": [{"image": each} for each in images[1:]]}
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"kind": kind, "metadata": metadata, "spec": {"template": {"spec": spec}}}


def test_images_are_found_in_pod_templates() -> None:
    """Each once, those that only start others too."""
    manifest = [workload("DaemonSet", "a", "i:1", "i:2"), {"kind": "Role", "metadata": {"name": "r"}, "spec": None}]
    assert addon_manifest.images([*manifest, workload("Deployment", "b", "i:2", "i:3")]) == ["i:1", "i:2", "i:3"]


def test_what_is_waited_for() -> None:
    """What the data says; else every workload of the manifest."""
    manifest = [
        workload("DaemonSet", "a", "i"),
        workload("Job", "j", "i"),
        workload("Deployment", "b", "i", namespace=None),
    ]
    every = [Rollout("DaemonSet", "s", "a"), Rollout("Deployment", "default", "b")]
    assert addon_manifest.rollouts(plugin(), manifest) == every
    assert addon_manifest.rollouts(plugin(ready=(every[1],)), manifest) == [every[1]]


def test_chart_values_follow_the_cluster() -> None:
    """Cilium without kube-proxy proxies itself; with it, it does not. Later values win."""
    chart = load("cilium").source
    assert isinstance(chart, Chart)
    alone = addon_manifest.chart_values(chart, places=PLACES, families="ipv4", kube_proxy="none")
    beside = addon_manifest.chart_values(chart, places=PLACES, families="dual", kube_proxy="iptables")
    assert (alone["kubeProxyReplacement"], alone["k8sServiceHost"]) == (True, "c-control-plane")
    assert (beside["kubeProxyReplacement"], beside["ipv6.enabled"]) == (False, True)
    assert "ipv6.enabled" not in alone
    assert Chart("x").values == ()
