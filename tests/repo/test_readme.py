"""The pages are executed: `console run` as it stands here, `console embedded` by tests/system, and all else is parsed.

A command that needs kind, a cluster of somebody's or minutes is held against the very parsers that would read it.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from harness.cli import commands
from harness.effects.run import run
from tests.repo.sources import ROOT

BLOCK = re.compile(r"^```console(?: (run|embedded))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:harness|make|pytest) [^`]+)`")
PAGES = ("README.md", "CONTRIBUTING.md")
PYTEST_NO_TESTS = 5
PATIENCE = 300.0
"""Seconds for a command of two, on a machine with much else to do."""


def blocks(*kinds: str) -> list[str]:
    """Every command line of the fenced blocks of these kinds; the kind of an unmarked one is empty."""
    return [
        line.removeprefix("$ ")
        for page in PAGES
        for kind, block in BLOCK.findall((ROOT / page).read_text())
        if kind in kinds
        for line in block.splitlines()
        if line.startswith("$ ")
    ]


def parsed() -> list[str]:
    """Commands that are not run here: of unmarked blocks, of those that another test runs, and in the text."""
    inline = [found for page in PAGES for found in INLINE.findall((ROOT / page).read_text())]
    whole = [line for line in inline if not re.search(r"[A-Z]{4,}|…|\.\.\.", line)]
    return list(dict.fromkeys([*blocks("", "embedded"), *whole]))


def words(line: str) -> list[str]:
    """A command's words, without its comment and where its output goes."""
    return shlex.split(line.partition(" >>")[0], comments=True)


@pytest.mark.parametrize("line", blocks("run"))
def test_what_the_pages_show_works(line: str) -> None:
    """A command of the README ends well where the harness is installed."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = run(shlex.split(line), check=False, env=environment, timeout=PATIENCE)
    assert done.code == 0, done.text + done.err.decode()


@pytest.mark.parametrize("line", parsed())
def test_what_the_pages_show_can_be_read(line: str, tmp_path: Path) -> None:
    """Every other command is one that make, pytest or the command itself understands, with all its options."""
    program, *arguments = words(line)
    checks = {"make": make_reads, "pytest": pytest_reads, "harness": harness_reads}
    assert program in checks, f"nobody checks {program}: {line}"
    assert not list(checks[program](arguments, tmp_path)), line


def make_reads(arguments: list[str], place: Path) -> Iterator[str]:
    """What make says against it; a dry run runs nothing."""
    done = run(["make", "-C", str(ROOT), "-n", *arguments], check=False, timeout=PATIENCE)
    if done.code != 0:
        yield done.err.decode()


def pytest_reads(arguments: list[str], place: Path) -> Iterator[str]:
    """What pytest and our plugin say against it, with nothing to collect and nobody to work."""
    (place / "suites").mkdir(exist_ok=True)
    for path in (each for each in arguments if each.startswith("suites")):
        if not (ROOT / path.partition("::")[0]).exists():
            yield f"there is no {path}"
    kept = [each if not each.startswith("suites") else str(place / "suites") for each in arguments]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *kept, "-n", "0", "--collect-only", "-q"]
    done = run(command, check=False, timeout=PATIENCE)
    if done.code != PYTEST_NO_TESTS:
        yield done.text + done.err.decode()


def harness_reads(arguments: list[str], place: Path) -> Iterator[str]:
    """What the subcommand says against its options; what it hands to pytest is held against pytest."""
    name, *rest = arguments
    if name not in commands.commands:
        yield f"there is no harness {name}"
        return
    try:
        context = commands.commands[name].make_context(name, list(rest))
    except click.exceptions.NoArgsIsHelpError:
        return  # a command of commands, named as such
    except (click.ClickException, click.exceptions.Exit) as error:
        yield str(error)
        return
    handed = context.params.get("args", ()) if name in {"run", "matrix"} else ()
    if handed:
        yield from pytest_reads(list(handed), place)


def test_every_kind_of_block_is_known() -> None:
    """A fence with a misspelt mark would be checked by nobody."""
    fences = [line for page in PAGES for line in (ROOT / page).read_text().splitlines() if line.startswith("```")]
    assert set(fences) <= {"```", "```console", "```console run", "```console embedded", "```python example"}
    assert blocks("run")
    assert blocks("embedded")
    assert blocks("")


def test_the_readme_names_every_subcommand() -> None:
    """A command nobody is told of does not exist, and one the README names does."""
    text = (ROOT / "README.md").read_text()
    assert set(commands.commands) == set(re.findall(r"`harness (\w+)", text))
