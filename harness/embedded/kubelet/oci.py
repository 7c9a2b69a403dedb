"""The OCI runtime configuration of a container: a value made from the pod. Pure; the runtime reads it as config.json.

Follows the OCI runtime-spec 1.0. Namespaces of the sandbox (net, uts, ipc) are joined by path, pid and mount are the
container's own, no cgroup is touched. Every mount target lies in the container's own root directory or on a mount of
its own: a target below /usr would be made on the machine itself, so such a mount is refused.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.embedded.kubelet.environment import ConfigError
from harness.embedded.kubelet.images import HARNESS_HOME
from harness.embedded.kubelet.security import Identity

OF_THE_MACHINE = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/proc", "/sys")
"""Directories of the root that are the machine's own, read-only."""

MASKED = ("/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/sched_debug")
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


@dataclass(frozen=True)
class Bind:
    """A directory or file of ours, seen in the container."""

    source: Path
    target: str
    read_only: bool = True


@dataclass(frozen=True)
class SandboxPaths:
    """The namespaces a pod's containers share."""

    net: Path
    uts: Path
    ipc: Path


@dataclass(frozen=True)
class Launch:
    """Everything a container's configuration is made of."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    directory: str
    identity: Identity
    root: Path
    sandbox: SandboxPaths
    binds: Sequence[Bind]


def config(launch: Launch) -> dict[str, Any]:
    """The content of config.json."""
    who = launch.identity
    granted = list(who.capabilities)
    return {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": {"uid": who.uid, "gid": who.gid, "additionalGids": list(who.groups)},
            "args": list(launch.argv),
            "env": [f"{name}={value}" for name, value in launch.environment.items()],
            "cwd": launch.directory,
            "noNewPrivileges": who.no_new_privileges,
            "capabilities": {"bounding": granted, "effective": granted, "permitted": granted},
        },
        "root": {"path": str(launch.root), "readonly": who.read_only_root},
        "mounts": [*_system_mounts(), *(_bind_mount(bind) for bind in launch.binds)],
        "linux": {
            "namespaces": [
                {"type": "pid"},
                {"type": "mount"},
                {"type": "network", "path": str(launch.sandbox.net)},
                {"type": "uts", "path": str(launch.sandbox.uts)},
                {"type": "ipc", "path": str(launch.sandbox.ipc)},
            ],
            "maskedPaths": list(MASKED),
            "readonlyPaths": list(READ_ONLY),
        },
    }


def _system_mounts() -> list[dict[str, Any]]:
    quiet = ["nosuid", "noexec", "nodev"]
    return [
        _mount("/proc", "proc", "proc", quiet),
        _mount("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
        _mount("/dev/pts", "devpts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]),
        _mount("/sys", "sysfs", "sysfs", [*quiet, "ro"]),
        # Private and empty: the machine's cgroups are nobody's business in a pod.
        _mount("/sys/fs/cgroup", "tmpfs", "tmpfs", [*quiet, "ro"]),
        _mount("/usr", "bind", "/usr", ["bind", "ro", "nodev"]),
    ]


def _bind_mount(bind: Bind) -> dict[str, Any]:
    return _mount(bind.target, "bind", str(bind.source), ["bind", "nodev", *(["ro"] if bind.read_only else ["rw"])])


def _mount(target: str, kind: str, source: str, options: list[str]) -> dict[str, Any]:
    return {"destination": target, "type": kind, "source": source, "options": options}


def volume_binds(container: dict[str, Any], volumes: Mapping[str, Path], *, expand: Mapping[str, str]) -> list[Bind]:
    """The container's volumeMounts, parents before children. `expand` has its subPathExpr by mount path.

    Raises ConfigError for a target among the machine's own directories or a path that climbs out of its volume.
    """
    binds = []
    for mount in container.get("volumeMounts") or ():
        target = posixpath.normpath("/" + mount["mountPath"].strip("/"))
        if any(target == own or target.startswith(f"{own}/") for own in OF_THE_MACHINE) or target in {
            "/",
            HARNESS_HOME,
        }:
            raise ConfigError(f"volume {mount['name']}: the embedded cluster mounts nothing at {target}")
        below = expand.get(mount["mountPath"]) or mount.get("subPath") or ""
        if ".." in below.split("/") or below.startswith("/"):
            raise ConfigError(f"volume {mount['name']}: sub-path {below!r} must stay inside the volume")
        source = volumes[mount["name"]] / below if below else volumes[mount["name"]]
        read_only = bool(mount.get("readOnly"))
        binds.append(Bind(source, target, read_only=read_only))
    return sorted(binds, key=lambda bind: bind.target.count("/"))
