"""Comparing recorded API exchanges with ours: what is learned from one answer, what is put aside before comparing.

Put aside: times, versions, ages, generated names, allocated ports and addresses (learned pairs are translated), and
prose for people (descriptions of columns and annotations), and what belongs to the recorded build rather than to
Kubernetes (compiler, commit, its second certificate bundle; groups we do not serve).
"""

from __future__ import annotations

import json
import re
from typing import Any

FOREIGN_BUNDLE = "openshift-service-ca.crt"
"""A ConfigMap that the recorded build of Kubernetes adds to every namespace and mounts into every pod."""
TIMES = ("creationTimestamp", "deletionTimestamp", "time", "startTime", "startedAt", "lastTransitionTime")
ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
AGE = re.compile(r"\d+[smhd]")
TOKEN_VOLUME = re.compile(r"kube-api-access-[a-z0-9]{5}")
SLICE_NAME = re.compile(r"(.+-)[a-z0-9]{5}")
LEARNED = ("uid", "clusterIP")
PROSE = ("description", "kubernetes.io/description")
BUILD = ("compiler", "gitCommit", "goVersion", "buildDate")


def same_shape(recorded: Any, ours: Any, learned: dict[str, str]) -> None:
    """Learn which of our uids and addresses stand for which recorded ones."""
    if isinstance(recorded, dict) and isinstance(ours, dict):
        for key, value in recorded.items():
            if key in LEARNED and isinstance(value, str) and isinstance(ours.get(key), str):
                learned.setdefault(value, ours[key])
            else:
                same_shape(value, ours.get(key), learned)
    elif isinstance(recorded, list) and isinstance(ours, list):
        for one, other in zip(recorded, ours, strict=False):
            same_shape(one, other, learned)


def translated(value: Any, learned: dict[str, str]) -> Any:
    """A recorded value with our uids and addresses in it."""
    text = json.dumps(value)
    for recorded, ours in learned.items():
        if recorded not in ("", "None"):
            text = text.replace(recorded, ours)
    return json.loads(text)


def settled(value: Any, key: str = "") -> Any:
    """A value with everything put aside that may differ."""
    if isinstance(value, dict):
        return {_shown(name): settled(item, name) for name, item in sorted(value.items())}
    if isinstance(value, list):
        return [settled(item, key) for item in value if not _is_foreign(item)]
    if key in TIMES or key.endswith("-time"):
        return None if value is None else "<time>"
    if key in ("resourceVersion", "continue", "remainingItemCount"):
        return f"<{key}>"
    if key in PROSE or key in BUILD:
        return f"<{key}>"
    if key in ("nodePort", "healthCheckNodePort") and isinstance(value, int):
        return "<port>" if value >= 30000 else value
    if isinstance(value, str):
        return _settled_text(value, key)
    return value


def _shown(name: str) -> str:
    return re.sub(r'(k:\{"uid":").*?"', r'\1<uid>"', name)


def _settled_text(text: str, key: str) -> str:
    if key == "ca.crt":
        return "<certificate>"
    if key == "uid":
        return "<uid>"
    if key == "cells":
        text = AGE.sub("<age>", text) if AGE.fullmatch(text) else text
    if key == "name" and TOKEN_VOLUME.fullmatch(text):
        return "kube-api-access-<suffix>"
    if key == "name" and (found := SLICE_NAME.fullmatch(text)):
        return f"{found[1]}<suffix>"
    return ADDRESS.sub("<address>", text)


def _is_foreign(item: Any) -> bool:
    """Whether a list item is the recorded build's own: its bundle, as an object or as a source of a volume."""
    if not isinstance(item, dict):
        return False
    name = (item.get("metadata") or item.get("configMap") or {}).get("name")
    return name == FOREIGN_BUNDLE


def differences(recorded: Any, ours: Any, path: str = "") -> list[str]:
    """Where two settled values differ."""
    if isinstance(recorded, dict) and isinstance(ours, dict):
        return [
            line
            for name in sorted({*recorded, *ours})
            for line in _difference_at(recorded, ours, name, f"{path}.{name}")
        ]
    if isinstance(recorded, list) and isinstance(ours, list) and len(recorded) == len(ours):
        return [
            line
            for index, (one, other) in enumerate(zip(recorded, ours, strict=True))
            for line in differences(one, other, f"{path}[{index}]")
        ]
    if recorded == ours:
        return []
    return [f"{path}: recorded {json.dumps(recorded)[:400]}, ours {json.dumps(ours)[:400]}"]


def _difference_at(recorded: dict[str, Any], ours: dict[str, Any], name: str, path: str) -> list[str]:
    if name not in ours:
        return [f"{path}: recorded {json.dumps(recorded[name])[:400]}, ours has none"]
    if name not in recorded:
        return [f"{path}: recorded none, ours {json.dumps(ours[name])[:400]}"]
    return differences(recorded[name], ours[name], path)


def served_part(recorded: Any, ours: Any) -> tuple[Any, Any]:
    """Discovery documents, less what only one of the two clusters serves. What we serve must be a part of Kubernetes
    or of the embedded cluster's own group."""
    for field in ("resources", "groups"):
        if isinstance(recorded, dict) and isinstance(recorded.get(field), list):
            names = {item["name"] for item in recorded[field]} & {item["name"] for item in ours[field]}
            return tuple(  # type: ignore[return-value]
                {**document, field: sorted((i for i in document[field] if i["name"] in names), key=lambda i: i["name"])}
                for document in (recorded, ours)
            )
    return recorded, ours
