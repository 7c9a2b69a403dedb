"""Namespaces with a name: made, entered for one call, removed. Follows unshare(2), setns(2), namespaces(7).

A namespace is kept alive by a bind mount of its file, as `ip netns` does, so its tools find ours. Entering is done
by a thread that dies afterwards: no other thread of the process ever changes its namespace, and a process started by
that thread inherits it, which spares one `nsenter` each time. Python 3.11 has no `os.setns`, hence ctypes.
"""

from __future__ import annotations

import _thread
import asyncio
import contextlib
import ctypes
import enum
import fcntl
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")

NAMED = Path("/run/netns")
"""Where `ip -n NAME` looks."""

_MS_BIND = 4096
_MNT_DETACH = 2
_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1

_libc = ctypes.CDLL(None, use_errno=True)


class NamespaceError(Exception):
    """A namespace could not be made, entered or removed."""


class Kind(enum.Enum):
    """A kind of namespace; the value is its clone flag, the name in lower case its file below /proc/PID/ns."""

    NET = 0x40000000
    UTS = 0x04000000
    IPC = 0x08000000

    @property
    def file(self) -> str:
        """Its name below /proc/PID/ns."""
        return self.name.lower()


def beside(path: Path, kind: Kind) -> Path:
    """Where the namespace of another kind is kept that was made together with the network namespace at `path`."""
    return path if kind is Kind.NET else path.with_name(f"{path.name}.{kind.file}")


def make(
    path: Path,
    *,
    kinds: Iterable[Kind] = (Kind.NET,),
    hostname: str = "",
    sysctls: Mapping[str, str] | None = None,
) -> None:
    """Make fresh namespaces, kept at `path` (others beside it), with loopback up and `sysctls` set.

    `hostname` needs Kind.UTS among the kinds. Raises NamespaceError, leaving nothing behind.
    """
    _in_thread(lambda: _make(path, tuple(dict.fromkeys(kinds)), hostname, sysctls or {}))


async def make_async(
    path: Path,
    *,
    kinds: Iterable[Kind] = (Kind.NET,),
    hostname: str = "",
    sysctls: Mapping[str, str] | None = None,
) -> None:
    """As `make`, without holding the event loop."""
    await _in_thread_async(lambda: _make(path, tuple(dict.fromkeys(kinds)), hostname, sysctls or {}))


def _make(path: Path, kinds: tuple[Kind, ...], hostname: str, sysctls: Mapping[str, str]) -> None:
    """Leave the calling thread in fresh namespaces that are kept at `path`."""
    try:
        _check(_libc.unshare(_flags(kinds)), f"unshare for {path.name}")
        own = Path(f"/proc/self/task/{threading.get_native_id()}/ns")
        for kind in kinds:
            target = beside(path, kind)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch(exist_ok=False)
            _mount_bind(own / kind.file, target)
        if hostname:
            encoded = hostname.encode()
            _check(_libc.sethostname(encoded, len(encoded)), f"sethostname {hostname}")
        if Kind.NET in kinds:
            _loopback_up()
            _write_sysctls(sysctls)
    except (OSError, NamespaceError) as error:
        remove(path)
        raise NamespaceError(f"cannot make namespace {path}: {error}") from error


def remove(path: Path) -> None:
    """Let go of the namespaces kept at and beside `path`; harmless when there are none.

    The kernel removes a namespace, with its links, when the last process in it is gone.
    """
    for kind in Kind:
        target = beside(path, kind)
        if not target.exists():
            continue
        _libc.umount2(os.fsencode(target), _MNT_DETACH)
        with contextlib.suppress(FileNotFoundError):
            target.unlink()


def run_in(path: Path, function: Callable[[], Result]) -> Result:
    """Call `function` inside the network namespace at `path`, in a thread that ends with it.

    Sockets and processes it makes belong to that namespace for life. Raises NamespaceError when it cannot be entered.
    """

    def body() -> Result:
        enter(path)
        return function()

    return _in_thread(body)


async def run_in_async(path: Path, function: Callable[[], Result]) -> Result:
    """As `run_in`, without holding the event loop."""

    def body() -> Result:
        enter(path)
        return function()

    return await _in_thread_async(body)


def write_sysctls(path: Path, sysctls: Mapping[str, str]) -> None:
    """Set `sysctls` (dotted names below `net.`) inside the namespace at `path`. Raises OSError for an unknown one."""
    run_in(path, lambda: _write_sysctls(sysctls))


def enter(path: Path) -> None:
    """Move the calling thread, for good, into the network namespace at `path`. Raises NamespaceError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise NamespaceError(f"no network namespace at {path}") from error
    try:
        _check(_libc.setns(descriptor, Kind.NET.value), f"setns {path}")
    finally:
        os.close(descriptor)


def sysctl_file(name: str) -> Path:
    """The file behind a sysctl's dotted name; a link's name in it may hold dots written as slashes, as sysctl(8)."""
    return Path("/proc/sys") / name.replace(".", "\0").replace("/", ".").replace("\0", "/")


def _write_sysctls(sysctls: Mapping[str, str]) -> None:
    for name, value in sysctls.items():
        optional = name.startswith("?")
        file = sysctl_file(name.removeprefix("?"))
        # "?" marks those that only some kernels have per namespace; elsewhere the file is absent in a namespace.
        if optional and not file.exists():
            continue
        file.write_text(value)


def _flags(kinds: Iterable[Kind]) -> int:
    total = 0
    for kind in kinds:
        total |= kind.value
    return total


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14x", b"lo", 0)
        _, flags = struct.unpack("16sH14x", fcntl.ioctl(control, _SIOCGIFFLAGS, request))
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | _IFF_UP))


def _mount_bind(source: Path, target: Path) -> None:
    _check(_libc.mount(os.fsencode(source), os.fsencode(target), None, _MS_BIND, None), f"bind {source} at {target}")


def _check(code: int, what: str) -> None:
    if code != 0:
        raise NamespaceError(f"{what}: {os.strerror(ctypes.get_errno())}")


def _in_thread(function: Callable[[], Result]) -> Result:
    results: list[Result] = []
    errors: list[BaseException] = []

    def body() -> None:
        try:
            results.append(function())
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


async def _in_thread_async(function: Callable[[], Result]) -> Result:
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Result] = loop.create_future()

    def settle(result: Result | None, error: BaseException | None) -> None:
        if outcome.done():
            return
        if error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(result)  # type: ignore[arg-type]  # None only when Result admits it

    def body() -> None:
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001  # handed to whoever waits
            loop.call_soon_threadsafe(settle, None, error)
        else:
            loop.call_soon_threadsafe(settle, result, None)

    # Without the handshake of threading.Thread.start, which would hold the loop until the thread runs.
    _thread.start_new_thread(body, ())
    return await outcome
