"""Which kind clusters cannot be made here, known before anything is tried."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.clusters import cni
from harness.clusters.cni import Cni
from harness.clusters.kind import Request
from harness.clusters.kind.engine import engine
from harness.clusters.kind.fitting import Machine, look, outside, why_not
from harness.clusters.kind.versions import Pins, Version, of_image
from harness.clusters.provider import ClusterError
from harness.effects.run import RunError
from tests.unit.clusters.kind_machine import NODE_IMAGE
from tests.unit.clusters.kind_machine import Machine as Commands

PINS = Pins(
    {
        Version(0, 33): {Version(1, 37): "sha256:37", Version(1, 36, 4): "sha256:36", Version(1, 35): "sha256:35"},
        Version(0, 29): {Version(1, 30): "sha256:30"},
    }
)
HERE = Machine(Version(0, 33), (NODE_IMAGE,), PINS)


def request(plugin: str = "kindnet", **options: str) -> Request:
    """What is asked for."""
    return Request(cni=cni.load(plugin), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "machine", "said"),
    [
        (request(), HERE, None),
        (request(k8s="1.36.2"), HERE, None),
        (request(k8s="1.35"), HERE, None),
        (request(k8s="1.28"), HERE, "no node image of it is known"),
        (request(k8s="1.36.2"), replace(HERE, kind=Version(0, 29)), "too old for Kubernetes 1.36.2"),
        (request(k8s="1.30", kube_proxy="nftables"), HERE, "needs Kubernetes 1.31"),
        (request("calico", k8s="1.37"), HERE, "CNI calico v3.32.1 is for Kubernetes 1.34 to 1.36"),
        (request("calico", k8s="1.36.2"), HERE, None),
        (request(k8s="mine/node:x"), HERE, None),
    ],
)
def test_what_is_known_against_a_cluster_is_said(asked: Request, machine: Machine, said: str | None) -> None:
    """No node image, a kind that is too old, a plugin made for other versions; not what is only lacking here."""
    told = why_not(asked, machine)
    assert told is None if said is None else said in str(told)


@pytest.mark.parametrize(
    ("words", "version", "fits"),
    [
        ("1.34 to 1.36", Version(1, 34, 0), True),
        ("1.34 to 1.36", Version(1, 36, 9), True),
        ("1.34 to 1.36", Version(1, 37, 0), False),
        ("1.9 to 1.10", Version(1, 10, 1), True),
        ("1.34 to 1.36", Version(1, 33, 9), False),
        ("documented to 1.29; nobody is known to have run it on 1.30", Version(1, 36, 0), True),
        ("", Version(1, 36, 0), True),
    ],
)
def test_only_a_range_binds(words: str, version: Version, fits: bool) -> None:
    """Patches do not matter, minors count as numbers, and a remark is not a range."""
    assert (outside(Cni("x", "", kubernetes=words), version) is None) is fits


def test_the_data_files_ranges_are_read() -> None:
    """Those of the harness that name a range refuse what is far outside of it."""
    refusing = [name for name in cni.names() if outside(cni.load(name), Version(2, 0)) is not None]
    assert {"calico", "cilium"} <= set(refusing)


def test_the_machine_is_looked_at_once() -> None:
    """Its kind, its images, the pins of the data file; without an engine it is refused."""
    commands = Commands()
    found = look(commands.tools)
    assert found.kind == Version(0, 33)
    assert NODE_IMAGE in found.images
    assert of_image(str(found.pins.default(found.kind))) is not None
    name = engine(commands.tools).name
    commands.broken[f"{name} info"] = RunError((name,), "not found")
    with pytest.raises(ClusterError, match="not installed"):
        look(commands.tools)
