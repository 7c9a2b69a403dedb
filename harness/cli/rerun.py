"""`harness rerun`: the tests of a run that were broken or unknown, and no others, asked again on such a cluster.

This process becomes pytest: its signals, its terminal and its exit code are those of the run.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import click

from harness.cli.catalogues import suite_packages
from harness.cli.last import named_or_last
from harness.cli.run import pytest_arguments
from harness.report.record import RunRecord

CHOOSING = ("--cluster", "--kubeconfig", "--context")
"""Options that say which cluster: with one of them given, nothing of the earlier run's cluster is kept."""

NOTHING = 5


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": True})
@click.option("--failed", is_flag=True, help="What was broken, and what could not be measured.")
@click.option("--unfinished", is_flag=True, help="What an aborted run did not come to.")
@click.argument("args", metavar="[REPORT_DIR] [PYTEST ARGUMENTS]", nargs=-1, type=click.UNPROCESSED)
def rerun(args: tuple[str, ...], *, failed: bool, unfinished: bool) -> int:
    """Ask again what failed in the last report, or in the one that is named, with the same options for the cluster."""
    if not (failed or unfinished):
        raise click.UsageError("say what to ask again: --failed, --unfinished, or both")
    given = Path(args[0]) if args and not args[0].startswith("-") else None
    others = args if given is None else args[1:]
    directory, run = named_or_last(given)
    names = [*(_failed(run) if failed else ()), *(run.unreached if unfinished else ())]
    if not names:
        return _nothing(directory, run, failed=failed)
    click.echo(f"harness: {len(names)} of {len(run.tests) + len(run.unreached)} tests of {directory}", err=True)
    asked = ["harness", "rerun", *_flags(failed=failed, unfinished=unfinished), str(directory), *others]
    command = ["--asked-as", shlex.join(asked), *arguments(run, names, others, suite_packages())]
    return _become([sys.executable, "-m", "pytest", *command])


def _become(command: list[str]) -> NoReturn:
    os.execv(command[0], command)  # noqa: S606  # no shell, and nothing of ours is left to do


def arguments(run: RunRecord, names: Sequence[str], others: Sequence[str], packages: Mapping[str, Path]) -> list[str]:
    """What pytest is told: these tests, the run's options for the cluster unless others are given."""
    kept = () if any(each.partition("=")[0] in CHOOSING for each in others) else run.asked.options
    placed = [_placed(name, run.asked.root, packages) for name in names]
    return pytest_arguments([*placed, *kept, *others], packages, everything=False)


def _placed(name: str, root: str, packages: Mapping[str, Path]) -> str:
    """A test's name from here: those of suites are the same everywhere, others begin where that run began."""
    path, separator, rest = name.partition("::")
    if path.split("/")[0] in packages or not root:
        return name
    return str(Path(root, path)) + separator + rest


def _failed(run: RunRecord) -> Iterator[str]:
    return (test.name for test in run.tests if test.verdict in {"FAIL", "UNKNOWN"})


def _flags(*, failed: bool, unfinished: bool) -> list[str]:
    return [flag for flag, there in (("--failed", failed), ("--unfinished", unfinished)) if there]


def _nothing(directory: Path, run: RunRecord, *, failed: bool) -> int:
    """Nothing to ask: 0 where every promise that was asked holds, 5 where the report cannot say so."""
    what = "nothing was broken or unknown" if failed else "every test that was selected ended"
    if failed and run.unreached:
        click.echo(f"{directory}: {what}, but {len(run.unreached)} tests were never come to: add --unfinished")
        return NOTHING
    click.echo(f"{directory}: {what}: there is nothing to ask again")
    return 0 if run.tests else NOTHING
