"""The agent as one file, and how to start it: what a manifest needs to carry an agent.

The archive is made from `harness/agent` alone, the same bytes every time, with `agent` as its own top level. Beside
each source lies its bytecode for Pythons like ours (the format of PEP 552); others pass over it and compile.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import marshal
import zipfile
from collections.abc import Sequence
from importlib import resources

ARCHIVE_NAME = "agent.pyz"
"""Key of the ConfigMap's binaryData and name of the file."""

MOUNT = "/agent"
"""Where manifests mount the archive."""

CONTAINER = "agent"
"""The container's name."""

_PYTHON = ("python3", "-I", "-S", f"{MOUNT}/{ARCHIVE_NAME}")

RELAY_COMMAND: tuple[str, ...] = (*_PYTHON, "relay")
"""What to exec in the container to talk to the agent."""

FIELD_ENVIRONMENT: dict[str, str] = {
    "POD_NAME": "metadata.name",
    "POD_NAMESPACE": "metadata.namespace",
    "POD_UID": "metadata.uid",
    "NODE_NAME": "spec.nodeName",
    "POD_IPS": "status.podIPs",
}
"""Environment variable → downward API field: how the agent learns who it is."""

DEFAULT_SERVERS: tuple[str, ...] = ("tcp:80", "tcp:81", "udp:80", "udp:81")
"""The lanes of a connectivity table. Names are `proto:port` or `proto:port@address`."""

_UNPACK = """
import os, sys
size, data = int(sys.argv[1]), b""
while len(data) < size:
    data += os.read(0, size - len(data)) or sys.exit("the agent did not arrive")
fd = os.memfd_create("agent")
os.write(fd, data)
sys.path.insert(0, f"/proc/self/fd/{fd}")
from agent.main import main
sys.exit(main(sys.argv[2:]))
"""
"""Takes the archive from standard input into memory: where it runs no file is needed, and none is left."""

READY_PATH = "/ready"
"""HTTP path for a readiness probe, on any TCP port the agent serves."""

UNCHECKED = (1).to_bytes(4, "little")
"""Flags of a bytecode file: it names its source's hash, and nobody needs to compare."""
NO_SHARING = 2
"""The last version of `marshal` whose output depends on the code alone."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
_MAIN = b"import sys\nfrom agent.main import main\nsys.exit(main(sys.argv[1:]))\n"


def serve_command(
    servers: Sequence[str] = DEFAULT_SERVERS, *, linger: float = 0.0, ready: bool = True
) -> tuple[str, ...]:
    """The container's command. `linger`: seconds of service after SIGTERM; `ready`: what `/ready` says at first."""
    options = [f"--linger={linger:g}"] if linger else []
    return (*_PYTHON, "serve", *options, *([] if ready else ["--unready"]), *servers)


def attend_command(who: str, content: bytes, *, python: str = "python3") -> tuple[str, ...]:
    """Starts an agent, called `who` (`space/name`), that is sent `content` first, then spoken with over its pipes."""
    return (python, "-I", "-S", "-c", _UNPACK, str(len(content)), "attend", f"--as={who}")


def archive() -> bytes:
    """The zipapp: equal sources give equal bytes."""
    folder = resources.files("harness.agent")
    sources = sorted((entry.name, entry.read_bytes()) for entry in folder.iterdir() if entry.name.endswith(".py"))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        _add(packed, "__main__.py", _MAIN)
        for name, source in sources:
            if name != "__main__.py":
                _add(packed, f"agent/{name}", source)
                _add(packed, f"agent/{name}c", _bytecode(f"agent/{name}", source))
    return content.getvalue()


def _bytecode(name: str, source: bytes) -> bytes:
    """As a file of bytecode that is not checked against its source: to compile is half of an agent's start."""
    code = compile(source, name, "exec", dont_inherit=True, optimize=0)
    # Later versions of the format mark what is shared in memory just then: the same code would have other bytes.
    packed = marshal.dumps(code, NO_SHARING)
    return importlib.util.MAGIC_NUMBER + UNCHECKED + importlib.util.source_hash(source) + packed


def _add(packed: zipfile.ZipFile, name: str, source: bytes) -> None:
    entry = zipfile.ZipInfo(name, date_time=_EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3
    entry.external_attr = 0o644 << 16
    packed.writestr(entry, source)


def fingerprint(content: bytes) -> str:
    """A short name for these bytes, for labels and names of ConfigMaps."""
    return hashlib.sha256(content).hexdigest()[:10]
