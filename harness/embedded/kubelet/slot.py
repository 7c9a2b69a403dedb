"""One container of a pod through all its runs: pull, configure, start, probe, end, run again or settle.

Nothing here is cancelled in the middle of a start: the pod's `ending` is looked at wherever time passes, so no
container is ever lost sight of.
"""

from __future__ import annotations

import asyncio
import hashlib
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.embedded.kubelet import faults, oci, probes, rootfs
from harness.embedded.kubelet.containers import Container, ContainerError
from harness.embedded.kubelet.environment import ConfigError, container_variables, expand, expand_all, service_variables
from harness.embedded.kubelet.hooks import hook_of, run_hook
from harness.embedded.kubelet.images import Image, find
from harness.embedded.kubelet.logs import ContainerLog
from harness.embedded.kubelet.podrun import PodRun
from harness.embedded.kubelet.policy import Backoff, is_sidecar, restarts
from harness.embedded.kubelet.probes import Role
from harness.embedded.kubelet.probing import Answer, Target, ask
from harness.embedded.kubelet.security import identity
from harness.embedded.kubelet.status import ContainerSeen, Running, Terminated, Waiting

CONFIG_RETRY = 1.0
"""Seconds until a configuration that lacked an object is tried again, though no object changed."""

PULL_REPORTED = 0.5
"""Seconds ErrImagePull is shown before it becomes ImagePullBackOff."""

HOOK_LIMIT = 60.0
"""Seconds a postStart hook may take; a real kubelet waits for ever."""

MESSAGE_LIMIT = 4096


class Slot:
    """A container as the pod's spec names it."""

    def __init__(self, run: PodRun, spec: dict[str, Any], *, init: bool) -> None:
        self.run = run
        self.spec = spec
        self.name = str(spec["name"])
        self.seen = ContainerSeen(spec=spec, init=init, state=Waiting())
        self.container: Container | None = None
        self.log: ContainerLog | None = None
        self.previous_log: ContainerLog | None = None
        self._runs = 0
        self.first_done = asyncio.Event()
        """The first start was tried, or there will be none."""

    async def keep(self) -> None:
        """Run the container as its pod wants, until it settles or the pod ends."""
        try:
            await self._keep()
        finally:
            self.first_done.set()

    async def _keep(self) -> None:
        backoff = Backoff()
        policy = self.run.pod["spec"].get("restartPolicy", "Always")
        while not self.run.ending.is_set():
            image = await self._pulled()
            if image is None:
                return
            ended = await self._one_run(image)
            if ended is None:
                return
            again = restarts(policy, code=ended.code, init=self.seen.init, sidecar=is_sidecar(self.spec))
            if self.run.ending.is_set() or not again:
                self.seen.settled = True
                self.run.changed()
                return
            backoff = backoff.failed(ran=ended.finished - ended.started)
            if await self._back_off(backoff, ended):
                return
            self.seen.restarts += 1

    async def _back_off(self, backoff: Backoff, ended: Terminated) -> bool:
        self.seen.last = ended
        if not backoff.current:
            return self.run.ending.is_set()
        meta = self.run.pod["metadata"]
        message = (
            f"back-off {backoff.current:g}s restarting failed container={self.name}"
            f" pod={meta['name']}_{meta['namespace']}({meta['uid']})"
        )
        self._show(Waiting("CrashLoopBackOff", message))
        self.run.say("BackOff", f"Back-off restarting failed container {self.name}", container=self.name, warning=True)
        return await self.run.pause(backoff.current)

    async def _pulled(self) -> Image | None:
        """The image, or None when the pod ends before it can be had."""
        name = str(self.spec["image"])
        backoff = Backoff(attempts=1)
        while (image := find(name)) is None:
            problem = f"failed to resolve reference {name!r}: there is no registry here"
            self.run.say("Failed", f'Failed to pull image "{name}": {problem}', container=self.name, warning=True)
            self._show(Waiting("ErrImagePull", problem))
            backoff = backoff.failed()
            self.first_done.set()
            if await self.run.pause(PULL_REPORTED):
                return None
            held = f'Back-off pulling image "{name}": ErrImagePull: {problem}'
            self.run.say("BackOff", f'Back-off pulling image "{name}"', container=self.name)
            self._show(Waiting("ImagePullBackOff", held))
            if await self.run.pause(backoff.current):
                return None
        self.seen.image_id = image.identity
        return image

    async def _one_run(self, image: Image) -> Terminated | None:
        """Start and watch one container; how it ended, or None when the pod ends before the start."""
        while True:
            try:
                container = await self._started(image)
                break
            except (ConfigError, OSError) as problem:
                self.run.say("Failed", f"Error: {problem}", container=self.name, warning=True)
                self._show(Waiting("CreateContainerConfigError", str(problem)))
                self.first_done.set()
                await self.run.pause_for_change(CONFIG_RETRY)
                if self.run.ending.is_set():
                    return None
            except ContainerError as problem:
                now = self.run.tools.clock.wall()
                self.run.say("Failed", f"Error: {problem}", container=self.name, warning=True)
                self.first_done.set()
                ended = Terminated(128, now, now, "StartError", str(problem))
                self._show(ended)
                return ended
        self.first_done.set()
        return await self._watched(container)

    async def _started(self, image: Image) -> Container:
        tools, number = self.run.tools, self._runs
        meta = self.run.pod["metadata"]
        bundle = self.run.files.home / "containers" / f"{self.name}-{number}"
        launch = await asyncio.to_thread(self._prepare, image, bundle)
        container_id = hashlib.sha256(f"{meta['uid']}/{self.name}/{number}".encode()).hexdigest()
        self._runs += 1
        self.run.say("Pulled", f'Container image "{image.name}" already present on machine', container=self.name)
        self.run.say("Created", f"Created container: {self.name}", container=self.name)
        container = await tools.crun.start(container_id, bundle, oci.config(launch))
        self.previous_log, self.log = self.log, container.log
        self.container = container
        self.seen.container_id = f"crun://{container_id}"
        self.run.say("Started", f"Started container {self.name}", container=self.name)
        return container

    def _prepare(self, image: Image, bundle: Path) -> oci.Launch:
        """Compose the root directory and everything config.json says. Raises ConfigError, OSError."""
        run, node = self.run, self.run.tools.node
        sandbox = run.sandbox
        if sandbox is None:
            raise ConfigError("the sandbox is gone")
        who = identity(run.pod, self.spec)
        hostname = run.files.hostname.read_text().strip()
        variables = self._variables(image, hostname)
        volumes = {one["name"]: run.files.volume(one["name"]) for one in run.pod["spec"].get("volumes") or ()}
        sub_paths = {
            mount["mountPath"]: expand(mount["subPathExpr"], variables)
            for mount in self.spec.get("volumeMounts") or ()
            if mount.get("subPathExpr")
        }
        binds = [
            *rootfs.binds(image, local=rootfs.make_shared(node.home / "local")),
            *run.files.binds(),
            oci.Bind(_fresh(bundle) / "message", self._message_path(), read_only=False),
            *oci.volume_binds(self.spec, volumes, expand=sub_paths),
        ]
        root = bundle / "root"
        rootfs.compose(root, image)
        (bundle / "message").touch()
        (bundle / "message").chmod(0o666)
        return oci.Launch(
            argv=self._argv(image, variables),
            environment=variables,
            directory=self.spec.get("workingDir") or "/",
            identity=who,
            root=root,
            sandbox=sandbox.paths,
            binds=binds,
        )

    def _variables(self, image: Image, hostname: str) -> dict[str, str]:
        run = self.run
        links = faults.wants_links(run.tools.cache.all(faults.RESOURCE), run.pod, run.facts.node)
        services = run.tools.cache.all("services")
        basis = {
            **dict(image.environment),
            "HOSTNAME": hostname,
            **service_variables(services, run.pod["metadata"]["namespace"], links=links),
        }
        return container_variables(run.pod, self.spec, run.facts, run.lookup, basis=basis)

    def _argv(self, image: Image, variables: dict[str, str]) -> list[str]:
        command, arguments = self.spec.get("command"), self.spec.get("args")
        words = [*(command or ()), *(arguments or ())] if command or arguments else list(image.command)
        return expand_all(words, variables)

    def _message_path(self) -> str:
        return str(self.spec.get("terminationMessagePath") or "/dev/termination-log")

    async def _watched(self, container: Container) -> Terminated:
        clock = self.run.tools.clock
        started = clock.wall()
        wanted = {role: probes.of_container(self.spec, role) for role in Role}
        if (hook := hook_of(self.spec, "postStart")) and not await self._hook(
            hook, container, "PostStart", limit=HOOK_LIMIT
        ):
            container.signal(signal.SIGKILL)
        self.seen.started = wanted[Role.STARTUP] is None
        self.seen.ready = self.seen.started and wanted[Role.READINESS] is None
        self._show(Running(started))
        asking = [asyncio.create_task(self._attend(probe, container)) for probe in wanted.values() if probe]
        try:
            code = await asyncio.shield(container.exited)
        finally:
            for task in asking:
                task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        ended = Terminated(
            code,
            started,
            clock.wall(),
            "Completed" if code == 0 else "Error",
            self._last_words(container, code),
            self.seen.container_id,
        )
        self.container = None
        self.seen.started = False
        self.seen.ready = self.seen.init and code == 0
        self._show(ended)
        await self.run.tools.crun.remove(container)
        return ended

    def _last_words(self, container: Container, code: int) -> str:
        message = (container.bundle / "message").read_text(errors="replace")[:MESSAGE_LIMIT]
        if not message and code != 0 and self.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError":
            return container.log.ending()
        return message

    async def _attend(self, probe: probes.Probe, container: Container) -> None:
        """Ask a probe for as long as the container runs."""
        tally = probes.Tally()
        await asyncio.sleep(probe.initial_delay)
        while True:
            if self._applies(probe):
                answer = await ask(self.run.tools.crun, probe, self._target(container))
                tally = tally.after(answer.good, probe)
                if not answer.good:
                    self._unhealthy(probe, answer, quiet=not tally.ever and tally.in_a_row < probe.failures)
                if await self._decide(probe, tally, container):
                    return
            failed = tally.in_a_row if tally.last is False else 0
            waits = probe.delay_after(failed=failed, ever=tally.ever) if self._applies(probe) else probes.FIRST_RETRY
            await asyncio.sleep(waits)

    def _target(self, container: Container) -> Target:
        return Target(self.run.tools.node.netns, self.run.facts.addresses[0], self.spec, container)

    def _applies(self, probe: probes.Probe) -> bool:
        """Nothing but startup is asked before it succeeded; of an ending pod only readiness matters."""
        if probe.role is Role.STARTUP:
            return not self.run.ending.is_set()
        if not self.seen.started:
            return False
        return probe.role is Role.READINESS or not self.run.ending.is_set()

    def _unhealthy(self, probe: probes.Probe, answer: Answer, *, quiet: bool) -> None:
        # The quick first looks at a container that is still starting are no news.
        if quiet and probe.role is Role.READINESS:
            return
        self.run.say("Unhealthy", f"{probe.role.spoken} probe failed: {answer.text}", container=self.name, warning=True)

    async def _decide(self, probe: probes.Probe, tally: probes.Tally, container: Container) -> bool:
        """Act on the verdict so far; True when this probe has nothing more to say."""
        match probe.role, tally.good:
            case Role.READINESS, good if good is not None:
                self._set_ready(ready=good)
            case Role.STARTUP, True:
                self.seen.started = True
                if probes.of_container(self.spec, Role.READINESS) is None:
                    self.seen.ready = True
                self.run.changed()
                return True
            case ((Role.LIVENESS | Role.STARTUP), False):
                message = f"Container {self.name} failed {probe.role.spoken.lower()} probe, will be restarted"
                self.run.say("Killing", message, container=self.name)
                grace = self.run.pod["spec"].get("terminationGracePeriodSeconds", 30)
                await self._stop_container(container, float(probe.grace if probe.grace is not None else grace))
                return True
        return False

    def _set_ready(self, *, ready: bool) -> None:
        if self.seen.ready != ready:
            self.seen.ready = ready
            self.run.changed()

    async def stop(self) -> None:
        """End the container as the ending pod's grace period says; returns when it has ended."""
        container = self.container
        if container is None:
            return
        self.run.say("Killing", f"Stopping container {self.name}", container=self.name)
        await self._stop_container(container, None)

    async def _stop_container(self, container: Container, grace: float | None) -> None:
        """preStop, SIGTERM, SIGKILL. `grace` None means the pod's, which may shrink while we wait."""
        clock = self.run.tools.clock
        began = clock.now()

        def left() -> float:
            return began + (self.run.grace if grace is None else grace) - clock.now()

        if (hook := hook_of(self.spec, "preStop")) and left() > 0:
            hooking = asyncio.ensure_future(self._hook(hook, container, "PreStop", limit=max(left(), 1.0)))
            await self._within(left, hooking)
            hooking.cancel()
        container.signal(signal.SIGTERM)
        await self._within(left, container.exited)
        container.signal(signal.SIGKILL)
        await container.exited

    async def _within(self, left: Callable[[], float], work: asyncio.Future[Any]) -> None:
        """Wait for `work`, or until nothing is left of the grace period; a pod's change makes us look again."""
        while not work.done() and (seconds := left()) > 0:
            self.run.touched.clear()
            look_again = asyncio.ensure_future(self.run.touched.wait())
            await asyncio.wait({work, look_again}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            look_again.cancel()

    async def _hook(self, hook: dict[str, Any], container: Container, name: str, *, limit: float) -> bool:
        problem = await run_hook(self.run.tools.crun, hook, self._target(container), limit=limit)
        if problem:
            self.run.say(f"Failed{name}Hook", problem, container=self.name, warning=True)
        return not problem

    def _show(self, state: Waiting | Running | Terminated) -> None:
        self.seen.state = state
        self.run.changed()


def _fresh(bundle: Path) -> Path:
    bundle.mkdir(parents=True, exist_ok=True)
    return bundle
