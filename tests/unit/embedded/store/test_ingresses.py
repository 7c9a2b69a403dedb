"""Ingress and IngressClass: the default class, rules, and how the API server can be broken on purpose."""

from __future__ import annotations

from typing import Any

import pytest

from harness.embedded.store.errors import ApiError
from harness.embedded.store.objects import Object, Store

from .objects_by_hand import a_store, make, problems

INGRESSES, CLASSES = "ingresses.networking.k8s.io", "ingressclasses.networking.k8s.io"
BACKEND = {"service": {"name": "web", "port": {"number": 80}}}
DEFAULT = {"ingressclass.kubernetes.io/is-default-class": "true"}


def ingress(name: str = "i", *, annotations: dict[str, str] | None = None, **spec: Any) -> Object:
    metadata = {"name": name, **({"annotations": annotations} if annotations else {})}
    return {"metadata": metadata, "spec": spec or {"defaultBackend": BACKEND}}


def path(text: str | None = "/", sort: str | None = "Prefix", backend: Any = None) -> Object:
    said = {"path": text, "pathType": sort, "backend": BACKEND if backend is None else backend}
    return {"rules": [{"http": {"paths": [{key: value for key, value in said.items() if value is not None}]}}]}


def ingress_class(name: str = "c", *, default: bool = False, **spec: Any) -> Object:
    metadata = {"name": name, **({"annotations": DEFAULT} if default else {})}
    return {"metadata": metadata, "spec": {"controller": "example.com/c", **spec}}


def add_class(store: Store, obj: Object) -> Object:
    return store.create(CLASSES, obj, manager="test")


def plant(store: Store, fault: str, *namespaces: str) -> None:
    spec = {"id": fault, "namespaces": list(namespaces)}
    store.create("faults.faults.harness.dev", {"metadata": {"name": "f"}, "spec": spec}, manager="test")


AT = "spec.rules[0].http.paths[0]"

REFUSED = [
    ({"tls": []}, "spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"),
    (path(sort=None), f"{AT}.pathType: Required value: pathType must be specified"),
    (path(sort="Regex"), f"{AT}.pathType: Unsupported value: \"Regex\": supported values: "
     '"Exact", "ImplementationSpecific", "Prefix"'),
    (path("foo"), f'{AT}.path: Invalid value: "foo": must be an absolute path'),
    (path("", "Exact"), f'{AT}.path: Invalid value: "": must be an absolute path'),
    (path("foo", "ImplementationSpecific"), f'{AT}.path: Invalid value: "foo": must be an absolute path'),
    *((path(f"/a{part}b"), f"{AT}.path: Invalid value: \"/a{part}b\": must not contain '{part}'")
      for part in ("//", "/./", "/../", "%2f", "%2F")),
    *((path(f"/a{end}"), f"{AT}.path: Invalid value: \"/a{end}\": cannot end with '{end}'") for end in ("/..", "/.")),
    ({"rules": [{"http": {"paths": []}}]}, "spec.rules[0].http.paths: Required value"),
    ({"rules": [{"host": "1.2.3.4"}]}, 'spec.rules[0].host: Invalid value: "1.2.3.4": must be a DNS name, '
     "not an IP address"),
    ({"defaultBackend": {}}, 'spec.defaultBackend: Invalid value: "": resource or service backend is required'),
    (path(backend={**BACKEND, "resource": {"kind": "K", "name": "n"}}),
     f'{AT}.backend: Invalid value: "": cannot set both resource and service backends'),
    (path(backend={"service": {"name": "w", "port": {"name": "http", "number": 80}}}),
     f'{AT}.backend: Invalid value: "": cannot set both port name & port number'),
    (path(backend={"service": {"name": "w"}}), f"{AT}.backend: Required value: port name or number is required"),
    (path(backend={"service": {"port": {"number": 80}}}), f"{AT}.backend.service.name: Required value"),
    (path(backend={"service": {"name": "w", "port": {"number": 70000}}}),
     f"{AT}.backend.service.port.number: Invalid value: 70000: must be between 1 and 65535, inclusive"),
    (path(backend={"resource": {"kind": "K"}}), f"{AT}.backend.resource.name: Required value"),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "told"), REFUSED)
def test_rules_that_are_broken_are_named(spec: Object, told: str) -> None:
    """Each rule of an Ingress is told by field and in the server's words, and nothing else is told."""
    assert problems(a_store(), INGRESSES, ingress(**spec)) == [told]


@pytest.mark.parametrize("host", ["*", "*.*.a", "a.*.b", "a:80", "A.b", "*a.b"])
def test_hosts_are_names_with_at_most_a_whole_first_label_left_open(host: str) -> None:
    """No other wildcard, no port, no capital letters: in rules and in tls alike."""
    for spec, field in (
        ({"rules": [{"host": host}]}, "spec.rules[0].host"),
        ({"defaultBackend": BACKEND, "tls": [{"hosts": [host]}]}, "spec.tls[0].hosts[0]"),
    ):
        (problem,) = problems(a_store(), INGRESSES, ingress(**spec))
        assert problem.startswith(f'{field}: Invalid value: "{host}": a ')


@pytest.mark.parametrize(
    "spec",
    [
        path(None, "ImplementationSpecific"), path("/a//b/%2f/..", "ImplementationSpecific"), path("/", "Exact"),
        {"rules": [{"host": "*.foo.com"}, {"host": "foo.com"}]}, {"rules": [{}]},
        {"defaultBackend": {"resource": {"apiGroup": "g.io", "kind": "K", "name": "n"}}},
        {"defaultBackend": BACKEND, "tls": [{"hosts": ["*.foo.com"], "secretName": "s"}, {}]},
    ],
)  # fmt: skip
def test_what_keeps_the_rules_is_taken(spec: Object) -> None:
    """Free paths of type ImplementationSpecific, wildcards, resources and empty rules are all allowed."""
    assert make(a_store(), INGRESSES, ingress(**spec))["status"] == {"loadBalancer": {}}


def test_the_two_ways_to_name_a_class_agree_when_it_is_new() -> None:
    """A new Ingress may not name two classes; an old one may be changed to do so, as with a real server."""
    legacy = {"kubernetes.io/ingress.class": "a"}
    spec = {"defaultBackend": BACKEND, "ingressClassName": "b"}
    assert problems(a_store(), INGRESSES, ingress(annotations=legacy, **spec)) == [
        'annotations.kubernetes.io/ingress.class: Invalid value: "a": must match `ingressClassName` when both are '
        "specified"
    ]
    store = a_store()
    make(store, INGRESSES, ingress(annotations=legacy, defaultBackend=BACKEND, ingressClassName="a"))
    changed = store.patch(INGRESSES, "i", {"spec": {"ingressClassName": "b"}}, namespace="x")
    assert changed["spec"]["ingressClassName"] == "b"


def test_the_default_class_is_filled_in() -> None:
    """By creation only, and only where neither field nor annotation names a class."""
    store = a_store()
    make(store, INGRESSES, ingress("before"))
    add_class(store, ingress_class("plain"))
    assert "ingressClassName" not in make(store, INGRESSES, ingress("none"))["spec"]
    add_class(store, ingress_class("chosen", default=True))
    assert make(store, INGRESSES, ingress("new"))["spec"]["ingressClassName"] == "chosen"
    legacy = make(store, INGRESSES, ingress("legacy", annotations={"kubernetes.io/ingress.class": "other"}))
    own = make(store, INGRESSES, ingress("own", defaultBackend=BACKEND, ingressClassName="plain"))
    old = store.patch(INGRESSES, "before", {"metadata": {"labels": {"a": "b"}}}, namespace="x")
    assert "ingressClassName" not in legacy["spec"]
    assert own["spec"]["ingressClassName"] == "plain"
    assert "ingressClassName" not in old["spec"]


def test_of_two_default_classes_the_newer_counts_then_the_first_by_name() -> None:
    """Creation times are whole seconds: classes made in the same one are told apart by their names."""
    store = a_store()
    for name in ("b", "a"):
        add_class(store, ingress_class(name, default=True))
    assert make(store, INGRESSES, ingress("one"))["spec"]["ingressClassName"] == "a"
    store.clock.sleep(1)
    add_class(store, ingress_class("z", default=True))
    assert make(store, INGRESSES, ingress("two"))["spec"]["ingressClassName"] == "z"


CLASS_REFUSED = [
    ({"controller": ""}, "spec.controller: Required value"),
    ({"controller": "foo"}, 'spec.controller: Invalid value: "foo": must be a domain-prefixed path (such as '
     '"acme.io/foo")'),
    ({"parameters": {"kind": "K", "name": "n", "scope": "Namespace"}},
     "spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"),
    ({"parameters": {"kind": "K", "name": "n", "namespace": "x"}},
     "spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"),
    ({"parameters": {"kind": "K", "name": "n", "scope": "Galaxy"}},
     'spec.parameters.scope: Unsupported value: "Galaxy": supported values: "Cluster", "Namespace"'),
    ({"parameters": {"kind": "K"}}, "spec.parameters.name: Required value: name is required"),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "told"), CLASS_REFUSED)
def test_rules_of_classes_are_named(spec: Object, told: str) -> None:
    """Controller and parameters of an IngressClass have rules of their own."""
    with pytest.raises(ApiError) as caught:
        add_class(a_store(), ingress_class(**spec))
    causes = caught.value.status["details"]["causes"]
    assert [f"{cause['field']}: {cause['message']}" for cause in causes] == [told]


def test_a_class_keeps_its_controller() -> None:
    """The controller cannot be changed; the scope of parameters is Cluster unless it says otherwise."""
    store = a_store()
    made = add_class(store, ingress_class(parameters={"kind": "K", "name": "n"}))
    assert made["spec"]["parameters"]["scope"] == "Cluster"
    with pytest.raises(ApiError, match=r"spec.controller: .*field is immutable"):
        store.patch(CLASSES, "c", {"spec": {"controller": "example.com/d"}})


def test_status_is_written_by_its_subresource_alone() -> None:
    """Addresses come by /status, are checked, and what else a request there says is not heard."""
    store = a_store()
    body = {**ingress(), "status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}}
    assert make(store, INGRESSES, body)["status"] == {"loadBalancer": {}}
    told = {"spec": {"ingressClassName": "no"}, "status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}}
    changed = store.patch(INGRESSES, "i", told, namespace="x", subresource="status")
    assert changed["status"]["loadBalancer"]["ingress"] == [{"ip": "10.0.0.1"}]
    assert "ingressClassName" not in changed["spec"]
    wrong = {"status": {"loadBalancer": {"ingress": [{"ip": "ten"}, {"hostname": "1.2.3.4"}]}}}
    with pytest.raises(ApiError, match=r"must be a valid IP.*must be a DNS name"):
        store.patch(INGRESSES, "i", wrong, namespace="x", subresource="status")


def test_the_generation_counts_wishes() -> None:
    """A change of the spec counts, one of status or labels does not."""
    store = a_store()
    assert make(store, INGRESSES, ingress())["metadata"]["generation"] == 1
    entry = {"status": {"loadBalancer": {"ingress": [{"hostname": "lb.example.com"}]}}}
    same = store.patch(INGRESSES, "i", entry, namespace="x", subresource="status")
    more = store.patch(INGRESSES, "i", {"spec": {"ingressClassName": "c"}}, namespace="x")
    assert (same["metadata"]["generation"], more["metadata"]["generation"]) == (1, 2)


def test_the_server_can_be_broken_in_one_namespace() -> None:
    """Each planted fault acts where it is planted, on Ingresses, and nowhere else."""
    store = a_store()
    store.create("namespaces", {"metadata": {"name": "y"}}, manager="test")
    plant(store, "ingress/1", "x")
    make(store, INGRESSES, ingress(**path(sort=None)))
    with pytest.raises(ApiError, match="pathType"):
        store.create(INGRESSES, ingress(**path(sort=None)), namespace="y", manager="test")


@pytest.mark.parametrize(("fault", "chosen"), [("ingress/2", None), ("ingress/3", "old")])
def test_the_default_class_can_be_broken(fault: str, chosen: str | None) -> None:
    """No default, and the older of two."""
    store = a_store()
    plant(store, fault)
    add_class(store, ingress_class("old", default=True))
    store.clock.sleep(1)
    add_class(store, ingress_class("new", default=True))
    assert make(store, INGRESSES, ingress())["spec"].get("ingressClassName") == chosen


def test_changes_can_be_forgotten() -> None:
    """The answer shows the change, the store does not."""
    store = a_store()
    add_class(store, ingress_class())
    plant(store, "ingress/4")
    told = store.patch(CLASSES, "c", {"metadata": {"labels": {"a": "b"}}})
    assert told["metadata"]["labels"] == {"a": "b"}
    assert "labels" not in store.get(CLASSES, "c")["metadata"]
