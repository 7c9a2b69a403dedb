"""The README is executed: every block marked `console run` is run as it stands, and must end well."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

import pytest

from harness.cli import commands
from harness.effects.run import run
from tests.repo.sources import ROOT

BLOCK = re.compile(r"^```console run\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = ("README.md", "CONTRIBUTING.md")


def blocks() -> list[str]:
    """Every command line of the marked blocks."""
    return [
        line.removeprefix("$ ")
        for page in PAGES
        for block in BLOCK.findall((ROOT / page).read_text())
        for line in block.splitlines()
        if line.startswith("$ ")
    ]


@pytest.mark.parametrize("line", blocks())
def test_what_the_pages_show_works(line: str) -> None:
    """A command of the README ends well where the harness is installed."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = run(shlex.split(line), check=False, env=environment, timeout=120)
    assert done.code == 0, done.text + done.err.decode()


def test_the_readme_names_every_subcommand() -> None:
    """A command nobody is told of does not exist, and one the README names does."""
    text = (ROOT / "README.md").read_text()
    assert set(commands.commands) == set(re.findall(r"`harness (\w+)", text))
