"""Bad input of a run on an existing cluster: refused in one line before the first test, with nothing left behind.

The cluster is an embedded one that is reached by a kubeconfig, as a user's is. What no API has to be asked for (files,
contexts, options) is in tests/unit/plugin; rights are in tests/unit/cli, for an embedded API server grants everything.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.clusters.embedded import EmbeddedCluster, Settings, refusal
from harness.effects.run import Completed, run
from harness.kube.client import Kube
from harness.world.ownership import Owner

REFUSED = refusal()
pytestmark = pytest.mark.skipif(REFUSED is not None, reason=str(REFUSED))

NAME = "refusing"
LIMIT = 180.0
"""Seconds a run may take to be refused, or to hold, on a machine with much else to do."""

SUITE = '''
def test_nodes(kube):
    """The cluster has nodes."""
    assert kube.list("nodes").items


def test_arena(arena):
    """Pods are there."""
    assert arena.pods
'''
Document = dict[str, Any]


@pytest.fixture(scope="module")
def access() -> Iterator[Document]:
    """The kubeconfig of a cluster that many runs are refused on."""
    cluster = EmbeddedCluster(Settings(name=NAME, nodes=2))
    try:
        yield cluster.create().kubeconfig
    finally:
        cluster.destroy()


@pytest.fixture
def kube(access: Document) -> Iterator[Kube]:
    """The cluster behind it."""
    made = Kube.connect(access)
    yield made
    made.close()


def asked(folder: Path, kubeconfig: Document, *options: str, test: str = "test_nodes") -> Completed:
    """A run with that kubeconfig, in a directory of its own."""
    (folder / "config").write_text(json.dumps(kubeconfig))
    (folder / "test_it.py").write_text(SUITE)
    pytest_ = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", "0", f"test_it.py::{test}"]
    told = ["--kubeconfig", "config", "--context", NAME, "--report", "report", *options]
    return run(["env", "-C", str(folder), *pytest_, *told], check=False, timeout=LIMIT)


def ours(kube: Kube) -> list[str]:
    """Namespaces of runs."""
    names = [str(each["metadata"]["name"]) for each in kube.list("namespaces").items]
    return [name for name in names if name.startswith("harness-")]


def must_be_refused(done: Completed, folder: Path) -> str:
    """The one line of a run that was refused: exit code 4, and no report."""
    errors = [line for line in done.err.decode().splitlines() if line]
    assert (done.code, len(errors)) == (4, 1), done.text + done.err.decode()
    assert "Traceback" not in done.text
    assert not (folder / "report").exists()
    return errors[0]


def elsewhere(kubeconfig: Document) -> Document:
    """At a port of this machine where nobody listens."""
    kubeconfig["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    return kubeconfig


def nowhere(kubeconfig: Document) -> Document:
    """At a name that nobody has."""
    kubeconfig["clusters"][0]["cluster"]["server"] = "https://cluster.invalid:6443"
    return kubeconfig


def stranger(kubeconfig: Document) -> Document:
    """With a token that is not, or no longer, known."""
    kubeconfig["users"][0]["user"] = {"token": "nobody"}
    return kubeconfig


def forger(kubeconfig: Document) -> Document:
    """With a certificate that is none."""
    kubeconfig["users"][0]["user"] = {"client-certificate-data": "bm9uZQ==", "client-key-data": "bm9uZQ=="}
    return kubeconfig


def distrusting(kubeconfig: Document) -> Document:
    """Without the authority that signed its certificate."""
    del kubeconfig["clusters"][0]["cluster"]["certificate-authority-data"]
    return kubeconfig


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (elsewhere, ("127.0.0.1:9", "onnection refused")),
        (nowhere, ("cluster.invalid",)),
        (stranger, ("does not accept the kubeconfig's credentials (401); renew them",)),
        (forger, ("certificate",)),
        (distrusting, ("certificate",)),
    ],
    ids=["nobody listens", "no such name", "unknown token", "no certificate", "unknown authority"],
)
def test_no_cluster_behind_the_kubeconfig(tmp_path: Path, access: Document, spoil: Any, said: tuple[str, ...]) -> None:
    """Nobody there, or somebody who does not know us: one line that names the server or says why."""
    line = must_be_refused(asked(tmp_path, spoil(copy.deepcopy(access))), tmp_path)
    assert all(word in line for word in said), line


def test_no_node_takes_pods(tmp_path: Path, access: Document, kube: Kube) -> None:
    """Every node is named with why; no namespace is made."""
    names = [str(each["metadata"]["name"]) for each in kube.list("nodes").items]
    for name in names:
        kube.patch("nodes", name, {"spec": {"unschedulable": True}})
    try:
        line = must_be_refused(asked(tmp_path, access), tmp_path)
    finally:
        for name in names:
            kube.patch("nodes", name, {"spec": {"unschedulable": False}})
    assert "no node is Ready and takes ordinary pods" in line
    assert all(f"{name}: cordoned" in line for name in names)
    assert not ours(kube)


def test_an_image_that_cannot_be_pulled_is_unknown(tmp_path: Path, access: Document, kube: Kube) -> None:
    """It is found out by pods, so the run is begun: exit code 3, image and option named, and nothing left."""
    done = asked(tmp_path, access, "--agent-image", "nowhere.test/none:1", test="test_arena")
    assert done.code == 3, done.text
    (line,) = [line for line in done.text.splitlines() if line.startswith("image nowhere.test/none:1 of pod")]
    assert "cannot be had" in line
    assert "see --agent-image" in line
    assert "Traceback" not in done.text
    assert not ours(kube)


def test_what_an_earlier_run_left_is_removed(tmp_path: Path, access: Document, kube: Kube) -> None:
    """Its namespaces go before the first test, somebody else's of a like name stays, and the run holds."""
    home, arena = Owner("dead00", "home"), Owner("dead00", "gw0")
    foreign = "harness-of-somebody"
    left = {home.namespace("run"): home.labels(), arena.namespace("x"): arena.labels(), foreign: {}}
    for name, labels in left.items():
        kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    spec = {"holderIdentity": "elsewhere/1/1", "renewTime": "2024-01-01T00:00:00.000000Z"}
    lease = {"metadata": {"name": "run", "namespace": home.namespace("run")}, "spec": spec}
    kube.apply({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", **lease})
    done = asked(tmp_path, access)
    assert done.code == 0, done.text
    assert ours(kube) == [foreign]
    kube.delete("namespaces", foreign)
