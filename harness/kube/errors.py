"""What can go wrong between us and a cluster: one tree, one line each.

    KubeError
    ├── ConfigError          the kubeconfig is missing, malformed, or has no such context
    ├── Unreachable          nothing answers there
    │   ├── TimedOut         something may be there, but it did not answer in time
    │   └── CertificateProblem   something answers that the kubeconfig does not trust
    ├── StatusError          the API server answered with a Status
    │   ├── BadRequest · Unauthorized · Forbidden · NotFound · AlreadyExists · Conflict · Expired · Invalid
    │   └── TooManyRequests · ServerProblem (and StillStarting, a 403 that passes)
    ├── WaitTimeout          the object never came to the asked state
    ├── UnknownResource      the cluster does not serve that resource
    └── StreamClosed         an exec stream ended
        └── StreamRefused    it could not even be opened

Errors of the libraries below are chained (`__cause__`), never leaked.
"""

# ruff: noqa: N818 - named for what happened, as Kubernetes names its reasons
from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


class KubeError(Exception):
    """Root of everything raised by `harness.kube`."""


class ConfigError(KubeError):
    """The kubeconfig cannot be used."""


class Unreachable(KubeError):
    """Nothing answers at the server's address."""


class TimedOut(Unreachable):
    """No answer in time."""


class CertificateProblem(Unreachable):
    """The server's certificate is not signed by the kubeconfig's authority, or ours is not accepted by it."""


class WaitTimeout(KubeError):
    """An object did not come to the asked state in time; `last` is its last state."""

    def __init__(self, what: str, *, last: Mapping[str, Any] | None) -> None:
        self.last = last
        super().__init__(what)


class UnknownResource(KubeError):
    """The cluster does not serve this resource."""


class StreamClosed(KubeError):
    """An exec stream ended. `code` is the command's exit code when the server told it, `status` its Status."""

    def __init__(self, why: str, *, code: int | None = None, status: Mapping[str, Any] | None = None) -> None:
        self.why = why
        self.code = code
        self.status = status or {}
        super().__init__(why)


class StreamRefused(StreamClosed):
    """An exec stream could not be opened; `http` is the HTTP status of the refusal, 0 when there was none."""

    def __init__(self, why: str, *, http: int = 0) -> None:
        self.http = http
        super().__init__(why)


class StatusError(KubeError):
    """The API server said no. `status` is its whole Status; `code` and `reason` are taken from it."""

    def __init__(self, status: Mapping[str, Any], *, asked: str) -> None:
        self.status = status
        self.asked = asked
        self.code = int(status.get("code", 0))
        self.reason = str(status.get("reason", ""))
        super().__init__(self._line())

    @property
    def message(self) -> str:
        """The server's own sentence."""
        return str(self.status.get("message", "")) or self.reason or "no reason given"

    def _line(self) -> str:
        return f"{self.asked}: {self.code} {self.message}"


class BadRequest(StatusError):
    """400."""


class Unauthorized(StatusError):
    """401."""

    def _line(self) -> str:
        return f"{self.asked}: the cluster does not accept the kubeconfig's credentials (401); renew them"


class Forbidden(StatusError):
    """403; the message names verb and resource."""

    @property
    def is_of_an_ending_namespace(self) -> bool:
        """Whether nobody may create anything there any more, for the namespace is being deleted."""
        causes = (self.status.get("details") or {}).get("causes") or []
        return any(each.get("reason") == "NamespaceTerminating" for each in causes)

    def _line(self) -> str:
        return f"{self.asked}: not allowed (403): {self.message}"


class NotFound(StatusError):
    """404."""


class AlreadyExists(StatusError):
    """409 on create."""


class Conflict(StatusError):
    """409 on update or apply: somebody else changed or owns it."""


class Expired(StatusError):
    """410: the resourceVersion is too old; list again."""


class Invalid(StatusError):
    """422; `causes` names each field."""

    @property
    def causes(self) -> list[Mapping[str, Any]]:
        """`details.causes`."""
        return list((self.status.get("details") or {}).get("causes") or [])


class TooManyRequests(StatusError):
    """429."""


class ServerProblem(StatusError):
    """500 and above."""


class StillStarting(ServerProblem):
    """403 of a server that has not loaded its own roles yet: for a moment after its start nobody may do anything."""


_BUILT_IN = re.compile(r'clusterrole\.rbac\.authorization\.k8s\.io "system:[^"]+" not found')
"""What RBAC says of a role that every server makes for itself and restores: it is only missing while caches fill."""

_BY_REASON: dict[str, type[StatusError]] = {
    "AlreadyExists": AlreadyExists,
    "Conflict": Conflict,
    "Expired": Expired,
    "Gone": Expired,
}
_BY_CODE: dict[int, type[StatusError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Expired,
    422: Invalid,
    429: TooManyRequests,
}


def from_status(status: Mapping[str, Any], *, asked: str) -> StatusError:
    """The exception for a Status. `asked` says in a few words what was tried."""
    code = int(status.get("code", 0))
    if code == 403 and _BUILT_IN.search(str(status.get("message", ""))):
        return StillStarting(status, asked=asked)
    kind = _BY_REASON.get(str(status.get("reason", ""))) or _BY_CODE.get(code)
    return (kind or (ServerProblem if code >= 500 else StatusError))(status, asked=asked)
