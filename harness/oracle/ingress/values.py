"""The values of an Ingress question: what is asked, and who has to answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from harness.oracle.services import Backend


@dataclass(frozen=True)
class Request:
    """A request as it arrives. The query is no part of it: it decides nothing."""

    host: str
    """As in the Host header: in any case, with or without a port."""
    path: str = "/"

    @property
    def name(self) -> str:
        """The host as rules are compared with it (RFC 9110 4.2.3: in any case, the port aside)."""
        name, colon, port = self.host.lower().rpartition(":")
        return name if colon and port.isdigit() else self.host.lower()

    def __str__(self) -> str:
        return f"{self.host}{self.path}"


@dataclass(frozen=True)
class Route:
    """The expectation. Without backends nobody behind an Ingress may answer: the controller itself says so."""

    backends: frozenset[Backend] = frozenset()
    why: tuple[str, ...] = ()
    undefined: str = ""
    """Why the API leaves the outcome to the controller: record, do not judge."""

    @property
    def pods(self) -> frozenset[str]:
        """Who may answer, as `namespace/pod`."""
        return frozenset(each.pod for each in self.backends if each.pod)

    def __str__(self) -> str:
        if self.undefined:
            return f"left to the controller: {self.undefined}"
        return " or ".join(sorted({f"{each.pod} at port {each.port}" for each in self.backends})) or "no backend"


@dataclass(frozen=True)
class Rule:
    """A path of a rule, with where it stands and what it leads to."""

    host: str
    sort: str
    """Exact, Prefix or ImplementationSpecific."""
    path: str
    ingress: str
    namespace: str
    backend: dict[str, object] = field(hash=False)

    def __str__(self) -> str:
        return f"Ingress {self.ingress}: {self.sort} {self.host or '*'}{self.path}"


def elements(path: str) -> list[str]:
    """A path split at its slashes; one at its end makes no difference to Prefix."""
    return [] if path in {"", "/"} else path.removesuffix("/").split("/")[1:]


def either(several: Iterable[Route]) -> Route:
    """One of several, and nobody can say which."""
    found = list(several)
    backends = frozenset(backend for each in found for backend in each.backends)
    return Route(backends, tuple(line for each in found for line in each.why))
