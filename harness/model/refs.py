"""References to things in a cluster, as values. They name; they do not fetch."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Family(enum.StrEnum):
    """An IP family, in the API's spelling (`Service.spec.ipFamilies`)."""

    V4 = "IPv4"
    V6 = "IPv6"

    @classmethod
    def of(cls, address: str) -> Family:
        """The family of a literal address."""
        return cls.V6 if ":" in address else cls.V4


class Protocol(enum.StrEnum):
    """A transport protocol, in the API's spelling."""

    TCP = "TCP"
    UDP = "UDP"
    SCTP = "SCTP"


@dataclass(frozen=True, order=True)
class NamespacedName:
    """An object's namespace and name; prints as `namespace/name`."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, order=True)
class PodRef:
    """A pod of a topology: `x/a` is pod a of the arena's namespace x, whatever that namespace is really called."""

    namespace: str
    pod: str

    @classmethod
    def parse(cls, text: str) -> PodRef:
        """Read `x/a`. Raises ValueError for anything else."""
        namespace, slash, pod = text.partition("/")
        if not (namespace and slash and pod) or "/" in pod:
            raise ValueError(f"not a pod of a topology: {text!r}; write it as namespace/pod, for example x/a")
        return cls(namespace, pod)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.pod}"
