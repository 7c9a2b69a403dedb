"""The embedded cluster as a process of its own, tied to its owner. The only module that mounts `harness.embedded`.

Owner and cluster hold the two ends of a socket pair. When the owner dies, by whatever means, the cluster's end
closes, its process ends, and because that process is the first of its PID namespace and the only holder of its mount
and network namespaces, the kernel removes everything it made. The host's network namespace lends one thing: the
listening socket of the API on loopback, made here and inherited.

A cluster that outlives its maker (`harness up`) is reached by an abstract Unix socket named after it: the name is
in the kernel only, so nothing lies on a disk and nothing is left when it dies.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import struct
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

from harness.clusters.outside import Door, with_door
from harness.clusters.provider import Access, ClusterError
from harness.effects.clock import Clock, RealClock
from harness.effects.files import write_atomic
from harness.effects.run import run, start
from harness.embedded.wiring import FAMILIES, Settings

__all__ = ["FAMILIES", "EmbeddedCluster", "Settings", "ask", "down", "refusal", "standing_names", "up"]

BOOT_LIMIT = 60.0
"""Seconds until a boot counts as failed. A boot takes about two; this is for machines under heavy load."""

STOP_LIMIT = 5.0
"""Seconds an asked-for end may take before the process is killed (design §4.7)."""

NEEDED = {
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "ip": "iproute2",
    "nft": "nftables",
    "crun": "crun",
    "conntrack": "conntrack",
    "iptables": "iptables",
    "haproxy": "haproxy",
}
"""Programs the cluster runs, and the Debian package of each."""

PLUGINS = Path("/usr/lib/cni")
CREDENTIALS = struct.Struct("3i")
"""`struct ucred` of unix(7): pid, uid, gid."""


def refusal() -> str | None:
    """Why an embedded cluster cannot be made here, in one line with the remedy; None when it can."""
    missing = sorted({package for program, package in NEEDED.items() if shutil.which(program, path=_path()) is None})
    if not (PLUGINS / "ptp").exists():
        missing.append("containernetworking-plugins")
    if not Path("/usr/bin/python3").exists():
        missing.append("python3")
    if os.geteuid() != 0:
        return "the embedded cluster needs root (network, mount and PID namespaces): run it as root or with sudo"
    if missing:
        return f"the embedded cluster needs Debian packages that are not here: apt-get install {' '.join(missing)}"
    return _namespaces_refused()


def _namespaces_refused() -> str | None:
    """Try the very thing: root in a locked-down container may make no namespace."""
    tried = run(["unshare", "--net", "--mount", "--pid", "true"], check=False, env={**os.environ, "PATH": _path()})
    if tried.code == 0:
        return None
    return "the embedded cluster needs CAP_SYS_ADMIN: this root may not make namespaces (a locked-down container?)"


def _path() -> str:
    """PATH with the system directories, which an unprivileged or bare PATH may lack."""
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin"


class EmbeddedCluster:
    """The provider behind `--cluster embedded`."""

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or RealClock()
        self._process: Any = None
        self._control: socket.socket | None = None
        self._stderr: IO[bytes] | None = None

    def create(self) -> Access:
        """Boot the cluster: nodes Ready, cluster DNS answering. Raises ClusterError with its last words."""
        if (reason := refusal()) is not None:
            raise ClusterError(reason)
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        with contextlib.closing(theirs), _loopback_listener() as listener:
            self._control = ours
            # Anonymous: the file has no name, so it goes with the last of its holders.
            self._stderr = tempfile.TemporaryFile()  # noqa: SIM115
            self._process = start(
                _command(self._settings, listener.fileno(), theirs.fileno(), name_fd=None),
                env={**os.environ, "PATH": _path()},
                stdout=self._stderr,
                stderr=self._stderr,
                pass_fds=(listener.fileno(), theirs.fileno()),
                own_session=True,
            )
        try:
            said = _read_line(ours, self._clock, BOOT_LIMIT)
        except (ClusterError, KeyboardInterrupt):
            self.destroy()
            raise
        if said is None or "error" in said:
            reason = said["error"] if said else self._last_words()
            self.destroy()
            raise ClusterError(f"the embedded cluster did not come up: {reason}")
        families = next(name for name, families in FAMILIES.items() if families == self._settings.families)
        notes = {"families": families, "boot_s": f"{said['boot_s']:.2f}"}
        document = _with_door(said)["kubeconfig"]
        return Access(kubeconfig=document, context=None, kind="embedded", notes=notes, temporary=True)

    def destroy(self) -> None:
        """Close our end; the cluster ends by that. Killed when it does not within STOP_LIMIT."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            deadline = self._clock.now() + STOP_LIMIT
            while self._process.poll() is None and self._clock.now() < deadline:
                self._clock.sleep(0.02)
            if self._process.poll() is None:
                self._process.kill()
            self._process.wait()
            self._process = None
        if self._stderr is not None:
            self._stderr.close()
            self._stderr = None

    def diagnose(self, into: Path) -> None:
        """Leave the cluster's own log in `into/embedded.log`."""
        if self._stderr is not None:
            into.mkdir(parents=True, exist_ok=True)
            self._stderr.seek(0)
            (into / "embedded.log").write_bytes(self._stderr.read())

    @property
    def process_id(self) -> int | None:
        """The process in the host's numbering (of `unshare`, the cluster's parent); None when not running."""
        return self._process.pid if self._process is not None else None

    def _last_words(self) -> str:
        if self._stderr is None:
            return "no output"
        self._stderr.seek(0)
        lines = [line for line in self._stderr.read().decode(errors="replace").splitlines() if line.strip()]
        return lines[-1] if lines else "it ended without a word"


KUBECONFIG = "run/harness/kubeconfig"
"""Where a cluster keeps its kubeconfig: on a tmpfs of its own, seen from outside below /proc/<pid>/root."""


def up(settings: Settings, *, clock: Clock | None = None) -> dict[str, Any]:
    """Start a cluster that stays after this process. Returns what it said of itself. Raises ClusterError."""
    if (reason := refusal()) is not None:
        raise ClusterError(reason)
    clock = clock or RealClock()
    standing = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        standing.bind(_abstract(settings.name))
    except OSError as error:
        standing.close()
        raise ClusterError(f"an embedded cluster named {settings.name!r} is up already: harness down") from error
    standing.listen(8)
    with contextlib.closing(standing), _loopback_listener() as listener, Path(os.devnull).open("ab") as nowhere:
        process = start(
            _command(settings, listener.fileno(), control_fd=None, name_fd=standing.fileno()),
            env={**os.environ, "PATH": _path()},
            stdout=nowhere,
            stderr=nowhere,
            pass_fds=(listener.fileno(), standing.fileno()),
            own_session=True,
        )
    said = ask(settings.name, f"pid {process.pid}", clock=clock, limit=BOOT_LIMIT)
    if said is None or "error" in said:
        process.kill()
        process.wait()
        raise ClusterError(f"the embedded cluster did not come up: {said['error'] if said else 'it ended at once'}")
    said = _with_door(said)
    write_atomic(Path(f"/proc/{said['pid']}/root", KUBECONFIG), json.dumps(said["kubeconfig"]).encode(), mode=0o600)
    return said


OUTSIDE = "run/netns/outside"
"""Where a cluster keeps the network namespace of a machine that is not in it (`embedded/netns/fabric.py`)."""


def _with_door(said: dict[str, Any]) -> dict[str, Any]:
    """What a cluster said of itself, its kubeconfig with the way to the place outside it.

    What is run there is of the cluster's own PID namespace: the kernel ends it with the cluster.
    """
    root = f"/proc/{said['pid']}/root"
    enter = ("nsenter", f"--target={said['pid']}", "--mount", "--pid", f"--net={root}/{OUTSIDE}", "--")
    return {**said, "kubeconfig": with_door(said["kubeconfig"], Door(enter, sys.executable))}


def down(name: str, *, clock: Clock | None = None) -> bool:
    """End the standing cluster `name`; False when there is none. Returns when it is gone."""
    clock = clock or RealClock()
    try:
        ask(name, "down", clock=clock, limit=STOP_LIMIT)
    except ClusterError:
        return False
    deadline = clock.now() + STOP_LIMIT
    while name in standing_names() and clock.now() < deadline:
        clock.sleep(0.02)
    return True


def ask(name: str, verb: str, *, clock: Clock, limit: float) -> dict[str, Any] | None:
    """Ask the standing cluster `name` (`status`, `down`). Raises ClusterError when there is none."""
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        try:
            line.connect(_abstract(name))
            line.sendall(verb.encode() + b"\n")
        except OSError as error:
            raise ClusterError(f"no embedded cluster named {name!r} is up: harness up") from error
        return _read_line(line, clock, limit)


def standing_names() -> list[str]:
    """Names of the clusters that `harness up` left running, from the kernel's list of sockets."""
    mark = "@" + _abstract("")[1:]
    rows = Path("/proc/net/unix").read_text().splitlines()[1:]
    names = {row.split()[-1].removeprefix(mark) for row in rows if row.split()[-1].startswith(mark)}
    return sorted(names)


def _abstract(name: str) -> str:
    return f"\0harness/embedded/{name}"


@contextlib.contextmanager
def _loopback_listener() -> Any:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    listener.listen(256)
    with contextlib.closing(listener):
        yield listener


def _command(settings: Settings, api_fd: int, control_fd: int | None, *, name_fd: int | None) -> list[str]:
    unshare = ["unshare", "--mount", "--net", "--ipc", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
    document = {**settings.as_dict(), "api_fd": api_fd, "control_fd": control_fd, "name_fd": name_fd}
    return [*unshare, sys.executable, "-m", "harness.embedded.wiring", json.dumps(document)]


def _read_line(line: socket.socket, clock: Clock, limit: float) -> dict[str, Any] | None:
    """One JSON line, or None when the other side closed without one. Raises ClusterError when it takes too long.

    Its `pid` becomes the sender's number here: to itself the cluster is process 1, and the kernel, asked by
    SO_PASSCRED, says with every piece who sent it, in the reader's numbering.
    """
    deadline = clock.now() + limit
    data, sender = b"", 0
    while not data.endswith(b"\n"):
        remaining = deadline - clock.now()
        if remaining <= 0:
            raise ClusterError(f"the embedded cluster did not answer within {limit:g} s")
        line.settimeout(remaining)
        try:
            piece, about, _, _ = line.recvmsg(65536, socket.CMSG_SPACE(CREDENTIALS.size))
        except TimeoutError:
            continue
        except OSError:
            return None
        if not piece:
            return None
        data += piece
        for _, kind, packed in about:
            sender = CREDENTIALS.unpack(packed)[0] if kind == socket.SCM_CREDENTIALS else sender
    answer: dict[str, Any] = json.loads(data)
    return {**answer, "pid": sender} if "pid" in answer else answer
