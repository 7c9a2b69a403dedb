"""Fetching, rendering and applying an add-on, and waiting for it, without network, Helm or cluster."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path
from typing import Any, cast

import pytest

from harness.clusters import addon_install, cni
from harness.clusters.addon import Chart, Download, Manifest, Patch, Rollout
from harness.clusters.addon_install import Ground, await_rollouts, rolled_out
from harness.clusters.cni import Cni, Plugins
from harness.clusters.downloads import Downloads, cache
from harness.clusters.kind import nodes
from harness.clusters.provider import ClusterError
from harness.effects.clock import FakeClock
from harness.effects.fetch import FetchError, fetch
from harness.effects.run import Completed, RunError
from harness.kube.client import Kube
from harness.kube.errors import UnknownResource
from harness.kube.resources import BY_KIND, Served
from tests.unit.clusters.kind_machine import NodesKube

GROUND = Ground("c", "ipv4", "none", {"ipv4": "10.9.0.0/16"})
NAMESPACE = "{apiVersion: v1, kind: Namespace, metadata: {name: '%cluster%'}}"
CONTENT = NAMESPACE.encode()
PINNED = Download("https://example/dir/net.yaml", hashlib.sha256(CONTENT).hexdigest())


class Web:
    """A server that counts."""

    def __init__(self, content: bytes = CONTENT) -> None:
        self.asked: list[str] = []
        self._content = content

    def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        return self._content


def no_program(*_: Any, **__: Any) -> Completed:
    """Nothing may be run."""
    raise AssertionError("a program was run")


# -- downloads -------------------------------------------------------------------------------------------------------


def test_a_file_is_fetched_once(tmp_path: Path) -> None:
    """Afterwards it is in the cache, by its digest."""
    web = Web()
    downloads = Downloads(tmp_path, fetch=web)
    assert [downloads.get(PINNED), downloads.get(PINNED)] == [CONTENT, CONTENT]
    assert web.asked == [PINNED.url]
    assert [path.name for path in tmp_path.iterdir()] == [PINNED.sha256]


def test_another_content_is_never_used(tmp_path: Path) -> None:
    """Neither from the network nor from a cache that was changed."""
    with pytest.raises(ClusterError, match=f"pinned is {PINNED.sha256}: not used"):
        Downloads(tmp_path, fetch=Web(b"evil")).get(PINNED)
    assert not list(tmp_path.iterdir())
    (tmp_path / PINNED.sha256).write_bytes(b"evil")
    web = Web()
    assert Downloads(tmp_path, fetch=web).get(PINNED) == CONTENT
    assert web.asked


@pytest.mark.parametrize("name", [PINNED.sha256, "net.yaml"])
def test_offline_takes_files_from_a_folder(tmp_path: Path, name: str) -> None:
    """By digest or by their own name; the network is not asked."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / name).write_bytes(CONTENT)
    assert Downloads(tmp_path / "cache", offline=True, folder=folder, fetch=no_program).get(PINNED) == CONTENT


def test_offline_says_where_to_put_what_is_missing(tmp_path: Path) -> None:
    """With both names it may have."""
    with pytest.raises(ClusterError, match=f"is not here: put it into {tmp_path} as {PINNED.sha256} or net.yaml"):
        Downloads(tmp_path, offline=True, fetch=no_program).get(PINNED)


def test_offline_a_file_of_that_name_is_told_when_it_is_another(tmp_path: Path) -> None:
    """Who put it there must not read that it is not there; another file's digest says which one it is."""
    (tmp_path / "net.yaml").write_bytes(b"evil")
    digest = hashlib.sha256(b"evil").hexdigest()
    with pytest.raises(ClusterError, match=rf"is not here \(the sha256 of {tmp_path}/net.yaml is {digest}\): put it"):
        Downloads(tmp_path / "cache", offline=True, folder=tmp_path, fetch=no_program).get(PINNED)


def test_a_server_that_cannot_be_reached_is_said(tmp_path: Path) -> None:
    """With what to do without one."""

    def dead(url: str) -> bytes:
        raise FetchError(f"{url}: no route to host")

    with pytest.raises(ClusterError, match="no route to host; fetch it elsewhere and use --offline FOLDER"):
        Downloads(tmp_path, fetch=dead).get(PINNED)


def test_only_https_is_fetched() -> None:
    """Plain HTTP and files are no pins' addresses; a port where nobody listens is an error of ours."""
    for url in ("http://example.com/x", "file:///etc/passwd", "ftp://x"):
        with pytest.raises(FetchError, match="only https is fetched"):
            fetch(url)
    with pytest.raises(FetchError, match=r"http://127\.0\.0\.1:9/x: .*refused"):
        fetch("http://127.0.0.1:9/x")


def test_the_cache_is_where_the_desktop_keeps_such_things(monkeypatch: pytest.MonkeyPatch) -> None:
    """XDG_CACHE_HOME, else ~/.cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert cache() == Path("/x/harness")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/h")
    assert cache() == Path("/h/.cache/harness")


# -- the manifest ----------------------------------------------------------------------------------------------------


def test_a_download_is_patched_and_read(tmp_path: Path) -> None:
    """From its address to the objects."""
    plugin = Cni("n", "a", source=PINNED, patches=(Patch("w", "%cluster%", "x-%cluster%"),))
    found = addon_install.manifest(plugin, GROUND, downloads=Downloads(tmp_path, fetch=Web()), run=no_program)
    assert [each["metadata"]["name"] for each in found] == ["x-c"]


def test_a_bundled_plugin_has_nothing_to_install(tmp_path: Path) -> None:
    """Nor has none at all."""
    for name in ("kindnet", "none"):
        assert addon_install.manifest(cni.load(name), GROUND, downloads=Downloads(tmp_path), run=no_program) == []


def test_a_users_manifest_is_read(tmp_path: Path) -> None:
    """As it is; one that went away meanwhile is said."""
    file = tmp_path / "f.yaml"
    file.write_text(NAMESPACE)
    plugin = Cni("n", "a", source=Manifest(file))
    assert addon_install.manifest(plugin, GROUND, downloads=Downloads(tmp_path), run=no_program)
    file.unlink()
    with pytest.raises(ClusterError, match=r"f\.yaml"):
        addon_install.manifest(plugin, GROUND, downloads=Downloads(tmp_path), run=no_program)


def test_a_chart_is_rendered_by_helm(tmp_path: Path) -> None:
    """Pinned by version, with the values of this cluster as JSON."""
    seen: list[str] = []

    def helm(argv: list[str], **_: Any) -> Completed:
        seen.extend(argv)
        return Completed(tuple(argv), 0, CONTENT, b"")

    addon_install.manifest(cni.load("cilium"), GROUND, downloads=Downloads(tmp_path), run=helm)
    line = " ".join(seen)
    assert line.startswith("helm template cilium cilium --namespace kube-system --include-crds")
    assert "--repo https://helm.cilium.io --version 1.20.2" in line
    assert '--set-json k8sServiceHost="c-control-plane"' in line
    assert "--set-json image.useDigest=false" in line


@pytest.mark.parametrize(
    ("problem", "offline", "said"),
    [
        (RunError(["helm"], "not found"), False, "helm is not installed: install it, or give a rendered manifest"),
        (RunError(["helm"], "exit code 1", err=b"no repo"), False, "helm cannot render cilium: .*no repo"),
        (RunError(["helm"], "not found"), True, "--offline: CNI cilium is a Helm chart"),
    ],
)
def test_without_helm_a_chart_is_refused(tmp_path: Path, problem: RunError, offline: bool, said: str) -> None:
    """With the other way to get there."""

    def helm(*_: Any, **__: Any) -> Completed:
        raise problem

    with pytest.raises(ClusterError, match=said):
        addon_install.manifest(cni.load("cilium"), GROUND, downloads=Downloads(tmp_path, offline=offline), run=helm)
    assert Chart("x").repository == ""


# -- applying and waiting --------------------------------------------------------------------------------------------


class LateKube(NodesKube):
    """A cluster that serves a new kind after some attempts."""

    def __init__(self, late: int) -> None:
        super().__init__()
        self.late = late

    def served_kind(self, obj: dict[str, Any]) -> Served:
        """Known kinds at once, others late."""
        if obj["kind"] == "Widget":
            self.late -= 1
            if self.late >= 0:
                raise UnknownResource("the cluster does not serve Widget")
            return Served("x", "v1", "configmaps", "ConfigMap")
        return BY_KIND[(obj["apiVersion"], obj["kind"])]


def test_objects_get_the_namespace_they_need() -> None:
    """`default` where one is needed and none is named; none where there is none, whatever the manifest says."""
    kube = LateKube(0)
    manifest = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b", "namespace": "s"}},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "s", "namespace": "kube-system"}},
    ]
    addon_install.apply(kube.typed, manifest, clock=FakeClock())
    assert {("configmaps", "default", "a"), ("configmaps", "s", "b"), ("namespaces", "", "s")} <= kube.objects.keys()


def test_a_kind_that_was_just_defined_is_waited_for() -> None:
    """It is served a moment later; one that never is, is an error after its time."""
    widget = {"apiVersion": "v1", "kind": "Widget", "metadata": {"name": "w"}}
    kube, clock = LateKube(3), FakeClock()
    addon_install.apply(_with_widgets(kube), [widget], clock=clock)
    assert clock.now() == 3 * addon_install.SERVED_SPACING
    with pytest.raises(UnknownResource):
        addon_install.apply(_with_widgets(LateKube(10_000)), [widget], clock=FakeClock())


def _with_widgets(kube: LateKube) -> Kube:
    kube.apply = lambda obj: obj  # type: ignore[method-assign]
    return cast("Kube", kube)


def workload(kind: str, *, status: dict[str, int], generation: int = 2) -> dict[str, Any]:
    """A workload of three."""
    spec = {"replicas": 3, "selector": {"matchLabels": {"app": "x"}}}
    return {"kind": kind, "metadata": {"generation": generation}, "spec": spec, "status": status}


DAEMONS = {"observedGeneration": 2, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 3}
REPLICAS = {"observedGeneration": 2, "updatedReplicas": 3, "availableReplicas": 3, "readyReplicas": 3}


@pytest.mark.parametrize(
    ("kind", "status", "done"),
    [
        ("DaemonSet", DAEMONS, True),
        ("DaemonSet", {**DAEMONS, "numberAvailable": 2}, False),
        ("DaemonSet", {**DAEMONS, "updatedNumberScheduled": 1}, False),
        ("DaemonSet", {**DAEMONS, "observedGeneration": 1}, False),
        ("DaemonSet", {"observedGeneration": 2}, False),
        ("Deployment", REPLICAS, True),
        ("Deployment", {**REPLICAS, "availableReplicas": 2}, False),
        ("Deployment", {**REPLICAS, "updatedReplicas": 2}, False),
        ("StatefulSet", {**REPLICAS, "availableReplicas": 0}, True),
        ("StatefulSet", {**REPLICAS, "readyReplicas": 0}, False),
        ("Deployment", {}, False),
    ],
)
def test_rolled_out_means_everywhere_and_in_the_newest_form(kind: str, status: dict[str, int], done: bool) -> None:
    """As kubectl's rollout status counts."""
    assert rolled_out(workload(kind, status=status)) is done


def test_what_is_not_there_is_not_rolled_out() -> None:
    """Nothing is not ready."""
    assert rolled_out(None) is False


def test_a_rollout_that_fails_says_what_a_pod_says() -> None:
    """The reason of the first container that has one."""
    kube = NodesKube()
    kube.workload("DaemonSet", "net", available=0)
    rollout = Rollout("DaemonSet", "kube-system", "net")
    for waiting, said in [
        ({"reason": "ImagePullBackOff", "message": "no such host"}, "c: ImagePullBackOff no such host"),
        ({"reason": "ContainerCreating"}, "1 pods, none of which says why"),
    ]:
        status = {"containerStatuses": [{"name": "c", "state": {"waiting": waiting}}]}
        metadata = {"name": "p", "namespace": "kube-system", "labels": {"app": "net"}}
        kube.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": status})
        with pytest.raises(ClusterError, match=f"DaemonSet kube-system/net was not ready after 5 s: {said}"):
            await_rollouts(kube.typed, [rollout], timeout=5)
    with pytest.raises(ClusterError, match="Deployment kube-system/no was not ready after 5 s: there is none"):
        await_rollouts(kube.typed, [Rollout("Deployment", "kube-system", "no")], timeout=5)


# -- plugin programs -------------------------------------------------------------------------------------------------


def archive(*names: str) -> bytes:
    """A compressed archive as the CNI project packs it."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name in names:
            entry = tarfile.TarInfo(f"./{name}")
            entry.size = len(name)
            tar.addfile(entry, io.BytesIO(name.encode()))
    return made.getvalue()


def test_only_the_wanted_programs_are_unpacked() -> None:
    """Without the archive's folders, executable."""
    small = nodes.only(archive("bridge", "vlan", "LICENSE"), ["bridge"])
    with tarfile.open(fileobj=io.BytesIO(small)) as tar:
        (member,) = tar.getmembers()
        content = tar.extractfile(member)
        assert (member.name, member.mode) == ("bridge", 0o755)
        assert content is not None
        assert content.read() == b"bridge"
    with pytest.raises(ClusterError, match="has no ipvlan"):
        nodes.only(archive("bridge"), ["ipvlan"])


def test_programs_are_put_into_every_node(tmp_path: Path) -> None:
    """Those for the engine's architecture; one that nobody packs for is refused."""
    packed = archive("bridge")
    pinned = Download("https://x/a.tgz", hashlib.sha256(packed).hexdigest())
    downloads = Downloads(tmp_path, fetch=Web(packed))
    put: list[str] = []

    class Docker:
        def info(self) -> dict[str, str]:
            return {"Architecture": "x86_64"}

        def execute(self, node: str, *command: str, stdin: bytes) -> None:
            assert stdin == programs
            put.append(f"{node}: {' '.join(command)}")

    docker: Any = Docker()
    programs = nodes.plugins_for(docker, Plugins(("bridge",), {"amd64": pinned}), downloads=downloads)
    nodes.add_plugins(docker, ["n0", "n1"], programs)
    assert put == [f"{node}: tar --extract --file - --directory /opt/cni/bin" for node in ("n0", "n1")]
    with pytest.raises(ClusterError, match="no CNI plugins for amd64: arm64"):
        nodes.plugins_for(docker, Plugins(("bridge",), {"arm64": pinned}), downloads=downloads)
