"""What a cluster provider is: something that yields a kubeconfig and takes back what it made.

Providers make clusters; they do not look into them. What a cluster can do is found out through its API.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


class ClusterError(Exception):
    """A cluster cannot be had, said in one line with the remedy. The run is refused: exit code 4."""


@dataclass(frozen=True)
class Access:
    """How to reach a cluster.

    `kubeconfig` is the document itself, so that nothing has to lie on a disk; `context` names the one to use
    (None: the document's current one). `kind` says where it came from: `embedded` or `kubeconfig`.
    """

    kubeconfig: dict[str, Any]
    context: str | None
    kind: str
    notes: dict[str, str] = field(default_factory=dict)
    temporary: bool = False
    """Whether the cluster ends with the run, and everything in it: nothing has to be taken out of it before."""


class Provider(Protocol):
    """A source of one cluster."""

    def create(self) -> Access:
        """Make or find the cluster and wait until it serves. Raises ClusterError."""
        ...

    def destroy(self) -> None:
        """Remove what `create` made; idempotent, also after half a create."""
        ...

    def diagnose(self, into: Path) -> None:
        """Leave what helps to understand a failure in the directory `into`."""
        ...
