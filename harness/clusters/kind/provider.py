"""The provider behind `--cluster kind`: make a cluster, or use a kept one again; take back what was made.

Everything that can be refused is refused before anything is made: engine, kind, images, downloads. What fails later
leaves its logs in the report and is removed. A run that is killed leaves marked containers (`marks.py`), which the
next run and `harness clean` remove.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.clusters import addon_install, addon_manifest
from harness.clusters.addon import Addon
from harness.clusters.addon_install import ADMITTED_LIMIT, POOL
from harness.clusters.downloads import Downloads, cache
from harness.clusters.kind import companion, config, images, leftovers, neighbour, nodes, pool, versions
from harness.clusters.kind.config import Plan
from harness.clusters.kind.engine import Kind, Tell, Tools, engine, silent
from harness.clusters.kind.images import Stock, Wanted
from harness.clusters.kind.marks import Mark, Stay
from harness.clusters.kind.request import Request
from harness.clusters.outside import with_door
from harness.clusters.provider import Access, ClusterError
from harness.effects import process
from harness.effects.clock import Clock, RealClock
from harness.effects.files import write_atomic
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
class Part:
    """An add-on, and its objects."""

    addon: Addon
    manifest: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Prepared:
    """A plan, what was fetched for it, and the images that nodes need: those that are here are copied into them."""

    plan: Plan
    parts: tuple[Part, ...]
    wanted: tuple[Wanted, ...]
    load: tuple[str, ...]
    plugins: bytes = b""
    """CNI plugin programs that nodes lack, as an archive."""


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
        self._stock = Stock(self._docker, offline=setting.offline, mirror=request.mirror, tell=self._tell)
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
        """Leave the logs of every node in `into`, as kind exports them, and of what runs beside them."""
        with contextlib.suppress(RunError):
            self._kind.export_logs(self._name, into)
        if self._request.lb.container is not None:
            with contextlib.suppress(RunError):
                said = self._docker.logs(companion.name(self._name))
                write_atomic(into / f"{companion.name(self._name)}.log", said.encode())

    # -- before anything is made ---------------------------------------------------------------------------------

    def _prepare(self, kind: versions.Version, *, cgroup_v1: bool) -> Prepared:
        pins, setting = images.pins(), self._setting
        image = versions.choose(self._request.k8s, kind=kind, local=self._docker.images(), pins=pins)
        # Which version it is tells which kind it needs: before a gigabyte is pulled for nothing, if its tag says so.
        version = versions.of_image(image) if image else None
        if version is not None and (why := versions.too_new(version, kind=kind, pins=pins)):
            raise ClusterError(why)
        if image is not None:
            image = self._stock.must_have(image, option="--k8s")
            version = version or self._docker.version_in(image)
        plan = self._request.plan(run=setting.run, image=image, version=version, cgroup_v1=cgroup_v1)
        self._check_network(plan)
        wanted = [Wanted(each, "agents", images.NODES, images.OPTION) for each in setting.images]
        for each in wanted:
            self._stock.must_have(each.image, option="--agent-image")
        parts = [self._part(addon, plan) for addon in plan.addons]
        plan = replace(plan, contents=" ".join(map(addon_install.content, plan.addons)))
        extra = plan.cni.plugins
        programs = nodes.plugins_for(self._docker, extra, downloads=self._downloads()) if extra is not None else b""
        wanted += [each for part in parts for each in images.of_manifest(part.addon, part.manifest)]
        return Prepared(plan, tuple(parts), tuple(wanted), tuple(dict.fromkeys(self._stock.here(wanted))), programs)

    def _part(self, addon: Addon, plan: Plan) -> Part:
        """What an add-on is made of, with the images of what runs beside the nodes. Raises ClusterError."""
        ground = images.ground(plan)
        addon_install.afterwards(addon, ground)
        manifest = addon_install.manifest(addon, ground, downloads=self._downloads(), run=self._tools.run)
        if beside := images.of_container(addon):
            companion.check(self._docker, f"{addon.OPTION} {addon.name}")
            for each in beside:
                self._stock.must_have(each.image, option=addon.OPTION)
        return Part(addon, manifest)

    def _downloads(self) -> Downloads:
        return Downloads(cache(), offline=self._setting.offline, folder=self._setting.folder)

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
        if there is None or not there.containers:
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
                images.load_into_nodes(self._docker, self._kind, self._name, image)
            access = self._access(prepared.plan)
            with self._kube(access) as kube:
                # It served before: what is missing now is not going to come by itself.
                nodes.settle(kube, prepared.plan, (), timeout=self._setting.waits.pod_ready)
            self._run_beside(prepared.plan)
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
        if plan.mirror is not None:
            nodes.add_mirror(self._docker, self._names(), plan.mirror, [each.image for each in prepared.wanted])
        for image in prepared.load:
            self._tell(f"loading {image} into every node")
            images.load_into_nodes(self._docker, self._kind, self._name, image)
        access = self._access(plan)
        with self._kube(access) as kube:
            self._install_network(kube, prepared)
            for part in prepared.parts[1:]:
                self._install(kube, part, plan)
        if plan.keep:
            self._docker.execute(f"{plan.name}-control-plane", "touch", leftovers.COMPLETE)
            self._mine = False
        if plan.cni.absent:
            raise ClusterError(
                f"kind cluster {plan.name!r} is up without a network plugin: install yours "
                f"(kind get kubeconfig --name {plan.name}), then run again"
            )
        self._tell("ready")
        return replace(self._timed(access), temporary=self._mine)

    def _install_network(self, kube: Kube, prepared: Prepared) -> None:
        plan, part = prepared.plan, prepared.parts[0]
        if prepared.plugins:
            nodes.add_plugins(self._docker, self._names(), prepared.plugins)
        if part.manifest:
            self._tell(f"installing CNI {plan.cni.title}")
            addon_install.apply(kube, part.manifest, clock=self._clock)
        if not plan.cni.absent:
            self._tell("waiting for nodes and cluster DNS")
            rollouts = addon_manifest.rollouts(plan.cni, part.manifest)
            nodes.settle(kube, plan, rollouts, timeout=self._setting.waits.network_plugin)
            self._follow(kube, plan.cni, plan)
        if plan.control_plane_takes_pods:
            nodes.take_pods(kube, balanced=not plan.lb.absent)

    def _install(self, kube: Kube, part: Part, plan: Plan) -> None:
        """Put an add-on into the cluster, and wait until it is there. Raises ClusterError, KubeError, RunError."""
        addon = part.addon
        if addon.absent:
            return
        self._tell(f"installing {addon.WHAT} {addon.title}")
        addon_install.apply(kube, part.manifest, clock=self._clock)
        rollouts = addon_manifest.rollouts(addon, part.manifest)
        addon_install.await_rollouts(kube, rollouts, timeout=self._setting.waits.network_plugin)
        self._follow(kube, addon, plan)
        if addon is plan.lb:
            self._run_beside(plan)

    def _follow(self, kube: Kube, addon: Addon, plan: Plan) -> None:
        """What comes when it is rolled out, with addresses of the nodes' network where it gives away some."""
        given = ""
        if f"%{POOL}%" in addon.then:
            network = self._docker.network(NETWORK) or {}
            given = pool.as_items(pool.choose(network, self._names(), families=plan.families))
            self._tell(f"giving {addon} the addresses {given}")
        manifest = addon_install.afterwards(addon, images.ground(plan, pool=given))
        addon_install.apply(kube, manifest, clock=self._clock, within=ADMITTED_LIMIT)

    def _run_beside(self, plan: Plan) -> None:
        """Have the program run that the LoadBalancer implementation is; of a kept cluster it runs already."""
        container = plan.lb.container
        if container is None:
            return
        there = leftovers.found(self._docker).get(plan.name)
        if there is None or there.mark is None:
            raise ClusterError(f"{plan.lb} cannot run: the cluster is gone, or somebody else has put nodes into it")
        if not self._docker.runs(companion.name(plan.name)):
            companion.start(self._docker, container, plan.name, mark=there.mark, network=NETWORK)
        limit = self._setting.waits.network_plugin
        companion.await_words(self._docker, container, plan.name, clock=self._clock, timeout=limit)

    def _names(self) -> tuple[str, ...]:
        there = leftovers.found(self._docker).get(self._name)
        return there.containers if there else ()

    def _access(self, plan: Plan) -> Access:
        notes = {
            "node_image": plan.image or "kind's own",
            "cni": plan.cni.title,
            "families": plan.families,
            "kube_proxy": plan.kube_proxy,
            "loadbalancer": plan.lb.title,
            "ingress": plan.ingress.title,
            **({"ingress_class": plan.ingress.ingress_class} if plan.ingress.ingress_class else {}),
            **({"ingress_service": plan.ingress.service} if plan.ingress.service else {}),
            **({"mirror": str(plan.mirror)} if plan.mirror else {}),
            "kind_version": str(self._kind.version()),
            "changes": "; ".join(plan.changes),
        }
        document = self._with_door(self._kind.kubeconfig(plan.name))
        return Access(kubeconfig=document, context=None, kind="kind", notes=notes)

    def _with_door(self, kubeconfig: dict[str, Any]) -> dict[str, Any]:
        """The kubeconfig with the way to a machine beside the nodes, where the agents' image is here."""
        there = leftovers.found(self._docker).get(self._name)
        image = next((each for each in self._setting.images if self._docker.has_image(each)), None)
        if there is None or there.mark is None or image is None:
            return kubeconfig
        way = neighbour.door(self._docker.name, self._name, mark=there.mark, network=NETWORK, image=image)
        return with_door(kubeconfig, way)

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
