"""A container's root directory, composed on the private tmpfs: its own /etc, /run, /tmp, /var; the machine's /usr.

Never a bind of `/`: a missing mount target would be created on the machine itself. The machine lends /usr (read-only,
without its /usr/local) and a few read-only files of /etc that programs in /usr expect.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import harness
from harness.embedded.kubelet.images import HARNESS_HOME, Image, Root
from harness.embedded.kubelet.oci import Bind

PYTHON = "/usr/bin/python3"

_DIRECTORIES = ("usr", "proc", "sys", "dev", "etc", "run", "var", "root", "home", "opt", "mnt", "srv")
_LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64", "var/run": "../run"}
_OPEN = ("tmp", "var/tmp")
_ETC = {
    "passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "group": "root:x:0:\nnogroup:x:65534:\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n",
}
_LENT = ("/etc/alternatives", "/etc/ssl", "/etc/services", "/etc/protocols", "/etc/ld.so.cache", "/etc/os-release")
_LOCAL_BINARIES = {"python": PYTHON, "python3": PYTHON}


@dataclass(frozen=True)
class PodFiles:
    """The files and directories that all containers of a pod share, and where they lie."""

    home: Path

    @property
    def hosts(self) -> Path:
        """/etc/hosts."""
        return self.home / "hosts"

    @property
    def resolv_conf(self) -> Path:
        """/etc/resolv.conf."""
        return self.home / "resolv.conf"

    @property
    def hostname(self) -> Path:
        """/etc/hostname."""
        return self.home / "hostname"

    @property
    def shared_memory(self) -> Path:
        """What the containers share as POSIX shared memory."""
        return self.home / "shm"

    def volume(self, name: str) -> Path:
        """A volume's directory."""
        return self.home / "volumes" / name

    def write(self, *, hosts: str, resolv_conf: str, hostname: str) -> None:
        """Put the shared files in place."""
        self.home.mkdir(parents=True, exist_ok=True)
        # Kept writable like a real kubelet's, so that a test may edit /etc/hosts.
        self.hosts.write_text(hosts)
        self.resolv_conf.write_text(resolv_conf)
        self.hostname.write_text(f"{hostname}\n")
        self.shared_memory.mkdir(exist_ok=True)
        self.shared_memory.chmod(0o1777)

    def binds(self) -> list[Bind]:
        """Where containers see them."""
        return [
            Bind(self.hosts, "/etc/hosts", read_only=False),
            Bind(self.resolv_conf, "/etc/resolv.conf", read_only=False),
            Bind(self.hostname, "/etc/hostname", read_only=False),
            Bind(self.shared_memory, "/dev/shm", read_only=False),  # noqa: S108  # a mount target
        ]


def compose(root: Path, image: Image) -> None:
    """Make the directory tree of a fresh root."""
    for name in _DIRECTORIES:
        (root / name).mkdir(parents=True)
    for name in _OPEN:
        (root / name).mkdir()
        (root / name).chmod(0o1777)
    for name, target in _LINKS.items():
        (root / name).symlink_to(target)
    for name, text in _ETC.items():
        (root / "etc" / name).write_text(text)
    if image.root is Root.HARNESS:
        for name in ("harness", "dns"):
            (root / HARNESS_HOME.strip("/") / name).mkdir(parents=True)


def make_shared(directory: Path) -> Path:
    """The /usr/local that every container sees: nothing but the names of the interpreter. Made once per node."""
    binaries = directory / "bin"
    if not binaries.exists():
        binaries.mkdir(parents=True)
        for name, target in _LOCAL_BINARIES.items():
            (binaries / name).symlink_to(target)
    return directory


def binds(image: Image, *, local: Path) -> list[Bind]:
    """The read-only parts of the root: /usr/local, lent files, the harness for its own image."""
    result = [Bind(local, "/usr/local")]
    result += [Bind(Path(path), path) for path in _LENT if Path(path).exists()]
    if image.root is Root.HARNESS:
        result += [Bind(source, f"{HARNESS_HOME}/{name}") for name, source in _packages().items()]
    return result


def _packages() -> dict[str, Path]:
    found = {"harness": Path(harness.__file__).parent}
    spec = importlib.util.find_spec("dns")
    if spec is not None and spec.submodule_search_locations:
        found["dns"] = Path(next(iter(spec.submodule_search_locations)))
    return found
