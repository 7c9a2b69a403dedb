"""Add-ons as data: the files that travel, of network plugins, too, and what is said of bad ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.clusters import addon_install, addon_manifest
from harness.clusters.addon import Addon, Chart, Download, Manifest
from harness.clusters.addon_install import Ground
from harness.clusters.cni import Cni
from harness.clusters.ingress import Ingress
from harness.clusters.loadbalancer import LoadBalancer
from harness.clusters.provider import ClusterError

KINDS: tuple[type[Addon], ...] = (LoadBalancer, Ingress)
EVERY = [(kind, name) for kind in (Cni, *KINDS) for name in kind.names()]
GROUND = Ground("c", "dual", "iptables", {}, '"10.0.0.1-10.0.0.9", "fd00::1-fd00::9"')
MINIMAL = {"name": "n", "about": "a"}
CONTAINER = {"image": "i:1", "says": "ready", "label": "made-by"}


def test_the_catalogues_have_what_people_choose_from() -> None:
    """By the names the options take."""
    assert LoadBalancer.names() == ["cloud-provider-kind", "metallb", "none"]
    assert Ingress.names() == ["contour", "haproxy", "none", "traefik"]


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_every_data_file_is_whole(kind: type[Addon], name: str) -> None:
    """It can be read, is named as its file, declares every capability, pins what it installs, waits for something."""
    addon = kind.load(name)
    assert addon.name == name
    if addon.absent:
        assert addon.title == name
        return
    assert addon.title.endswith("(untested)" if addon.passed is None else f"(passed {addon.passed.date})")
    assert set(addon.capabilities) == set(kind.CAPABILITIES)
    assert addon.deviations
    assert all(each.link.startswith("https://") for each in addon.deviations if each.link)
    assert all(":" in image and not image.endswith(":latest") for image in addon.images)
    if isinstance(addon.source, Download):
        assert len(addon.source.sha256) == 64
        assert addon.version in addon.source.url
    if isinstance(addon.source, Chart):
        assert addon.source.version
    assert addon.ready or addon.source is None
    addon_install.afterwards(addon, GROUND)


def test_metallb_gives_away_the_addresses_it_is_told() -> None:
    """A pool of both families, and an announcement of that pool."""
    pool, announcement = addon_install.afterwards(LoadBalancer.load("metallb"), GROUND)
    assert (pool["kind"], pool["spec"]["addresses"]) == ("IPAddressPool", ["10.0.0.1-10.0.0.9", "fd00::1-fd00::9"])
    assert announcement["kind"] == "L2Advertisement"
    assert announcement["spec"]["ipAddressPools"] == [pool["metadata"]["name"]]


@pytest.mark.parametrize("name", [name for name in Ingress.names() if name != "none"])
def test_every_controller_has_a_class(name: str) -> None:
    """Its name is known, and where its manifest brings no IngressClass, ours is of that name; its Service is, too."""
    controller = Ingress.load(name)
    assert controller.ingress_class
    space, _, service = controller.service.partition("/")
    assert space and service
    assert {each.namespace for each in controller.ready} == {space}
    classes = [each["metadata"]["name"] for each in addon_install.afterwards(controller, GROUND)]
    assert classes in ([], [controller.ingress_class])


def test_cloud_provider_kind_is_kept_to_its_cluster() -> None:
    """By itself it serves all, and removes every cluster's proxies at its end: both questions are narrowed."""
    container = LoadBalancer.load("cloud-provider-kind").container
    assert container is not None
    assert "io.x-k8s.kind.cluster" in container.narrow
    assert container.label in container.narrow


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        (LoadBalancer, {"capabilities": {"network-policy": True}}, "capabilities: network-policy is none of udp, sctp"),
        (LoadBalancer, {"bundled": True}, "bundled"),
        (LoadBalancer, {"ingress_class": "x"}, "ingress_class"),
        (LoadBalancer, {"container": {"image": "i"}}, "says"),
        (LoadBalancer, {"container": {**CONTAINER, "colour": 1}}, "colour"),
        (LoadBalancer, {"container": "i"}, ""),
        (Ingress, {"container": CONTAINER}, "container"),
        (Ingress, {"families": ["ipv5"]}, "families: ipv5 is none of"),
        (Ingress, {"source": {"url": "u"}}, "sha256"),
    ],
)
def test_a_bad_data_file_is_said_in_one_line(kind: type[Addon], change: dict[str, Any], said: str) -> None:
    """The line begins with the file and names what is wrong in it."""
    with pytest.raises(ClusterError) as told:
        kind.parse({**MINIMAL, **change}, where="mine.yaml")
    assert str(told.value).startswith("mine.yaml: ")
    assert said in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_one_is_refused(kind: type[Addon], tmp_path: Path) -> None:
    """An unknown name, a missing file, a folder of something else, a file that is not YAML: by its own option."""
    (tmp_path / "bad.yaml").write_text("][")
    for given, said in [
        ("metalb", "there are "),
        (f"{tmp_path}/none.yaml", "no such file"),
        (f"{tmp_path}/", "a folder without Chart.yaml"),
    ]:
        with pytest.raises(ClusterError, match=f"^{kind.OPTION} {given}: {said}"):
            kind.load(given)
    with pytest.raises(ClusterError, match="not YAML"):
        kind.load(f"{tmp_path}/bad.yaml")


@pytest.mark.parametrize("kind", KINDS)
def test_a_users_file_is_a_manifest_or_data(kind: type[Addon], tmp_path: Path) -> None:
    """Told apart by what stands in it."""
    data, manifest = tmp_path / "data.yaml", tmp_path / "lb.yaml"
    data.write_text(yaml.safe_dump(MINIMAL | {"source": {"url": "https://u/f", "sha256": "0"}}))
    manifest.write_text("{apiVersion: v1, kind: Namespace, metadata: {name: n}}")
    assert kind.load(str(data)).source == Download("https://u/f", "0")
    assert kind.load(str(manifest)).source == Manifest(manifest)
    assert kind.load(str(manifest)).title == "lb (untested)"


def test_what_comes_afterwards_must_be_a_manifest() -> None:
    """Said with the add-on's name, before a cluster is made for it."""
    for text, said in [("][", "not YAML"), ("a: 1", "not a manifest")]:
        addon = LoadBalancer.parse({**MINIMAL, "then": text}, where="f")
        with pytest.raises(ClusterError, match=f"LoadBalancer n: then: {said}"):
            addon_install.afterwards(addon, GROUND)


def test_images_are_found_in_everything_that_makes_pods() -> None:
    """Pods, their templates, and the templates of their templates."""
    pod = {"containers": [{"image": "i:1"}]}
    for kind, spec in [
        ("Pod", pod),
        ("Job", {"template": {"spec": pod}}),
        ("CronJob", {"jobTemplate": {"spec": {"template": {"spec": pod}}}}),
    ]:
        assert addon_manifest.images([{"kind": kind, "metadata": {"name": "x"}, "spec": spec}]) == ["i:1"]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"then": {"kind": "A"}}, "then: {'kind': 'A'} is not text"),
        ({"ready": [{"kind": "Job", "namespace": "a", "name": "b"}]}, "ready: kind: Job is none of DaemonSet"),
        ({"version": 1.1}, "version: 1.1 is not text: put it in quotes"),
        ({"kubernetes": 1.34}, "kubernetes: 1.34 is not text"),
        ({"kubernetes": "documented"}, "kubernetes: 'documented' is no range such as '1.32 to 1.34' or 'to 1.29'"),
        ({"kubernetes": "1.34 to 1.32"}, "kubernetes: '1.34 to 1.32' ends before it begins"),
        ({"images": "foo"}, "images: 'foo' is not a list"),
        ({"images": [5]}, "images: 5 is not text"),
        ({"container": {**CONTAINER, "says": True}}, "container: says: True is not text"),
        ({"container": {**CONTAINER, "arguments": "--fast"}}, "arguments: '--fast' is not a list"),
        ({"patches": [{"why": "w", "find": 5, "put": "p"}]}, "patches: find: 5 is not text"),
        ({"source": {"url": "u", "sha256": 0}}, "source: sha256: 0 is not text"),
    ],
)
def test_what_yaml_reads_as_something_else_is_refused(told: dict[str, Any], said: str) -> None:
    """In one line, before anything is made of it: such a value would end a run that has made a cluster already."""
    with pytest.raises(ClusterError) as refused:
        LoadBalancer.parse({**MINIMAL, **told}, where="mine.yaml")
    assert str(refused.value).startswith(f"mine.yaml: {said}")


@pytest.mark.parametrize(
    "text",
    [
        "kind: List\nitems:",
        "kind: A\nmetadata: foo",
        "kind: [a]\nmetadata: {name: x}",
        "kind: List\nitems: 3",
        "kind: 7",
    ],
)
def test_a_manifest_that_is_none_is_refused(text: str) -> None:
    """In one line that names it, whatever stands where kind, metadata and items should."""
    with pytest.raises(ClusterError, match=r"^m\.yaml: [^\n]*$"):
        addon_manifest.objects(text, where="m.yaml")


@pytest.mark.parametrize("spec", ["foo", {"template": "foo"}, {"template": {"spec": {"containers": [{"name": "x"}]}}}])
def test_objects_may_say_anything_of_themselves(spec: Any) -> None:
    """Custom resources have specs of their own; one without an image needs none."""
    assert addon_manifest.images([{"kind": "Thing", "metadata": {"name": "n"}, "spec": spec}]) == []


def test_the_content_of_users_files_is_told(tmp_path: Path) -> None:
    """A manifest or chart of the same name and another content is another add-on; the same one is not."""
    manifest, chart = tmp_path / "m.yaml", tmp_path / "chart"
    manifest.write_text("kind: A")
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("name: c")
    for given, inside in ((manifest, manifest), (chart, chart / "templates/a.yaml")):
        before = addon_install.content(Ingress.load(str(given)))
        assert addon_install.content(Ingress.load(str(given))) == before
        inside.write_text("kind: B")
        assert addon_install.content(Ingress.load(str(given))) != before
    metallb = LoadBalancer.load("metallb")
    assert addon_install.content(metallb) == addon_install.content(replace(metallb, about="told otherwise"))
    assert addon_install.content(metallb) != addon_install.content(replace(metallb, then=""))
