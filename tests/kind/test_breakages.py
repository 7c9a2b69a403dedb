"""A real kind cluster, broken one layer at a time: each breakage is found, blamed on its layer, and told from others.

Takes minutes, and a machine with docker, kind and a node image; skipped elsewhere, saying which is lacking.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.clusters import cni
from harness.clusters.kind import KindCluster, Request, Setting, Tools
from harness.clusters.kind.engine import engine
from harness.effects.clock import RealClock
from harness.effects.run import run
from harness.kube.client import Kube
from tests.kind.breakages import restart_api_server
from tests.kind.ground import LACKING
from tests.repo.sources import ROOT

pytestmark = pytest.mark.skipif(LACKING is not None, reason=f"no kind cluster can be made: {LACKING}")

AGENT_IMAGE = "python:3.13-slim"
LONGEST = 600.0
"""Seconds one run may take on a loaded machine."""

ASKED = {
    "dns": "dns/test_names.py::test_names[clusterip/addresses]",
    "services": "services/test_static.py::test_service[clusterip/all-backends]",
    "network": "network/test_pods.py::test_full_mesh",
    "netpol": "netpol/test_tables.py::test_table[defaults]",
}
"""One test of each area."""

IMPATIENT = [
    word
    for name in ("dns_program", "service_program", "policy_live", "endpoints_program", "pod_network")
    for word in ("--wait", f"{name}=8")
]


@dataclass(frozen=True)
class Told:
    """What one test said."""

    verdict: str
    layer: str = ""


PASS = Told("PASS")
EXPECTED = {
    "dns": {"dns": Told("FAIL", "dns"), "services": PASS, "network": PASS, "netpol": PASS},
    "service-rules": {
        "dns": Told("FAIL", "service proxy"),
        "services": Told("FAIL", "service proxy"),
        "network": PASS,
        "netpol": PASS,
    },
    "policy-agent": {"dns": PASS, "services": PASS, "network": PASS, "netpol": Told("FAIL", "policy")},
    "route": {
        "dns": PASS,
        "services": Told("FAIL", "pod network"),
        "network": Told("FAIL", "pod network"),
        "netpol": Told("UNKNOWN", "pod network"),
    },
}
"""What a breakage makes of one test of each area: no two breakages look alike."""


@dataclass(frozen=True)
class Broken:
    """A standing kind cluster and the suites against it."""

    kubeconfig: Path
    control_plane: str

    def run(self, report: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
        """One run to its end: exit code, record, what it printed."""
        argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--report", str(report)]
        argv += ["--kubeconfig", str(self.kubeconfig), *arguments]
        done = run(argv, timeout=LONGEST, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)})
        found = report / "run.json"
        record = json.loads(found.read_text()) if found.exists() else {"tests": []}
        return done.code, record, done.text + done.err.decode(errors="replace")


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broken]:
    """A cluster of three nodes for all runs of this module."""
    folder = tmp_path_factory.mktemp("broken")
    request = Request(cni=cni.load("kindnet"), nodes=3, families="dual")
    setting = Setting(run=f"broken-{os.getpid()}", images=(AGENT_IMAGE,), logs=folder / "logs", offline=True)
    cluster = KindCluster(request, setting)
    try:
        access = cluster.create()
        (folder / "kubeconfig").write_text(json.dumps(access.kubeconfig))
        kube = Kube.connect(access.kubeconfig)
        (node,) = kube.list("nodes", labels="node-role.kubernetes.io/control-plane").items
        kube.close()
        yield Broken(folder / "kubeconfig", str(node["metadata"]["name"]))
    finally:
        cluster.destroy()


@pytest.mark.parametrize("breakage", sorted(EXPECTED))
def test_a_breakage_is_found_and_told_from_others(standing: Broken, tmp_path: Path, breakage: str) -> None:
    """Only the promises that stand on the broken layer are broken, and the text names that layer."""
    tests = [f"{ROOT}/suites/{test}" for test in ASKED.values()]
    plugin = ["-p", "tests.kind.breaker", "--break", breakage, "-n", "0"]
    code, record, text = standing.run(tmp_path / "broken", *tests, *plugin, *IMPATIENT)
    told = {test["name"].removeprefix("suites/"): test for test in record["tests"]}
    seen = {area: _told(told[test]) for area, test in ASKED.items() if test in told}
    assert seen == EXPECTED[breakage], text
    assert code == 1
    code, record, text = standing.run(tmp_path / "mended", *tests, "-n", "0", *IMPATIENT)
    assert code == 0, text


def _told(test: dict[str, Any]) -> Told:
    _, marker, rest = test["reason"].partition("layer at fault, as it seems: ")
    return Told(test["verdict"], rest.partition(" (")[0] if marker else "")


def test_an_api_server_that_restarts_costs_no_verdict(standing: Broken, tmp_path: Path) -> None:
    """Killed in the middle of a run and started again by the kubelet: every promise is still decided, as without it."""
    suites = [f"{ROOT}/suites/{area}" for area in ("dns", "services")]
    clock, killed = RealClock(), 0
    with ThreadPoolExecutor(1) as aside:
        running = aside.submit(standing.run, tmp_path, *suites, "-n", "4")
        while not running.done():
            probes = tmp_path / "probes.jsonl"
            lines = probes.read_bytes().count(b"\n") if probes.exists() else 0
            if not killed and lines > 1000:
                restart_api_server(engine(Tools()), standing.control_plane)
                killed = lines
            clock.sleep(0.2)
        code, record, text = running.result()
    assert killed, "the run was over before it could be disturbed"
    assert code == 0, text
    assert {test["verdict"] for test in record["tests"] if not test["known"]} <= {"PASS", "SKIP"}, text
