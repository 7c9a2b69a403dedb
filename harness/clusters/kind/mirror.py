"""A registry that holds other registries' images, each below the name of the one it comes from. Pure.

`quay.io/metallb/speaker:v1` is `<mirror>/quay.io/metallb/speaker:v1` there: no two registries' names can meet. Nodes
are told by containerd's host files (https://github.com/containerd/containerd/blob/main/docs/hosts.md), so that
manifests stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from harness.clusters.provider import ClusterError

FOLDER = "/etc/containerd/certs.d"
"""Where nodes are told of mirrors."""

CONFIG = f'[plugins."io.containerd.grpc.v1.cri".registry]\n  config_path = "{FOLDER}"\n'
"""What makes containerd look there; newer ones do so by themselves."""

DOCKER = "docker.io"


@dataclass(frozen=True)
class Mirror:
    """A registry by scheme, host, and what stands before all names in it."""

    scheme: str
    host: str
    prefix: str = ""

    @classmethod
    def parse(cls, given: str) -> Self:
        """From `registry.example:5000`, with a path behind it, and `http://` before it. Raises ClusterError."""
        found = re.fullmatch(
            r"(?:(https?)://)?([A-Za-z0-9.-]+(?::\d{1,5})?|\[[0-9a-f:]+\](?::\d{1,5})?)((?:/[\w.-]+)*)/?", given
        )
        if found is None or not found[2].strip(".-"):
            raise ClusterError(
                f"mirror {given!r}: write it as HOST[:PORT][/PATH], with http:// before it if it has no TLS"
            )
        return cls(found[1] or "https", found[2], found[3].strip("/"))

    def __str__(self) -> str:
        return "/".join(part for part in (self.host, self.prefix) if part)

    def reference(self, image: str) -> str:
        """What an image is called in the mirror."""
        host, rest = split(image)
        return f"{self}/{host}/{rest}"

    def host_file(self, host: str) -> str:
        """What containerd reads before it asks the registry `host`."""
        path = "/".join(part for part in ("v2", self.prefix, host) if part)
        abilities = '  capabilities = ["pull", "resolve"]\n  override_path = true\n'
        return f'[host."{self.scheme}://{self.host}/{path}"]\n{abilities}'

    def host_files(self, images: Iterable[str]) -> dict[str, bytes]:
        """The files for every registry of these images, by their path below FOLDER."""
        hosts = sorted({split(image)[0] for image in images})
        return {f"{host}/hosts.toml": self.host_file(host).encode() for host in hosts}


def split(image: str) -> tuple[str, str]:
    """The registry of an image, and its name there with tag and digest; short names are Docker's."""
    first, slash, rest = image.partition("/")
    if slash and (first == "localhost" or any(sign in first for sign in ".:")):
        return first, rest if first != DOCKER or "/" in rest else f"library/{rest}"
    return DOCKER, image if slash else f"library/{image}"


def untagged(image: str) -> str:
    """A name that an image can be given: with a digest only, that of its tag."""
    name, digest, _ = image.partition("@")
    if digest and ":" not in name.rpartition("/")[2]:
        raise ClusterError(f"image {image} has a digest and no tag: name it with its tag to take it from a mirror")
    return name
