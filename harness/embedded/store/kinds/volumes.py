"""Volumes of a pod: defaults and rules. Sources the embedded nodes cannot mount are accepted, as the API does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.embedded.store import names
from harness.embedded.store.fields import Faults

Object = dict[str, Any]
DEFAULT_MODE = 0o644
TOKEN_SECONDS = 3600
DOWNWARD_FIELDS = ("metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid")


def default_volume(volume: Object) -> None:
    """Complete one volume."""
    sources = [key for key in volume if key != "name"]
    if not sources:
        volume["emptyDir"] = {}
    for sort in ("configMap", "secret", "downwardAPI", "projected"):
        if sort in volume:
            volume[sort].setdefault("defaultMode", DEFAULT_MODE)
    for item in (volume.get("downwardAPI") or {}).get("items") or ():
        _default_field(item)
    for source in (volume.get("projected") or {}).get("sources") or ():
        if "serviceAccountToken" in source:
            source["serviceAccountToken"].setdefault("expirationSeconds", TOKEN_SECONDS)
        for item in (source.get("downwardAPI") or {}).get("items") or ():
            _default_field(item)
    if "hostPath" in volume:
        volume["hostPath"].setdefault("type", "")


def _default_field(item: Object) -> None:
    if "fieldRef" in item:
        item["fieldRef"].setdefault("apiVersion", "v1")


def validate_volumes(volumes: Sequence[Object], path: str, faults: Faults) -> set[str]:
    """Check all volumes; returns their names, for the mounts."""
    known: set[str] = set()
    for index, volume in enumerate(volumes):
        where = f"{path}[{index}]"
        name = volume.get("name", "")
        if not name:
            faults.required(f"{where}.name")
        for problem in names.label(name) if name else ():
            faults.invalid(f"{where}.name", name, problem)
        if name in known:
            faults.duplicate(f"{where}.name", name)
        known.add(name)
        _validate_source(volume, where, faults)
    return known


def _validate_source(volume: Object, path: str, faults: Faults) -> None:
    sources = [key for key in volume if key != "name"]
    for extra in sources[1:]:
        faults.forbidden(f"{path}.{extra}", "may not specify more than 1 volume type")
    for sort, field in (("configMap", "name"), ("secret", "secretName")):
        if sort in volume:
            if not volume[sort].get(field):
                faults.required(f"{path}.{sort}.{field}")
            _validate_items(volume[sort].get("items") or (), f"{path}.{sort}", faults)
    if "hostPath" in volume and not volume["hostPath"].get("path"):
        faults.required(f"{path}.hostPath.path")
    if "downwardAPI" in volume:
        _validate_downward(volume["downwardAPI"], f"{path}.downwardAPI", faults)
    for index, source in enumerate((volume.get("projected") or {}).get("sources") or ()):
        _validate_projection(source, f"{path}.projected.sources[{index}]", faults)


def _validate_items(items: Sequence[Object], path: str, faults: Faults) -> None:
    for index, item in enumerate(items):
        if not item.get("key"):
            faults.required(f"{path}.items[{index}].key")
        _validate_path(item.get("path", ""), f"{path}.items[{index}].path", faults)


def _validate_path(text: str, path: str, faults: Faults) -> None:
    if not text:
        faults.required(path)
    elif text.startswith("/"):
        faults.invalid(path, text, "must be a relative path")
    elif ".." in text.split("/"):
        faults.invalid(path, text, "must not contain '..'")
    elif text.startswith(".."):
        faults.invalid(path, text, "must not start with '..'")


def _validate_downward(source: Object, path: str, faults: Faults) -> None:
    for index, item in enumerate(source.get("items") or ()):
        _validate_path(item.get("path", ""), f"{path}.path", faults)
        reference = item.get("fieldRef")
        if reference is not None:
            field = reference.get("fieldPath", "")
            if field.partition("[")[0] not in DOWNWARD_FIELDS:
                faults.unsupported(f"{path}.fieldRef.fieldPath", field, DOWNWARD_FIELDS)
        elif "resourceFieldRef" not in item:
            faults.required(f"{path}.items[{index}].fieldRef", "one of fieldRef and resourceFieldRef is required")


def _validate_projection(source: Object, path: str, faults: Faults) -> None:
    if "serviceAccountToken" in source:
        token = source["serviceAccountToken"]
        if token.get("expirationSeconds", TOKEN_SECONDS) < 600:
            faults.invalid(
                f"{path}.serviceAccountToken.expirationSeconds",
                token["expirationSeconds"],
                "may not specify a duration less than 10 minutes",
            )
        _validate_path(token.get("path", ""), f"{path}.serviceAccountToken.path", faults)
    for sort in ("configMap", "secret"):
        if sort in source and not source[sort].get("name"):
            faults.required(f"{path}.{sort}.name")
    if "downwardAPI" in source:
        _validate_downward(source["downwardAPI"], f"{path}.downwardAPI", faults)
