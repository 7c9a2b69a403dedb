"""`harness matrix` and `harness compare` as a user types them, on embedded clusters: two runs, one comparison."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest

from harness.clusters.embedded import refusal
from harness.effects.clock import RealClock
from harness.effects.run import run, start

ROOT = Path(__file__).parents[2]
REFUSED = refusal()
pytestmark = pytest.mark.skipif(REFUSED is not None, reason=str(REFUSED))

HARNESS = [sys.executable, "-m", "harness.cli"]
MATRIX = [*HARNESS, "matrix", "--cluster", "embedded", "--families", "ipv4,dual"]
SELECTION = ["--", "suites/dns/test_names.py", "-p", "no:cacheprovider", "-k", "dual-stack/clusterip or external/cname"]
LIMIT = 400.0
"""Seconds for two embedded clusters and four tests on a loaded machine; about twelve on an idle one."""


def environment() -> dict[str, str]:
    """Without what surrounds this test: neither its pytest nor its workers concern the runs."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}


def test_two_families_are_run_and_compared(tmp_path: Path) -> None:
    """Two clusters, two reports, one comparison: what needs two families differs, the rest holds; then it is compared
    again from the files, where going back to one family is worse and going forward is not.
    """
    home = tmp_path / "matrix"
    done = run([*MATRIX, "--report", str(home), *SELECTION], check=False, timeout=LIMIT, env=environment())
    told = done.text
    assert done.code == 0, told + done.err.decode()
    assert "matrix: 2 combinations, 2 to run" in told
    assert "A SKIP: needs a dual-stack cluster" in told
    assert "HOLDS EVERYWHERE: " in told
    for name in ("ipv4", "dual"):
        record = json.loads((home / name / "run.json").read_text())
        assert (record["cluster"]["families"], len(record["tests"])) == (name, 2)
        assert f"--families {name} --report {home}/{name}" in told
        assert f"<code>{home}/{name}</code>" in (home / "comparison.html").read_text()
    assert "## What differs: " in (home / "comparison.md").read_text()
    for first, second, code in (("ipv4", "dual", 0), ("dual", "ipv4", 1)):
        again = run(
            [*HARNESS, "compare", str(home / first), str(home / second)], check=False, timeout=LIMIT, env=environment()
        )
        assert again.code == code, again.text + again.err.decode()
        assert ("PASS → SKIP: needs a dual-stack cluster" in again.text) is bool(code)


def test_an_interrupted_matrix_leaves_no_run_behind(tmp_path: Path) -> None:
    """Ctrl-C while the first run goes on: it ends in its ordinary way, the second never begins, both are columns."""
    home, clock = tmp_path / "matrix", RealClock()
    with (tmp_path / "told").open("wb") as told:
        matrix = start([*MATRIX, "--report", str(home), *SELECTION], env=environment(), stdout=told, stderr=told)
    output, deadline = home / "ipv4/output.txt", clock.now() + LIMIT
    while not (output.exists() and "collected" in output.read_text()) and clock.now() < deadline:
        clock.sleep(0.02)
    matrix.send_signal(signal.SIGINT)
    code, said = matrix.wait(LIMIT), (tmp_path / "told").read_text()
    assert code == 2, said
    assert "interrupted" in said
    assert "not run: the matrix was interrupted before its turn" in said
    assert not (home / "dual/run.json").exists()
    assert (home / "comparison.html").exists()
    assert str(home) not in run(["ps", "-eo", "args"]).text
