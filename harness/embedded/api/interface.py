"""The API as components see it. `LocalApi` answers from the store, `RemoteApi` over HTTPS; both raise `ApiError`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol

Object = dict[str, Any]


class Api(Protocol):
    """Reading and writing objects. Resources are named as kubectl names them, for example "deployments.apps"."""

    async def list(
        self, resource: str, *, namespace: str | None = None, label_selector: str = ""
    ) -> tuple[list[Object], str]:
        """Objects and the resourceVersion of the list. Read-only: the objects may be shared."""
        ...

    async def get(self, resource: str, name: str, *, namespace: str | None = None) -> Object:
        """One object, the caller's own copy. Raises ApiError 404."""
        ...

    async def create(self, resource: str, obj: Object, *, namespace: str | None = None) -> Object:
        """Create; the result is the caller's own copy."""
        ...

    async def update(self, resource: str, obj: Object, *, subresource: str = "") -> Object:
        """Replace by the name and namespace in its metadata; a stale resourceVersion raises ApiError 409."""
        ...

    async def patch(
        self, resource: str, name: str, patch: Object, *, namespace: str | None = None, subresource: str = ""
    ) -> Object:
        """Merge-patch (RFC 7386)."""
        ...

    async def delete(
        self,
        resource: str,
        name: str,
        *,
        namespace: str | None = None,
        grace: int | None = None,
        uid: str | None = None,
    ) -> None:
        """Delete; with `uid`, only that very object (ApiError 409 otherwise)."""
        ...

    def watch(self, resource: str, *, since: str) -> AsyncIterator[Object]:
        """Events `{"type", "object"}` after a resourceVersion. Raises ApiError 410 when it is too old."""
        ...
