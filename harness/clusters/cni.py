"""Network plugins as data: what to install, on which kind of cluster, what to wait for, what it is said to do.

One file of `deploy/cni` each, a file of the same form of the user's, or simply the user's manifest or Helm chart.
Values and their reading only; `cni_install.py` installs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from harness.clusters.provider import ClusterError
from harness.effects.deployed import deployed

FOLDER = "cni"
FAMILIES = ("ipv4", "ipv6", "dual")
PROXIES = ("iptables", "nftables", "ipvs", "none")

CAPABILITIES = {
    "network-policy": "enforces NetworkPolicy",
    "end-port": "port ranges in policies",
    "named-ports": "named ports in policies",
    "sctp-policy": "SCTP in policies",
    "ip-block-except": "ipBlock with except",
    "cluster-network-policy": "ClusterNetworkPolicy",
    "dual-stack": "two families",
    "ipv6": "IPv6 alone",
    "host-port": "host ports",
    "replaces-kube-proxy": "proxies Services itself",
}
"""What can be declared of a plugin. Declared is not measured: a run that finds otherwise is right."""

SAID = ("yes", "no", "partly", "unknown")


@dataclass(frozen=True)
class Download:
    """A manifest at an address, pinned by what it must hash to."""

    url: str
    sha256: str


@dataclass(frozen=True)
class Chart:
    """A Helm chart: from a repository in a pinned version, or a path; `values` with when they count."""

    chart: str
    repository: str = ""
    version: str = ""
    values: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Manifest:
    """A manifest of the user's."""

    path: Path


Source = Download | Chart | Manifest


@dataclass(frozen=True)
class When:
    """A condition on the cluster; empty counts always."""

    families: tuple[str, ...] = ()
    kube_proxy: tuple[str, ...] = ()

    def holds(self, *, families: str, kube_proxy: str) -> bool:
        """Whether it does."""
        return families in (self.families or FAMILIES) and kube_proxy in (self.kube_proxy or PROXIES)


@dataclass(frozen=True)
class Patch:
    """A replacement in a manifest's text, which must find `find` exactly `times` times: the manifest is pinned.

    `%cluster%`, `%pod_subnet_ipv4%` and `%pod_subnet_ipv6%` in `put` stand for what the cluster has.
    """

    why: str
    find: str
    put: str
    times: int = 1
    when: When = When()


@dataclass(frozen=True)
class Plugins:
    """CNI plugin programs that kind's nodes lack and this plugin delegates to: an archive per architecture."""

    files: tuple[str, ...]
    archives: Mapping[str, Download]


@dataclass(frozen=True)
class Rollout:
    """A workload that must be rolled out before the network counts as there."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True)
class Deviation:
    """Something known to differ from what Kubernetes promises, and where it is told."""

    what: str
    link: str = ""


@dataclass(frozen=True)
class Passed:
    """With which version, when and in which run all promises last held."""

    version: str
    date: str
    run: str


@dataclass(frozen=True)
class Cni:
    """A network plugin."""

    name: str
    about: str
    version: str = ""
    source: Source | None = None
    bundled: bool = False
    """It comes with kind's node image and is installed by kind."""
    families: tuple[str, ...] = FAMILIES
    kube_proxy: tuple[str, ...] = PROXIES
    """Modes of kube-proxy it works with; the first is taken unasked."""
    pod_subnets: Mapping[str, str] = field(default_factory=dict)
    patches: tuple[Patch, ...] = ()
    plugins: Plugins | None = None
    ready: tuple[Rollout, ...] = ()
    images: tuple[str, ...] = ()
    host_modules: tuple[str, ...] = ()
    kubernetes: str = ""
    capabilities: Mapping[str, str] = field(default_factory=dict)
    deviations: tuple[Deviation, ...] = ()
    passed: Passed | None = None

    @property
    def absent(self) -> bool:
        """Nothing is installed."""
        return not self.bundled and self.source is None

    @property
    def title(self) -> str:
        """Name, version, and with which version it last passed."""
        told = f"{self.name} {self.version}".strip()
        if self.absent:
            return told
        return f"{told} ({f'passed {self.passed.date}' if self.passed else 'untested'})"


def names() -> list[str]:
    """The plugins that come with the harness."""
    return sorted(path.stem for path in deployed(FOLDER).glob("*.yaml"))


def load(given: str) -> Cni:
    """A plugin by name, or from a path: a data file, a manifest, or a Helm chart. Raises ClusterError."""
    if "/" not in given and not given.endswith((".yaml", ".yml", ".json", ".tgz")):
        if given not in names():
            raise ClusterError(f"--cni {given}: there are {', '.join(names())}; or give the path of a manifest")
        return parse(_document(deployed(FOLDER, f"{given}.yaml")), where=f"deploy/cni/{given}.yaml")
    path = Path(given)
    if not path.exists():
        raise ClusterError(f"--cni {given}: no such file")
    if given.endswith(".tgz") or (path / "Chart.yaml").exists():
        return Cni(name=path.stem, about="a Helm chart of the user's", source=Chart(chart=str(path.absolute())))
    if path.is_dir():
        raise ClusterError(f"--cni {given}: a folder without Chart.yaml; give one manifest or a Helm chart")
    document = _document(path)
    if isinstance(document, Mapping) and "apiVersion" not in document and "about" in document:
        return parse(document, where=given)
    return Cni(name=path.stem, about="a manifest of the user's", source=Manifest(path.absolute()))


def _document(path: Path) -> Any:
    """The first document of a YAML file. Raises ClusterError."""
    try:
        return next(iter(yaml.safe_load_all(path.read_text())), None)
    except OSError as error:
        raise ClusterError(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ClusterError(f"{path}: not YAML: {str(error).splitlines()[0]}") from error


def parse(document: Any, *, where: str) -> Cni:
    """A data file as a value. Raises ClusterError naming the file and what it must say instead."""
    try:
        return _parse(dict(document))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ClusterError(f"{where}: {what}") from error


def _parse(document: dict[str, Any]) -> Cni:
    told = dict(document)
    told["source"] = _source(told.pop("source", None))
    told["families"] = _among(told.pop("families", FAMILIES), FAMILIES, "families")
    told["kube_proxy"] = _among(told.pop("kube_proxy", PROXIES), PROXIES, "kube_proxy")
    told["patches"] = tuple(_patch(each) for each in told.pop("patches", ()))
    told["plugins"] = _plugins(told.pop("plugins", None))
    told["ready"] = tuple(Rollout(**each) for each in told.pop("ready", ()))
    told["deviations"] = tuple(Deviation(**each) for each in told.pop("deviations", ()))
    passed = told.get("passed")
    told["passed"] = Passed(**{key: str(value) for key, value in passed.items()}) if passed else None
    for key in ("images", "host_modules"):
        told[key] = tuple(told.pop(key, ()))
    # YAML reads a bare yes as true.
    said = {key: {True: "yes", False: "no"}.get(value, value) for key, value in told.pop("capabilities", {}).items()}
    _among(said, CAPABILITIES, "capabilities")
    _among(said.values(), SAID, "a capability is said by")
    return Cni(**told, capabilities=said)


def _source(told: Mapping[str, Any] | None) -> Source | None:
    if told is None:
        return None
    if "chart" in told:
        values = [{**each, "when": _when(each.get("when"))} for each in told.get("values", ())]
        return Chart(**{**told, "values": tuple(values)})
    return Download(**told)


def _patch(told: Mapping[str, Any]) -> Patch:
    return Patch(**{**told, "when": _when(told.get("when"))})


def _when(told: Mapping[str, Any] | None) -> When:
    told = told or {}
    if unknown := set(told) - {"families", "kube_proxy"}:
        raise ValueError(f"unknown condition {sorted(unknown)}")
    return When(
        _among(told.get("families", ()), FAMILIES, "families"),
        _among(told.get("kube_proxy", ()), PROXIES, "kube_proxy"),
    )


def _plugins(told: Mapping[str, Any] | None) -> Plugins | None:
    if told is None:
        return None
    return Plugins(tuple(told["files"]), {arch: Download(**each) for arch, each in told["archives"].items()})


def _among(given: Iterable[Any], allowed: Sequence[str] | Mapping[str, Any], what: str) -> tuple[str, ...]:
    chosen = tuple(str(each) for each in given)
    if unknown := [each for each in chosen if each not in allowed]:
        raise ValueError(f"{what}: {', '.join(unknown)} is none of {', '.join(allowed)}")
    return chosen
