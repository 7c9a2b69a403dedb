"""Volumes of a pod: what files each holds (pure), and writing them so that a change appears all at once.

Served: configMap, secret, downwardAPI, projected (with serviceAccountToken), emptyDir. A hostPath would reach out of
the cluster onto the machine, and a claim needs storage nobody here has: both are refused as a mount failure.
"""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.embedded.kubelet.environment import ConfigError, Lookup, PodFacts, field_value

TokenFor = Callable[[str, str], str]
"""A service account's token by namespace and name."""

_LINK = "..data"
"""Files are reached through this link; moving it swaps all of them at once, as the real kubelet does."""


class MountError(Exception):
    """A volume cannot be set up (yet); the text is the event's."""


@dataclass(frozen=True)
class File:
    """A file of a volume."""

    content: bytes
    mode: int


@dataclass(frozen=True)
class Sources:
    """Where contents come from: the pod, its facts, the API's objects, tokens."""

    pod: dict[str, Any]
    facts: PodFacts
    lookup: Lookup
    token_for: TokenFor


def contents(volume: dict[str, Any], sources: Sources) -> dict[str, File] | None:
    """The files of a volume by relative path; None for an emptyDir. Raises MountError."""
    if "emptyDir" in volume:
        return None
    try:
        if "projected" in volume:
            return _projected(volume["projected"], sources)
        for kind in ("configMap", "secret", "downwardAPI"):
            if kind in volume:
                return dict(_source_files(kind, volume[kind], sources, default=volume[kind].get("defaultMode", 0o644)))
    except ConfigError as problem:
        raise MountError(f'MountVolume.SetUp failed for volume "{volume["name"]}" : {problem}') from problem
    kinds = sorted(set(volume) - {"name"})
    raise MountError(f'volume "{volume["name"]}": {", ".join(kinds)} volumes are not served by the embedded cluster')


def _projected(projected: dict[str, Any], sources: Sources) -> dict[str, File]:
    default = projected.get("defaultMode", 0o644)
    files: dict[str, File] = {}
    for source in projected.get("sources") or ():
        for kind, body in source.items():
            files |= dict(_source_files(kind, body, sources, default=default))
    return files


def _source_files(kind: str, body: dict[str, Any], sources: Sources, *, default: int) -> Iterator[tuple[str, File]]:
    match kind:
        case "configMap":
            yield from _keyed(body, "configmaps", body.get("name", ""), sources, default=default)
        case "secret":
            yield from _keyed(body, "secrets", body.get("secretName") or body.get("name", ""), sources, default=default)
        case "downwardAPI":
            for item in body.get("items") or ():
                if "fieldRef" not in item:
                    raise ConfigError(f"downwardAPI item {item['path']}: only fieldRef is served")
                text = field_value(sources.pod, item["fieldRef"]["fieldPath"], sources.facts)
                yield item["path"], File(text.encode(), item.get("mode", default))
        case "serviceAccountToken":
            meta, spec = sources.pod["metadata"], sources.pod["spec"]
            token = sources.token_for(meta["namespace"], spec.get("serviceAccountName") or "default")
            yield body["path"], File(token.encode(), default)
        case _:
            raise ConfigError(f"projected source {kind} is not served by the embedded cluster")


def _keyed(
    body: dict[str, Any], resource: str, name: str, sources: Sources, *, default: int
) -> Iterator[tuple[str, File]]:
    found = sources.lookup(resource, name)
    if found is None:
        if body.get("optional"):
            return
        raise ConfigError(f'{resource.removesuffix("s")} "{name}" not found')
    data = _bytes_of(found, encoded=resource == "secrets")
    items = body.get("items")
    if not items:
        for key, content in sorted(data.items()):
            yield key, File(content, default)
        return
    for item in items:
        if item["key"] in data:
            yield item["path"], File(data[item["key"]], item.get("mode", default))
        elif not body.get("optional"):
            raise ConfigError(f"references non-existent config key: {item['key']}")


def _bytes_of(found: Mapping[str, Any], *, encoded: bool) -> dict[str, bytes]:
    data = found.get("data") or {}
    if encoded:
        return {key: base64.b64decode(value) for key, value in data.items()}
    binary = found.get("binaryData") or {}
    return {key: value.encode() for key, value in data.items()} | {
        key: base64.b64decode(value) for key, value in binary.items()
    }


def references(volume: dict[str, Any]) -> list[tuple[str, str]]:
    """The ConfigMaps and Secrets a volume is made of, as (resource, name)."""
    found = []
    for source in [volume, *((volume.get("projected") or {}).get("sources") or ())]:
        if "configMap" in source:
            found.append(("configmaps", source["configMap"].get("name", "")))
        if "secret" in source:
            found.append(("secrets", source["secret"].get("secretName") or source["secret"].get("name", "")))
    return found


def write(directory: Path, files: Mapping[str, File], *, version: str, group: int | None = None) -> None:
    """Make `directory` hold exactly `files`; who reads while it changes sees the old set or the new one."""
    directory.mkdir(parents=True, exist_ok=True)
    link = directory / _LINK
    before = str(link.readlink()) if link.is_symlink() else None
    fresh = directory / f"..{version}"
    for path, file in files.items():
        target = fresh / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.content)
        target.chmod(file.mode | (0o440 if group is not None else 0))
        if group is not None:
            os.chown(target, -1, group)
    fresh.mkdir(exist_ok=True)
    draft = directory / "..data_tmp"
    draft.symlink_to(fresh.name)
    draft.replace(link)
    _link_tops(directory, {path.partition("/")[0] for path in files})
    if before is not None and before != fresh.name:
        shutil.rmtree(directory / before, ignore_errors=True)


def _link_tops(directory: Path, wanted: set[str]) -> None:
    present = {entry.name for entry in directory.iterdir() if not entry.name.startswith("..")}
    for name in present - wanted:
        (directory / name).unlink()
    for name in wanted - present:
        (directory / name).symlink_to(f"{_LINK}/{name}")


def make_empty(directory: Path, *, group: int | None = None) -> None:
    """An emptyDir: everybody may write; `fsGroup` owns what is made in it."""
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o777)
    if group is not None:
        os.chown(directory, -1, group)
        directory.chmod(0o2777)
