"""How what the system said becomes an outcome, in one place.

"."  REACHED     an answer came back (for handshake-only asks: the handshake was completed)
"r"  REFUSED     the network or the peer said no: RST, or ICMP port / protocol / administratively unreachable
                 ECONNREFUSED ECONNRESET EPIPE ENOPROTOOPT; EACCES (IPv6 "administratively prohibited")
"x"  SILENT      nothing within the time. Also EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ETIMEDOUT: nobody said no, there
                 is no way there; and EPERM, which is how a datagram dropped by this host's own firewall is told (a
                 SYN dropped by the same rule is simply never answered). IPv4's "administratively prohibited" arrives
                 as EHOSTUNREACH too; where the system tells ICMP codes apart (datagram sockets, IP_RECVERR) it is
                 REFUSED. `errno` always has the name
"!"  UNMEASURED  the probe broke: no descriptor, port or address to ask from, a name that does not resolve, anything
                 not listed here. It says nothing about the network
"""

from __future__ import annotations

import errno
import os
import time
from typing import Any

REACHED, REFUSED, SILENT, UNMEASURED = ".", "r", "x", "!"

_REFUSED = {errno.ECONNREFUSED, errno.ECONNRESET, errno.EPIPE, errno.ENOPROTOOPT, errno.EACCES}
_SILENT = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.ETIMEDOUT, errno.EPERM}

Entry = dict[str, Any]


class Failed(Exception):  # noqa: N818 - a look failed, the agent did not
    """A look that ended without an answer; becomes its entry."""

    def __init__(self, seen: str, error: str, *, code: int = 0, **fields: Any) -> None:
        self.seen = seen
        self.error = error
        self.code = code
        self.fields = fields
        super().__init__(error)


def of_errno(code: int, doing: str, **fields: Any) -> Failed:
    """What an error of the system while doing something on the network means."""
    name = errno.errorcode.get(code, str(code))
    seen = REFUSED if code in _REFUSED else SILENT if code in _SILENT else UNMEASURED
    return Failed(seen, f"{doing}: {os.strerror(code)} ({name})", code=code, **fields)


def broke(problem: OSError, doing: str) -> Failed:
    """An error before anything left the pod: says nothing about the network."""
    name = errno.errorcode.get(problem.errno or 0, str(problem.errno))
    return Failed(UNMEASURED, f"{doing}: {problem.strerror or problem} ({name})", code=problem.errno or 0)


def silent(doing: str, seconds: float, **fields: Any) -> Failed:
    """Nothing came within the ask's time."""
    return Failed(SILENT, f"{doing} within {seconds:g} s", **fields)


def entry(seen: str, began: float, **fields: Any) -> Entry:
    """An entry of a results frame, without its id."""
    return {"seen": seen, "ms": round((time.monotonic() - began) * 1000, 3), "at": round(began, 6), **fields}


def failed(problem: Failed, began: float) -> Entry:
    """The entry of a look that ended without an answer."""
    told = entry(problem.seen, began, error=problem.error, **problem.fields)
    if problem.code:
        told["errno"] = errno.errorcode.get(problem.code, str(problem.code))
    return told
