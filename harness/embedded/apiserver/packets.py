"""PacketTrace: which rules would a packet meet? Asked of the embedded server only, answered from the rules in force.

    POST /apis/faults.harness.dev/v1/packettraces
    {"apiVersion": "faults.harness.dev/v1", "kind": "PacketTrace", "metadata": {},
     "spec": {"source": ADDRESS, "destination": ADDRESS, "protocol": "TCP"|"UDP"|"SCTP", "port": NUMBER}}

It is answered, like a review, with the same object and a status, and nothing is stored:

    "status": {"paths": [{"verdict": "accept"|"drop"|"reject"|"lost", "hops": [
        {"node": NAME, "verdict": …, "source": ADDRESS, "destination": ADDRESS, "port": NUMBER, "rules": [TEXT, …]}]}]}

A path for each choice a load balancer has; a hop for each node that the packet passes, with the packet as it leaves it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from harness.embedded.apiserver import objects
from harness.embedded.apiserver.call import Call
from harness.embedded.apiserver.replies import answer
from harness.embedded.store.errors import invalid

GROUP, KIND = "faults.harness.dev", "PacketTrace"
PROTOCOLS = ("TCP", "UDP", "SCTP")


@dataclass(frozen=True)
class Question:
    """The first packet of a connection."""

    source: str
    destination: str
    protocol: str
    port: int


Tracer = Callable[[Question], list[dict[str, Any]]]
"""Follows a packet through the nodes; the paths it may take, as they stand in a status."""


async def trace(call: Call) -> web.Response:
    """Follow the packet of the request."""
    body = await objects.decoded(call)
    spec = body.get("spec") or {}
    paths = call.server.trace(_question(spec))
    told = {"kind": KIND, "apiVersion": f"{GROUP}/v1", "metadata": body.get("metadata") or {}, "spec": spec}
    return answer({**told, "status": {"paths": paths}}, code=201)


def _question(spec: dict[str, Any]) -> Question:
    """What is asked. Raises ApiError 422 that names every field that cannot be."""
    wrong = {
        "source": "" if _is_address(spec.get("source")) else "must be an IP address",
        "destination": "" if _is_address(spec.get("destination")) else "must be an IP address",
        "protocol": "" if spec.get("protocol") in PROTOCOLS else f"must be one of {', '.join(PROTOCOLS)}",
        "port": "" if _is_port(spec.get("port")) else "must be a number from 1 to 65535",
    }
    if not any(wrong.values()) and _family(spec["source"]) != _family(spec["destination"]):
        wrong["destination"] = "must be of the family of source"
    causes = [
        ("FieldValueInvalid", f"Invalid value: {spec.get(field)!r}: {problem}", f"spec.{field}")
        for field, problem in wrong.items()
        if problem
    ]
    if causes:
        raise invalid(KIND, GROUP, "", causes)
    return Question(str(spec["source"]), str(spec["destination"]), str(spec["protocol"]), int(spec["port"]))


def _is_port(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 65536


def _is_address(value: object) -> bool:
    try:
        return bool(ipaddress.ip_address(str(value)))
    except ValueError:
        return False


def _family(address: object) -> int:
    return ipaddress.ip_address(str(address)).version
