"""Waiting for objects to come to a state: one list, one watch after it, and again when either broke on the way.

The values of lists and watches stand here too; who asks the server is `client.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from harness.effects.clock import Clock
from harness.kube import errors

Object = dict[str, Any]

RETRY = 0.2
"""Seconds before a wait asks again after trouble on the way."""

_PASSING = (errors.Expired, errors.Unreachable, errors.TooManyRequests, errors.ServerProblem)
"""What an API server that restarts or is loaded says: the wait goes on."""


@dataclass(frozen=True)
class Listing:
    """A list and the moment it is true for."""

    items: list[Object]
    resource_version: str


@dataclass(frozen=True)
class Event:
    """One line of a watch. `kind` is ADDED, MODIFIED or DELETED."""

    kind: str
    object: Object


@dataclass(frozen=True)
class Chosen:
    """What a wait looks at."""

    resource: str
    namespace: str | None
    labels: str
    fields: str


class Watched(Protocol):
    """What a wait needs of a client."""

    def list(self, resource: str, *, namespace: str | None, labels: str, fields: str) -> Listing:
        """Everything that matches."""
        ...

    def watch(
        self, resource: str, *, since: str, timeout: float, namespace: str | None, labels: str, fields: str
    ) -> Iterator[Event]:
        """What changes after that."""
        ...


Condition = Callable[[Sequence[Object]], bool]


def wait_all(
    client: Watched, chosen: Chosen, condition: Condition, *, timeout: float, what: str, clock: Clock
) -> Sequence[Object]:
    """Wait until `condition` holds of all chosen objects together; those objects. Raises WaitTimeout."""
    deadline = clock.now() + timeout
    objects: dict[tuple[str, str], Object] = {}
    trouble: errors.KubeError | None = None
    while True:
        try:
            if _came_true(client, chosen, condition, objects, left=lambda: deadline - clock.now()):
                return list(objects.values())
            trouble = None
        except errors.CertificateProblem:
            raise
        except _PASSING as error:
            trouble = error
            clock.sleep(RETRY)
        if clock.now() >= deadline:
            break
    last = next(iter(objects.values()), None)
    why = f" ({trouble})" if trouble else ""
    raise errors.WaitTimeout(f"{what}: not as asked after {timeout:g} s{why}", last=last)


def _came_true(
    client: Watched,
    chosen: Chosen,
    condition: Condition,
    objects: dict[tuple[str, str], Object],
    *,
    left: Callable[[], float],
) -> bool:
    """One list and the watch after it; `objects` follows them."""
    place, labels, fields = chosen.namespace, chosen.labels, chosen.fields
    listing = client.list(chosen.resource, namespace=place, labels=labels, fields=fields)
    objects.clear()
    objects.update({_key(item): item for item in listing.items})
    if condition(list(objects.values())):
        return True
    since = listing.resource_version
    for event in client.watch(
        chosen.resource, since=since, timeout=left(), namespace=place, labels=labels, fields=fields
    ):
        _follow(objects, event)
        if condition(list(objects.values())):
            return True
    return False


def _key(obj: Object) -> tuple[str, str]:
    return str(obj["metadata"].get("namespace", "")), str(obj["metadata"]["name"])


def _follow(objects: dict[tuple[str, str], Object], event: Event) -> None:
    if event.kind == "DELETED":
        objects.pop(_key(event.object), None)
    else:
        objects[_key(event.object)] = event.object
