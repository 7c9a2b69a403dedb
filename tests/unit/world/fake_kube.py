"""As much of `Kube` as putting, finding and removing objects takes, in memory. Nothing of an API server's rules."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from harness.kube.client import Kube, Listing
from harness.kube.errors import NotFound, WaitTimeout
from harness.kube.resources import BY_KIND

Object = dict[str, Any]


class FakeKube:
    """Objects by resource, namespace and name. `stuck` namespaces are deleted but stay."""

    server = "https://fake"

    def __init__(self, *, stuck: Iterable[str] = (), nodes: int = 0) -> None:
        self.objects: dict[tuple[str, str, str], Object] = {}
        self.deleted: list[tuple[str, str, int | None]] = []
        self._stuck = frozenset(stuck)
        for number in range(nodes):
            self.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": f"n{number}"}})

    @property
    def typed(self) -> Kube:
        """Itself, for those who ask for the real one."""
        return cast("Kube", self)

    def names(self, resource: str) -> list[str]:
        """Names of what is there."""
        return [name for kind, _, name in self.objects if kind == resource]

    def apply(self, obj: Object) -> Object:
        """Store a copy."""
        resource = BY_KIND[(obj["apiVersion"], obj["kind"])].name
        key = (resource, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        self.objects[key] = copy.deepcopy(obj)
        return copy.deepcopy(obj)

    create = apply

    def find(self, resource: str, name: str, *, namespace: str | None = None) -> Object | None:
        """A copy, or None."""
        return copy.deepcopy(self.objects.get((resource, namespace or "", name)))

    def get(self, resource: str, name: str, *, namespace: str | None = None) -> Object:
        """A copy. Raises NotFound."""
        found = self.find(resource, name, namespace=namespace)
        if found is None:
            raise NotFound({"code": 404, "message": name}, asked=f"GET {resource}")
        return found

    def list(self, resource: str, *, namespace: str | None = None, labels: str = "") -> Listing:
        """Everything that matches `key=value,...`."""
        wanted = dict(pair.split("=") for pair in labels.split(",") if pair)
        found = [
            copy.deepcopy(obj)
            for (kind, space, _), obj in self.objects.items()
            if kind == resource and namespace in {None, space} and wanted.items() <= _labels(obj).items()
        ]
        return Listing(found, "1")

    def delete(self, resource: str, name: str, *, namespace: str | None = None, grace: int | None = None) -> bool:
        """Remove it, unless it is stuck."""
        self.deleted.append((resource, name, grace))
        if name in self._stuck:
            return True
        return self.objects.pop((resource, namespace or "", name), None) is not None

    def wait(
        self,
        resource: str,
        name: str,
        condition: Callable[[Object | None], bool],
        *,
        timeout: float,
        namespace: str | None = None,
        what: str = "",
    ) -> Object | None:
        """Look once: nothing changes here by itself. Raises WaitTimeout."""
        found = self.find(resource, name, namespace=namespace)
        if not condition(found):
            raise WaitTimeout(f"{what or name}: not as asked after {timeout:g} s", last=found)
        return found

    def wait_all(
        self,
        resource: str,
        condition: Callable[[Sequence[Object]], bool],
        *,
        timeout: float,
        namespace: str | None = None,
        labels: str = "",
        what: str = "",
    ) -> Sequence[Object]:
        """Look once. Raises WaitTimeout."""
        found = self.list(resource, namespace=namespace, labels=labels).items
        if not condition(found):
            raise WaitTimeout(f"{what or resource}: not as asked after {timeout:g} s", last=None)
        return found

    def server_version(self) -> Mapping[str, Any]:
        """A version."""
        return {"gitVersion": "v1.36.0"}


def _labels(obj: Object) -> dict[str, str]:
    found: dict[str, str] = obj["metadata"].get("labels", {})
    return found
