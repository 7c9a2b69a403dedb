"""The shape of what differs between kinds: defaults, preparation, validation, deletion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.embedded.store import names
from harness.embedded.store.fields import Faults

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
    """The behaviour of one kind. Every function works on the object in place."""

    default: Callable[[Object], None] = _nothing
    """Fill in what the client left out; before ownership is computed."""
    prepare: Callable[[Object], None] = _nothing
    """Make a new object ready, after ownership is computed: drop what only the system may set."""
    prepare_update: Callable[[Object, Object], None] = _no_change
    """Make a changed object ready: (new, old)."""
    validate: Callable[[Object, Faults], None] = _no_faults
    """Rules for the object by itself; also after an update."""
    validate_new: Callable[[Object, Faults], None] = _no_faults
    """Rules for a new object only."""
    validate_update: Callable[[Object, Object, Faults], None] = _no_update_faults
    """Rules for the change: (new, old)."""
    validate_status: Callable[[Object, Faults], None] = _no_faults
    """Rules for what a request to the status subresource leaves."""
    name_rule: Callable[[str], list[str]] = names.subdomain
    unconditional_update: bool = True
    """Whether an update without resourceVersion is taken."""
    create_on_update: bool = False
    """Whether an update of what is not there creates it."""
    returns_deleted: bool = False
    """Whether a deletion answers with the object instead of a Status."""
    wishes_in_annotations: bool = False
    """Whether a change of annotations bumps the generation too."""
