"""An existing cluster, named by a kubeconfig file and a context. Nothing is made, nothing is removed.

The user's current context is never used unasked: without `context` the file has to be named explicitly
(`--kubeconfig`), and then its own current-context counts, because the file was chosen for this run.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from harness.clusters.outside import door_of
from harness.clusters.provider import Access, ClusterError

SECTIONS = {"clusters": "cluster", "users": "user", "contexts": "context"}
"""Lists of a kubeconfig, and what an entry of each has besides its name."""

FILES = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
"""Settings that name files."""


class KubeconfigCluster:
    """The provider behind `--cluster kubeconfig`."""

    def __init__(self, *, path: Path | None, context: str | None) -> None:
        self._path = path
        self._context = context

    def create(self) -> Access:
        """Read and check the kubeconfig. Raises ClusterError naming the file, the context and the ones there are."""
        if self._path is None and self._context is None:
            raise ClusterError(
                "--cluster kubeconfig needs --kubeconfig FILE or --context NAME: "
                "the current context is never used unasked"
            )
        if self._context == "":
            raise ClusterError("--context '': it names none: the current context is never used unasked")
        path = self._path or default_path()
        document = read(path)
        context = self._context or document.get("current-context") or None
        known = [entry.get("name") for entry in document.get("contexts") or []]
        if context not in known:
            there = ", ".join(sorted(str(name) for name in known)) or "none"
            raise ClusterError(f"{path}: no context {context!r}; there are: {there}")
        door_of(document, context)
        return Access(kubeconfig=absolute(document, path.parent), context=context, kind="kubeconfig")

    def destroy(self) -> None:
        """Nothing was made."""

    def diagnose(self, into: Path) -> None:
        """The cluster is not ours to search; what the run saw is in its report already."""


def default_path() -> Path:
    """The first file of KUBECONFIG, else ~/.kube/config."""
    named = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    return Path(named) if named else Path.home() / ".kube" / "config"


def read(path: Path) -> dict[str, Any]:
    """The document in `path`. Raises ClusterError when it cannot be read or is not a kubeconfig."""
    try:
        document = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ClusterError(f"{path}: {error.strerror}: name a kubeconfig with --kubeconfig FILE") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ClusterError(f"{path}: not YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(document, dict) or not isinstance(document.get("clusters"), list):
        raise ClusterError(f"{path}: not a kubeconfig: it lists no clusters")
    for section, part in SECTIONS.items():
        for entry in _entries(document, section, path):
            settings = entry.get(part) or {}
            odd = [
                key for key in FILES if not isinstance(settings, dict) or not isinstance(settings.get(key) or "", str)
            ]
            if odd:
                raise ClusterError(f"{path}: not a kubeconfig: {part} {entry.get('name')!r} is not as it should be")
    return document


def _entries(document: Mapping[str, Any], section: str, path: Path) -> list[dict[str, Any]]:
    found = document.get(section) or []
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ClusterError(f"{path}: not a kubeconfig: {section} is not a list of named entries")
    return found


def absolute(document: dict[str, Any], base: Path) -> dict[str, Any]:
    """The document with its file references made absolute, as kubectl reads them: relative to the file itself."""
    for section in ("clusters", "users"):
        for entry in document.get(section) or []:
            settings = entry.get(SECTIONS[section]) or {}
            for key in FILES:
                if settings.get(key):
                    settings[key] = str((base / settings[key]).resolve())
    return document
