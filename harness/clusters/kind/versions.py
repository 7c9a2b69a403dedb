"""Versions of Kubernetes and kind, and the choice of a node image. Pure; the pins are data in `deploy/kind`.

A node image is supported by the kind that built it. An older image mostly works with a newer kind; an image whose
Kubernetes is newer than what a kind was made for does not (its kubeadm speaks another configuration).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from harness.clusters.provider import ClusterError

REPOSITORY = "kindest/node"


class Version(NamedTuple):
    """A version by its numbers, which is how they compare."""

    major: int
    minor: int
    patch: int = 0

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


def parse(text: str) -> Version | None:
    """The first `1.36` or `v1.36.2` in a text; None when there is none."""
    found = re.search(r"(?<![\d.])v?(\d+)\.(\d+)(?:\.(\d+))?", text)
    return Version(int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def of_image(reference: str) -> Version | None:
    """The version a node image's tag tells; None when it has none or another kind of tag."""
    tag = reference.partition("@")[0].rpartition("/")[2].partition(":")[2]
    return parse(tag) if re.match(r"v?\d+\.\d+", tag) else None


@dataclass(frozen=True)
class Pins:
    """Node images by kind release, newest first: Kubernetes version to digest. The first is that kind's default."""

    images: Mapping[Version, Mapping[Version, str]]

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Pins:
        """From `deploy/kind/node-images.yaml`."""
        return cls(
            {
                _known(kind): {_known(version): str(digest) for version, digest in images.items()}
                for kind, images in document["kind"].items()
            }
        )

    def default(self, kind: Version) -> str | None:
        """The image this kind release uses unasked, with its digest; None for a release nobody wrote down."""
        images = self.images.get(Version(kind.major, kind.minor))
        return _reference(*next(iter(images.items()))) if images else None

    def find(self, wanted: Version, *, kind: Version, any_patch: bool) -> str | None:
        """The newest image of that version that was built for this kind or an older one."""
        for release, images in sorted(self.images.items(), reverse=True):
            for version, digest in sorted(images.items(), reverse=True):
                matches = version[:2] == wanted[:2] if any_patch else version == wanted
                if matches and release <= kind:
                    return _reference(version, digest)
        return None

    def newest(self, kind: Version) -> Version | None:
        """The newest Kubernetes this kind was made for; None when it is newer than all that was written down."""
        if kind[:2] > max(self.images)[:2]:
            return None
        known = [version for release, images in self.images.items() if release <= kind for version in images]
        return max(known, default=Version(0, 0))

    def kind_for(self, wanted: Version) -> Version | None:
        """The oldest kind release that was made for a Kubernetes minor version."""
        fitting = [release for release, images in self.images.items() if any(v[:2] == wanted[:2] for v in images)]
        return min(fitting, default=None)


def _known(text: object) -> Version:
    version = parse(str(text))
    if version is None:
        raise ValueError(f"{text!r} is not a version")
    return version


def _reference(version: Version, digest: str) -> str:
    return f"{REPOSITORY}:v{version}@{digest}"


def choose(asked: str | None, *, kind: Version, local: Iterable[str], pins: Pins) -> str | None:
    """The node image to use: what was asked for, preferring what is here already. None: the one kind comes with.

    `asked` is a version (`1.36`, `v1.36.2`), an image, or None. `local` are the images of this machine. Raises
    ClusterError for a version of which no image is known.
    """
    here = sorted(
        ((version, image) for image in local if image.startswith(f"{REPOSITORY}:") and (version := of_image(image))),
        reverse=True,
    )
    if asked is None:
        return _unasked(pins.default(kind), [image for version, image in here if _fits(version, kind, pins)])
    if not re.fullmatch(r"v?\d+\.\d+(\.\d+)?", asked):
        if re.search(r"[/:@]", asked):
            return asked
        raise ClusterError(f"--k8s {asked}: write a version (1.36, v1.36.2) or a node image (kindest/node:v1.36.2)")
    wanted = _known(asked)
    any_patch = asked.count(".") == 1
    for version, image in here:
        if version[:2] == wanted[:2] if any_patch else version == wanted:
            return image
    found = pins.find(wanted, kind=kind, any_patch=any_patch)
    if found is None and any_patch:
        raise ClusterError(
            f"--k8s {asked}: no node image of it is known for kind {kind}; name the exact version or an image"
        )
    return found or f"{REPOSITORY}:v{wanted}"


def _unasked(default: str | None, here: list[str]) -> str | None:
    """The default of this kind, unless only others are here: a machine without a registry still makes clusters."""
    if default is not None and default.partition("@")[0] in here:
        return default.partition("@")[0]
    return here[0] if here else default


def _fits(version: Version, kind: Version, pins: Pins) -> bool:
    newest = pins.newest(kind)
    return newest is None or version[:2] <= newest[:2]


def too_new(version: Version, *, kind: Version, pins: Pins) -> str | None:
    """Why this kind cannot make a cluster of that Kubernetes version, in one line; None when it can."""
    if _fits(version, kind, pins):
        return None
    needed = pins.kind_for(version)
    remedy = f"kind {needed.major}.{needed.minor} or newer" if needed else "a newer kind"
    return f"kind {kind} is too old for Kubernetes {version}: install {remedy}, or choose an older one with --k8s"
