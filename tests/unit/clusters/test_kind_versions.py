"""Which node image is used, and whether this kind can run it."""

from __future__ import annotations

import pytest
import yaml

from harness.clusters.kind.versions import Pins, Version, choose, of_image, parse, too_new
from harness.clusters.provider import ClusterError
from harness.effects.deployed import deployed

PINS = Pins.read(
    {
        "kind": {
            "0.33": {"1.37.0": "sha256:a", "1.36.4": "sha256:b"},
            "0.32": {"1.36.1": "sha256:c", "1.35.5": "sha256:d"},
            "0.31": {"1.35.0": "sha256:e", "1.34.3": "sha256:f"},
        }
    }
)
KIND = Version(0, 33, 0)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("kind v0.33.0 go1.27.2 linux/amd64", Version(0, 33, 0)),
        ("v1.36", Version(1, 36, 0)),
        ("1.36.2\n", Version(1, 36, 2)),
        ("nothing", None),
    ],
)
def test_versions_are_read_from_what_programs_say(text: str, version: Version | None) -> None:
    """The first version in a text."""
    assert parse(text) == version


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("kindest/node:v1.36.2", Version(1, 36, 2)),
        ("kindest/node:v1.36.2@sha256:1.2.3", Version(1, 36, 2)),
        ("reg.example:5000/node:v1.30.0-rc.1", Version(1, 30, 0)),
        ("reg.example:5000/node", None),
        ("node:latest", None),
        ("node@sha256:abc", None),
    ],
)
def test_a_tag_may_tell_the_version(image: str, version: Version | None) -> None:
    """Of a tag that is one; a registry's port and a digest are not."""
    assert of_image(image) == version


@pytest.mark.parametrize(
    ("asked", "local", "chosen"),
    [
        (None, [], "kindest/node:v1.37.0@sha256:a"),
        (None, ["kindest/node:v1.36.2", "python:3.13"], "kindest/node:v1.36.2"),
        (None, ["kindest/node:v1.36.2", "kindest/node:v1.37.0"], "kindest/node:v1.37.0"),
        (None, ["kindest/node:v1.34.1", "kindest/node:v1.36.2", "kindest/node:v1.38.0"], "kindest/node:v1.36.2"),
        (None, ["kindest/node:mine"], "kindest/node:v1.37.0@sha256:a"),
        ("1.36", [], "kindest/node:v1.36.4@sha256:b"),
        ("v1.36", ["kindest/node:v1.36.2"], "kindest/node:v1.36.2"),
        ("1.35", [], "kindest/node:v1.35.5@sha256:d"),
        ("1.36.1", ["kindest/node:v1.36.2"], "kindest/node:v1.36.1@sha256:c"),
        ("v1.36.2", ["kindest/node:v1.36.2"], "kindest/node:v1.36.2"),
        ("1.36.9", [], "kindest/node:v1.36.9"),
        ("my/node:x", ["kindest/node:v1.36.2"], "my/node:x"),
        ("kindest/node@sha256:1", [], "kindest/node@sha256:1"),
    ],
)
def test_the_node_image_is_chosen(asked: str | None, local: list[str], chosen: str) -> None:
    """What was asked; what is here before what must be fetched; what is fetched by its digest."""
    assert choose(asked, kind=KIND, local=local, pins=PINS) == chosen


def test_images_of_a_newer_kind_are_not_taken() -> None:
    """An older kind gets what was built for it or before it."""
    assert choose("1.36", kind=Version(0, 32), local=[], pins=PINS) == "kindest/node:v1.36.1@sha256:c"
    assert choose("1.35", kind=Version(0, 31, 2), local=[], pins=PINS) == "kindest/node:v1.35.0@sha256:e"


def test_an_unknown_kind_uses_its_own_image() -> None:
    """A release that nobody wrote down knows better than we do."""
    assert choose(None, kind=Version(0, 40), local=[], pins=PINS) is None
    assert choose(None, kind=Version(0, 40), local=["kindest/node:v1.41.0"], pins=PINS) == "kindest/node:v1.41.0"


@pytest.mark.parametrize(("asked", "said"), [("new", "write a version"), ("1.9", "no node image of it is known")])
def test_what_no_image_stands_for_is_refused(asked: str, said: str) -> None:
    """In one line that says how to write it."""
    with pytest.raises(ClusterError, match=said):
        choose(asked, kind=KIND, local=[], pins=PINS)


@pytest.mark.parametrize(
    ("version", "kind", "said"),
    [
        (Version(1, 37), Version(0, 33), None),
        (Version(1, 37, 9), Version(0, 33), None),
        (Version(1, 38), Version(0, 33), "install a newer kind"),
        (Version(1, 37), Version(0, 32, 5), "kind 0.32.5 is too old for Kubernetes 1.37.0: install kind 0.33 or newer"),
        (Version(1, 35), Version(0, 30), "install kind 0.31 or newer"),
        (Version(1, 20), Version(0, 31), None),
        (Version(1, 99), Version(0, 34), None),
    ],
)
def test_a_kind_that_is_too_old_is_said(version: Version, kind: Version, said: str | None) -> None:
    """With the release that would do, where it is known; a kind newer than our table is trusted."""
    told = too_new(version, kind=kind, pins=PINS)
    assert (told is None) == (said is None)
    assert said is None or said in str(told)


def test_the_pins_that_travel_are_whole() -> None:
    """Every image has a digest, and releases and images stand newest first: the first is the default."""
    pins = Pins.read(yaml.safe_load(deployed("kind", "node-images.yaml").read_text()))
    assert list(pins.images) == sorted(pins.images, reverse=True)
    for images in pins.images.values():
        assert list(images) == sorted(images, reverse=True)
        assert all(digest.startswith("sha256:") and len(digest) == 71 for digest in images.values())
