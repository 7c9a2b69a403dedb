"""Proof that the suites can fail: planted faults are caught, blamed on the right layer, and heal; unknown is no pass.

Every run here is a pytest run of its own against one embedded cluster. Skipped where namespaces cannot be made.
"""

from __future__ import annotations

import json
import os
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.clusters.embedded import EmbeddedCluster, Settings, refusal
from harness.effects.run import run
from harness.kube.client import Kube
from harness.model.refs import NamespacedName
from harness.probe.asks import Crash
from harness.probe.pool import Pool
from harness.suite.faults import planted
from tests.repo.sources import ROOT
from tests.system.fault_planter import PATIENCE, PHASES, PROGRAMS, told
from tests.system.fault_row import Row
from tests.system.fault_table import ROWS

AREAS = {"dns", "network", "services", "endpointslices", "netpol", "ingress"}
LONGEST = 1200.0
"""Seconds one run may take on a machine with much else to do."""
DOUBTFUL = 6
"""Rows that may go wrong beside three hundred others and still be asked again by themselves."""
IMPATIENT = [word for name in PROGRAMS for word in ("--wait", f"{name}={PATIENCE:g}")]
OUTRIGHT = [row for row in ROWS if row.outright]

needs_namespaces = pytest.mark.skipif(refusal() is not None, reason=str(refusal()))


@dataclass(frozen=True)
class Ran:
    """A finished run of pytest."""

    code: int
    record: dict[str, Any]
    text: str

    def verdicts(self, ids: tuple[str, ...]) -> set[str]:
        """Verdicts of some requirements."""
        return {self.record["requirements"].get(id_, "not asked") for id_ in ids}


@dataclass(frozen=True)
class Suites:
    """The suites, run in processes of their own against a cluster that stands."""

    kubeconfig: Path
    kube: Kube

    def run(self, report: Path, *arguments: str) -> Ran:
        """One run to its end."""
        argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--report", str(report)]
        argv += ["--kubeconfig", str(self.kubeconfig), "--context", "faults", *arguments]
        done = run(argv, timeout=LONGEST, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)})
        found = report / "run.json"
        record = json.loads(found.read_text()) if found.exists() else {"tests": [], "requirements": {}}
        return Ran(done.code, record, done.text + done.err.decode(errors="replace"))


@pytest.fixture(scope="module")
def suites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suites]:
    """An embedded cluster for all runs of this module."""
    cluster = EmbeddedCluster(Settings(name="faults"))
    try:
        access = cluster.create()
        path = tmp_path_factory.mktemp("faults") / "kubeconfig"
        path.write_text(json.dumps(access.kubeconfig))
        kube = Kube.connect(access.kubeconfig)
        yield Suites(path, kube)
        kube.close()
    finally:
        cluster.destroy()


@needs_namespaces
def test_every_fault_is_caught_and_heals(
    suites: Suites, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Each promise of the table holds before its fault, is broken and rightly blamed while it stands, holds after.

    Eight workers keep two cores busy: what went wrong with a few rows beside all others is asked once more by
    itself, and told. More than that are no accident.
    """
    ran = planted_run(suites, tmp_path / "all", "-n", "8")
    wrong = judged(ran, range(len(ROWS)))
    assert len(wrong) <= DOUBTFUL, "\n".join([*(line for lines in wrong.values() for line in lines), ran.text[-4000:]])
    if wrong:
        for line in (line for lines in wrong.values() for line in lines):
            record_property("asked again", line.splitlines()[0])
        again = planted_run(suites, tmp_path / "again", "-n", "0", *(f"--row={place}" for place in wrong))
        still = judged(again, list(wrong))
        assert not still, "\n".join([*(line for lines in still.values() for line in lines), again.text[-4000:]])
    assert ran.code == 1


def planted_run(suites: Suites, report: Path, *options: str) -> Ran:
    """A run of the table, or of some of its rows."""
    return suites.run(report, f"{ROOT}/suites", "-p", "tests.system.fault_planter", "-q", *options)


def judged(ran: Ran, places: Iterable[int]) -> dict[int, list[str]]:
    """What is wrong, by row; nothing of rows that are right."""
    seen = {place: test for test in ran.record["tests"] if (place := told(test["name"])) is not None}
    found = {place: list(problems(place, ROWS[place], seen)) for place in places}
    return {place: lines for place, lines in found.items() if lines}


def problems(place: int, row: Row, seen: dict[tuple[int, str], dict[str, Any]]) -> Iterator[str]:
    """What is not as it should be with one row."""
    missing = {"verdict": "not run", "reason": "", "ids": row.ids}
    before, during, again, after = (seen.get((place, phase), missing) for phase in PHASES)
    broken = during if during["verdict"] == "FAIL" else again
    for phase, test, wanted in (("before", before, "PASS"), ("planted", broken, "FAIL"), ("after", after, "PASS")):
        verdicts = {id_: test.get("apart", {}).get(id_, test["verdict"]) for id_ in row.ids}
        if set(verdicts.values()) != {wanted}:
            yield f"{row.fault} {phase}: {row.test} {verdicts}, not {wanted}: {test['reason'][:2000]}"
    if not set(row.ids) <= set(before["ids"]):
        yield f"{row.fault}: {row.test} does not decide {row.ids}"
    if broken["verdict"] == "FAIL" and f"as it seems: {row.layer} (" not in broken["reason"]:
        yield f"{row.fault}: {row.layer} is not blamed: {broken['reason']}"


def test_each_area_has_a_standing_fault_and_one_over_time() -> None:
    """For each area the table has faults of both sorts that are proved outright."""
    assert (
        {row.area for row in OUTRIGHT if row.over_time} == {row.area for row in OUTRIGHT if not row.over_time} == AREAS
    )


def test_every_fault_that_can_be_planted_is_in_the_table() -> None:
    """No component can be broken in a way that no suite is known to catch."""
    sources = (ROOT / "harness" / "embedded").rglob("*.py")
    implemented = {
        id_
        for source in sources
        for id_ in re.findall(r'"((?:dns|services|policy|ingress)/[F\d]\S*)"', source.read_text())
    }
    assert implemented == {row.fault for row in ROWS}


@needs_namespaces
@pytest.mark.parametrize("row", [pytest.param(row, id=row.fault) for row in OUTRIGHT])
def test_a_planted_fault_makes_the_suites_fail(suites: Suites, tmp_path: Path, row: Row) -> None:
    """With the fault planted the suites exit with 1, their requirements FAIL, and the text names the layer at fault."""
    with planted(suites.kube, row.fault, params=row.params):
        ran = suites.run(tmp_path, f"{ROOT}/suites/{row.test}", "-n", "0", *IMPATIENT)
    assert ran.code == 1, ran.text
    assert ran.verdicts(row.ids) == {"FAIL"}, ran.text
    assert f"layer at fault, as it seems: {row.layer} (" in ran.text


@needs_namespaces
def test_a_killed_agent_is_unknown(suites: Suites, tmp_path: Path) -> None:
    """An agent that dies while a table is asked makes the promise UNKNOWN, exit code 3: no pass, and no failure."""
    with ThreadPoolExecutor(1) as aside:
        running = aside.submit(
            suites.run, tmp_path, f"{ROOT}/suites/netpol/test_tables.py::test_table[isolation]", "-n", "0"
        )
        (policy,) = suites.kube.wait_all(
            "networkpolicies.networking.k8s.io", lambda found: len(found) == 1, timeout=LONGEST
        )
        pool = Pool(suites.kube)
        pool.ask_many({NamespacedName(policy["metadata"]["namespace"], "a"): [Crash(code=137)]})
        pool.close()
        ran = running.result()
    assert ran.code == 3, ran.text
    assert ran.verdicts(("POL-104",)) == {"UNKNOWN"}


@needs_namespaces
def test_a_crashed_worker_is_unknown(suites: Suites, tmp_path: Path) -> None:
    """A worker that dies in a test makes it UNKNOWN, exit code 3, and what it had made in the cluster is removed."""
    test = """
        import os, signal

        def test_dies(arena):
            os.kill(os.getpid(), signal.SIGKILL)
    """
    (tmp_path / "test_dies.py").write_text(textwrap.dedent(test))
    ran = suites.run(tmp_path / "report", str(tmp_path / "test_dies.py"), f"--rootdir={tmp_path}", "-n", "1")
    assert ran.code == 3, ran.text
    assert [test["verdict"] for test in ran.record["tests"]] == ["UNKNOWN"]
    ours = suites.kube.list("namespaces", labels="app.kubernetes.io/managed-by=harness").items
    assert not [each["metadata"]["name"] for each in ours if not each["metadata"].get("deletionTimestamp")]
