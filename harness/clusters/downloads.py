"""Pinned files: from a folder given with --offline, from the cache, or from their address, always by their digest."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.clusters.addon import Download
from harness.clusters.provider import ClusterError
from harness.effects.fetch import FetchError, fetch
from harness.effects.files import write_atomic


def cache() -> Path:
    """Where downloads are kept, by their digest: `$XDG_CACHE_HOME/harness`, else `~/.cache/harness`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "harness"


@dataclass(frozen=True)
class Downloads:
    """Where files come from. `folder` holds them by their own names or digests; `offline` forbids the network."""

    cache: Path
    offline: bool = False
    folder: Path | None = None
    fetch: Callable[[str], bytes] = fetch

    def get(self, wanted: Download) -> bytes:
        """The file. Raises ClusterError when it cannot be had, or is not the one that was pinned."""
        other = ""
        for path in filter(Path.is_file, self._places(wanted)):
            if (found := _digest(content := path.read_bytes())) == wanted.sha256:
                return content
            other = other or f" (the sha256 of {path} is {found})"
        if self.offline:
            told = f"put it into {self.folder or self.cache} as {wanted.sha256} or {_name(wanted.url)}"
            raise ClusterError(f"--offline: {wanted.url} is not here{other}: {told}")
        try:
            content = self.fetch(wanted.url)
        except FetchError as error:
            raise ClusterError(f"cannot fetch {error}; fetch it elsewhere and use --offline FOLDER") from error
        if (found := _digest(content)) != wanted.sha256:
            raise ClusterError(f"{wanted.url}: its sha256 is {found}, pinned is {wanted.sha256}: not used")
        write_atomic(self.cache / wanted.sha256, content)
        return content

    def _places(self, wanted: Download) -> list[Path]:
        folders = [self.folder, self.cache] if self.folder else [self.cache]
        return [folder / name for folder in folders for name in (wanted.sha256, _name(wanted.url))]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _name(url: str) -> str:
    return url.rpartition("/")[2]
