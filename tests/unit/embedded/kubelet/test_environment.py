"""Environment variables of containers."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from harness.embedded.kubelet.environment import (
    ConfigError,
    PodFacts,
    container_variables,
    expand,
    expand_all,
    field_value,
    service_variables,
)
from tests.unit.embedded.kubelet.pods_by_hand import FACTS, NODE, container, pod, service

RECORDINGS = Path(__file__).parents[3] / "recordings"
HTTP = {"name": "http", "port": 80, "protocol": "TCP"}
OBJECTS = {
    ("configmaps", "settings"): {"kind": "ConfigMap", "data": {"colour": "red", "not a name": "x"}},
    ("secrets", "keys"): {"kind": "Secret", "data": {"pin": base64.b64encode(b"1234").decode()}},
}


def lookup(resource: str, name: str) -> dict[str, Any] | None:
    return OBJECTS.get((resource, name))


def variables(one: dict[str, Any], *, basis: dict[str, str] | None = None) -> dict[str, str]:
    return container_variables(pod(one), one, FACTS, lookup, basis=basis or {})


def test_service_variables_are_the_recorded_ones() -> None:
    """Every variable that a real pod saw is made, with the recorded value."""
    state = json.loads((RECORDINGS / "dns.json").read_text())["state"]["services"]
    text = json.loads((RECORDINGS / "resolver.json").read_text())["service_env_of_client"]
    recorded = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    made = service_variables(state, "rec-dns", links=True)
    assert len(recorded) == 40
    assert {name: made.get(name) for name in recorded} == recorded


def test_without_links_only_the_api_server_is_announced() -> None:
    """enableServiceLinks false hides the namespace's services, not default/kubernetes."""
    services = [service("web", HTTP), service("kubernetes", HTTP, ip="10.96.0.1", namespace="default")]
    made = service_variables(services, "shop", links=False)
    assert made["KUBERNETES_SERVICE_HOST"] == "10.96.0.1"
    assert not [name for name in made if name.startswith("WEB_")]


def test_services_of_other_namespaces_are_not_announced() -> None:
    """A pod sees the services of its own namespace only."""
    assert service_variables([service("web", HTTP, namespace="other")], "shop", links=True) == {}


def test_headless_services_are_not_announced() -> None:
    """A service without an address has no variables."""
    assert service_variables([service("web", HTTP, ip="None")], "shop", links=True) == {}


def test_an_ipv6_service_has_brackets_in_its_url_only() -> None:
    """The host variable is a bare address, the URL is a valid URL."""
    made = service_variables([service("web", HTTP, ip="fd00:10:96::5")], "shop", links=True)
    assert made["WEB_SERVICE_HOST"] == "fd00:10:96::5"
    assert made["WEB_PORT"] == "tcp://[fd00:10:96::5]:80"


def test_the_pods_own_kubernetes_service_wins_over_the_clusters() -> None:
    """A service named kubernetes in the pod's namespace hides the API server's."""
    services = [
        service("kubernetes", HTTP, ip="10.96.0.1", namespace="default"),
        service("kubernetes", HTTP, ip="10.96.7.7"),
    ]
    for order in (services, services[::-1]):
        assert service_variables(order, "shop", links=True)["KUBERNETES_SERVICE_HOST"] == "10.96.7.7"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "web"),
        ("metadata.namespace", "shop"),
        ("metadata.uid", "uid-web"),
        ("metadata.labels", 'app="web"'),
        ("metadata.labels['app']", "web"),
        ("metadata.annotations['none']", ""),
        ("spec.nodeName", "n1"),
        ("spec.serviceAccountName", "default"),
        ("status.hostIP", "172.18.0.2"),
        ("status.hostIPs", "172.18.0.2,fc00:f853:ccd:e793::2"),
        ("status.podIP", "10.244.0.5"),
        ("status.podIPs", "10.244.0.5,fd00:10:244::5"),
    ],
)
def test_downward_fields(path: str, value: str) -> None:
    """Each field of the downward API has the value of this pod on this node."""
    assert field_value(pod(), path, FACTS) == value


def test_an_unknown_field_is_refused() -> None:
    """A field that is none is an error, not an empty value."""
    with pytest.raises(ConfigError, match="unsupported fieldPath"):
        field_value(pod(), "spec.containers", FACTS)


def test_a_pod_without_an_address_yet_has_an_empty_one() -> None:
    """Before the sandbox exists status.podIP is empty."""
    assert field_value(pod(), "status.podIP", PodFacts((), NODE)) == ""


def test_own_variables_win_over_services_and_image() -> None:
    """env has the last word."""
    one = container(env=[{"name": "PATH", "value": "/mine"}])
    assert variables(one, basis={"PATH": "/usr/bin", "LANG": "C"}) == {"PATH": "/mine", "LANG": "C"}


def test_a_variable_may_use_those_before_it() -> None:
    """$(NAME) sees earlier variables and services, and not later ones."""
    one = container(
        env=[{"name": "A", "value": "$(HOST)"}, {"name": "B", "value": "$(A)-$(C)"}, {"name": "C", "value": "c"}]
    )
    assert variables(one, basis={"HOST": "h"}) == {"HOST": "h", "A": "h", "B": "h-$(C)", "C": "c"}


def test_env_from_takes_valid_names_with_a_prefix() -> None:
    """Keys that are no variable names are left out."""
    one = container(envFrom=[{"prefix": "CFG_", "configMapRef": {"name": "settings"}}])
    assert variables(one) == {"CFG_colour": "red"}


def test_references_give_single_values() -> None:
    """configMapKeyRef and secretKeyRef give one value each, the secret decoded."""
    one = container(
        env=[
            {"name": "COLOUR", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "colour"}}},
            {"name": "PIN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "pin"}}},
        ]
    )
    assert variables(one) == {"COLOUR": "red", "PIN": "1234"}


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ({"configMapKeyRef": {"name": "none", "key": "a"}}, 'configmap "none" not found'),
        ({"secretKeyRef": {"name": "none", "key": "a"}}, 'secret "none" not found'),
        ({"configMapKeyRef": {"name": "settings", "key": "a"}}, "couldn't find key a in ConfigMap shop/settings"),
    ],
)
def test_a_missing_reference_is_refused_unless_optional(reference: dict[str, Any], problem: str) -> None:
    """What is not there is a configuration error with the API's words; optional, it is left out."""
    with pytest.raises(ConfigError) as caught:
        variables(container(env=[{"name": "X", "valueFrom": reference}]))
    assert str(caught.value) == problem
    optional = {kind: {**body, "optional": True} for kind, body in reference.items()}
    assert variables(container(env=[{"name": "X", "valueFrom": optional}])) == {}


@pytest.mark.parametrize(
    ("text", "result"),
    [("$(A)", "1"), ("$$(A)", "$(A)"), ("$(B)", "$(B)"), ("a$", "a$"), ("$(A)$(A)", "11"), ("$A", "$A")],
)
def test_expansion(text: str, result: str) -> None:
    """Known references are replaced, unknown ones stay, a doubled dollar is one."""
    assert expand(text, {"A": "1"}) == result


def test_commands_are_expanded_word_by_word() -> None:
    """A value with spaces stays one word."""
    assert expand_all(["echo", "$(A)"], {"A": "x y"}) == ["echo", "x y"]
