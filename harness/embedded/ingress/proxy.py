"""HAProxy as a process: the one door through which a configuration comes into force.

It runs as master and worker: a reload starts a new worker that takes over the open ports, the old one ends its
requests, and no connection is refused in between. What HAProxy does not take leaves the old one in force.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import signal
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path

from harness.effects.clock import Clock
from harness.effects.files import write_atomic
from harness.effects.run import RunError, start_async
from harness.embedded.ingress.compile import Configuration

log = logging.getLogger(__name__)

PROGRAM = "haproxy"
RELOAD_SECONDS = 5.0
"""Until a reload counts as failed; it takes some 50 ms."""
LOOK_SECONDS = 0.02
"""Between two looks whether the new worker is there."""
MASTER = re.compile(r"^\d+\s+master\s+(\d+)(?:\s+\[failed: (\d+)\])?", re.MULTILINE)


class Haproxy:
    """One HAProxy. `apply` starts it and then keeps it up to date."""

    def __init__(self, home: Path, clock: Clock) -> None:
        self._home = home
        self._clock = clock
        self._process: asyncio.subprocess.Process | None = None
        self._usable: dict[bytes, bool] = {}
        self._applied: Configuration | None = None
        self.reloads = 0
        """How often a change was carried out."""

    async def apply(self, wanted: Configuration, *, restart: bool = False) -> bool:
        """Put a configuration into force; whether it is. `restart` closes the ports meanwhile."""
        if wanted == self._applied:
            return True
        self._write(wanted)
        if restart:
            await self.stop()
        done = await self._reload() if self._process else await self._begin()
        if done:
            self._applied = wanted
            self.reloads += 1
        return done

    async def stop(self) -> None:
        """End it; connections end with it."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
            await self._process.wait()
        self._process, self._applied = None, None

    def takes(self, pem: bytes) -> bool:
        """Whether a certificate and key can be used: HAProxy would refuse all for one that cannot."""
        if pem not in self._usable:
            place = self._home / "tried.pem"
            write_atomic(place, pem, mode=0o600)
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(place)
                self._usable[pem] = True
            except (ssl.SSLError, OSError):
                self._usable[pem] = False
            place.unlink()
        return self._usable[pem]

    def _write(self, wanted: Configuration) -> None:
        """The files first: the text names them. What is no longer named goes."""
        named: Mapping[str, bytes] = wanted.files
        for name, content in named.items():
            write_atomic(self._home / name, content, mode=0o600)
        write_atomic(self._home / "haproxy.cfg", wanted.text.encode(), mode=0o600)
        for old in self._home.glob("*.pem"):
            if old.name not in named:
                old.unlink()

    async def _begin(self) -> bool:
        argv = [PROGRAM, "-W", "-f", str(self._home / "haproxy.cfg"), "-S", str(self._master)]
        self._process = await start_async(argv, stdin=asyncio.subprocess.DEVNULL, stdout=sys.stdout, stderr=sys.stdout)
        return await self._settled(-1)

    async def _reload(self) -> bool:
        if self._process is None or self._process.returncode is not None:
            raise RunError([PROGRAM], "ended by itself")
        before = await self._count()
        self._process.send_signal(signal.SIGUSR2)
        return await self._settled(before[0])

    async def _settled(self, before: int) -> bool:
        """Wait until the master has counted one more; whether its new worker runs."""
        deadline = self._clock.now() + RELOAD_SECONDS
        while self._clock.now() < deadline:
            count, failed = await self._count()
            if count > before:
                if failed:
                    log.error("HAProxy does not take the new configuration and goes on with the old one")
                return not failed
            await self._clock.pause(LOOK_SECONDS)
        log.error("HAProxy was not reloaded within %g s", RELOAD_SECONDS)
        return False

    async def _count(self) -> tuple[int, int]:
        """Reloads so far and those that failed lately, as the master says; (-1, 0) while it says nothing."""
        try:
            reader, writer = await asyncio.open_unix_connection(str(self._master))
        except OSError:
            return -1, 0
        try:
            writer.write(b"show proc\n")
            told = await asyncio.wait_for(reader.read(65536), 1.0)
        except (OSError, TimeoutError):
            return -1, 0
        finally:
            writer.close()
        found = MASTER.search(told.decode(errors="replace"))
        return (int(found[1]), int(found[2] or 0)) if found else (-1, 0)

    @property
    def _master(self) -> Path:
        return self._home / "master.sock"
