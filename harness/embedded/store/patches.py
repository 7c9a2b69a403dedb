"""Patch types of the API. The bodies are applied to copies; nothing here knows the store."""

from __future__ import annotations

import enum


class PatchKind(enum.StrEnum):
    """How a patch body is to be read."""

    JSON = "json"
    MERGE = "merge"
    STRATEGIC = "strategic"
    APPLY = "apply"


CONTENT_TYPES = {
    "application/json-patch+json": PatchKind.JSON,
    "application/merge-patch+json": PatchKind.MERGE,
    "application/strategic-merge-patch+json": PatchKind.STRATEGIC,
    "application/apply-patch+yaml": PatchKind.APPLY,
}
"""Patch media types to kinds."""
