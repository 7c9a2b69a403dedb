"""The plugin's command line options, read once into one frozen value. A contradiction is refused with one line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.clusters import cni
from harness.clusters.deviations import Deviation
from harness.clusters.deviations import read as read_deviations
from harness.clusters.embedded import FAMILIES, EmbeddedCluster, Settings
from harness.clusters.ingress import Ingress
from harness.clusters.kind import KindCluster, Request, Setting
from harness.clusters.kind.images import AGENT_IMAGE
from harness.clusters.kind.mirror import Mirror
from harness.clusters.kind.request import FAMILIES as KIND_FAMILIES
from harness.clusters.kind.request import KEPT, KUBE_PROXY, gates
from harness.clusters.kubeconfig import KubeconfigCluster
from harness.clusters.loadbalancer import LoadBalancer
from harness.clusters.provider import ClusterError, Provider
from harness.model.waits import BadWaitError, Waits

CLUSTERS = ("embedded", "kind", "kubeconfig")

HEADLINES = {
    "embedded": "embedded cluster: exercises the suites and a reference data plane, says nothing about anyone's CNI",
    "kubeconfig": "existing cluster: only our own namespaces are touched",
}
KIND_ONLY = (
    "--cni",
    "--lb",
    "--ingress",
    "--k8s",
    "--nodes",
    "--kube-proxy",
    "--keep",
    "--pod-subnet",
    "--service-subnet",
    "--feature-gate",
    "--control-plane-taint",
    "--offline",
    "--mirror",
)
"""Options that shape a kind cluster and mean nothing for others."""


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
    kind: Request | None = None
    deviations: tuple[Deviation, ...] | None = ()
    """The user's, beside those that come with the harness; with None no promise is known to be broken."""
    offline: str | None = None
    """Forbids downloads and pulls; the folder that holds what would be fetched, or empty for the cache alone."""

    @property
    def headline(self) -> str:
        """What the run is about, for its first lines."""
        return self.kind.headline() if self.kind is not None else HEADLINES[self.cluster]

    def provider(self, run: str, *, logs: Path, tell: Callable[[str], None]) -> Provider:
        """The provider these options stand for; `logs` is where a cluster that cannot be made leaves its own."""
        if self.kind is not None:
            setting = Setting(
                run=run,
                images=(self.image,),
                logs=logs,
                waits=self.waits,
                offline=self.offline is not None,
                folder=Path(self.offline) if self.offline else None,
                tell=tell,
            )
            return KindCluster(self.kind, setting)
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
    option("--families", choices=KIND_FAMILIES, default=None, help="IP families of a cluster that is made (dual)")
    option("--seed", type=int, default=None, metavar="N", help="seed of the embedded cluster's jitter (1)")
    option(
        "--agent-image", default=AGENT_IMAGE, metavar="IMAGE", help=f"image with python3 for the agents ({AGENT_IMAGE})"
    )
    option("--wait", action="append", default=[], metavar="NAME=SECONDS", help="change a wait; see harness waits")
    option(
        "--deviations", metavar="FILE|none", default=None, help="known deviations: those of FILE, too, or none at all"
    )
    option("--report", metavar="DIR", default=None, help="report directory (default: reports/<time>-<run>)")
    option("--asked-as", metavar="COMMAND", default=None, help="the command that the report tells to run it again")
    _add_kind(parser.getgroup("harness-kind", "Kubernetes network harness: kind clusters (--cluster kind)").addoption)


def _add_kind(option: Callable[..., None]) -> None:
    known = {kind.FOLDER: ", ".join(kind.names()) for kind in (cni.Cni, LoadBalancer, Ingress)}
    option("--cni", metavar="NAME|FILE", default=None, help=f"network plugin: {known['cni']}, or a manifest (kindnet)")
    lb, ingress = known["loadbalancer"], known["ingress"]
    option("--lb", metavar="NAME|FILE", default=None, help=f"LoadBalancer Services by: {lb}, or a manifest (none)")
    option("--ingress", metavar="NAME|FILE", default=None, help=f"Ingress by: {ingress}, or a manifest (none)")
    option("--k8s", metavar="VERSION|IMAGE", default=None, help="Kubernetes version, or a node image")
    option("--nodes", type=int, metavar="N", default=None, help="number of nodes, one of them the control plane (3)")
    option("--kube-proxy", choices=KUBE_PROXY, default=None, help="mode of kube-proxy (the plugin's first choice)")
    option("--keep", nargs="?", const=KEPT, metavar="NAME", default=None, help=f"keep and reuse it by name ({KEPT})")
    option("--pod-subnet", metavar="CIDR[,CIDR]", default=None, help="addresses of pods")
    option("--service-subnet", metavar="CIDR[,CIDR]", default=None, help="addresses of Services")
    option("--feature-gate", action="append", default=[], metavar="NAME=BOOL", help="a gate, for every component")
    option("--control-plane-taint", action="store_true", default=False, help="no ordinary pods on the control plane")
    option("--offline", nargs="?", const="", metavar="DIR", default=None, help="fetch nothing; files are in DIR")
    option("--mirror", metavar="REGISTRY", default=None, help="take all images from there; see harness images mirror")


def read(config: pytest.Config) -> RunOptions:
    """The options of this run. Raises pytest.UsageError (exit code 4) for a contradiction or a bad value."""
    get: Any = config.getoption
    kubeconfig, context = get("--kubeconfig"), get("--context")
    cluster = get("--cluster") or ("kubeconfig" if kubeconfig or context else "embedded")
    if why := _contradiction(cluster, get):
        raise pytest.UsageError(why)
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
        kind=_kind(get) if cluster == "kind" else None,
        deviations=_deviations(get("--deviations")),
        offline=get("--offline"),
    )


def _contradiction(cluster: str, get: Any) -> str | None:
    """Why these options cannot stand together, in one line; None when they can."""
    if empty := [name for name in ("--kubeconfig", "--context") if get(name) == ""]:
        return f"{empty[0]} '': it names none; leave it out for an embedded cluster"
    if cluster != "kubeconfig" and (get("--kubeconfig") or get("--context")):
        return f"--cluster {cluster} makes its own cluster: leave out --kubeconfig and --context"
    if cluster == "kubeconfig" and (get("--families") or get("--seed") is not None):
        return "--families and --seed shape an embedded cluster: leave them out with a kubeconfig"
    if cluster == "kind" and get("--seed") is not None:
        return "--seed is for the embedded cluster's jitter: leave it out with --cluster kind"
    if cluster == "embedded" and get("--families") not in {None, *FAMILIES}:
        return f"--families {get('--families')}: an embedded cluster is {' or '.join(FAMILIES)}"
    # By what they are, not by their value: `--nodes 0` is given, too.
    given = [name for name in KIND_ONLY if not any(get(name) is unset for unset in (None, False)) and get(name) != []]
    if cluster != "kind" and given:
        return f"{given[0]} shapes a kind cluster: add --cluster kind"
    return None


def _kind(get: Any) -> Request:
    """What is asked of a kind cluster. Raises pytest.UsageError."""
    try:
        return Request(
            cni=cni.load(get("--cni") or "kindnet"),
            k8s=get("--k8s"),
            nodes=3 if get("--nodes") is None else get("--nodes"),
            families=get("--families"),
            kube_proxy=get("--kube-proxy"),
            pod_subnet=get("--pod-subnet") or "",
            service_subnet=get("--service-subnet") or "",
            feature_gates=gates(get("--feature-gate")),
            control_plane_takes_pods=not get("--control-plane-taint"),
            keep=get("--keep"),
            lb=LoadBalancer.load(get("--lb") or "none"),
            ingress=Ingress.load(get("--ingress") or "none"),
            mirror=Mirror.parse(get("--mirror")) if get("--mirror") else None,
        )
    except ClusterError as error:
        raise pytest.UsageError(str(error)) from None


def _deviations(given: str | None) -> tuple[Deviation, ...] | None:
    """The user's known deviations. Raises pytest.UsageError."""
    if given is None or given == "none":
        return None if given else ()
    try:
        return read_deviations(Path(given))
    except ClusterError as error:
        raise pytest.UsageError(f"--deviations {error}") from None


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
