"""Catalogues and the suites that go with them, found by entry point: the harness does not know its suites by name."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import click

from harness.report.catalogue import GROUP


def suite_packages() -> dict[str, Path]:
    """The packages that bring a catalogue, and where they lie. Raises ClickException when there is none."""
    found: dict[str, Path] = {}
    for each in entry_points(group=GROUP):
        name = each.module.partition(".")[0]
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations:
            found[name] = Path(spec.submodule_search_locations[0])
    if not found:
        raise click.ClickException(f"no suites are installed: no package has an entry point of the group {GROUP!r}")
    return found


def requirements() -> dict[str, Mapping[str, Any]]:
    """Every row of every catalogue, by id, in catalogue order."""
    return {id_: row for each in entry_points(group=GROUP) for id_, row in each.load().requirements().items()}
