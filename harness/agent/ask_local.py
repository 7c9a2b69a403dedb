"""Asks about the pod itself: its resolver, its files, its interfaces, its names."""

from __future__ import annotations

import base64
import fcntl
import os
import socket
import struct
from typing import Any

from .outcome import REACHED, REFUSED, SILENT, UNMEASURED, Entry, Failed, entry
from .sockets import Context

_FAMILIES = {"": socket.AF_UNSPEC, "IPv4": socket.AF_INET, "IPv6": socket.AF_INET6}
_NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", -5)}
_SIOCGIFMTU, _SIOCGIFFLAGS, _IFF_UP = 0x8921, 0x8913, 0x1


async def ask_resolve(context: Context, ask: dict[str, Any]) -> Entry:
    """The pod's own resolver. A name that does not exist is REFUSED: somebody said no."""
    family = _FAMILIES[ask.get("family", "")]
    name = ask["name"]
    done, value = await context.loop.in_thread(
        lambda: socket.getaddrinfo(name, None, family=family, type=socket.SOCK_STREAM), context.deadline
    )
    if not done:
        raise Failed(SILENT, f"the resolver did not answer within {context.timeout:g} s")
    if isinstance(value, socket.gaierror):
        code = value.errno or 0
        seen = REFUSED if code in _NO_SUCH_NAME else SILENT if code == socket.EAI_AGAIN else UNMEASURED
        raise Failed(seen, f"{value.strerror} ({_eai(code)})", details={"eai": _eai(code)})
    if isinstance(value, Exception):
        raise Failed(UNMEASURED, f"the resolver failed: {value}")
    addresses = list(dict.fromkeys(str(found[4][0]) for found in value))
    return entry(REACHED, context.began, addresses=addresses)


def _eai(code: int) -> str:
    return next((name for name in dir(socket) if name.startswith("EAI_") and getattr(socket, name) == code), str(code))


async def ask_read(context: Context, ask: dict[str, Any]) -> Entry:
    """A file, up to a limit."""
    try:
        content = _content(ask["path"], ask["limit"])
    except OSError as problem:
        raise Failed(UNMEASURED, f"{ask['path']}: {problem.strerror}", code=problem.errno or 0) from None
    return entry(REACHED, context.began, content=base64.b64encode(content).decode())


def _content(path: str, limit: int) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123 - pathlib costs 5 ms to import
        return file.read(limit)


async def ask_hostname(context: Context, ask: dict[str, Any]) -> Entry:  # noqa: ARG001 - same shape as the others
    """Hostname, fully qualified name, environment."""
    done, value = await context.loop.in_thread(socket.getfqdn, context.deadline)
    details = {"fqdn": value if done and isinstance(value, str) else "", "environment": dict(os.environ)}
    return entry(REACHED, context.began, text=socket.gethostname(), details=details)


async def ask_interfaces(context: Context, ask: dict[str, Any]) -> Entry:  # noqa: ARG001 - same shape as the others
    """Interfaces with addresses and MTU, from ioctls, netlink and /proc."""
    addresses = _addresses()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        found = [_interface(asking, index, name, addresses) for index, name in socket.if_nameindex()]
    return entry(REACHED, context.began, interfaces=found)


def _interface(asking: socket.socket, index: int, name: str, addresses: dict[int, list[str]]) -> dict[str, Any]:
    request = struct.pack("16s16x", name.encode())
    (mtu,) = struct.unpack_from("=i", fcntl.ioctl(asking, _SIOCGIFMTU, request), 16)
    (flags,) = struct.unpack_from("=H", fcntl.ioctl(asking, _SIOCGIFFLAGS, request), 16)
    hardware = fcntl.ioctl(asking, 0x8927, request)[18:24]
    mac = ":".join(f"{byte:02x}" for byte in hardware)
    return {"name": name, "mtu": mtu, "up": bool(flags & _IFF_UP), "mac": mac, "addresses": addresses.get(index, [])}


def _addresses() -> dict[int, list[str]]:
    """Interface index → addresses with prefix length, from an RTM_GETADDR dump (rtnetlink(7))."""
    found: dict[int, list[str]] = {}
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        netlink.settimeout(1.0)
        netlink.send(struct.pack("=IHHII", 17, 22, 0x301, 1, 0) + b"\0")
        while True:
            data = netlink.recv(65536)
            at = 0
            while at + 16 <= len(data):
                size, kind = struct.unpack_from("=IH", data, at)
                if kind in (2, 3) or size < 16:
                    return found
                if kind == 20:
                    _add_address(data[at + 16 : at + size], found)
                at += (size + 3) & ~3


def _add_address(message: bytes, found: dict[int, list[str]]) -> None:
    family, prefix, _, _, index = struct.unpack_from("=BBBBI", message)
    at, best = 8, b""
    while at + 4 <= len(message):
        size, kind = struct.unpack_from("=HH", message, at)
        if size < 4:
            break
        if kind == 2 or (kind == 1 and not best):
            best = message[at + 4 : at + size]
        at += (size + 3) & ~3
    if best:
        found.setdefault(index, []).append(f"{socket.inet_ntop(family, best)}/{prefix}")
