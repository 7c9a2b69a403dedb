"""Reading what clients send into the form that is stored."""

from __future__ import annotations

from typing import Any

import pytest

from harness.embedded.store.decode import empty_object, normalize
from harness.embedded.store.errors import ApiError
from harness.embedded.store.quantity import canonical
from harness.embedded.store.resources import by_name

from .objects_by_hand import a_store, config_map, make, refusal, service

SERVICES, PODS = by_name("services"), by_name("pods")


def read(resource: Any, **spec: Any) -> dict[str, Any]:
    """The stored form of a spec."""
    obj, _ = normalize(resource, {"metadata": {"name": "x"}, "spec": spec})
    return dict(obj["spec"])


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ({"clusterIP": None}, {}),
        ({"clusterIP": ""}, {}),
        ({"externalIPs": []}, {}),
        ({"selector": {}}, {}),
        ({"publishNotReadyAddresses": False}, {}),
        ({"allocateLoadBalancerNodePorts": False}, {"allocateLoadBalancerNodePorts": False}),
        ({"sessionAffinityConfig": {}}, {"sessionAffinityConfig": {}}),
        ({"ports": [{"port": 0}]}, {"ports": [{"port": 0, "targetPort": 0}]}),
        ({"ports": [{}]}, {"ports": [{"port": 0, "targetPort": 0}]}),
    ],
)
def test_optional_emptiness_vanishes_and_pointers_stay(given: dict[str, Any], stored: dict[str, Any]) -> None:
    """Null and empty optional values are as if they had not been sent; an explicit zero behind a pointer is kept."""
    assert read(SERVICES, **given) == stored


def test_always_written_fields_appear() -> None:
    """A pod has a container list, a Service a load balancer status, even when nobody sent one."""
    assert empty_object(PODS) == {"metadata": {}, "spec": {"containers": None}, "status": {}}
    assert empty_object(SERVICES) == {"metadata": {}, "spec": {}, "status": {"loadBalancer": {}}}
    assert empty_object(by_name("networkpolicies.networking.k8s.io"))["spec"] == {"podSelector": {}}
    assert empty_object(by_name("configmaps")) == {"metadata": {}}


def test_nested_objects_are_read_too() -> None:
    """Rules hold at every depth: in lists of objects and in maps."""
    container = {"name": "c", "env": [{"name": "A", "value": ""}], "resources": {"limits": {"cpu": 0.5}}}
    assert read(PODS, containers=[container]) == {
        "containers": [{"name": "c", "env": [{"name": "A"}], "resources": {"limits": {"cpu": "500m"}}}]
    }


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"type": 5}, "cannot unmarshal number into Go struct field spec.type of type string"),
        ({"ports": {}}, "cannot unmarshal object into Go struct field spec.ports"),
        ({"ports": [{"port": "80"}]}, "cannot unmarshal string into Go struct field spec.ports.port of type int32"),
        ({"publishNotReadyAddresses": "yes"}, "cannot unmarshal string"),
        ({"selector": ["a"]}, "cannot unmarshal array"),
        ({"selector": {"a": 1}}, "cannot unmarshal number"),
        ({"ports": [{"port": 80, "targetPort": True}]}, "cannot unmarshal bool"),
    ],
)
def test_a_value_of_the_wrong_sort_is_refused(spec: dict[str, Any], problem: str) -> None:
    """The refusal names the field and both sorts."""
    error = refusal(a_store(), "services", service(**spec))
    assert error.code == 400
    assert problem in error.message
    assert error.message.startswith('Service in version "v1" cannot be handled as a Service: ')


def test_unknown_fields_are_dropped_with_a_warning() -> None:
    """By default an unknown field is told and forgotten."""
    warnings: list[str] = []
    made = make(a_store(), "services", service(fooBar=1, ports=[{"port": 80, "x": {}}]), warnings=warnings)
    assert warnings == ['unknown field "spec.fooBar"', 'unknown field "spec.ports[0].x"'] or set(warnings) == {
        'unknown field "spec.fooBar"',
        'unknown field "spec.ports[0].x"',
    }
    assert "fooBar" not in made["spec"]


def test_unknown_fields_are_refused_when_strict_and_ignored_on_request() -> None:
    """fieldValidation=Strict refuses, Ignore says nothing."""
    store = a_store()
    with pytest.raises(ApiError, match=r'strict decoding error: unknown field "spec.fooBar"'):
        make(store, "services", service(fooBar=1), validation="Strict")
    warnings: list[str] = []
    make(store, "services", service(fooBar=1), validation="Ignore", warnings=warnings)
    assert warnings == []


def test_an_object_of_another_kind_is_refused() -> None:
    """A Pod sent where Services live is a bad request, and so is another version."""
    store = a_store()
    wrong = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}}
    assert "unknown conversion" in refusal(store, "services", wrong).message
    older = {"apiVersion": "v1beta1", "kind": "ConfigMap", "metadata": {"name": "x"}}
    assert "does not match the expected API version" in refusal(store, "configmaps", older).message


def test_what_comes_in_is_copied() -> None:
    """Changing an object after sending it does not change the stored one."""
    store, sent = a_store(), config_map(a="1")
    make(store, "configmaps", sent)
    sent["data"]["a"] = "2"
    assert store.get("configmaps", "m", namespace="x")["data"] == {"a": "1"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1", "1"),
        ("1000m", "1"),
        ("0.5", "500m"),
        ("100m", "100m"),
        ("1500m", "1500m"),
        ("1024Mi", "1Gi"),
        ("1536Mi", "1536Mi"),
        ("1000", "1k"),
        ("1500", "1500"),
        ("0", "0"),
        ("0Mi", "0"),
        ("1e3", "1e3"),
        ("128M", "128M"),
        ("0.5Gi", "512Mi"),
        ("-1", "-1"),
    ],
)
def test_a_quantity_has_one_spelling(text: str, wanted: str) -> None:
    """Quantities are stored in canonical form."""
    assert canonical(text) == wanted


@pytest.mark.parametrize("text", ["", "x", "1x", "1 Mi", "1.2.3"])
def test_a_text_that_is_no_quantity_is_refused(text: str) -> None:
    """Anything else is an error."""
    with pytest.raises(ValueError, match=r".*"):
        canonical(text)
