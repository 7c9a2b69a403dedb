"""How a run was asked for, so that its report can say how to ask again, and what it ran with on our side.

The command is what was typed, as far as pytest knows it; `harness run` and `harness rerun` say what they were. Options
that shape the cluster are told from the others, because a single test is asked again with them.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from harness.clusters.kind.images import AGENT_IMAGE
from harness.plugin.options import KIND_ONLY
from harness.report.record import Asked

PACKAGE = "kubernetes-network-harness"

SHAPING = (
    "--cluster",
    "--kubeconfig",
    "--context",
    "--families",
    "--seed",
    "--agent-image",
    "--wait",
    "--deviations",
    *KIND_ONLY,
)
"""Options that decide which cluster is asked, and how."""


def read(config: pytest.Config) -> Asked:
    """How this run was asked for."""
    whole = str(config.getoption("--asked-as") or "")
    command = whole or shlex.join(["pytest", *map(str, config.invocation_params.args)])
    return Asked(
        command=f"{_environment(config)}{command}",
        runner=f"{_environment(config)}{'harness run' if whole else 'pytest'}",
        options=tuple(_options(config)),
        root=str(config.rootpath),
    )


def versions() -> dict[str, str]:
    """Our side: the harness, and what it runs on."""
    return {
        "harness": importlib.metadata.version(PACKAGE),
        "Python": platform.python_version(),
        "pytest": pytest.__version__,
        "test machine": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def _options(config: pytest.Config) -> Iterator[str]:
    """Those that differ from what they are by default."""
    for name in SHAPING:
        value: Any = config.getoption(name)
        if value is None or value is False or value in ([], AGENT_IMAGE):
            continue
        if value is True or value == "":
            yield name
        else:
            yield from (f"{name}={each}" for each in (value if isinstance(value, list) else [value]))


def _environment(config: pytest.Config) -> str:
    """A variable that chose the cluster: without it another one would be asked."""
    chosen = config.getoption("--context") and not config.getoption("--kubeconfig")
    given = os.environ.get("KUBECONFIG", "") if chosen else ""
    return f"KUBECONFIG={shlex.quote(given)} " if given else ""
