"""Links, addresses and routes as lines of `ip -batch`, and the one door that applies them.

Lines are made by pure functions; a batch costs one process however long it is. Follows ip-link(8), ip-route(8).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from harness.effects.run import Completed, run, run_async

LINK_NAME_LIMIT = 15
"""Longest name of a link: IFNAMSIZ less its closing zero."""


def bridge(name: str) -> list[str]:
    """A bridge that forwards at once (no spanning tree) and floods multicast, which neighbour discovery rides on."""
    return [
        f"link add {_checked(name)} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
        f"link set {name} up",
    ]


def veth_into(name: str, *, namespace: str, inner: str, mtu: int = 1500) -> list[str]:
    """A veth pair: `name` here, `inner` in the named namespace. Neither is up yet."""
    return [
        f"link add {_checked(name)} mtu {mtu} type veth peer name {_checked(inner)} netns {namespace} mtu {mtu}",
    ]


def up(name: str, *, master: str = "") -> list[str]:
    """Bring a link up, as a port of `master` when given."""
    return [*([f"link set {name} master {master}"] if master else []), f"link set {name} up"]


def address(link: str, with_prefix: str) -> str:
    """Give a link an address such as 172.18.0.2/16; an IPv6 address is usable at once (no duplicate detection)."""
    wanted = ipaddress.ip_interface(with_prefix)
    return f"address add {wanted.with_prefixlen} dev {link}" + (" nodad" if wanted.version == 6 else "")


def route(destination: str, *, via: str) -> str:
    """A route to a network, or to `default`, through a neighbour, whose address says the family (a batch has no -6)."""
    return f"route replace {destination} via {via}"


def no_route(address: str) -> str:
    """Take back the route to a single address."""
    return f"route delete {alone(address)}"


def alone(address: str) -> str:
    """A single address as a network."""
    return f"{address}/{128 if ':' in address else 32}"


def remove(name: str) -> str:
    """Delete a link, and with it the other end of a pair."""
    return f"link delete {name}"


def apply(lines: Iterable[str], *, namespace: str = "") -> None:
    """Carry out a batch, in the named namespace when given. Raises RunError naming the line that failed."""
    run(_argv(namespace), stdin=_text(lines))


async def apply_async(lines: Iterable[str], *, namespace: str = "", check: bool = True) -> Completed:
    """As `apply`, without holding the event loop."""
    return await run_async(_argv(namespace), stdin=_text(lines), check=check)


def _argv(namespace: str) -> list[str]:
    return ["ip", *(["-n", namespace] if namespace else []), "-batch", "-"]


def _text(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _checked(name: str) -> str:
    if not name or len(name) > LINK_NAME_LIMIT or "/" in name or any(letter.isspace() for letter in name):
        raise ValueError(f"not a link's name: {name!r}; 1 to {LINK_NAME_LIMIT} characters, no space, no slash")
    return name
