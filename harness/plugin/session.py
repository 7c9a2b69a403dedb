"""The run as pytest sees it: who owns the cluster, where the report goes, what every test came to.

One `RunSession` lives in the controller (or the only process); each xdist worker has a `WorkerSession`. Both offer the
cluster; only the first makes and removes it and writes the report.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from harness.clusters import declared
from harness.clusters.provider import Access, ClusterError
from harness.effects.clock import RealClock, rfc3339
from harness.kube.client import Kube
from harness.kube.errors import KubeError
from harness.model.capability import Fact
from harness.plugin import asked, known, options, order, outcomes
from harness.plugin.known import Known
from harness.plugin.owner import ClusterOwner, Selected, access_from, known_from
from harness.plugin.shared import FILES, SharedFacts
from harness.plugin.turns import Turns
from harness.report import capabilities, summary
from harness.report.jsonlines import ProbeLog
from harness.report.live import LiveReport
from harness.report.record import RunRecord, State, TestRecord, exit_code, with_known
from harness.world import nodes
from harness.world.capabilities import Detector, Reads
from harness.world.ownership import Owner, new_run_id
from harness.world.rights import NotAllowedError, must_be_allowed
from harness.world.tenancy import Tenancy

SETTLED = pytest.StashKey[dict[str, float]]()
APART = pytest.StashKey[dict[str, str]]()
"""How long what a test waited for took to converge, by name, in seconds."""

PASSED = pytest.StashKey[bool]()
"""Whether the test itself passed, for fixtures that end after it."""


@dataclass
class WorkerSession:
    """What a process that runs tests knows of the run."""

    options: options.RunOptions
    owner: Owner
    directory: Path
    invitation: dict[str, Any]

    @functools.cached_property
    def access(self) -> Access:
        """The cluster of the run. Raises ClusterError."""
        return access_from(self.invitation)

    @functools.cached_property
    def turns(self) -> Turns:
        """The lock between workers."""
        return Turns(self.directory)

    @functools.cached_property
    def known(self) -> SharedFacts:
        """What the workers found out about the cluster."""
        return SharedFacts(self.directory, self.owner.run)

    @property
    def declared(self) -> Mapping[str, str] | None:
        """What the network plugin of the cluster is said to do; None where it has to be looked which one it is."""
        return _declared(self.access, self.options)

    @functools.cached_property
    def broken(self) -> Known:
        """What is known to be broken on the cluster; asked when something is, so that there is one."""
        return known_from(self.invitation)

    @functools.cached_property
    def probes(self) -> ProbeLog:
        """The run's probe log."""
        return ProbeLog(self.directory)


class RunSession:
    """What the controller, or the only process, knows of the run."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.options = options.read(config)
        self.asked = asked.read(config)
        self.versions = asked.versions()
        self.clock = RealClock()
        self.run = new_run_id()
        self.began = self.clock.now()
        self.started = rfc3339(self.clock.wall())
        stamp = self.started.replace(":", "").replace("-", "").rstrip("Z")
        self.directory = self.options.report or Path(config.invocation_params.dir, "reports", f"{stamp}-{self.run}")
        self.tests: list[TestRecord] = []
        self.tenancy: Tenancy | None = None
        self.facts: dict[str, Any] = {}
        self.found: dict[str, Fact] = {}
        """What the cluster can do."""
        self.known = known.of(self.options, self.found)
        """Which promises are known to be broken there."""
        self.away: list[str] = []
        """Nodes that take no part, a line each, and those that stand for many."""
        self._told = False
        """Whether that was said before the first test."""
        self.left: list[str] = []
        self.selected: Selected = {}
        """Tests of ours that are to run."""
        self.ended = False
        self.cut_short = ""
        """Why the run came to its end before its time."""
        self.live = LiveReport(self.directory, clock=self.clock)
        self._lock = threading.Lock()
        provider = self.options.provider(self.run, logs=self.directory / "cluster", tell=self._tell)
        self.owner = ClusterOwner(provider, prepare=self._move_in, selected=self.select, known=lambda: self.known)

    def worker(self, name: str = "main") -> WorkerSession:
        """The session of a worker in this process."""
        return WorkerSession(self.options, Owner(self.run, name), self.directory, self.owner.invitation())

    def select(self, several: Selected) -> None:
        """These tests of ours are to run; workers are given the same, and the first who says so is believed."""
        with self._lock:
            self.selected = self.selected or several

    def begin(self) -> None:
        """The report begins, once, if there is anything of ours to ask. Raises OSError, BusyError."""
        if self.selected and not self.live.begun:
            self.live.begin(self.record())

    def _move_in(self, access: Access) -> None:
        """Say whose run this is on the cluster, after sweeping what killed runs left there."""
        try:
            kube = Kube.connect(access.kubeconfig, context=access.context, run=self.run)
            if access.kind != "embedded":
                must_be_allowed(kube)
            there = kube.list("nodes").items
            nodes.must_be_some(there)
            self.away = [*nodes.absent(there), *nodes.sampled(there)]
            self.tenancy = Tenancy.begin(kube, self.run, clock=self.clock, waits=self.options.waits)
            self.found = Detector(Reads(kube, kind=access.kind)).all()
        except (KubeError, NotAllowedError, nodes.NoNodeError) as error:
            raise ClusterError(str(error)) from error
        self.known = known.of(self.options, self.found)
        kernels = nodes.kernels(there)
        self.facts = {"kind": access.kind, **self.tenancy.facts, **access.notes, "kernel": kernels}
        self.live.know(self.record())

    @property
    def headline(self) -> str:
        """What the run is about: what was asked, and what was made of it."""
        made = self.owner.made
        if made is None or made.kind != "kind":
            return self.options.headline
        about = f"Kubernetes {self.facts['kubernetes']}, {made.notes['node_image']}, ready in {made.notes['boot_s']} s"
        return f"{self.options.headline}; {about}"

    def tell_found(self) -> None:
        """Say before the first test what the cluster can do, once it is there, and what contradicts its making."""
        if self.found and not self._told:
            self._told = True
            for line in (*self._capabilities(), *self._notes()):
                self._tell(line)

    def _capabilities(self) -> list[str]:
        return [f"found: {line}" for line in capabilities.lines(self.found)]

    def _notes(self) -> list[str]:
        """Which nodes take no part or stand for many, and what was found other than it is declared."""
        made = self.options.kind
        several = [*self.away, *(declared.contradictions(made, self.found) if made is not None else ())]
        return [f"note: {line}" for line in several]

    def _tell(self, line: str) -> None:
        """A line of progress while a cluster is made."""
        terminal = self.config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None:
            terminal.write_line(f"harness: {line}")

    def note(self, report: Any) -> None:
        """Keep what a phase's report says of one of our tests; a later phase may only make it worse."""
        told = outcomes.read(report)
        if told is None:
            return
        record = TestRecord(
            name=report.nodeid,
            ids=tuple(told["ids"]),
            promise=told["promise"],
            verdict=told["verdict"],
            reason=with_known(_reason(report), told.get("known", "")),
            seconds=report.duration,
            worker=getattr(report, "worker_id", "main"),
            settled=dict(getattr(report, "harness_settled", {})),
            apart=dict(getattr(report, "harness_apart", {})),
            known=told.get("known", ""),
        )
        earlier = next((test for test in self.tests if test.name == record.name), None)
        if earlier is None:
            self.tests.append(record)
        elif record.verdict != outcomes.PASS:
            record = _both(earlier, record)
            self.tests[self.tests.index(earlier)] = record
        else:
            return
        self.live.note(self.record(), record)

    def end(self, cut_short: str) -> None:
        """Leave the cluster as it was found, remove it, write the report."""
        self.cut_short = cut_short
        self.found |= SharedFacts(self.directory, self.run).all()
        try:
            self._leave()
        except BaseException:
            # Interrupted at the very end: the cluster may be left, what was found out of it must not be lost.
            self.cut_short = cut_short or "interrupted while it cleared up: see `harness clean`"
            raise
        finally:
            self._end_report()

    def _leave(self) -> None:
        """What a cluster that is not ours had before, and no cluster of ours."""
        if self.owner.made is not None and self.tests:
            self._diagnose()
        if self.tenancy is not None:
            try:
                self.tenancy.end(remove_all=not self._is_temporary)
                self.left += [
                    f"namespace {name} of a killed run was deleted when this one began and does not end: "
                    f"kubectl get namespace {name} -o yaml"
                    for name in self.tenancy.lingering()
                ]
            except KubeError as error:
                self.left.append(f"left behind, remove with `harness clean`: {error}")
        self.close()

    def _end_report(self) -> None:
        """The report as it stays; none of a run that was refused, or that asked nothing."""
        self.ended = True
        if self.directory.is_dir():
            for lock in (".gate", ".turn", order.FILE, *FILES):
                (self.directory / lock).unlink(missing_ok=True)
        if self.owner.refusal is not None or not (self.tests or self.cut_short):
            self.live.withdraw()
            return
        try:
            self.live.end(self.record())
        except OSError as error:
            self.left.append(f"the report could not be written: {error}")

    @property
    def _is_temporary(self) -> bool:
        return self.owner.made is not None and self.owner.made.temporary

    def close(self) -> None:
        """Remove the cluster; idempotent."""
        try:
            self.owner.close()
        except ClusterError as error:
            self.left.append(f"left behind, remove with `harness clean`: {error}")

    def record(self) -> RunRecord:
        """The run so far."""
        seconds = self.clock.now() - self.began
        can = {name: fact.as_dict() for name, fact in self.found.items()}
        about = {**self.facts, **({"capabilities": can} if can else {})}
        held = known.holding(self.known, self.tests) if self.ended else ()
        notes = (*self._notes(), *held, *self.left, *filter(None, [self.live.trouble]))
        record = RunRecord(self.run, self.started, seconds, about, tuple(self.tests), notes)
        record = replace(record, selected=tuple(self.selected), asked=self.asked, versions=self.versions)
        if not self.ended:
            return replace(record, state=State.UNFINISHED)
        if self.cut_short or record.unreached:
            return replace(record, state=State.ABORTED, why=self.cut_short or "some tests were never run")
        return record

    def exit_code(self, pytests: int) -> int:
        """Pytest's exit code, sharpened by our verdicts (design §8)."""
        if pytests not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED} or not self.tests:
            return pytests
        if self.owner.refusal is not None:
            return int(pytest.ExitCode.USAGE_ERROR)
        if pytests == pytest.ExitCode.TESTS_FAILED and self.foreign_failures:
            return pytests
        return exit_code(self.tests)

    foreign_failures = 0
    """Failed tests that are not ours: they keep pytest's own meaning."""

    def summary(self) -> list[str]:
        """The terminal's last lines; what the cluster can do is among them when it came later than the first test."""
        before = [] if self._told else self._capabilities()
        return [*before, *summary.lines(self.record(), self.directory)]

    def _diagnose(self) -> None:
        """The cluster's own logs; of what is known to be broken there is nothing to find out."""
        if exit_code(self.tests) in {1, 3}:
            self.owner.provider.diagnose(self.directory / "cluster")


def _declared(access: Access, asked: options.RunOptions) -> Mapping[str, str] | None:
    if access.kind == "embedded":
        return declared.of_embedded(asked.families)
    return declared.of_request(asked.kind) if asked.kind is not None else None


def _both(earlier: TestRecord, later: TestRecord) -> TestRecord:
    """Two phases of one test as one: the worse verdict, and everything that was said."""
    worse = max(earlier, later, key=lambda each: outcomes.SEVERITY.index(each.verdict))
    reasons = [each.reason for each in (earlier, later) if each.reason]
    return replace(
        worse,
        reason="\n\n".join(dict.fromkeys(reasons)),
        seconds=earlier.seconds + later.seconds,
        settled={**earlier.settled, **later.settled},
        known=worse.known if earlier.verdict == outcomes.PASS or later.known else "",
        # What troubled the end of a test is no requirement's in particular: none of them is better off.
        apart={id_: max(verdict, later.verdict, key=outcomes.SEVERITY.index) for id_, verdict in earlier.apart.items()},
    )


def _reason(report: Any) -> str:
    """Why a test did not pass, in full."""
    told = report.longrepr
    if told is None:
        return ""
    if isinstance(told, tuple) and len(told) == 3:
        return str(told[2]).removeprefix("Skipped: ")
    return str(told)


RUN = pytest.StashKey[RunSession]()
WORKER = pytest.StashKey[WorkerSession]()
