"""`harness run`: the installed suites, from any directory, selected by the same names as `pytest suites`.

Everything is handed to pytest as it was written; only names that begin with a suite package's (`suites/netpol`,
`suites/netpol/test_tables.py::test_table[isolation]`) are turned into paths of the installed package.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from harness.cli.catalogues import suite_packages


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def run(args: tuple[str, ...]) -> None:
    """Run the suites: `harness run [PYTEST ARGUMENTS]`, for example `harness run suites/netpol -n 4`."""
    asked = shlex.join(["harness", "run", *args])
    command = [sys.executable, "-m", "pytest", "--asked-as", asked, *pytest_arguments(args, suite_packages())]
    os.execv(sys.executable, command)  # noqa: S606  # this process becomes pytest: its signals, terminal and exit code


def pytest_arguments(args: Sequence[str], packages: Mapping[str, Path], *, everything: bool = True) -> list[str]:
    """The arguments for pytest: selections as paths, and where names begin.

    Where no suite is selected, all of them are, unless not `everything` is meant.
    """
    translated = [_translated(each, packages) for each in args]
    chosen = [new for new, old in zip(translated, args, strict=True) if new != old]
    selections = [] if chosen or not everything else [str(path) for path in packages.values()]
    roots = {path.parent for path in packages.values()}
    if all((root / "pyproject.toml").exists() for root in roots):
        return [*selections, *translated]  # a checkout has its own settings, which pytest finds
    # Installed: no settings of whatever project surrounds site-packages, and no cache written beside the packages.
    settings = ["-c", os.devnull, f"--rootdir={min(roots, key=str)}", "-p", "no:cacheprovider"]
    return [*settings, *selections, *translated]


def _translated(arg: str, packages: Mapping[str, Path]) -> str:
    path, separator, name = arg.partition("::")
    first, *rest = path.split("/")
    if arg.startswith("-") or first not in packages:
        return arg
    return str(packages[first].joinpath(*rest)) + separator + name
