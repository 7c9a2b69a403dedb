"""`harness matrix`: the same tests on every combination of CNI, Kubernetes, kube-proxy mode and families, compared.

Every run is the command a user would type, which is printed, and has its own report. A combination that cannot be, or a
run that did not come up, is a column that says so.
"""

from __future__ import annotations

import contextlib
import shlex
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import click

from harness.cli import combinations, matrix_runs, showing
from harness.cli.catalogues import suite_packages
from harness.cli.combinations import DIMENSIONS, Asked, Combination
from harness.cli.matrix_runs import Ended, Runner
from harness.cli.run import pytest_arguments
from harness.clusters.kind import Tools, fitting
from harness.clusters.kubeconfig import KubeconfigCluster
from harness.clusters.provider import ClusterError
from harness.effects.clock import RealClock, rfc3339
from harness.report.comparison.values import Run
from harness.world.ownership import new_run_id

HELP = {
    "--context": "Contexts of existing clusters.",
    "--cni": "Network plugins, by name or file.",
    "--k8s": "Kubernetes versions, or node images.",
    "--kube-proxy": "Modes of kube-proxy.",
    "--families": "IP families of the clusters.",
    "--nodes": "Numbers of nodes.",
    "--lb": "Implementations of LoadBalancer Services, by name or file.",
    "--ingress": "Ingress controllers, by name or file.",
}


def _dimensions(command: Callable[..., Any]) -> Callable[..., Any]:
    for each in reversed(DIMENSIONS):
        command = click.option(each.option, metavar="A[,B...]", help=HELP[each.option])(command)
    return command


@click.command()
@click.option(
    "--cluster", type=click.Choice(("kind", "kubeconfig", "embedded")), help="Where clusters come from (kind)."
)
@_dimensions
@click.option("--kubeconfig", type=click.Path(dir_okay=False, path_type=Path), help="File that has the contexts.")
@click.option("--offline", is_flag=False, flag_value="", metavar="[DIR]", help="Fetch nothing; files are in DIR.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Runs side by side.")
@click.option("--report", type=click.Path(path_type=Path), help="Report directory (reports/<time>-matrix-<id>).")
@click.argument("arguments", metavar="[-- PYTEST ARGUMENTS]", nargs=-1, type=click.UNPROCESSED)
def matrix(cluster: str | None, jobs: int, report: Path | None, arguments: tuple[str, ...], **given: Any) -> int:
    """Run the same tests on every combination, and compare.

    For example: harness matrix --cni kindnet,calico --kube-proxy iptables,nftables -- suites/dns -n 2
    """
    values = {each.option: given[each.option.removeprefix("--").replace("-", "_")] for each in DIMENSIONS}
    asked = combinations.asked(cluster, values, kubeconfig=given["kubeconfig"], offline=given["offline"])
    combinations.must_be_passed_on(arguments)
    planned = _planned(asked)
    home = _home(report)
    return Matrix(planned, home, arguments).run(jobs)


def _planned(asked: Asked) -> list[Combination]:
    """The combinations. Raises ClusterError when none of them can be run."""
    combinations.must_know_addons(asked)
    planned = combinations.combinations(asked, _rules(asked))
    if all(each.refused for each in planned):
        raise ClusterError("nothing to run: " + "; ".join(dict.fromkeys(each.refused for each in planned)))
    return planned


def _rules(asked: Asked) -> Callable[[Mapping[str, str]], str | None]:
    """What says why a combination cannot be.

    Raises ClusterError when no cluster can be made here at all, and for a context that is not there: a typing error.
    """
    if asked.cluster == "embedded":
        return combinations.why_not_embedded
    if asked.cluster == "kubeconfig":
        for context in asked.values.get("--context", (None,)):
            KubeconfigCluster(path=asked.kubeconfig, context=context).create()
        return lambda _: None
    machine = fitting.look(Tools())
    return lambda chosen: _refusal(lambda: _must_fit(chosen, machine))


def _must_fit(chosen: Mapping[str, str], machine: fitting.Machine) -> None:
    if why := fitting.why_not(combinations.kind_request(chosen), machine):
        raise ClusterError(why)


def _refusal(ask: Callable[[], object]) -> str | None:
    try:
        ask()
    except ClusterError as error:
        return str(error)
    return None


def _home(report: Path | None) -> Path:
    """The matrix's directory, which must be new: results of another one must not pass for ours."""
    if report is None:
        stamp = rfc3339(RealClock().wall()).replace(":", "").replace("-", "").rstrip("Z")
        return Path("reports", f"{stamp}-matrix-{new_run_id()}")
    try:
        taken = report.exists() and (not report.is_dir() or any(report.iterdir()))
    except OSError as error:
        raise click.UsageError(f"--report {report}: {error.strerror}") from error
    if taken:
        raise click.UsageError(f"--report {report}: it is not empty; name a new directory")
    return report


class Matrix:
    """The runs of a matrix, and what is made of them."""

    def __init__(self, planned: Sequence[Combination], home: Path, arguments: Sequence[str]) -> None:
        self._planned = tuple(planned)
        self._home = home
        self._arguments = tuple(arguments)
        self._to_run = [each for each in planned if not each.refused]

    def run(self, jobs: int) -> int:
        """Run, compare, show, write; the exit code. Raises ClickException when the comparison cannot be written."""
        self._announce()
        arguments = pytest_arguments(self._arguments, suite_packages())
        runner = Runner(arguments, show=_show if jobs == 1 else None)
        ended = self._all(runner, jobs)
        runs = [self._column(each, ended) for each in self._planned]
        what = f": {shlex.join(self._arguments)}" if self._arguments else ""
        comparison = showing.compared(runs, title=f"Matrix of {len(runs)} combinations{what}")
        page, text = self._home / "comparison.html", self._home / "comparison.md"
        try:
            showing.show(comparison)
        finally:  # hours of runs must not be lost to a pager that was closed
            showing.write(comparison, html=page, markdown=text)
        click.echo(f"comparison: {page}, {text}")
        return matrix_runs.code_of(runs, interrupted=runner.stopped)

    def _all(self, runner: Runner, jobs: int) -> dict[str, Ended]:
        """Every run to its end."""
        with _stopping(runner), ThreadPoolExecutor(jobs) as pool:
            futures = {each.folder: pool.submit(self._one, runner, each) for each in self._to_run}
            wait(futures.values())
        return {folder: _result(future) for folder, future in futures.items()}

    def _one(self, runner: Runner, combination: Combination) -> Ended:
        if runner.stopped:
            return Ended(None)
        click.echo(f"\nmatrix: {combination.name}: {self._command(combination)}")
        ended = runner.run(combination.options, self._home / combination.folder)
        if ended.code is not None:
            click.echo(f"matrix: {combination.name}: ended with exit code {ended.code}")
        return ended

    def _column(self, combination: Combination, ended: Mapping[str, Ended]) -> Run:
        if combination.refused:
            return matrix_runs.refused(combination)
        directory = self._home / combination.folder
        return matrix_runs.column(combination, ended[combination.folder], directory, command=self._command(combination))

    def _command(self, combination: Combination) -> str:
        """What a user would type."""
        words = ["harness", "run", *self._arguments, *combination.options]
        return shlex.join([*words, "--report", str(self._home / combination.folder)])

    def _announce(self) -> None:
        click.echo(f"matrix: {len(self._planned)} combinations, {len(self._to_run)} to run, report: {self._home}")
        for each in self._planned:
            click.echo(f"  {each.name}{f': cannot be: {each.refused}' if each.refused else ''}")


def _result(future: Future[Ended]) -> Ended:
    """What a run came to, also when it could not even be started."""
    error = future.exception()
    return Ended(matrix_runs.REFUSED, f"ERROR: {error}") if error is not None else future.result()


def _show(text: str) -> None:
    click.echo(text, nl=False)


@contextlib.contextmanager
def _stopping(runner: Runner) -> Iterator[None]:
    """Both signals that ask for an end interrupt the runs, also where a shell started us with them ignored."""

    def stop(*_: object) -> None:
        runner.stop()
        with contextlib.suppress(OSError):  # whoever closed the terminal wants the end all the same
            click.echo("\nmatrix: interrupted: the runs end and remove what they made", err=True)

    before = {each: signal.signal(each, stop) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
