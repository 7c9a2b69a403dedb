"""The private ground a cluster stands on: mounts of its own mount namespace.

Called once, by the first process of fresh mount, network and PID namespaces. What is mounted here is seen by nobody
else and disappears with the namespace.
"""

from __future__ import annotations

import re
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
    if held := namespaces_held(Path("/proc/self/mounts").read_text()):
        run(["umount", "--lazy", *held], check=False)  # one that stays, below something else, is no reason not to boot
    run(["mount", "-t", "tmpfs", "-o", "mode=755", "harness", "/run"])
    run(["mount", "-t", "cgroup2", "harness", "/sys/fs/cgroup"])
    for directory in (STATE, Path("/run/netns")):
        directory.mkdir()
    run(["ip", "link", "set", "lo", "up"])


def namespaces_held(mounts: str) -> list[str]:
    """Where the machine's own named namespaces are mounted, of the lines of proc_pid_mounts(5), the last first.

    A copy of such a mount keeps a namespace alive, with the links in it, that its owner has removed on the machine.
    """
    rows = [line.split() for line in mounts.splitlines()]
    places = [place for _, place, kind, *_ in rows if kind == "nsfs"]
    return [re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), place) for place in reversed(places)]
