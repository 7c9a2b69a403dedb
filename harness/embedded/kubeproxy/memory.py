"""What a proxy with certain faults remembers: objects as it last saw them. Without faults it hands everything through.

Three planted faults are about time, not about rules: a proxy that has stopped, one that loses changes, one that does
not take old node ports away. The compiler stays pure; it is given what such a proxy believes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from harness.embedded.kubeproxy import faults
from harness.embedded.kubeproxy.faults import Broken
from harness.embedded.kubeproxy.model import SERVICE_OF_SLICE, Object, OldNodePort

Key = tuple[str, str]


@dataclass(frozen=True)
class Believed:
    """One Service and its slices, as the proxy takes them to be."""

    service: Object | None = None
    slices: tuple[Object, ...] = ()

    @property
    def version(self) -> tuple[Any, ...]:
        """Changes whenever one of the objects does."""
        objects = [*([self.service] if self.service else []), *self.slices]
        return tuple((one["metadata"]["name"], one["metadata"].get("resourceVersion")) for one in objects)

    @property
    def delivers(self) -> bool:
        """Whether it is known with somebody behind it."""
        return self.service is not None and any(item.get("endpoints") for item in self.slices)

    @property
    def node_ports(self) -> frozenset[str]:
        """`protocol . number` of each."""
        if self.service is None or self.service["spec"].get("type") not in {"NodePort", "LoadBalancer"}:
            return frozenset()
        return frozenset(
            f"{(port.get('protocol') or 'TCP').lower()} . {port['nodePort']}"
            for port in self.service["spec"].get("ports") or ()
            if port.get("nodePort")
        )


class Memory:
    """Of one node's proxy."""

    def __init__(self) -> None:
        self._believed: dict[Key, Believed] = {}
        self._lost: dict[Key, tuple[Any, ...]] = {}
        self._old_ports: dict[tuple[Key, str], Believed] = {}

    def believe(
        self, services: Iterable[Object], slices: Iterable[Object], broken: Broken
    ) -> tuple[tuple[Object, ...], tuple[Object, ...], tuple[OldNodePort, ...]]:
        """The services, slices and old node ports that the proxy goes by, given what really is there."""
        real = _paired(services, slices)
        believed = {
            key: belief
            for key in real.keys() | self._believed.keys()
            if (belief := self._belief(key, real.get(key, Believed()), broken)) != Believed()
        }
        old = self._keep_old_ports(believed, broken)
        self._believed = believed
        return (
            tuple(one.service for one in believed.values() if one.service is not None),
            tuple(item for one in believed.values() for item in one.slices),
            old,
        )

    def _belief(self, key: Key, real: Believed, broken: Broken) -> Believed:
        known = self._believed.get(key, Believed())
        if broken.here(faults.STOPPED, key[0]):
            return known
        losing = broken.params(faults.LOST_CHANGES, key[0])
        if losing is not None and (known.delivers or not losing.get("new_ones_come")):
            self._lost[key] = real.version
            return known
        if self._lost.get(key) == real.version:
            return known  # the fault is over, but nobody tells the proxy again of what it lost
        self._lost.pop(key, None)
        return real

    def _keep_old_ports(self, believed: dict[Key, Believed], broken: Broken) -> tuple[OldNodePort, ...]:
        for key, before in self._believed.items():
            for port in before.node_ports - believed.get(key, Believed()).node_ports:
                self._old_ports[key, port] = before
        self._old_ports = {
            (key, port): before
            for (key, port), before in self._old_ports.items()
            if broken.here(faults.OLD_NODE_PORT, key[0]) and port not in believed.get(key, Believed()).node_ports
        }
        return tuple(
            OldNodePort(port, before.service, believed.get(key, before).slices or before.slices)
            for (key, port), before in self._old_ports.items()
            if before.service is not None
        )


def _paired(services: Iterable[Object], slices: Iterable[Object]) -> dict[Key, Believed]:
    of_service: dict[Key, list[Object]] = {}
    for one in slices:
        name = (one["metadata"].get("labels") or {}).get(SERVICE_OF_SLICE)
        if name:
            of_service.setdefault((one["metadata"].get("namespace", ""), name), []).append(one)
    named = {(one["metadata"].get("namespace", ""), one["metadata"]["name"]): one for one in services}
    return {
        key: Believed(named.get(key), tuple(sorted(of_service.get(key, ()), key=lambda one: one["metadata"]["name"])))
        for key in named.keys() | of_service.keys()
    }
