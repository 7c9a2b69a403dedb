"""`harness images`: every image that a kind cluster needs, to be listed, saved, loaded, or found in a mirror.

What is needed is read from the manifests that a run with the same options would apply. It makes no cluster.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from harness.clusters.cni import Cni
from harness.clusters.downloads import Downloads, cache
from harness.clusters.ingress import Ingress
from harness.clusters.kind import Request, Tools, leftovers
from harness.clusters.kind import images as stock
from harness.clusters.kind.engine import Engine, Kind, engine
from harness.clusters.kind.images import AGENT_IMAGE, Selection
from harness.clusters.kind.marks import Stay
from harness.clusters.kind.mirror import Mirror
from harness.clusters.kind.nodes import platform
from harness.clusters.kind.request import FAMILIES, KUBE_PROXY
from harness.clusters.kind.versions import REPOSITORY
from harness.clusters.loadbalancer import LoadBalancer
from harness.clusters.provider import ClusterError
from harness.effects.files import write_atomic
from harness.effects.run import RunError

ARCHIVE = "images.tar"
"""What the archive is called in a folder."""


@click.group()
def images() -> None:
    """Every image that a kind cluster needs: list, save, load, map to a mirror."""


def _selecting(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which cluster it is for, as pytest takes them."""
    added = (
        click.option("--cni", default="kindnet", metavar="NAME|FILE", help="Network plugin (kindnet)."),
        click.option("--lb", default="none", metavar="NAME|FILE", help="LoadBalancer implementation (none)."),
        click.option("--ingress", default="none", metavar="NAME|FILE", help="Ingress controller (none)."),
        click.option("--k8s", metavar="VERSION|IMAGE", help="Kubernetes version, or a node image."),
        click.option("--families", type=click.Choice(FAMILIES), help="IP families."),
        click.option("--kube-proxy", type=click.Choice(KUBE_PROXY), help="Mode of kube-proxy."),
        click.option(
            "--agent-image", default=AGENT_IMAGE, metavar="IMAGE", help=f"Image for the agents ({AGENT_IMAGE})."
        ),
        click.option(
            "--offline", is_flag=False, flag_value="", metavar="[DIR]", help="Fetch nothing; files are in DIR."
        ),
    )
    for option in reversed(added):
        command = option(command)
    return command


def _selection(asked: dict[str, Any], tools: Tools) -> Selection:
    """What these options need; what keeps the list from being exact is told. Raises ClusterError."""
    cni = Cni.load(asked["cni"])
    request = Request(
        cni=cni,
        lb=LoadBalancer.load(asked["lb"]),
        ingress=Ingress.load(asked["ingress"]),
        k8s=asked["k8s"],
        families=asked["families"],
        kube_proxy=asked["kube_proxy"],
        keep="images" if cni.absent else None,
    )
    found = stock.select(request, agent=asked["agent_image"], tools=tools, downloads=_downloads(asked["offline"]))
    for note in found.notes:
        click.echo(f"harness: {' '.join(note.split())}", err=True)
    return found


def _downloads(offline: str | None) -> Downloads:
    return Downloads(cache(), offline=offline is not None, folder=Path(offline) if offline else None)


@images.command("list")
@_selecting
@click.option("--json", "as_json", is_flag=True, help="With what each is for, who runs it, and who says so.")
def list_images(*, as_json: bool, **asked: Any) -> None:
    """One image a line."""
    tools = Tools()
    found = _selection(asked, tools)
    if not as_json:
        for image in dict.fromkeys(each.image for each in found.images):
            click.echo(image)
        return
    docker = engine(tools)
    told = [{**vars(each), "here": _here(docker, each.image)} for each in found.images]
    click.echo(json.dumps({"images": told, "notes": found.notes}, indent=1))


def _write(path: Path, content: bytes) -> None:
    """Write a file. Raises ClusterError when that cannot be."""
    try:
        write_atomic(path, content)
    except OSError as error:
        raise ClusterError(f"{path.parent}: cannot be written: {error.strerror}") from error


def _here(docker: Engine, image: str) -> bool | None:
    """Whether it is on this machine; None where there is no engine to ask."""
    try:
        return docker.has_image(image)
    except ClusterError:
        return None


@images.command()
@click.argument("into", type=click.Path(path_type=Path), metavar="DIR|FILE.tar")
@_selecting
def save(into: Path, **asked: Any) -> None:
    """Pull what is missing and save it: an archive, or a folder with one and with what --offline DIR needs."""
    tools = Tools()
    docker = engine(tools)
    info = docker.info()
    found = _selection(asked, tools)
    folder = into.suffix != ".tar"
    archive = into / ARCHIVE if folder else into
    if folder and into.is_file():
        raise ClusterError(f"{into}: is a file; name a folder, or an archive that ends in .tar")
    here = stock.Stock(docker, offline=asked["offline"] is not None, tell=click.echo)
    wanted = dict.fromkeys(each.image for each in found.images)
    names = [here.named(here.must_have(each, option="its option")) for each in wanted]
    if folder:
        for each in stock.files(found.plan, architecture=platform(info).partition("/")[2]):
            _write(into / each.sha256, _downloads(asked["offline"]).get(each))
    click.echo(f"saving {len(names)} images into {archive}")
    stock.save(docker, names, archive)


@images.command()
@click.argument("source", type=click.Path(path_type=Path), metavar="DIR|FILE.tar")
@click.option("--keep", metavar="NAME", help="Also copy them into the nodes of this kept kind cluster.")
def load(source: Path, keep: str | None) -> None:
    """Load an archive into the engine, from where the next kind cluster gets its images."""
    tools = Tools()
    docker, archive = engine(tools), source / ARCHIVE if source.is_dir() else source
    if not archive.is_file():
        raise ClusterError(f"{archive}: no such archive; make one with: harness images save {source}")
    docker.info()
    if keep is not None:
        _must_be_kept(docker, keep)
    try:
        names = docker.load(archive)
    except RunError as error:
        raise ClusterError(f"{archive}: {docker.name} cannot load it: {error.line}") from error
    for name in names:
        click.echo(f"loaded {name}")
        if keep is not None and not name.removeprefix("docker.io/").startswith(f"{REPOSITORY}:"):
            _into_nodes(tools, keep, name)


def _must_be_kept(docker: Engine, name: str) -> None:
    there = leftovers.found(docker)
    kept = [each.name for each in there.values() if each.mark is not None and each.mark.stay is Stay.KEPT]
    if name not in kept:
        raise ClusterError(f"--keep {name}: no such kept kind cluster; there are: {', '.join(sorted(kept)) or 'none'}")


def _into_nodes(tools: Tools, cluster: str, image: str) -> None:
    try:
        stock.load_into_nodes(engine(tools), Kind(tools), cluster, image)
    except RunError as error:
        raise ClusterError(f"image {image} cannot be loaded into kind cluster {cluster}: {error.line}") from error


@images.command()
@click.argument("registry")
@_selecting
@click.option(
    "--write", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Write host files there."
)
def mirror(registry: str, write: Path | None, **asked: Any) -> None:
    """Each image and its place in a mirror, a pair a line; --mirror REGISTRY makes kind clusters take them from there.

    With --write, also what containerd reads to find them (a folder like /etc/containerd/certs.d), for other nodes.
    """
    there = Mirror.parse(registry)
    found = [each.image for each in _selection(asked, Tools()).images]
    for path, content in there.host_files(found).items() if write else ():
        _write(Path(write or "", path), content)
    for image in dict.fromkeys(found):
        click.echo(f"{image} {there.reference(image)}")
