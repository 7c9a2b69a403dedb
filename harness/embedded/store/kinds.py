"""What differs between kinds: defaults, preparation, validation, deletion. One row per kind; rows hold functions only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from harness.embedded.store.fields import Faults
from harness.embedded.store.resources import Resource

Object = dict[str, Any]


def _nothing(_obj: Object) -> None:
    return


def _no_change(_new: Object, _old: Object) -> None:
    return


def _no_faults(_obj: Object, _faults: Faults) -> None:
    return


def _no_update_faults(_new: Object, _old: Object, _faults: Faults) -> None:
    return


@dataclass(frozen=True)
class Strategy:
    """The behaviour of one kind."""

    default: Callable[[Object], None] = _nothing
    """Fill in what the client left out; before ownership is computed."""
    prepare: Callable[[Object], None] = _nothing
    """Make a new object ready: drop what only the system may set."""
    prepare_update: Callable[[Object, Object], None] = _no_change
    """Make a changed object ready: (new, old)."""
    validate: Callable[[Object, Faults], None] = _no_faults
    validate_update: Callable[[Object, Object, Faults], None] = _no_update_faults
    default_name_rule: str = "subdomain"
    """Rule for metadata.name: subdomain (RFC 1123 names with dots) or label."""
    unconditional_update: bool = True
    """Whether an update without resourceVersion is taken."""
    returns_deleted: bool = False
    """Whether a deletion answers with the object instead of a Status."""
    wished: tuple[str, ...] = field(default=("spec",))
    """The top-level fields whose change bumps metadata.generation."""


PLAIN = Strategy()
_STRATEGIES: dict[str, Strategy] = {}


def strategy_for(resource: Resource) -> Strategy:
    """The behaviour of a resource's kind."""
    return _STRATEGIES.get(resource.kind, PLAIN)
