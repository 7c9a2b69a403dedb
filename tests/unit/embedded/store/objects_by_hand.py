"""Small objects for the tests of the store, and a store to put them in."""

from __future__ import annotations

from typing import Any

from harness.effects.clock import FakeClock
from harness.embedded.store.errors import ApiError
from harness.embedded.store.objects import Store

START = 1_800_000_000.0
Object = dict[str, Any]


def a_store(*families: str) -> Store:
    """A store with the namespace x; single-stack IPv4 unless families are named."""
    store = Store(clock=FakeClock(start=START), families=families or ("IPv4",), seed=1)
    store.create("namespaces", {"metadata": {"name": "x"}}, manager="test")
    return store


def service(name: str = "s", **spec: Any) -> Object:
    """A Service with one port, unless the spec says otherwise."""
    return {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], **spec}}


def pod(name: str = "p", **spec: Any) -> Object:
    """A pod with one container."""
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "python:3.12"}], **spec}}


def config_map(name: str = "m", **data: str) -> Object:
    """A ConfigMap."""
    return {"metadata": {"name": name}, "data": data}


def deployment(name: str = "d", **spec: Any) -> Object:
    """A Deployment of one pod."""
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    return {
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template, **spec},
    }


def policy(name: str = "n", **spec: Any) -> Object:
    """A NetworkPolicy for all pods."""
    return {"metadata": {"name": name}, "spec": {"podSelector": {}, **spec}}


def make(store: Store, resource: str, obj: Object, **options: Any) -> Object:
    """Create in namespace x."""
    return store.create(resource, obj, namespace="x", manager="test", **options)


def refusal(store: Store, resource: str, obj: Object) -> ApiError:
    """The error of a creation that must fail."""
    try:
        made = make(store, resource, obj)
    except ApiError as error:
        return error
    raise AssertionError(f"accepted: {made}")


def problems(store: Store, resource: str, obj: Object) -> list[str]:
    """What a creation that must fail is refused for: `field: message` lines."""
    error = refusal(store, resource, obj)
    assert error.code == 422, error.status
    return [f"{cause['field']}: {cause['message']}" for cause in error.status["details"]["causes"]]
