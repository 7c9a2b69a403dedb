"""The combinations of a matrix: what they are called, which options make them, and why some cannot be. Pure.

What a user mistyped refuses the whole matrix before its first run. What is well said and cannot go together (a plugin
that does not do a family) is a combination all the same: it is not run, and its column says why.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from harness.clusters.addon import Addon
from harness.clusters.cni import Cni
from harness.clusters.embedded import FAMILIES
from harness.clusters.ingress import Ingress
from harness.clusters.kind import Request
from harness.clusters.kind.request import FAMILIES as KIND_FAMILIES
from harness.clusters.kind.request import KUBE_PROXY
from harness.clusters.loadbalancer import LoadBalancer
from harness.clusters.provider import ClusterError


@dataclass(frozen=True)
class Dimension:
    """An option that may have several values, the kinds of clusters it is for, and the fact it stands for."""

    option: str
    clusters: tuple[str, ...]
    fact: str
    allowed: tuple[str, ...] = ()


DIMENSIONS = (
    Dimension("--context", ("kubeconfig",), "context"),
    Dimension("--cni", ("kind",), "cni"),
    Dimension("--k8s", ("kind",), "kubernetes"),
    Dimension("--kube-proxy", ("kind",), "kube_proxy", KUBE_PROXY),
    Dimension("--families", ("kind", "embedded"), "families", KIND_FAMILIES),
    Dimension("--nodes", ("kind",), "nodes"),
    Dimension("--lb", ("kind",), "loadbalancer"),
    Dimension("--ingress", ("kind",), "ingress"),
)
"""The outermost first: the last one changes from run to run."""

ADDONS: Mapping[str, type[Addon]] = {"--cni": Cni, "--lb": LoadBalancer, "--ingress": Ingress}
"""Dimensions whose values are data files."""

UNASKED = {"--cni": "kindnet", "--lb": "none", "--ingress": "none"}
"""What a run takes by itself."""

SHAPING = ("--cluster", "--kubeconfig", "--offline", *(each.option for each in DIMENSIONS))
JUNIT = "each run has a junit.xml in its report"
COLLECT = "a matrix runs what it selects: use harness list, or pytest itself"
OWN = {
    "--report": "each run has a report of its own below the matrix's: write --report before the --",
    "--junitxml": JUNIT,
    "--junit-xml": JUNIT,
    "--keep": "one kept cluster cannot be several: make them with harness up --cluster kind and compare by --context",
    "--collect-only": COLLECT,
    "--collectonly": COLLECT,
    "--co": COLLECT,
    **dict.fromkeys(SHAPING, "it shapes the clusters: write it before the --"),
}
"""Options of pytest that a matrix gives to its runs itself, and what to do instead of passing them on."""


@dataclass(frozen=True)
class Asked:
    """What the user asked: the kind of cluster, the values of each dimension, and what is the same for all runs."""

    cluster: str
    values: Mapping[str, tuple[str, ...]]
    kubeconfig: Path | None = None
    offline: str | None = None


@dataclass(frozen=True)
class Combination:
    """One run of a matrix: `options` are pytest's, `refused` says why it cannot be."""

    name: str
    folder: str
    options: tuple[str, ...]
    facts: Mapping[str, str] = field(default_factory=dict)
    refused: str = ""


def asked(cluster: str | None, given: Mapping[str, str | None], **fixed: Path | str | None) -> Asked:
    """The request from the command line. Raises click.UsageError for what cannot be meant."""
    kubeconfig, offline = fixed.get("kubeconfig"), fixed.get("offline")
    chosen = cluster or ("kubeconfig" if kubeconfig is not None or given.get("--context") else "kind")
    values = {each.option: _split(each, text) for each in DIMENSIONS if (text := given.get(each.option)) is not None}
    for each in DIMENSIONS:
        if each.option in values and chosen not in each.clusters:
            raise click.UsageError(f"{each.option} is for {' and '.join(each.clusters)} clusters, not for {chosen}")
    if chosen != "kubeconfig" and kubeconfig is not None:
        raise click.UsageError(f"--cluster {chosen} makes its own clusters: leave out --kubeconfig")
    if chosen == "kubeconfig" and kubeconfig is None and "--context" not in values:
        raise click.UsageError("--cluster kubeconfig needs --kubeconfig FILE or --context NAME[,NAME]")
    if chosen != "kind" and offline is not None:
        raise click.UsageError("--offline is for kind clusters: leave it out")
    return Asked(chosen, values, Path(kubeconfig) if kubeconfig else None, None if offline is None else str(offline))


def _split(dimension: Dimension, text: str) -> tuple[str, ...]:
    """The values of a list with commas. Raises click.UsageError."""
    values = tuple(each.strip() for each in text.split(","))
    if not all(values):
        raise click.UsageError(
            f"{dimension.option} {text!r}: write values with a comma between them, none of them empty"
        )
    if twice := [each for each in dict.fromkeys(values) if values.count(each) > 1]:
        raise click.UsageError(f"{dimension.option}: {twice[0]} is named twice")
    if dimension.allowed and (unknown := [each for each in values if each not in dimension.allowed]):
        raise click.UsageError(f"{dimension.option} {unknown[0]}: there are {', '.join(dimension.allowed)}")
    if dimension.option == "--nodes" and (bad := [each for each in values if not each.isdecimal()]):
        raise click.UsageError(f"--nodes {bad[0]}: write a number")
    if dimension.option == "--k8s" and (bad := [each for each in values if not re.search(r"[/:@]|^v?\d+\.\d+", each)]):
        raise click.UsageError(f"--k8s {bad[0]}: write a version (1.36, v1.36.2) or a node image")
    return values


def must_be_passed_on(arguments: Sequence[str]) -> None:
    """Raises click.UsageError for an argument of pytest that a matrix gives itself."""
    for each in arguments:
        option = each.partition("=")[0]
        if option in OWN:
            raise click.UsageError(f"{option} behind the --: {OWN[option]}")


def combinations(asked: Asked, why_not: Callable[[Mapping[str, str]], str | None]) -> list[Combination]:
    """All of them, in the order in which they run. `why_not` says why one cannot be, by its options."""
    varied = [each for each in DIMENSIONS if len(asked.values.get(each.option, ())) > 1]
    named = varied or [each for each in DIMENSIONS if each.option in asked.values]
    words = {each.option: _words(each.option, asked.values[each.option]) for each in named}
    used: set[str] = set()
    found = []
    for chosen in _product(asked.values):
        name = " ".join(words[each.option][chosen[each.option]] for each in named) or asked.cluster
        found.append(
            Combination(
                name=name,
                folder=_folder(" ".join(_word(each.option, chosen[each.option]) for each in named) or name, used),
                options=_options(asked, chosen),
                facts=_facts(asked, chosen),
                refused=why_not(chosen) or "",
            )
        )
    return found


def _product(values: Mapping[str, tuple[str, ...]]) -> Iterator[dict[str, str]]:
    options = [each.option for each in DIMENSIONS if each.option in values]
    for chosen in itertools.product(*(values[option] for option in options)):
        yield dict(zip(options, chosen, strict=True))


def _words(option: str, values: Sequence[str]) -> dict[str, str]:
    """Values as names have them: an add-on's own name, its file as well where two would have the same."""
    plain = {value: _word(option, value) for value in values}
    again = {word for word in plain.values() if list(plain.values()).count(word) > 1}
    return {value: f"{word} ({value})" if word in again and word != value else word for value, word in plain.items()}


def _word(option: str, value: str) -> str:
    """A value in a name: of a file what is in it, of a number what it counts, of a word like `none` what has it."""
    if option in ADDONS:
        value = ADDONS[option].load(value).name
    if option == "--nodes":
        return f"{value} node{'' if value == '1' else 's'}"
    if option == "--kube-proxy" or value == "none":
        return f"{option.removeprefix('--')} {value}"
    return value


def _folder(name: str, used: set[str]) -> str:
    """A name for a folder, never the same twice."""
    plain = re.sub(r"[^A-Za-z0-9._]+", "-", name).strip("-.") or "run"
    number = next(n for n in itertools.count(1) if (plain if n == 1 else f"{plain}-{n}") not in used)
    folder = plain if number == 1 else f"{plain}-{number}"
    used.add(folder)
    return folder


def _options(asked: Asked, chosen: Mapping[str, str]) -> tuple[str, ...]:
    options = ["--cluster", asked.cluster]
    if asked.kubeconfig is not None:
        options += ["--kubeconfig", str(asked.kubeconfig)]
    for option, value in chosen.items():
        options += [option, value]
    if asked.offline is not None:
        options += [f"--offline={asked.offline}"] if asked.offline else ["--offline"]
    return tuple(options)


def _facts(asked: Asked, chosen: Mapping[str, str]) -> dict[str, str]:
    """What is known of a combination before it ran."""
    told = {each.fact: chosen[each.option] for each in DIMENSIONS if each.option in chosen}
    if asked.cluster == "embedded":
        told.setdefault("families", "dual")
    if asked.cluster == "kind":
        plugin = Cni.load(chosen.get("--cni", UNASKED["--cni"]))
        told.setdefault("kube_proxy", plugin.kube_proxy[0])
        told.setdefault("families", "dual" if "dual" in plugin.families else plugin.families[0])
        told.setdefault("nodes", "3")
        for each in DIMENSIONS:
            if each.option in ADDONS:
                told[each.fact] = ADDONS[each.option].load(chosen.get(each.option, UNASKED[each.option])).title
    return {"kind": asked.cluster, **told}


def kind_request(chosen: Mapping[str, str]) -> Request:
    """The kind cluster of a combination. Raises ClusterError when its options contradict each other."""
    return Request(
        cni=Cni.load(chosen.get("--cni", UNASKED["--cni"])),
        k8s=chosen.get("--k8s"),
        nodes=int(chosen.get("--nodes", "3")),
        families=chosen.get("--families"),
        kube_proxy=chosen.get("--kube-proxy"),
        lb=LoadBalancer.load(chosen.get("--lb", UNASKED["--lb"])),
        ingress=Ingress.load(chosen.get("--ingress", UNASKED["--ingress"])),
    )


def why_not_embedded(chosen: Mapping[str, str]) -> str | None:
    """Why an embedded cluster cannot be like that."""
    families = chosen.get("--families", "dual")
    return None if families in FAMILIES else f"--families {families}: an embedded cluster is {' or '.join(FAMILIES)}"


def must_know_addons(asked: Asked) -> None:
    """Raises click.UsageError for an add-on there is no data of: a typing error, not a combination."""
    for option, kind in ADDONS.items():
        for each in asked.values.get(option, ()):
            try:
                kind.load(each)
            except ClusterError as error:
                raise click.UsageError(str(error)) from None
