"""Who a container runs as and what it may do: pod and container securityContext as one value. Pure.

Seccomp: RuntimeDefault is accepted and runs without a filter, like Unconfined: the filter plays no part in networking.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from harness.embedded.kubelet.environment import ConfigError

DEFAULT_CAPABILITIES = (
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
)
"""What container runtimes grant when nothing is said."""

ALL_CAPABILITIES = (
    *DEFAULT_CAPABILITIES,
    "CAP_DAC_READ_SEARCH",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_NET_ADMIN",
    "CAP_NET_BROADCAST",
    "CAP_SYS_ADMIN",
    "CAP_SYS_NICE",
    "CAP_SYS_PTRACE",
    "CAP_SYS_TIME",
)
"""What a privileged container gets: all that matters to networking, none that reaches the machine's hardware."""


@dataclass(frozen=True)
class Identity:
    """The first process's user, groups, capabilities and restrictions."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    capabilities: tuple[str, ...]
    no_new_privileges: bool
    read_only_root: bool


def identity(pod: dict[str, Any], container: dict[str, Any]) -> Identity:
    """The container's identity; its own settings win over the pod's. Raises ConfigError when root is forbidden."""
    of_pod = pod["spec"].get("securityContext") or {}
    own = container.get("securityContext") or {}
    merged = {**of_pod, **own}
    uid = int(merged.get("runAsUser") or 0)
    if merged.get("runAsNonRoot") and uid == 0:
        where = f'(pod: "{pod["metadata"]["name"]}_{pod["metadata"]["namespace"]}", container: {container["name"]})'
        if "runAsUser" in merged:
            raise ConfigError(f"container's runAsUser breaks non-root policy {where}")
        raise ConfigError(f"container has runAsNonRoot and image will run as root {where}")
    gid = int(merged.get("runAsGroup") or 0)
    extra = [*(of_pod.get("supplementalGroups") or ()), *([of_pod["fsGroup"]] if "fsGroup" in of_pod else ())]
    return Identity(
        uid=uid,
        gid=gid,
        groups=tuple(dict.fromkeys([gid, *(int(group) for group in extra)])),
        capabilities=capabilities(own),
        no_new_privileges=own.get("allowPrivilegeEscalation") is False,
        read_only_root=bool(own.get("readOnlyRootFilesystem")),
    )


def capabilities(own: dict[str, Any]) -> tuple[str, ...]:
    """The bounding set: defaults, less drop, plus add; ALL means all."""
    if own.get("privileged"):
        return tuple(sorted(ALL_CAPABILITIES))
    wanted = own.get("capabilities") or {}
    drop, add = _names(wanted.get("drop") or ()), _names(wanted.get("add") or ())
    granted = set() if "CAP_ALL" in drop else set(DEFAULT_CAPABILITIES) - drop
    granted |= set(ALL_CAPABILITIES) if "CAP_ALL" in add else add
    return tuple(sorted(granted))


def _names(words: Iterable[str]) -> set[str]:
    return {word.upper() if word.upper().startswith("CAP_") else f"CAP_{word.upper()}" for word in words}
