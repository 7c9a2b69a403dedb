"""A run of the suites on an embedded cluster, killed with -9: its report is made, says so, and the run goes on from it.

And what the README shows of an embedded cluster, run as it stands.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from pathlib import Path

import pytest
import yaml

from harness.clusters.embedded import refusal
from harness.effects.clock import RealClock
from harness.effects.run import Completed, run, start
from harness.report import pages
from tests.repo.test_readme import blocks

REFUSED = refusal()
pytestmark = pytest.mark.skipif(REFUSED is not None, reason=str(REFUSED))

LIMIT = 240.0
"""Seconds until a run comes to its third test, on a machine with much else to do."""

SUITE = '''
import pathlib
import time

import pytest
from harness.suite import Findings, requirement


@pytest.mark.parametrize("number", range(4))
@requirement("NET-001")
def test_nodes(kube, cluster, check, number):
    """The cluster has nodes."""
    if number == 2:
        pathlib.Path("here").touch()
        time.sleep(300)
    assert kube.list("nodes").items
    check.now(Findings())
'''
BIN = str(Path(sys.executable).parent)
ENVIRONMENT = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}


def harness(*arguments: str, where: Path) -> Completed:
    """The command, in a directory."""
    return run(["env", "-C", str(where), "harness", *arguments], check=False, timeout=LIMIT, env=ENVIRONMENT)


def killed(where: Path) -> Path:
    """The report directory of a run that was killed in its third test."""
    report = where / "reports/20260101T000000-killed"
    (where / "test_nodes.py").write_text(SUITE)
    command = ["env", "-C", str(where), "pytest", "test_nodes.py", "--report", str(report), "-p", "no:cacheprovider"]
    clock = RealClock()
    with (where / "output").open("wb") as output:
        process = start(command, env=ENVIRONMENT, stdout=output, stderr=output)
        deadline = clock.now() + LIMIT
        try:
            while not (where / "here").exists():
                assert clock.now() < deadline, (where / "output").read_text()
                assert process.poll() is None, (where / "output").read_text()
                clock.sleep(0.05)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    return report


def test_a_run_killed_with_9_leaves_a_report_from_which_one_goes_on(tmp_path: Path) -> None:
    """The pages are there, and made anew they say aborted; `rerun --unfinished` asks exactly what is missing."""
    report = killed(tmp_path)
    assert "UNFINISHED" in (report / pages.HTML).read_text()
    done = harness("report", where=tmp_path)
    assert done.code == 0, done.text + done.err.decode()
    assert "ABORTED after 2 of 4 tests" in done.text
    record = json.loads((report / "run.json").read_text())
    assert (record["state"], record["requirements"]) == ("aborted", {"NET-001": "PASS"})
    assert record["cluster"]["kind"] == "embedded"
    assert record["cluster"]["kubernetes"]
    assert "<title>ABORTED after 2 of 4 tests" in (report / pages.HTML).read_text()
    conformance = yaml.safe_load((report / pages.CONFORMANCE).read_text())
    assert conformance["profiles"][0]["result"] == "aborted"
    assert conformance["reproduce"] == f"pytest test_nodes.py --report {report} -p no:cacheprovider"
    again = harness("rerun", "--unfinished", "--collect-only", "-q", where=tmp_path)
    assert again.code == 0, again.text + again.err.decode()
    found = [line for line in again.text.splitlines() if "::" in line]
    assert [line.rpartition("::")[2] for line in found] == ["test_nodes[2]", "test_nodes[3]"]


def test_what_the_readme_shows_of_an_embedded_cluster_works(tmp_path: Path) -> None:
    """Its commands in their order: a cluster comes up, a connection is explained with its rules, the cluster goes.

    Under a name of this run: the README's may be in use on the machine.
    """
    said, name = [], f"demo-{os.getpid()}"
    try:
        for line in blocks("embedded"):
            program, *arguments = shlex.split(line.replace("demo", name), comments=True)
            assert program == "harness"
            done = harness(*arguments, where=tmp_path)
            assert done.code == 0, done.text + done.err.decode()
            said.append(done.text)
    finally:
        harness("down", "--name", name, where=tmp_path)
    explained = next(text for text in said if "rules that the first packet meets" in text)
    assert "by its ClusterIP 10.96.0.10: allowed" in explained
    assert "path 1 of 2: accept" in explained
    assert "dnat to" in explained
