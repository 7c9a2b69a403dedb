"""`harness doctor`: what this machine can do, and what we may do on a cluster. It looks; it changes nothing."""

from __future__ import annotations

import contextlib
import enum
import importlib.metadata
import os
import platform
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from harness.cli import existing
from harness.clusters import embedded
from harness.clusters.kind.checks import Check, checks
from harness.clusters.provider import ClusterError
from harness.effects.clock import RealClock
from harness.effects.run import RunError, run
from harness.kube.client import Kube
from harness.kube.errors import KubeError
from harness.report import capabilities
from harness.report.comparison.printable import printable
from harness.world import rights
from harness.world.capabilities import Detector, Reads

LIBRARIES = ("kubernetes", "pytest", "pytest-xdist", "dnspython", "aiohttp", "cryptography")
STATUS = 5.0
"""Seconds for a cluster of this machine to say how it is reached."""

VERSION_OPTIONS = {
    "ip": "-V",
    "nft": "--version",
    "crun": "--version",
    "conntrack": "--version",
    "iptables": "--version",
    "haproxy": "-v",
}


class State(enum.StrEnum):
    """What a finding means. The value is its mark."""

    GOOD = "ok"
    MISSING = "NO"
    NOTED = "-"
    """Nothing depends on it, but it explains a result."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    told: str
    state: State = State.NOTED

    def __str__(self) -> str:
        return f"{self.state:3}{self.what:42} {' '.join(printable(self.told).split())}"


def must(what: str, told: str, *, good: bool = True) -> Finding:
    """A finding on which something depends."""
    return Finding(what, told, State.GOOD if good else State.MISSING)


@click.command()
@existing.options
@click.option(
    "--cluster", "made", type=click.Choice(("embedded", "kind")), help="What clusters of that kind need here."
)
@click.option("--k8s", metavar="VERSION|IMAGE", help="With --cluster kind: the Kubernetes to look for.")
def doctor(kubeconfig: Path | None, context: str | None, made: str | None, k8s: str | None) -> int:
    """What this machine can do; with --kubeconfig or --context, what we may do on that cluster."""
    if made is not None and (kubeconfig or context):
        raise click.UsageError("--cluster is about this machine: leave out --kubeconfig and --context")
    if k8s is not None and made != "kind":
        raise click.UsageError("--k8s is about kind clusters: add --cluster kind")
    if made == "kind":
        findings = [_of_check(each) for each in checks(k8s=k8s)]
    elif kubeconfig is None and context is None:
        findings = [*machine(), *standing()]
    else:
        with existing.connected(kubeconfig, context) as kube:
            findings = list(cluster(kube))
    for each in findings:
        click.echo(str(each))
    return 4 if any(each.state is State.MISSING for each in findings) else 0


def _of_check(check: Check) -> Finding:
    if check.good is None:
        return Finding(check.what, check.told)
    return must(check.what, check.told, good=check.good)


def machine() -> list[Finding]:
    """What this machine has for an embedded cluster."""
    refused = embedded.refusal()
    standing = ", ".join(embedded.standing_names()) or "none"
    return [
        must("user", "root" if os.geteuid() == 0 else "not root", good=os.geteuid() == 0),
        *_programs(),
        must("CNI plugins", str(embedded.PLUGINS), good=(embedded.PLUGINS / "ptp").exists()),
        must("embedded cluster", refused or "can be made here", good=refused is None),
        Finding("standing clusters", standing),
        Finding("kernel", platform.release()),
        Finding("IPv6", "yes" if Path("/proc/net/if_inet6").exists() else "no: embedded clusters need --families ipv4"),
        Finding("SCTP", _sctp()),
        must("Python", platform.python_version()),
        *(must(name, importlib.metadata.version(name)) for name in LIBRARIES),
    ]


def standing() -> Iterator[Finding]:
    """What the embedded clusters can do that `harness up` left running."""
    for name in embedded.standing_names():
        try:
            said = embedded.ask(name, "status", clock=RealClock(), limit=STATUS) or {}
            with contextlib.closing(Kube.connect(said.get("kubeconfig") or {})) as kube:
                told = capabilities.lines(Detector(Reads(kube, kind="embedded")).all())
        except (ClusterError, KubeError) as error:
            told = [str(error)]
        yield from (Finding(f"cluster {name}", line) for line in told)


def _programs() -> Iterator[Finding]:
    for program, package in embedded.NEEDED.items():
        found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        if found is None:
            yield must(program, f"missing: apt-get install {package}", good=False)
        else:
            yield must(program, _version(found, program))


def _version(path: str, program: str) -> str:
    try:
        done = run([path, VERSION_OPTIONS.get(program, "--version")], check=False, timeout=5)
    except RunError as error:
        return f"{path}: {error.problem}"
    lines = (done.text or done.err.decode(errors="replace")).strip().splitlines()
    return lines[0] if lines else path


def _sctp() -> str:
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP).close()
    except OSError as error:
        return f"no: {error.strerror}; SCTP promises end as SKIP on an embedded cluster"
    return "yes"


def cluster(kube: Kube) -> Iterator[Finding]:
    """What the cluster is, which rights are missing, each with the rule that grants it, and what it can do.

    Raises KubeError.
    """
    yield must("server", kube.server)
    yield must("version", str(kube.server_version().get("gitVersion", "unknown")))
    lacking = dict(rights.missing(kube))
    for right in rights.RIGHTS:
        name = f"{right.resource}.{right.group}" if right.group else right.resource
        if verbs := lacking.get(right):
            told = f"may not {', '.join(verbs)} ({right.why}); grant: {right.rule(verbs)}"
            yield Finding(name, told) if right.optional else must(name, told, good=False)
        else:
            yield must(name, ", ".join(right.verbs))
    if not any(right.resource == "nodes" for right in lacking):
        yield from map(_node, kube.list("nodes").items)
    for name, fact in Detector(Reads(kube)).all().items():
        yield Finding(f"capability {name}", str(fact))


def _node(node: dict[str, Any]) -> Finding:
    conditions = {each["type"]: each["status"] for each in node.get("status", {}).get("conditions") or []}
    ready = conditions.get("Ready") == "True"
    told = node.get("status", {}).get("nodeInfo", {})
    about = f"{told.get('kubeletVersion', '')} {told.get('osImage', '')} {told.get('containerRuntimeVersion', '')}"
    return must(f"node {node['metadata']['name']}", f"{'Ready' if ready else 'NotReady'} {about}".rstrip(), good=ready)
