"""The private ground a cluster stands on: mounts of its own mount namespace.

Called once, by the first process of fresh mount, network and PID namespaces. What is mounted here is seen by nobody
else and disappears with the namespace.
"""

from __future__ import annotations

from pathlib import Path

from harness.effects.run import run

STATE = Path("/run/harness")
"""Everything the cluster writes lies below here, on its private tmpfs."""


class NotPrivateError(Exception):
    """The process stands in the machine's own namespaces; nothing was touched."""


def prepare() -> None:
    """Mount a private /run and the pure cgroup2 hierarchy that crun asks for. Raises NotPrivateError or RunError."""
    if Path("/proc/self").readlink().name != "1":
        raise NotPrivateError("harness.embedded.wiring is started by its owner, not by hand: use `harness up`")
    run(["mount", "--make-rprivate", "/"])
    run(["mount", "-t", "tmpfs", "-o", "mode=755", "harness", "/run"])
    run(["mount", "-t", "cgroup2", "harness", "/sys/fs/cgroup"])
    for directory in (STATE, Path("/run/netns")):
        directory.mkdir()
    run(["ip", "link", "set", "lo", "up"])
