"""The provider behind `--cluster kind`: make a cluster, or use a kept one again; take back what was made.

Everything that can be refused is refused before anything is made: engine, kind, images, downloads. What fails later
leaves its logs in the report and is removed. A run that is killed leaves marked containers (`marks.py`), which the
next run and `harness clean` remove.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from harness.clusters import cni_install, cni_manifest
from harness.clusters.cni_install import Ground
from harness.clusters.downloads import Downloads, cache
from harness.clusters.kind import config, leftovers, nodes, versions
from harness.clusters.kind.config import Plan
from harness.clusters.kind.engine import Kind, Tell, Tools, engine, silent
from harness.clusters.kind.marks import Mark, Stay
from harness.clusters.kind.request import Request
from harness.clusters.provider import Access, ClusterError
from harness.effects import process
from harness.effects.clock import Clock, RealClock
from harness.effects.deployed import deployed
from harness.effects.run import RunError
from harness.kube.client import Kube
from harness.kube.errors import KubeError
from harness.model.waits import Waits

NETWORK = "kind"
"""The engine's network that all kind clusters of a machine share."""


@dataclass(frozen=True)
class Setting:
    """What a run brings: its name, the images its pods use, where logs go, how long things may take."""

    run: str
    images: tuple[str, ...]
    logs: Path
    waits: Waits = field(default_factory=Waits)
    offline: bool = False
    folder: Path | None = None
    tell: Tell = silent


@dataclass(frozen=True)
class Prepared:
    """A plan, and what was fetched for it."""

    plan: Plan
    manifest: Sequence[Mapping[str, Any]]
    load: tuple[str, ...]


class KindCluster:
    """One kind cluster."""

    def __init__(
        self, request: Request, setting: Setting, *, tools: Tools | None = None, clock: Clock | None = None
    ) -> None:
        self._request = request
        self._setting = setting
        self._tools = tools or Tools()
        self._docker = engine(self._tools)
        self._kind = Kind(self._tools)
        self._clock = clock or RealClock()
        self._began = self._clock.now()
        self._name = ""
        self._mine = False
        """Whether `destroy` removes the cluster."""

    def create(self) -> Access:
        """Make the cluster and wait until it serves. Raises ClusterError; then nothing of it is left."""
        self._began = self._clock.now()
        info = self._docker.info()
        version = self._kind.version()
        leftovers.sweep(self._tools, tell=self._tell)
        leftovers.sweep_scratch()
        prepared = self._prepare(version, cgroup_v1=str(info.get("CgroupVersion", "2")) == "1")
        plan = prepared.plan
        self._name = plan.name
        if self._reusable(plan):
            self._tell(f"using kept kind cluster {plan.name}")
            return self._reuse(prepared)
        try:
            return self._make(prepared)
        except (RunError, KubeError) as error:
            raise ClusterError(self._failed(_reason(error))) from error
        except ClusterError as error:
            raise ClusterError(self._failed(str(error))) from error
        except BaseException:
            self.destroy()
            raise

    def destroy(self) -> None:
        """Remove the cluster unless it is kept; idempotent, also after half a create. Raises ClusterError."""
        if self._mine:
            self._mine = False
            self._tell(f"removing kind cluster {self._name}")
            leftovers.remove(self._docker, self._kind, self._name)

    def diagnose(self, into: Path) -> None:
        """Leave the logs of every node in `into`, as kind exports them."""
        with contextlib.suppress(RunError):
            self._kind.export_logs(self._name, into)

    # -- before anything is made ---------------------------------------------------------------------------------

    def _prepare(self, kind: versions.Version, *, cgroup_v1: bool) -> Prepared:
        pins = versions.Pins.read(yaml.safe_load(deployed("kind", "node-images.yaml").read_text()))
        local = self._docker.images()
        image = versions.choose(self._request.k8s, kind=kind, local=local, pins=pins)
        # Which version it is tells which kind it needs: before a gigabyte is pulled for nothing, if its tag says so.
        version = versions.of_image(image) if image else None
        if version is not None and (why := versions.too_new(version, kind=kind, pins=pins)):
            raise ClusterError(why)
        if image is not None:
            self._must_have(image, option="--k8s")
            version = version or self._docker.version_in(image)
        plan = self._request.plan(run=self._setting.run, image=image, version=version, cgroup_v1=cgroup_v1)
        self._check_network(plan)
        for each in self._setting.images:
            self._must_have(each, option="--agent-image")
        downloads = Downloads(cache(), offline=self._setting.offline, folder=self._setting.folder)
        ground = Ground(plan.name, plan.families, plan.kube_proxy, plan.pod_subnets)
        manifest = cni_install.manifest(plan.cni, ground, downloads=downloads, run=self._tools.run)
        return Prepared(plan, manifest, (*self._setting.images, *self._here(cni_manifest.images(manifest))))

    def _must_have(self, image: str, *, option: str) -> None:
        """Have an image on this machine, pulling it if need be. Raises ClusterError."""
        if self._docker.has_image(image):
            return
        problem: str | None = "it is not on this machine, and --offline forbids to pull it"
        if not self._setting.offline:
            self._tell(f"pulling {image}")
            problem = self._docker.pull(image)
        if problem is not None:
            said = problem.splitlines()[-1] if problem else "no reason given"
            raise ClusterError(
                f"image {image} cannot be had: {said}; load it ({self._docker.name} load) or choose another "
                f"with {option}"
            )

    def _here(self, images: Sequence[str]) -> list[str]:
        """Those that this machine has; nodes pull the others themselves. Raises ClusterError where they may not."""
        here = [image for image in images if self._docker.has_image(image)]
        absent = sorted(set(images) - set(here))
        if absent and self._setting.offline:
            raise ClusterError(
                f"--offline: CNI {self._request.cni.name} needs images that are not here: {', '.join(absent)}; "
                f"load them ({self._docker.name} load)"
            )
        return here

    def _check_network(self, plan: Plan) -> None:
        network = self._docker.network(NETWORK)
        if plan.families != "ipv4" and network is not None and not network.get("EnableIPv6", True):
            raise ClusterError(
                f"the {self._docker.name} network {NETWORK!r} has no IPv6: remove it while no cluster uses it "
                f"({self._docker.name} network rm {NETWORK}), or choose --families ipv4"
            )

    # -- a kept cluster ------------------------------------------------------------------------------------------

    def _reusable(self, plan: Plan) -> bool:
        """Whether a kept cluster of that name is there for these settings. Raises ClusterError when it is another."""
        there = leftovers.found(self._docker).get(plan.name)
        if there is None:
            return False
        if there.mark is None or there.mark.stay is not Stay.KEPT:
            raise ClusterError(
                f"there is a kind cluster {plan.name!r} that the harness did not keep: choose another name with "
                "--keep, or run on it with --cluster kubeconfig"
            )
        gone = f"remove it (kind delete cluster --name {plan.name}) or choose another name with --keep"
        if not there.running:
            raise ClusterError(f"kept kind cluster {plan.name!r} is stopped: {gone}")
        if not leftovers.is_complete(self._docker, there):
            # Of a dead maker it would have been swept a moment ago.
            raise ClusterError(f"kept kind cluster {plan.name!r} is being made by another run: wait for it, or {gone}")
        if there.mark.settings != plan.settings():
            raise ClusterError(f"kept kind cluster {plan.name!r} was made with other options: {gone}")
        return True

    def _reuse(self, prepared: Prepared) -> Access:
        try:
            for image in self._setting.images:
                self._load(image)
            access = self._access(prepared.plan)
            with self._kube(access) as kube:
                # It served before: what is missing now is not going to come by itself.
                nodes.settle(kube, prepared.plan, (), timeout=self._setting.waits.pod_ready)
        except (RunError, KubeError) as error:
            raise ClusterError(f"kept kind cluster {self._name!r}: {_reason(error)}") from error
        return self._timed(access)

    # -- a new cluster -------------------------------------------------------------------------------------------

    def _make(self, prepared: Prepared) -> Access:
        plan = prepared.plan
        mark = Mark(process.identity(), Stay.KEPT if plan.keep else Stay.RUN, plan.settings())
        self._tell(f"{self._request.headline()}: {plan.name}, {plan.image or 'the image kind comes with'}")
        self._mine = True
        self._kind.create(plan.name, config.render(plan, mark=mark), image=plan.image, tell=self._tell_of_kind)
        for image in prepared.load:
            self._tell(f"loading {image} into every node")
            self._load(image)
        access = self._access(plan)
        with self._kube(access) as kube:
            self._install(kube, prepared)
        if plan.keep:
            self._docker.execute(f"{plan.name}-control-plane", "touch", leftovers.COMPLETE)
            self._mine = False
        if plan.cni.absent:
            raise ClusterError(
                f"kind cluster {plan.name!r} is up without a network plugin: install yours "
                f"(kind get kubeconfig --name {plan.name}), then run again"
            )
        self._tell("ready")
        return self._timed(access)

    def _install(self, kube: Kube, prepared: Prepared) -> None:
        plan = prepared.plan
        if plan.cni.plugins is not None:
            downloads = Downloads(cache(), offline=self._setting.offline, folder=self._setting.folder)
            nodes.add_plugins(self._docker, self._names(), plan.cni.plugins, downloads=downloads)
        if prepared.manifest:
            self._tell(f"installing CNI {plan.cni.title}")
            cni_install.apply(kube, prepared.manifest, clock=self._clock)
        if not plan.cni.absent:
            self._tell("waiting for nodes and cluster DNS")
            rollouts = cni_manifest.rollouts(plan.cni, prepared.manifest)
            nodes.settle(kube, plan, rollouts, timeout=self._setting.waits.network_plugin)
        if plan.control_plane_takes_pods:
            nodes.take_pods(kube)

    def _names(self) -> tuple[str, ...]:
        there = leftovers.found(self._docker).get(self._name)
        return there.containers if there else ()

    def _load(self, image: str) -> None:
        """Copy an image into every node. Raises RunError."""
        try:
            self._kind.load(self._name, image)
        except RunError as error:
            # An engine that stores every platform's manifest but one platform's layers: kind's issue 3795.
            if b"content digest" not in error.err:
                raise
            with tempfile.TemporaryDirectory() as folder:
                archive = Path(folder, "image.tar")
                self._docker.save(image, archive, platform=nodes.platform(self._docker.info()))
                self._kind.load_archive(self._name, archive)

    def _access(self, plan: Plan) -> Access:
        notes = {
            "node_image": plan.image or "kind's own",
            "cni": plan.cni.title,
            "families": plan.families,
            "kube_proxy": plan.kube_proxy,
            "kind_version": str(self._kind.version()),
        }
        return Access(kubeconfig=self._kind.kubeconfig(plan.name), context=None, kind="kind", notes=notes)

    def _timed(self, access: Access) -> Access:
        return replace(access, notes={**access.notes, "boot_s": f"{self._clock.now() - self._began:.1f}"})

    def _kube(self, access: Access) -> contextlib.closing[Kube]:
        return contextlib.closing(self._tools.connect(access.kubeconfig, run=self._setting.run))

    # -- telling -------------------------------------------------------------------------------------------------

    def _failed(self, why: str) -> str:
        """The one line of a create that failed, after the logs were saved and the cluster was removed."""
        if not self._mine:
            return why
        into = self._setting.logs
        self.diagnose(into)
        self.destroy()
        logs = f"; logs of the nodes: {into}" if into.is_dir() else ""
        return f"kind cluster {self._name}: {why}{logs}"

    def _tell(self, line: str) -> None:
        self._setting.tell(f"{self._clock.now() - self._began:5.1f} s  {line}")

    def _tell_of_kind(self, line: str) -> None:
        if step := step_of(line):
            self._tell(step)


def step_of(line: str) -> str:
    """What kind says it begins now, without its pictures; empty for a line that begins nothing."""
    found = re.match(r"\s*•\s+(.*?)\s*\.\.\.\s*$", line)
    return re.sub(r"[^\x20-\x7e]", "", found[1]).strip() if found else ""


def _reason(error: RunError | KubeError) -> str:
    """The line that says what went wrong, of all that a command said."""
    if isinstance(error, KubeError):
        return str(error)
    said = error.err.decode(errors="replace").strip().splitlines()
    errors = [line.removeprefix("ERROR: ") for line in said if line.startswith("ERROR: ")]
    return (errors or said[-1:] or [error.problem])[0]
