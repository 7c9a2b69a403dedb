"""What is put into a cluster that was just made, as data: what to install, where it works, what to wait for.

A network plugin, a LoadBalancer implementation and an Ingress controller are described alike: by a file of `deploy/`,
a file of the same form of the user's, or simply the user's manifest or Helm chart. Values and their reading only;
`addon_manifest.py` makes objects of them, `addon_install.py` installs those.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import yaml

from harness.clusters.deviations import Deviation
from harness.clusters.provider import ClusterError
from harness.clusters.tested import Tested
from harness.effects.deployed import deployed

FAMILIES = ("ipv4", "ipv6", "dual")
PROXIES = ("iptables", "nftables", "ipvs", "none")
ROLLED_OUT = ("DaemonSet", "Deployment", "StatefulSet")
"""What can be waited for."""

SAID = ("yes", "no", "partly", "unknown")
"""How a capability is declared."""


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
class Rollout:
    """A workload that must be rolled out before the add-on counts as there."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True)
class Passed:
    """With which version, when and in which run all promises last held."""

    version: str
    date: str
    run: str


@dataclass(frozen=True)
class Addon:
    """What all add-ons have. Each kind of them is a class: its option, its folder, what can be declared of it."""

    WHAT: ClassVar[str] = ""
    """What it is in a sentence."""
    OPTION: ClassVar[str] = ""
    FOLDER: ClassVar[str] = ""
    """Where in `deploy/` its files are."""
    CAPABILITIES: ClassVar[Mapping[str, str]] = {}
    """What can be declared of it. Declared is not measured: a run that finds otherwise is right."""

    name: str
    about: str
    version: str = ""
    source: Source | None = None
    families: tuple[str, ...] = FAMILIES
    kube_proxy: tuple[str, ...] = PROXIES
    """Modes of kube-proxy it works with."""
    patches: tuple[Patch, ...] = ()
    ready: tuple[Rollout, ...] = ()
    then: str = ""
    """A manifest of ours for when it is rolled out; `%name%` in it stands for what the cluster has."""
    images: tuple[str, ...] = ()
    kubernetes: str = ""
    """The versions its own project tests it with, as `Tested` reads them."""
    capabilities: Mapping[str, str] = field(default_factory=dict)
    deviations: tuple[Deviation, ...] = ()
    passed: Passed | None = None

    def __str__(self) -> str:
        return f"{self.WHAT} {self.name}"

    @property
    def absent(self) -> bool:
        """Nothing is installed."""
        return self.source is None

    @property
    def title(self) -> str:
        """Name, version, and with which version it last passed."""
        told = f"{self.name} {self.version}".strip()
        if self.absent:
            return told
        return f"{told} ({f'passed {self.passed.date}' if self.passed else 'untested'})"

    # -- reading -------------------------------------------------------------------------------------------------

    @classmethod
    def names(cls) -> list[str]:
        """Those that come with the harness."""
        return sorted(path.stem for path in deployed(cls.FOLDER).glob("*.yaml"))

    @classmethod
    def load(cls, given: str) -> Self:
        """One by name, or from a path: a data file, a manifest, or a Helm chart. Raises ClusterError."""
        option = f"{cls.OPTION} {given}"
        if "/" not in given and not given.endswith((".yaml", ".yml", ".json", ".tgz")):
            if given not in cls.names():
                raise ClusterError(f"{option}: there are {', '.join(cls.names())}; or give the path of a manifest")
            return cls.parse(
                _document(deployed(cls.FOLDER, f"{given}.yaml")), where=f"deploy/{cls.FOLDER}/{given}.yaml"
            )
        path = Path(given)
        if not path.exists():
            raise ClusterError(f"{option}: no such file")
        if given.endswith(".tgz") or (path / "Chart.yaml").exists():
            return cls(name=path.stem, about="a Helm chart of the user's", source=Chart(chart=str(path.absolute())))
        if path.is_dir():
            raise ClusterError(f"{option}: a folder without Chart.yaml; give one manifest or a Helm chart")
        document = _document(path)
        if isinstance(document, Mapping) and "apiVersion" not in document and "about" in document:
            return cls.parse(document, where=given)
        return cls(name=path.stem, about="a manifest of the user's", source=Manifest(path.absolute()))

    @classmethod
    def parse(cls, document: Any, *, where: str) -> Self:
        """A data file as a value. Raises ClusterError naming the file and what it must say instead."""
        try:
            read = cls(**cls._read(dict(document)))
            _must_be_text(read)
            return read
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            what = f"lacks {error}" if isinstance(error, KeyError) else str(error)
            raise ClusterError(f"{where}: {what}") from error

    @classmethod
    def _read(cls, told: dict[str, Any]) -> dict[str, Any]:
        """The fields of a data file as values; a class with more fields reads those and leaves the others to this."""
        read = dict(told)
        read["source"] = _source(told.get("source"))
        read["families"] = among(told.get("families", FAMILIES), FAMILIES, "families")
        read["kube_proxy"] = among(told.get("kube_proxy", PROXIES), PROXIES, "kube_proxy")
        read["patches"] = tuple(Patch(**{**each, "when": _when(each.get("when"))}) for each in listed(told, "patches"))
        read["ready"] = tuple(Rollout(**each) for each in listed(told, "ready"))
        among((each.kind for each in read["ready"]), ROLLED_OUT, "ready: kind")
        read["deviations"] = tuple(Deviation.parse(each) for each in listed(told, "deviations"))
        passed = told.get("passed")
        read["passed"] = Passed(**{key: str(value) for key, value in passed.items()}) if passed else None
        read["images"] = listed(told, "images")
        if isinstance(versions := told.get("kubernetes"), str):
            Tested.parse(versions)
        # YAML reads a bare yes as true.
        said = {
            key: {True: "yes", False: "no"}.get(value, value) for key, value in told.get("capabilities", {}).items()
        }
        among(said, cls.CAPABILITIES, "capabilities")
        among(said.values(), SAID, "a capability is said by")
        return {**read, "capabilities": said}


def listed(told: Mapping[str, Any], key: str) -> tuple[Any, ...]:
    """The items of a list; none where it is left out. Raises TypeError for what is no list."""
    given = told.get(key, ())
    if not isinstance(given, (list, tuple)):
        raise TypeError(f"{key}: {given!r} is not a list")
    return tuple(given)


def _must_be_text(read: Any, where: str = "") -> None:
    """Raises ValueError for what is to be text and was read as something else, as YAML does with 1.10 and with off."""
    for each in fields(read):
        value, name = getattr(read, each.name), f"{where}{each.name}"
        several = value if isinstance(value, tuple) else (value,)
        if each.type in {"str", "tuple[str, ...]"} and (odd := [one for one in several if not isinstance(one, str)]):
            raise ValueError(f"{name}: {odd[0]!r} is not text: put it in quotes")
        for one in several:
            if is_dataclass(one):
                _must_be_text(one, f"{name}: ")


def _document(path: Path) -> Any:
    """The first document of a YAML file. Raises ClusterError."""
    try:
        return next(iter(yaml.safe_load_all(path.read_text())), None)
    except OSError as error:
        raise ClusterError(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ClusterError(f"{path}: not YAML: {str(error).splitlines()[0]}") from error


def _source(told: Mapping[str, Any] | None) -> Source | None:
    if told is None:
        return None
    if "chart" in told:
        values = [{**each, "when": _when(each.get("when"))} for each in told.get("values", ())]
        return Chart(**{**told, "values": tuple(values)})
    return Download(**told)


def _when(told: Mapping[str, Any] | None) -> When:
    told = told or {}
    if unknown := set(told) - {"families", "kube_proxy"}:
        raise ValueError(f"unknown condition {sorted(unknown)}")
    return When(
        among(told.get("families", ()), FAMILIES, "families"),
        among(told.get("kube_proxy", ()), PROXIES, "kube_proxy"),
    )


def among(given: Iterable[Any], allowed: Sequence[str] | Mapping[str, Any], what: str) -> tuple[str, ...]:
    """The words given, all of them known. Raises ValueError."""
    chosen = tuple(str(each) for each in given)
    if unknown := [each for each in chosen if each not in allowed]:
        raise ValueError(f"{what}: {', '.join(unknown)} is none of {', '.join(allowed)}")
    return chosen
