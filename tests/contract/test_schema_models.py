"""The field tables against the models of the official client: a field that the real API has, and no other."""

from __future__ import annotations

from typing import Any

import kubernetes.client
import pytest

from harness.embedded.store.schema import Type, kinds, schema_for, struct_named

MODEL_PREFIXES = ("V1", "CoreV1", "DiscoveryV1", "AuthenticationV1")


def structs() -> dict[tuple[str, str], Type]:
    """Every struct below the served kinds, but for our own group."""
    found: dict[tuple[str, str], Type] = {}

    def walk(kind: Type | None) -> None:
        if kind is None:
            return
        if kind.form == "struct" and (kind.table, kind.name) not in found:
            found[kind.table, kind.name] = kind
            for entry in kind.fields.values():
                walk(entry.type)
        walk(kind.element)

    for version, kind in kinds():
        if "harness" not in version:
            group, _, number = version.rpartition("/")
            walk(schema_for(group, number, kind))
    return found


STRUCTS = structs()


def model_of(table: str, name: str) -> Any:
    """The client's model of a struct, or None."""
    own = f"{table.capitalize()}V1{name}"
    for candidate in (own, *(f"{prefix}{name}" for prefix in MODEL_PREFIXES)):
        model = getattr(kubernetes.client, candidate, None)
        if model is not None:
            return model
    return None


@pytest.mark.parametrize(("table", "name"), sorted(STRUCTS), ids=lambda part: part)
def test_every_field_of_a_struct_is_a_field_of_the_api(table: str, name: str) -> None:
    """The client of the same or a later release knows all of them."""
    model = model_of(table, name)
    if model is None:
        pytest.skip("the client spells this type in its own way")
    # One struct still carries a field that a later release renamed.
    allowed = {"resources"} if name == "NodeAllocatableResourceClaimStatus" else set()
    assert set(STRUCTS[table, name].fields) - set(model.attribute_map.values()) <= allowed


def test_keyed_lists_name_fields_of_their_items() -> None:
    """A key that is no field of the items would make every item the same."""
    for kind in STRUCTS.values():
        for entry in kind.fields.values():
            keys = (*entry.type.keys, *([entry.merge_key] if entry.merge_key else []))
            for key in keys:
                assert entry.type.element is not None
                assert key in entry.type.element.fields, (kind.name, entry.name, key)


def test_the_lists_that_network_tests_merge_have_their_keys() -> None:
    """Ports, containers, conditions, addresses."""
    spec = struct_named("ServiceSpec").fields
    assert (spec["ports"].type.keys, spec["ports"].merge_key) == (("port", "protocol"), "port")
    assert spec["selector"].type.atomic
    assert struct_named("PodSpec").fields["containers"].type.keys == ("name",)
    assert struct_named("PodStatus").fields["podIPs"].type.keys == ("ip",)
    assert struct_named("EndpointSlice", table="discovery").fields["endpoints"].type.atomic
    assert struct_named("NetworkPolicySpec", table="networking").fields["podSelector"].type.atomic
