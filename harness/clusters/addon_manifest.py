"""From an add-on's data to the objects that are applied: patched text, flat list, in an order that works. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import yaml

from harness.clusters.addon import ROLLED_OUT, Addon, Chart, Patch, Rollout, When
from harness.clusters.provider import ClusterError

FIRST = ("Namespace", "CustomResourceDefinition", "ServiceAccount", "ConfigMap", "Secret")
"""Kinds that others need, in this order; everything else keeps its place behind them."""

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Manifests have ten thousand lines; the C loader reads them in a tenth of the time, where it is there."""


def patched(text: str, addon: Addon, *, places: Mapping[str, str], families: str, kube_proxy: str) -> str:
    """The manifest's text with the add-on's patches. Raises ClusterError for one that does not fit."""
    for patch in addon.patches:
        if patch.when.holds(families=families, kube_proxy=kube_proxy):
            text = _replace(text, patch, places, addon)
    return text


def _replace(text: str, patch: Patch, places: Mapping[str, str], addon: Addon) -> str:
    found = text.count(patch.find)
    if found != patch.times:
        raise ClusterError(
            f"{addon}: the patch {patch.why!r} expects {patch.find!r} {patch.times} times in the manifest, "
            f"it is there {found} times"
        )
    return text.replace(patch.find, filled(patch.put, places))


def filled(text: str, places: Mapping[str, str]) -> str:
    """The text with `%name%` replaced by what the cluster has."""
    for name, value in places.items():
        text = text.replace(f"%{name}%", value)
    return text


def chart_values(chart: Chart, *, places: Mapping[str, str], families: str, kube_proxy: str) -> dict[str, Any]:
    """The values for a Helm chart on this cluster: those whose condition holds, later ones over earlier ones."""
    merged: dict[str, Any] = {}
    for each in chart.values:
        when = each.get("when", When())
        if when.holds(families=families, kube_proxy=kube_proxy):
            merged |= {key: filled(v, places) if isinstance(v, str) else v for key, v in each["set"].items()}
    return merged


def objects(text: str, *, where: str) -> list[dict[str, Any]]:
    """The objects of a manifest, lists opened, in the order to apply. Raises ClusterError."""
    try:
        documents = list(yaml.load_all(text, Loader=LOADER))
    except yaml.YAMLError as error:
        raise ClusterError(f"{where}: not YAML: {str(error).splitlines()[0]}") from error
    found = list(_flat(documents))
    for each in found:
        if not isinstance(each, dict) or not all(
            _text(part) for part in (each.get("kind"), _part(each, "metadata", "name"))
        ):
            raise ClusterError(f"{where}: not a manifest: a document has no kind and name")
    if not found:
        raise ClusterError(f"{where}: nothing to install in it")
    return sorted(found, key=lambda each: FIRST.index(each["kind"]) if each["kind"] in FIRST else len(FIRST))


def _flat(documents: Iterable[Any]) -> Iterator[Any]:
    for document in documents:
        items = document.get("items", ()) if isinstance(document, dict) else ()
        if isinstance(document, dict) and str(document.get("kind")).endswith("List") and isinstance(items, list | None):
            yield from _flat(items or ())
        elif document is not None:
            yield document


def images(manifest: Sequence[Mapping[str, Any]]) -> list[str]:
    """The images of every pod and pod template in it, each once."""
    found: dict[str, None] = {}
    for each in manifest:
        pod = _pod(each)
        for container in [*_several(pod, "initContainers"), *_several(pod, "containers")]:
            if image := _text(_part(container, "image")):
                found[image] = None
    return list(found)


def _pod(obj: Mapping[str, Any]) -> Any:
    """The pod that an object is or makes; None when it makes none. Objects of other kinds say `spec` of anything."""
    if obj.get("kind") == "Pod":
        return obj.get("spec")
    way = ("spec", "jobTemplate", "spec") if obj.get("kind") == "CronJob" else ("spec",)
    return _part(obj, *way, "template", "spec")


def _part(obj: Any, *way: str) -> Any:
    """What stands there; None when nothing does."""
    for key in way:
        obj = obj.get(key) if isinstance(obj, Mapping) else None
    return obj


def _several(obj: Any, key: str) -> list[Any]:
    found = _part(obj, key)
    return found if isinstance(found, list) else []


def _text(found: Any) -> str:
    return found if isinstance(found, str) else ""


def rollouts(addon: Addon, manifest: Sequence[Mapping[str, Any]]) -> list[Rollout]:
    """What to wait for: what its data says, else every workload of its manifest."""
    if addon.ready:
        return list(addon.ready)
    return [
        Rollout(each["kind"], each["metadata"].get("namespace", "default"), each["metadata"]["name"])
        for each in manifest
        if each["kind"] in ROLLED_OUT
    ]
