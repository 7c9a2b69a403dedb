"""Least privilege: what a run asks of its API server is granted by deploy/runner/rbac.yaml, and nothing more is.

A run of some suites on an embedded cluster is recorded request by request. The selection makes every kind of request
that the suites make; a right that it does not use is named here with its reason, or not granted.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.clusters.embedded import EmbeddedCluster, Settings, refusal
from harness.effects.run import run
from harness.kube.client import Kube
from harness.world.ownership import Owner
from tests.repo.sources import ROOT
from tests.system.request_recorder import FILE, Asked, parsed, read
from tests.unit.world.pod_security import PROFILE, violations

needs_namespaces = pytest.mark.skipif(refusal() is not None, reason=str(refusal()))

SELECTION = (
    "suites/dns/test_names.py::test_names[clusterip/reverse]",
    "suites/endpointslices/test_api.py::test_endpoints_operations",
    "suites/endpointslices/test_api.py::test_slice_operations",
    "suites/network/test_proxy.py",
    "suites/services/test_operations.py",
    "suites/endpointslices/test_slices.py::test_conditions_follow_a_pods_life",
    "suites/endpointslices/test_slices.py::test_deleted_slices_return",
    "suites/endpointslices/test_slices.py::test_edits_are_reverted",
    "suites/ingress/test_api.py::test_ingress_operations",
    "suites/ingress/test_tls.py::test_certificates_are_renewed",
    "suites/netpol/test_tables.py::test_table[empty-labels]",
    "suites/network/test_inside.py",
    "suites/services/test_api.py::test_a_replacement_keeps_what_was_allocated",
    "suites/services/test_operations.py::test_service_operations",
    "suites/services/test_static.py::test_service[loadbalancer/from-pods]",
)
LONGEST = 300.0
"""Seconds the run may take on a machine with much else to do."""

DEAD = Owner("dead00", "home")
"""A run that was killed long ago, on another machine, and left its home."""

EXPLAINED = {
    ("create", "pods/exec", ""): "API servers differ in the verb they ask for a stream: get or create",
    ("list", "events", ""): "read when a pod does not become Ready, and here all do",
    ("watch", "networkpolicies", "networking.k8s.io"): "waited for where a plugin gives policies finalizers",
}
"""Rights that a run does not use, each with its reason."""

EVERYBODYS = {"/version", "/apis"}
"""Paths that system:discovery and system:public-info-viewer grant everybody who is known."""

Right = tuple[str, str, str]
"""Verb, resource, group."""


@dataclass(frozen=True)
class Recorded:
    """A run of the selection: its record and its requests."""

    record: dict[str, Any]
    asked: tuple[Asked, ...]
    text: str

    @property
    def used(self) -> set[Right]:
        """The rights it took; reviews of its own rights are everybody's (system:basic-user)."""
        rights = {(each.verb, each.resource, each.group) for each in self.asked if each.resource}
        return {each for each in rights if each[2] != "authorization.k8s.io"}

    @property
    def written(self) -> list[Asked]:
        """What it changed."""
        return [each for each in self.asked if each.resource and each.verb not in {"get", "list", "watch"}]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """The selection on an embedded cluster that is reached by a kubeconfig, as a user's cluster is."""
    folder = tmp_path_factory.mktemp("rights")
    cluster = EmbeddedCluster(Settings(name="rights"))
    try:
        access = cluster.create()
        (folder / "kubeconfig").write_text(json.dumps(access.kubeconfig))
        kube = Kube.connect(access.kubeconfig)
        home = {"name": DEAD.namespace("run"), "labels": DEAD.labels()}
        kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": home})
        spec = {"holderIdentity": "elsewhere/1/1", "renewTime": "2024-01-01T00:00:00.000000Z"}
        lease = {"metadata": {"name": "run", "namespace": home["name"]}, "spec": spec}
        kube.apply({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", **lease})
        kube.close()
        yield recorded_run(folder)
    finally:
        cluster.destroy()


def recorded_run(folder: Path) -> Recorded:
    """One run to its end."""
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "tests.system.request_recorder", "-n", "0"]
    argv += ["--report", str(folder / "report"), "--kubeconfig", str(folder / "kubeconfig"), "--context", "rights"]
    argv += [f"{ROOT}/{each}" for each in SELECTION]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), FILE: str(folder / "requests")}
    done = run(argv, timeout=LONGEST, check=False, env=environment)
    text = done.text + done.err.decode(errors="replace")
    found = folder / "report" / "run.json"
    assert found.exists(), text
    return Recorded(json.loads(found.read_text()), tuple(read(folder / "requests")), text)


def granted() -> set[Right]:
    """What the role grants."""
    role = yaml.safe_load((ROOT / "deploy/runner/rbac.yaml").read_text())
    return {
        (verb, resource, group)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


@needs_namespaces
def test_the_recorded_run_holds(recorded: Recorded) -> None:
    """A run that stopped early would have asked for less."""
    verdicts = set(recorded.record["requirements"].values())
    assert verdicts <= {"PASS", "SKIP"}, recorded.text
    assert "PASS" in verdicts


@needs_namespaces
def test_every_request_is_granted(recorded: Recorded) -> None:
    """No verb on any resource beyond the role; other paths are those that everybody may read."""
    assert recorded.used - granted() == set()
    paths = {each.path for each in recorded.asked if each.path}
    assert {path for path in paths if path not in EVERYBODYS and not path.startswith(("/apis/", "/api/"))} == set()


@needs_namespaces
def test_nothing_is_granted_that_is_never_used(recorded: Recorded) -> None:
    """What the role grants beyond the requests of a run has its reason here, and no reason stands without a right."""
    assert granted() - recorded.used == set(EXPLAINED)


@needs_namespaces
def test_writes_stay_in_namespaces_of_ours(recorded: Recorded) -> None:
    """The role counts everywhere, because namespaces are made by the run; what is changed is ours all the same."""
    assert recorded.written
    foreign = [
        each
        for each in recorded.written
        if not each.dry_run
        and each.group != "authorization.k8s.io"
        and not (each.name if each.resource == "namespaces" else each.namespace).startswith("harness-")
    ]
    assert foreign == []


@needs_namespaces
def test_every_pod_passes_the_profile_its_namespace_enforces(recorded: Recorded) -> None:
    """Each pod the suites make is admitted by `restricted`, in a namespace that says so."""
    made = [each for each in recorded.written if each.resource == "pods" and each.verb == "create"]
    assert len(made) >= 9
    assert {str(each.body["metadata"]["name"]): violations(each.body) for each in made if violations(each.body)} == {}
    spaces = [each for each in recorded.written if each.resource == "namespaces" and each.verb == "create"]
    profiles = {each.name: (each.body["metadata"].get("labels") or {}).get(PROFILE) for each in spaces}
    assert {profiles[each.namespace] for each in made} == {"restricted"}


@needs_namespaces
def test_the_run_tells_what_the_cluster_can_do(recorded: Recorded) -> None:
    """In its first lines, in run.json and as properties in JUnit, and the same in all of them."""
    told = recorded.record["cluster"]["capabilities"]
    assert {name: told[name]["state"] for name in ("nodes3", "dual", "faults", "network-policy", "node-network")} == {
        "nodes3": "yes",
        "dual": "yes",
        "faults": "yes",
        "network-policy": "yes",
        "node-network": "no",
    }
    assert "harness: found: Kubernetes v" in recorded.text
    assert "nodes not reached from here, pods stand in" in recorded.text


@pytest.mark.parametrize(
    ("method", "path", "query", "wanted"),
    [
        ("GET", "/api/v1/namespaces", {}, [("list", "namespaces", "", "", "")]),
        ("GET", "/api/v1/namespaces/x", {}, [("get", "namespaces", "", "", "x")]),
        ("GET", "/api/v1/namespaces/x/pods", {"watch": True}, [("watch", "pods", "", "x", "")]),
        ("GET", "/api/v1/namespaces/x/pods/a/exec", {}, [("get", "pods/exec", "", "x", "a")]),
        ("DELETE", "/apis/discovery.k8s.io/v1/namespaces/x/endpointslices/a", {},
         [("delete", "endpointslices", "discovery.k8s.io", "x", "a")]),
        ("PATCH", "/api/v1/namespaces/x/services/a", {"force": True},
         [("patch", "services", "", "x", "a"), ("create", "services", "", "x", "a")]),
        ("POST", "/api/v1/namespaces/x/pods", {}, [("create", "pods", "", "x", "")]),
    ],
)  # fmt: skip
def test_requests_are_read_as_authorization_reads_them(
    method: str, path: str, query: dict[str, Any], wanted: list[tuple[str, ...]]
) -> None:
    """Verb, resource with its subresource, group, namespace and name."""
    found = parsed(method, path, query)
    assert [(each.verb, each.resource, each.group, each.namespace, each.name) for each in found] == wanted
