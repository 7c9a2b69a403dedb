"""Hooks of the process that owns a run: it records, ends, sums up, and tells xdist's workers whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.clusters.provider import ClusterError
from harness.effects.files import write_atomic
from harness.plugin import outcomes
from harness.plugin.order import Handout, Plan
from harness.plugin.session import RunSession
from harness.report import junit
from harness.report.journal import BusyError
from harness.report.record import TestRecord


class Recorder:
    """Keeps the record of a run and ends it."""

    def __init__(self, run: RunSession) -> None:
        self._run = run
        self._ended = False

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Without workers: what is selected is known."""
        if session.items and not session.config.option.collectonly:
            self._run.select({item.nodeid: outcomes.about(item) for item in session.items if outcomes.ours(item)})
            self._begin()

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """With workers: one of them knows what is selected."""
        if ids:
            self._begin()

    def _begin(self) -> None:
        """The report begins, then the cluster is made: that takes a minute in which much can happen."""
        try:
            self._run.begin()
        except (OSError, BusyError) as refusal:
            raise pytest.UsageError(f"--report: {refusal}") from None
        self._try_cluster()

    def _try_cluster(self) -> None:
        """A cluster that was asked for by name is tried before the first test, and refused with one line.

        Where nothing is selected there is nothing to make one for.
        """
        if not self._run.options.named:
            return
        try:
            self._run.owner.access()
        except ClusterError as refusal:
            raise pytest.UsageError(str(refusal)) from None
        self._run.tell_found()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        """One phase of one test is over, here or in a worker."""
        if outcomes.read(report) is not None:
            self._run.note(report)
        elif report.failed:
            self._run.foreign_failures += 1

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Remove what was made, write the report, say how it went by the exit code."""
        if self._ended:
            return
        self._ended = True
        self._run.end(_cut_short(session, int(exitstatus)))
        if (own := getattr(session.config.option, "xmlpath", None)) is not None and Path(own).is_file():
            write_atomic(Path(own), junit.corrected(Path(own).read_bytes()))
        session.exitstatus = self._run.exit_code(int(exitstatus))

    def pytest_unconfigure(self) -> None:
        """A run that ended before its session began, refused or interrupted, has no other end."""
        self._run.close()
        self._run.live.withdraw()

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Our part of the terminal's last lines, and each UNKNOWN in full, as pytest does for failures."""
        if not self._run.tests:
            return
        if (refusal := self._run.owner.refusal) is not None:
            terminalreporter.section("refused", red=True)
            terminalreporter.write_line(str(refusal))
            return
        _tell_unknown(self._run.tests, terminalreporter)
        terminalreporter.section("promises")
        for line in self._run.summary():
            terminalreporter.write_line(line)


def _cut_short(session: pytest.Session, exitstatus: int) -> str:
    """Why pytest ended before it was through; empty when it was."""
    if exitstatus == pytest.ExitCode.INTERNAL_ERROR:
        return "pytest itself failed"
    if told := session.shouldfail or session.shouldstop:
        return str(told)
    return "interrupted" if exitstatus == pytest.ExitCode.INTERRUPTED else ""


def _tell_unknown(tests: Sequence[TestRecord], terminalreporter: Any) -> None:
    """Each reason once, with the tests it kept from being measured."""
    reasons: dict[str, list[str]] = {}
    for test in tests:
        if test.verdict == outcomes.UNKNOWN:
            reasons.setdefault(test.reason, []).append(test.name)
    if reasons:
        terminalreporter.section("UNKNOWN: could not be measured", yellow=True)
    for reason, names in reasons.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        terminalreporter.write_line(f"___ {names[0]}{more}")
        terminalreporter.write_line(reason)


class Controller:
    """Hooks that exist only with xdist, in the process that directs its workers."""

    def __init__(self, run: RunSession) -> None:
        self._run = run

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker whose it is."""
        told = {"run": self._run.run, "directory": str(self._run.directory.absolute())}
        node.workerinput["harness"] = {**told, "invitation": self._run.owner.invitation()}

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Handout | None:
        """Hand tests out our way, unless the user chose another."""
        if config.getvalue("dist") != "load" or config.getvalue("maxschedchunk") is not None:
            return None
        return Handout(config, log, plan=lambda: Plan.read(self._run.directory, run=self._run.run))

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, report: Any) -> None:
        """A crashed worker says nothing about the promise it was asking; a test of somebody else's is his own."""
        if (asked := self._run.selected.get(report.nodeid)) is not None:
            outcomes.mark_crashed(report, asked)
