"""What the API server asks of whoever runs the pods: streams into containers, and their logs. A contract, no code.

The kubelets satisfy it by shape; nothing here imports them. A call that cannot be served raises `store.ApiError`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol


class ExecProcess(Protocol):
    """A process started inside a container, with its streams."""

    async def read_stdout(self) -> bytes:
        """The next piece of output, as large as is at hand; b"" at the end."""
        ...

    async def read_stderr(self) -> bytes:
        """The next piece of error output; b"" at the end."""
        ...

    async def write_stdin(self, data: bytes) -> None:
        """Hand over input; returns when it may be followed by more."""
        ...

    async def close_stdin(self) -> None:
        """No more input will come."""
        ...

    async def wait(self) -> int:
        """The exit code, when the process has ended."""
        ...

    async def kill(self) -> None:
        """End the process at once."""
        ...

    async def resize(self, width: int, height: int) -> None:
        """The client's terminal has this size."""
        ...


class Runtime(Protocol):
    """All kubelets together, seen from the API server."""

    async def exec(
        self, namespace: str, pod: str, container: str | None, argv: Sequence[str], *, stdin: bool, tty: bool
    ) -> ExecProcess:
        """Start a process in a running container."""
        ...

    def logs(
        self,
        namespace: str,
        pod: str,
        container: str | None,
        *,
        follow: bool,
        tail_lines: int | None,
        since_seconds: int | None,
        timestamps: bool,
        previous: bool,
        limit_bytes: int | None,
    ) -> AsyncIterator[bytes]:
        """The log of a container, in pieces. Errors are raised before the first piece."""
        ...
