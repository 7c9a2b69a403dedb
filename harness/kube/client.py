"""`Kube`: what we do with a Kubernetes API, in dictionaries.

Resources are named as kubectl names them (`resources.py`). Objects go in and come out as in JSON: fields newer than
the client survive. Safe to use from several threads. Not a cache, and nothing is retried except a watch that has to be
resumed.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from harness.effects.clock import Clock, RealClock
from harness.kube import errors
from harness.kube.access import Access, read_kubeconfig
from harness.kube.exec_stream import ExecOutcome, ExecStream, collect, open_exec
from harness.kube.resources import BY_KIND, BY_NAME, Served, from_discovery, split_name
from harness.kube.transport import REQUEST_TIMEOUT, Reply, Transport
from harness.kube.waiting import Chosen, Event, Listing, Object, wait_all

MANAGER = "harness"
"""The field manager of everything we apply, create and patch."""

WATCH_SLICE = 240.0
"""Seconds one watch request may last; it is resumed after that. Below the five minutes of common proxies."""

PAGE = 500
"""Objects per page of a list, as kubectl asks."""


class PatchKind(enum.StrEnum):
    """How a patch is written; the value is its content type."""

    MERGE = "application/merge-patch+json"
    JSON = "application/json-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"


class Propagation(enum.StrEnum):
    """What happens to what an object owns."""

    BACKGROUND = "Background"
    FOREGROUND = "Foreground"
    ORPHAN = "Orphan"


class Kube:
    """One API server."""

    def __init__(self, access: Access, *, run: str = "", clock: Clock | None = None) -> None:
        self.access = access
        self.transport = Transport(access, version=_our_version(), run=run)
        self._clock = clock or RealClock()
        self._discovered: dict[str, Served] = {}

    @classmethod
    def connect(
        cls,
        kubeconfig: Mapping[str, Any] | str | Path,
        *,
        context: str | None = None,
        run: str = "",
    ) -> Kube:
        """From a kubeconfig (a dictionary or a path) and one of its contexts. Makes no request. Raises ConfigError.

        `run` stands in the User-Agent of every request; `transport.stamped` adds the case.
        """
        config = kubeconfig if isinstance(kubeconfig, Mapping) else read_kubeconfig(kubeconfig)
        return cls(Access(config, context=context), run=run)

    @property
    def server(self) -> str:
        """The API server's URL."""
        return self.access.server

    def close(self) -> None:
        """Close idle connections."""
        self.access.close()

    # -- objects ------------------------------------------------------------------------------------------------

    def apply(self, obj: Object, *, force: bool = True, dry_run: bool = False, manager: str = MANAGER) -> Object:
        """Server-side apply of a whole object; its namespace is in its metadata."""
        served = self.served_kind(obj)
        query: dict[str, str | bool] = {"fieldManager": manager, "force": force, "dryRun": _all(dry_run)}
        path = served.path(namespace=obj["metadata"].get("namespace"), name=obj["metadata"]["name"])
        reply = self.transport.request(
            "PATCH", path, query=query, body=obj, content_type="application/apply-patch+yaml"
        )
        return reply.json()

    def create(self, obj: Object, *, dry_run: bool = False, validation: str = "Strict") -> Object:
        """POST. `validation` is the server's `fieldValidation`."""
        served = self.served_kind(obj)
        query = {"fieldManager": MANAGER, "dryRun": _all(dry_run), "fieldValidation": validation}
        path = served.path(namespace=obj["metadata"].get("namespace"))
        return self.transport.request("POST", path, query=query, body=obj).json()

    def get(self, resource: str, name: str, *, namespace: str | None = None) -> Object:
        """One object. Raises NotFound."""
        return self.transport.request("GET", self.served(resource).path(namespace=namespace, name=name)).json()

    def find(self, resource: str, name: str, *, namespace: str | None = None) -> Object | None:
        """One object, or None when there is none of that name."""
        try:
            return self.get(resource, name, namespace=namespace)
        except errors.NotFound:
            return None

    def list(self, resource: str, *, namespace: str | None = None, labels: str = "", fields: str = "") -> Listing:
        """All objects that match both selectors, page by page. Items get the apiVersion and kind lists leave out."""
        served = self.served(resource)
        items: list[Object] = []
        query: dict[str, str | int] = {"labelSelector": labels, "fieldSelector": fields, "limit": PAGE, "continue": ""}
        while True:
            page = self.transport.request("GET", served.path(namespace=namespace), query=query).json()
            items += page.get("items") or []
            metadata = page.get("metadata") or {}
            query["continue"] = metadata.get("continue") or ""
            if not query["continue"]:
                break
        for item in items:
            item.setdefault("apiVersion", served.api_version)
            item.setdefault("kind", served.kind)
        return Listing(items, str(metadata.get("resourceVersion", "")))

    def replace(self, obj: Object, *, subresource: str = "", dry_run: bool = False) -> Object:
        """PUT. With a resourceVersion in the object, Conflict when it has changed meanwhile."""
        meta = obj["metadata"]
        path = self.served_kind(obj).path(namespace=meta.get("namespace"), name=meta["name"], subresource=subresource)
        query = {"fieldManager": MANAGER, "dryRun": _all(dry_run)}
        return self.transport.request("PUT", path, query=query, body=obj).json()

    def patch(
        self,
        resource: str,
        name: str,
        patch: Any,
        *,
        namespace: str | None = None,
        kind: PatchKind = PatchKind.MERGE,
        subresource: str = "",
        dry_run: bool = False,
    ) -> Object:
        """PATCH with a dictionary (merge, strategic) or a list of operations (JSON patch)."""
        path = self.served(resource).path(namespace=namespace, name=name, subresource=subresource)
        query = {"fieldManager": MANAGER, "dryRun": _all(dry_run)}
        return self.transport.request("PATCH", path, query=query, body=patch, content_type=str(kind)).json()

    def delete(
        self,
        resource: str,
        name: str,
        *,
        namespace: str | None = None,
        grace: int | None = None,
        propagation: Propagation | None = None,
        uid: str | None = None,
    ) -> bool:
        """DELETE; whether there was such an object. With `uid` only that very one (Conflict otherwise)."""
        options = _delete_options(grace, propagation, uid=uid)
        try:
            self.transport.request("DELETE", self.served(resource).path(namespace=namespace, name=name), body=options)
        except errors.NotFound:
            return False
        return True

    def delete_collection(
        self,
        resource: str,
        *,
        namespace: str | None = None,
        labels: str,
        grace: int | None = None,
        propagation: Propagation | None = None,
    ) -> None:
        """DELETE of everything that matches; a label selector is demanded, so that nothing else goes."""
        if not labels:
            raise ValueError("delete_collection without a label selector would delete what is not ours")
        path = self.served(resource).path(namespace=namespace)
        options = _delete_options(grace, propagation)
        self.transport.request("DELETE", path, query={"labelSelector": labels}, body=options)

    # -- watching -----------------------------------------------------------------------------------------------

    def watch(
        self,
        resource: str,
        *,
        since: str,
        timeout: float,
        namespace: str | None = None,
        labels: str = "",
        fields: str = "",
    ) -> Iterator[Event]:
        """Changes after `since`, for at most `timeout` seconds; resumed when the server ends it early.

        Raises Expired when `since` is too old: list again.
        """
        path = self.served(resource).path(namespace=namespace)
        deadline = self._clock.now() + timeout
        query: dict[str, str | int | bool] = {"watch": True, "allowWatchBookmarks": True}
        query |= {"labelSelector": labels, "fieldSelector": fields, "resourceVersion": since}
        while (left := deadline - self._clock.now()) > 0:
            query["timeoutSeconds"] = max(1, int(min(left, WATCH_SLICE)))
            for event in self._watch_once(path, query, deadline):
                query["resourceVersion"] = event.object["metadata"]["resourceVersion"]
                if event.kind != "BOOKMARK":
                    yield event

    def _watch_once(self, path: str, query: Mapping[str, str | int | bool], deadline: float) -> Iterator[Event]:
        left = max(0.1, deadline - self._clock.now())
        try:
            with self.transport.lines(path, query=query, connect_timeout=left, idle_timeout=left) as lines:
                for line in lines:
                    raw = json.loads(line)
                    if raw["type"] == "ERROR":
                        raise errors.from_status(raw["object"], asked=f"watching {path}")
                    yield Event(raw["type"], raw["object"])
                    if self._clock.now() >= deadline:
                        return
        except errors.TimedOut:
            if self._clock.now() < deadline - 0.05:
                raise

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
        """Wait until `condition` holds of the object (None while there is none); the object. Raises WaitTimeout."""
        found = self.wait_all(
            resource,
            lambda objects: condition(objects[0] if objects else None),
            timeout=timeout,
            namespace=namespace,
            fields=f"metadata.name={name}",
            what=what or f"{resource} {namespace + '/' if namespace else ''}{name}",
        )
        return found[0] if found else None

    def wait_all(
        self,
        resource: str,
        condition: Callable[[Sequence[Object]], bool],
        *,
        timeout: float,
        namespace: str | None = None,
        labels: str = "",
        fields: str = "",
        what: str = "",
    ) -> Sequence[Object]:
        """Wait until `condition` holds of all matching objects together; those objects. Raises WaitTimeout.

        An API server that goes away meanwhile is waited for, too.
        """
        chosen = Chosen(resource, namespace, labels, fields)
        return wait_all(self, chosen, condition, timeout=timeout, what=what or resource, clock=self._clock)

    # -- pods ---------------------------------------------------------------------------------------------------

    def logs(
        self,
        namespace: str,
        pod: str,
        *,
        container: str = "",
        previous: bool = False,
        tail: int | None = None,
        timeout: float = REQUEST_TIMEOUT,
    ) -> bytes:
        """A container's output so far."""
        path = BY_NAME["pods"].path(namespace=namespace, name=pod, subresource="log")
        query: dict[str, str | int | bool | None] = {"container": container, "tailLines": tail}
        query["previous"] = previous or None
        return self.transport.request("GET", path, query=query, accept="*/*", timeout=timeout).body

    def open_exec(
        self,
        namespace: str,
        pod: str,
        argv: Sequence[str],
        *,
        container: str = "",
        stdin: bool = True,
        timeout: float = 10.0,
    ) -> ExecStream:
        """Start a command in a container and keep the stream. Raises StreamRefused."""
        path = BY_NAME["pods"].path(namespace=namespace, name=pod, subresource="exec")
        return open_exec(self.transport, path, argv, container=container, stdin=stdin, timeout=timeout)

    def exec(
        self,
        namespace: str,
        pod: str,
        argv: Sequence[str],
        *,
        container: str = "",
        stdin: bytes = b"",
        timeout: float = REQUEST_TIMEOUT,
    ) -> ExecOutcome:
        """Run a command in a container to its end. Raises StreamRefused, StreamClosed, TimedOut."""
        deadline = self._clock.now() + timeout
        stream = self.open_exec(namespace, pod, argv, container=container, stdin=bool(stdin), timeout=timeout)
        return collect(stream, stdin=stdin, deadline=deadline, clock=self._clock)

    def proxy(
        self,
        resource: str,
        name: str,
        path: str,
        *,
        namespace: str,
        method: str = "GET",
        timeout: float = REQUEST_TIMEOUT,
    ) -> bytes:
        """The body of an HTTP request to a pod or Service (`name`, `name:port`, `scheme:name:port`) through the server.

        Raises StatusError for any status from 400 on, the pod's own included.
        """
        place = f"{self.served(resource).path(namespace=namespace)}/{name}/proxy{path}"
        return self.transport.request(method, place, accept="*/*", timeout=timeout).body

    # -- the server ---------------------------------------------------------------------------------------------

    def server_version(self, *, timeout: float = REQUEST_TIMEOUT) -> Mapping[str, Any]:
        """`/version`: gitVersion, major, minor."""
        return self.transport.request("GET", "/version", timeout=timeout).json()

    def can_i(
        self, verb: str, resource: str, *, namespace: str | None = None, name: str = "", subresource: str = ""
    ) -> bool:
        """Whether these credentials may do that, as the server itself says."""
        plural, group = split_name(resource)
        asked = {"verb": verb, "resource": plural, "group": group, "name": name, "subresource": subresource}
        asked |= {"namespace": namespace or ""}
        review: Object = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "metadata": {},
            "spec": {"resourceAttributes": {key: value for key, value in asked.items() if value}},
        }
        return bool(self.create(review)["status"].get("allowed"))

    def raw(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int | bool | None] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        timeout: float = REQUEST_TIMEOUT,
    ) -> Reply:
        """Any path. Raises as everything else here."""
        return self.transport.request(method, path, query=query, body=body, content_type=content_type, timeout=timeout)

    def served(self, resource: str) -> Served:
        """How the cluster serves a resource of this name. Raises UnknownResource."""
        found = BY_NAME.get(resource) or self._discovered.get(resource)
        if found:
            return found
        plural, group = split_name(resource)
        return self._discover(group, None, lambda served: served.plural == plural, sought=resource)

    def served_kind(self, obj: Mapping[str, Any]) -> Served:
        """How the cluster serves objects like this one. Raises UnknownResource."""
        api_version, kind = str(obj.get("apiVersion", "")), str(obj.get("kind", ""))
        found = BY_KIND.get((api_version, kind))
        if found:
            return found
        group, _, version = api_version.rpartition("/")
        known = (s for s in self._discovered.values() if (s.api_version, s.kind) == (api_version, kind))
        return next(known, None) or self._discover(
            group, version, lambda served: served.kind == kind, sought=f"{api_version} {kind}"
        )

    def _discover(self, group: str, version: str | None, wanted: Callable[[Served], bool], *, sought: str) -> Served:
        try:
            if not group:
                version = version or "v1"
            elif version is None:
                about = self.transport.request("GET", f"/apis/{group}").json()
                version = str(about["preferredVersion"]["version"])
            path = f"/apis/{group}/{version}" if group else f"/api/{version}"
            entries = self.transport.request("GET", path).json().get("resources") or []
        except errors.NotFound as error:
            raise errors.UnknownResource(f"the cluster does not serve {sought}") from error
        for entry in entries:
            served = from_discovery(group, str(version), entry)
            if "/" not in served.plural and wanted(served):
                self._discovered[served.name] = served
                return served
        raise errors.UnknownResource(f"the cluster does not serve {sought}")


def _our_version() -> str:
    try:
        return metadata.version("kubernetes-network-harness")
    except metadata.PackageNotFoundError:
        return "0"


def _all(dry_run: bool) -> str:
    return "All" if dry_run else ""


def _delete_options(grace: int | None, propagation: Propagation | None, *, uid: str | None = None) -> Object:
    options: Object = {"apiVersion": "v1", "kind": "DeleteOptions"}
    if grace is not None:
        options["gracePeriodSeconds"] = grace
    if propagation is not None:
        options["propagationPolicy"] = str(propagation)
    if uid is not None:
        options["preconditions"] = {"uid": uid}
    return options
