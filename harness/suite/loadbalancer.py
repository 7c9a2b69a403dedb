"""The first LoadBalancer Service of a run: it asks for an address while other tests run, and so nobody waits for it.

A cluster without an implementation says nothing about it: no address comes. One Service for the whole run, made when
its first arena is, has been waited for by the time a test needs to know. It belongs to the run and ends with it.
"""

from __future__ import annotations

from typing import Any

from harness.effects.clock import Clock, RealClock
from harness.kube.client import Kube
from harness.kube.errors import KubeError, WaitTimeout
from harness.model.capability import Fact
from harness.world import manifests
from harness.world.ownership import Owner, marked

PATIENCE = 15.0
"""Seconds until a cluster that gives no address counts as one that has nobody who would."""

NOBODY = "no address was assigned to the first Service that asked for one"
NAME = "first"
SPEC = {"type": "LoadBalancer", "ports": [{"name": "http", "port": 80, "targetPort": 80}]}


class FirstLoadBalancer:
    """What one worker knows of it. Every worker asks; it is the same Service."""

    def __init__(self, kube: Kube, run: str, *, patience: float = PATIENCE, clock: Clock | None = None) -> None:
        self._kube = kube
        self._owner = Owner(run, "home")
        self._space = self._owner.namespace("lb")
        self._patience = patience
        self._clock = clock or RealClock()
        self._asked: float | None = None

    def ask(self) -> None:
        """Have it ask for an address. Raises KubeError."""
        there = {"namespace": self._space}
        for each in (manifests.namespace(self._space, labels={}), _in(manifests.service(NAME, SPEC), there)):
            self._kube.apply(marked(each, self._owner.labels()))
        self._asked = self._clock.now()

    def fact(self) -> Fact:
        """Whether it was given one, after as much of the patience as is left."""
        if self._asked is None:
            return Fact.unknown("no Service has asked for an address yet")
        left = max(0.0, self._asked + self._patience - self._clock.now())
        try:
            self._kube.wait("services", NAME, has_address, timeout=left, namespace=self._space)
        except WaitTimeout:
            return Fact.no(why=f"{NOBODY} ({self._clock.now() - self._asked:.0f} s)")
        except KubeError as error:
            return Fact.unknown(f"the first Service that asked for an address cannot be looked at: {error}")
        return Fact.yes(why="a Service got an address")


def has_address(service: dict[str, Any] | None) -> bool:
    """Whether somebody has given this Service an address."""
    return bool(service and service.get("status", {}).get("loadBalancer", {}).get("ingress"))


def _in(manifest: dict[str, Any], place: dict[str, str]) -> dict[str, Any]:
    return {**manifest, "metadata": {**manifest["metadata"], **place}}
