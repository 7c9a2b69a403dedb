"""ServiceCIDRs and IPAddresses: the books of cluster addresses agree with the Services at every moment."""

from __future__ import annotations

from typing import Any

import pytest

from harness.embedded.store.errors import ApiError
from harness.embedded.store.objects import Store

from .objects_by_hand import a_store, make, problems, service

ADDRESSES, RANGES = "ipaddresses.networking.k8s.io", "servicecidrs.networking.k8s.io"
PARENT = {"resource": "services", "namespace": "x", "name": "s"}


def entered(store: Store) -> dict[str, Any]:
    """What each address in the books belongs to."""
    return {item["metadata"]["name"]: item["spec"]["parentRef"]["name"] for item in store.list(ADDRESSES).items}


def addresses(store: Store, name: str = "s") -> list[str]:
    return list(store.get("services", name, namespace="x")["spec"].get("clusterIPs") or ())


def an_address(at: str, **parent: str) -> dict[str, Any]:
    return {"metadata": {"name": at}, "spec": {"parentRef": parent or {"resource": "things", "name": "t"}}}


def a_range(*cidrs: str, name: str = "extra") -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"cidrs": list(cidrs)}}


def test_every_cluster_address_is_entered() -> None:
    """Both families of a Service have an entry that names it; a headless one has none."""
    store = a_store("IPv4", "IPv6")
    make(store, "services", service(ipFamilyPolicy="RequireDualStack"))
    make(store, "services", service("hl", clusterIP="None"))
    assert entered(store) == dict.fromkeys(addresses(store), "s")
    first = store.get(ADDRESSES, addresses(store)[0])
    assert first["spec"]["parentRef"] == PARENT
    assert first["metadata"]["labels"] == {
        "ipaddress.kubernetes.io/ip-family": "IPv4",
        "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
    }


def test_entries_go_with_their_services() -> None:
    """Deletion, a change to ExternalName and giving up a family strike them out."""
    store = a_store("IPv4", "IPv6")
    make(store, "services", service(ipFamilyPolicy="RequireDualStack"))
    store.patch("services", "s", {"spec": {"ipFamilyPolicy": "SingleStack"}}, namespace="x")
    assert entered(store) == dict.fromkeys(addresses(store), "s") and len(addresses(store)) == 1
    store.patch(
        "services", "s", {"spec": {"type": "ExternalName", "externalName": "a.b", "ports": None}}, namespace="x"
    )
    assert entered(store) == {}
    make(store, "services", service("t"))
    store.delete("services", "t", namespace="x")
    assert entered(store) == {}


def test_a_dry_run_enters_nothing() -> None:
    """What is only tried leaves the books as they are."""
    store = a_store()
    make(store, "services", service(), dry_run=True)
    assert entered(store) == {}


def test_an_entry_by_hand_takes_the_address() -> None:
    """A Service cannot have an address that somebody else's entry holds, until it is gone."""
    store = a_store()
    store.create(ADDRESSES, an_address("10.96.0.77"))
    with pytest.raises(ApiError, match="already allocated"):
        make(store, "services", service(clusterIP="10.96.0.77"))
    store.delete(ADDRESSES, "10.96.0.77")
    make(store, "services", service(clusterIP="10.96.0.77"))
    assert entered(store) == {"10.96.0.77": "s"}


def test_an_entry_that_a_service_needs_returns() -> None:
    """Whoever deletes it finds a new one; the address is not given to anybody else."""
    store = a_store()
    make(store, "services", service(clusterIP="10.96.0.77"))
    before = store.get(ADDRESSES, "10.96.0.77")["metadata"]["uid"]
    store.delete(ADDRESSES, "10.96.0.77")
    assert store.get(ADDRESSES, "10.96.0.77")["metadata"]["uid"] != before
    with pytest.raises(ApiError, match="already allocated"):
        make(store, "services", service("t", clusterIP="10.96.0.77"))


def test_a_range_extends_where_addresses_come_from() -> None:
    """An address of the new range can be had while it is there, and no longer when it is gone."""
    store = a_store()
    with pytest.raises(ApiError, match="does not match the current range"):
        make(store, "services", service(clusterIP="10.9.0.7"))
    store.create(RANGES, a_range("10.9.0.0/24"))
    make(store, "services", service(clusterIP="10.9.0.7"))
    store.delete("services", "s", namespace="x")
    store.delete(RANGES, "extra")
    with pytest.raises(ApiError, match="does not match the current range"):
        make(store, "services", service(clusterIP="10.9.0.7"))


def test_a_range_that_two_name_stays_while_one_does() -> None:
    """Removing one of two ServiceCIDRs with the same block changes nothing."""
    store = a_store()
    for name in ("one", "two"):
        store.create(RANGES, a_range("10.9.0.0/24", name=name))
    store.delete(RANGES, "one")
    made = make(store, "services", service(clusterIP="10.9.0.7"))
    assert made["spec"]["clusterIP"] == "10.9.0.7"


def test_a_full_cluster_gives_from_the_next_range() -> None:
    """When the first block is used up, addresses come from the second."""
    store = Store(service_cidrs=("10.96.0.0/30",), seed=1)
    store.create("namespaces", {"metadata": {"name": "x"}})
    store.create(RANGES, a_range("10.9.0.0/24"))
    for name in "abcd":
        make(store, "services", service(name))
    assert {"10.96.0.1", "10.96.0.2"} < set(entered(store))
    assert sum(address.startswith("10.9.0.") for address in entered(store)) == 2


@pytest.mark.parametrize(
    ("resource", "obj", "problem"),
    [
        (ADDRESSES, an_address("nope"), "must be a valid IP address in canonical form"),
        (ADDRESSES, an_address("2001:DB8::1"), "must be in canonical form (2001:db8::1)"),
        (ADDRESSES, {"metadata": {"name": "10.0.0.1"}, "spec": {}}, "spec.parentRef: Required value"),
        (ADDRESSES, an_address("10.0.0.1", name="s"), "spec.parentRef.resource: Required value"),
        (RANGES, a_range(), "spec.cidrs: Required value: at least one CIDR required"),
        (RANGES, a_range("10.0.0.0/8", "10.1.0.0/16"), "may specify no more than one IP for each IP family"),
        (RANGES, a_range("10.0.0.0"), 'spec.cidrs[0]: Invalid value: "10.0.0.0"'),
    ],
)  # fmt: skip
def test_what_is_refused(resource: str, obj: dict[str, Any], problem: str) -> None:
    """Names that are no addresses, entries of nobody, blocks that are none."""
    assert any(problem in line for line in problems(a_store(), resource, obj))


def test_what_does_not_change() -> None:
    """An entry's parent is fixed; a range may only be given a second family."""
    store = a_store()
    store.create(ADDRESSES, an_address("10.96.0.77"))
    with pytest.raises(ApiError, match="field is immutable"):
        store.patch(ADDRESSES, "10.96.0.77", {"spec": {"parentRef": {"name": "other"}}})
    store.create(RANGES, a_range("10.9.0.0/24"))
    with pytest.raises(ApiError, match="field is immutable"):
        store.patch(RANGES, "extra", {"spec": {"cidrs": ["10.8.0.0/24"]}})
    store.patch(RANGES, "extra", {"spec": {"cidrs": ["10.9.0.0/24", "fd00:9::/112"]}})
