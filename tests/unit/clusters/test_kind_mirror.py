"""A registry that holds all images: their names there, and what containerd reads to find them."""

from __future__ import annotations

import tomllib

import pytest

from harness.clusters.kind.mirror import CONFIG, FOLDER, Mirror, split, untagged
from harness.clusters.provider import ClusterError


@pytest.mark.parametrize(
    ("image", "host", "rest"),
    [
        ("python:3.13-slim", "docker.io", "library/python:3.13-slim"),
        ("docker.io/traefik:v3", "docker.io", "library/traefik:v3"),
        ("docker.io/library/python:3", "docker.io", "library/python:3"),
        ("kindest/node:v1.36.2@sha256:ab", "docker.io", "kindest/node:v1.36.2@sha256:ab"),
        ("quay.io/metallb/speaker:v1", "quay.io", "metallb/speaker:v1"),
        ("localhost:5000/x", "localhost:5000", "x"),
        ("localhost/x:1", "localhost", "x:1"),
    ],
)
def test_an_image_has_a_registry_and_a_name(image: str, host: str, rest: str) -> None:
    """Short names are Docker's, as its own tools read them."""
    assert split(image) == (host, rest)


@pytest.mark.parametrize(
    ("given", "scheme", "told"),
    [
        ("registry.example", "https", "registry.example"),
        ("registry.example:5000/", "https", "registry.example:5000"),
        ("http://10.0.0.1:5000/team/all", "http", "10.0.0.1:5000/team/all"),
        ("[fd00::1]:5000", "https", "[fd00::1]:5000"),
    ],
)
def test_a_mirror_is_read(given: str, scheme: str, told: str) -> None:
    """Host, port, path, and whether it has TLS."""
    mirror = Mirror.parse(given)
    assert (mirror.scheme, str(mirror)) == (scheme, told)
    assert mirror.reference("quay.io/a/b:1") == f"{told}/quay.io/a/b:1"


@pytest.mark.parametrize("given", ["", "ftp://x", "a b", "x:port", "https://", "x/../y z", "-", "x\ny"])
def test_anything_else_is_no_mirror(given: str) -> None:
    """With the form that would do."""
    with pytest.raises(ClusterError, match=r"write it as HOST\[:PORT\]\[/PATH\]") as told:
        Mirror.parse(given)
    assert "\n" not in str(told.value)


def test_every_registry_gets_a_file_that_leads_to_the_same_name() -> None:
    """What containerd asks for is what `reference` names: the path of the mirror, then the registry's own."""
    mirror = Mirror.parse("http://m:5000/all")
    files = mirror.host_files(["quay.io/a/b:1", "quay.io/c:2", "python:3"])
    assert sorted(files) == ["docker.io/hosts.toml", "quay.io/hosts.toml"]
    told = tomllib.loads(files["quay.io/hosts.toml"].decode())
    assert told == {
        "host": {"http://m:5000/v2/all/quay.io": {"capabilities": ["pull", "resolve"], "override_path": True}}
    }


def test_containerd_is_told_where_to_look() -> None:
    """By a setting that it reads as TOML."""
    settings = tomllib.loads(CONFIG)["plugins"]["io.containerd.grpc.v1.cri"]
    assert settings["registry"]["config_path"] == FOLDER


def test_a_digest_is_no_name() -> None:
    """An image from a mirror is named by its tag; without one it cannot be."""
    assert untagged("kindest/node:v1@sha256:ab") == "kindest/node:v1"
    assert untagged("a/b:1") == "a/b:1"
    assert untagged("a/b") == "a/b"
    with pytest.raises(ClusterError, match="has a digest and no tag"):
        untagged("a:5000/b@sha256:ab")
