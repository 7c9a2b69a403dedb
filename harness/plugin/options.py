"""The plugin's command line options, read once into one frozen value. A contradiction is refused with one line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.clusters.embedded import FAMILIES, EmbeddedCluster, Settings
from harness.clusters.kubeconfig import KubeconfigCluster
from harness.clusters.provider import Provider
from harness.model.waits import BadWaitError, Waits

CLUSTERS = ("embedded", "kubeconfig")
IMAGE = "docker.io/library/python:3.13-slim"


@dataclass(frozen=True)
class RunOptions:
    """What the user asked for."""

    cluster: str
    kubeconfig: Path | None
    context: str | None
    families: str
    seed: int
    image: str
    waits: Waits
    report: Path | None
    named: bool
    """Whether the user asked for a cluster by an option: then it is tried before the first test."""

    def provider(self) -> Provider:
        """The provider these options stand for."""
        if self.cluster == "embedded":
            return EmbeddedCluster(Settings(families=FAMILIES[self.families], seed=self.seed))
        return KubeconfigCluster(path=self.kubeconfig, context=self.context)


def add(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("harness", "Kubernetes network harness")
    option = group.addoption
    option("--cluster", choices=CLUSTERS, default=None, help="where the cluster comes from (default: embedded)")
    option("--kubeconfig", metavar="FILE", default=None, help="kubeconfig of an existing cluster")
    option("--context", metavar="NAME", default=None, help="context of the kubeconfig; never the current one unasked")
    option("--families", choices=sorted(FAMILIES), default=None, help="IP families of an embedded cluster (dual)")
    option("--seed", type=int, default=None, metavar="N", help="seed of the embedded cluster's jitter (1)")
    option("--agent-image", default=IMAGE, metavar="IMAGE", help=f"image with python3 for the agents ({IMAGE})")
    option("--wait", action="append", default=[], metavar="NAME=SECONDS", help="change a wait; see harness waits")
    option("--report", metavar="DIR", default=None, help="report directory (default: reports/<time>-<run>)")


def read(config: pytest.Config) -> RunOptions:
    """The options of this run. Raises pytest.UsageError (exit code 4) for a contradiction or a bad value."""
    get: Any = config.getoption
    kubeconfig, context = get("--kubeconfig"), get("--context")
    cluster = get("--cluster") or ("kubeconfig" if kubeconfig or context else "embedded")
    if cluster == "embedded" and (kubeconfig or context):
        raise pytest.UsageError("--cluster embedded makes its own cluster: leave out --kubeconfig and --context")
    if cluster == "kubeconfig" and (get("--families") or get("--seed") is not None):
        raise pytest.UsageError("--families and --seed shape an embedded cluster: leave them out with a kubeconfig")
    return RunOptions(
        cluster=cluster,
        kubeconfig=Path(kubeconfig) if kubeconfig else None,
        context=context,
        families=get("--families") or "dual",
        seed=1 if get("--seed") is None else get("--seed"),
        image=get("--agent-image"),
        waits=_waits(get("--wait")),
        report=Path(get("--report")) if get("--report") else None,
        named=bool(get("--cluster") or kubeconfig or context),
    )


def _waits(changes: list[str]) -> Waits:
    """The waits with the user's changes. Raises pytest.UsageError."""
    wanted: dict[str, float] = {}
    for change in changes:
        name, _, value = change.partition("=")
        try:
            wanted[name] = float(value)
        except ValueError:
            raise pytest.UsageError(f"--wait {change}: write it as NAME=SECONDS, for example policy_live=30") from None
    try:
        return Waits().override(wanted)
    except BadWaitError as error:
        raise pytest.UsageError(f"--wait: {error}") from None
