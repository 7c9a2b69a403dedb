"""Services: defaults, addresses, ports, families, rules."""

from __future__ import annotations

from typing import Any

import pytest

from harness.embedded.store.errors import ApiError
from harness.embedded.store.objects import Store
from harness.embedded.store.pools import AddressPool, FullError, PortPool

from .objects_by_hand import a_store, make, problems, refusal, service

DUAL = ("IPv4", "IPv6")
SELECTED = {"selector": {"a": "b"}}


def families_of(obj: dict[str, Any]) -> tuple[Any, ...]:
    """Policy, families, and the families of the addresses."""
    spec = obj["spec"]
    addresses = ["None" if ip == "None" else ("IPv6" if ":" in ip else "IPv4") for ip in spec.get("clusterIPs", ())]
    return spec.get("ipFamilyPolicy"), spec.get("ipFamilies"), addresses


V4, V6 = "IPv4", "IPv6"

FAMILIES = [
    # cluster, spec, (policy, families, addresses)
    (("IPv4",), {}, ("SingleStack", [V4], [V4])),
    (("IPv6",), {}, ("SingleStack", [V6], [V6])),
    (("IPv4",), {"ipFamilyPolicy": "PreferDualStack"}, ("PreferDualStack", [V4], [V4])),
    (("IPv4",), {"clusterIP": "None", **SELECTED}, ("SingleStack", [V4], ["None"])),
    (("IPv4",), {"clusterIP": "None"}, ("RequireDualStack", [V4, V6], ["None"])),
    (DUAL, {}, ("SingleStack", [V4], [V4])),
    (("IPv6", "IPv4"), {}, ("SingleStack", [V6], [V6])),
    (DUAL, {"ipFamilies": [V6]}, ("SingleStack", [V6], [V6])),
    (DUAL, {"ipFamilyPolicy": "PreferDualStack"}, ("PreferDualStack", [V4, V6], [V4, V6])),
    (DUAL, {"ipFamilyPolicy": "RequireDualStack"}, ("RequireDualStack", [V4, V6], [V4, V6])),
    (DUAL, {"ipFamilyPolicy": "RequireDualStack", "ipFamilies": [V6]}, ("RequireDualStack", [V6, V4], [V6, V4])),
    (DUAL, {"ipFamilyPolicy": "PreferDualStack", "ipFamilies": [V6, V4]}, ("PreferDualStack", [V6, V4], [V6, V4])),
    (DUAL, {"clusterIP": "fd00:10:96::99"}, ("SingleStack", [V6], [V6])),
    (DUAL, {"clusterIP": "None", **SELECTED}, ("SingleStack", [V4], ["None"])),
    (
        DUAL,
        {"clusterIP": "None", "ipFamilyPolicy": "PreferDualStack", **SELECTED},
        ("PreferDualStack", [V4, V6], ["None"]),
    ),
    (DUAL, {"clusterIP": "None"}, ("RequireDualStack", [V4, V6], ["None"])),
    (DUAL, {"type": "ExternalName", "externalName": "a.b", "ports": []}, (None, None, [])),
]


@pytest.mark.parametrize(("cluster", "spec", "wanted"), FAMILIES)
def test_families_are_filled_in_by_cluster_and_wish(cluster: Any, spec: Any, wanted: Any) -> None:
    """ipFamilyPolicy, ipFamilies and clusterIPs of a new Service (docs: IPv4/IPv6 dual-stack)."""
    assert families_of(make(a_store(*cluster), "services", service(**spec))) == wanted


@pytest.mark.parametrize(
    ("cluster", "spec", "problem"),
    [
        (("IPv4",), {"ipFamilies": [V4, V6]}, "when multiple IP families are specified"),
        (("IPv4",), {"ipFamilies": [V4, V6], "ipFamilyPolicy": "PreferDualStack"}, "not configured on this cluster"),
        (("IPv4",), {"clusterIP": "fd00:10:96::99"}, "IPv6 is not configured on this cluster"),
        (DUAL, {"ipFamilies": [V4, V4], "ipFamilyPolicy": "PreferDualStack"}, 'Duplicate value: "IPv4"'),
        (DUAL, {"ipFamilies": ["IPv5"]}, 'supported values: "IPv4", "IPv6"'),
        (DUAL, {"ipFamilyPolicy": "Both"}, '"PreferDualStack", "RequireDualStack", "SingleStack"'),
        (DUAL, {"clusterIP": "10.96.5.5", "ipFamilies": [V6]}, "expected an IPv6 value as indicated by"),
        (DUAL, {"clusterIPs": ["10.96.5.5"]}, "must be empty when `clusterIP` is not specified"),
        (DUAL, {"clusterIP": "10.96.5.5", "clusterIPs": ["10.96.5.6"]}, "first value must match `clusterIP`"),
        (DUAL, {"clusterIP": "nonsense"}, "must be a valid IP address"),
        (DUAL, {"clusterIP": "None", "clusterIPs": ["None", "10.96.5.5"]}, "'None' must be the first and only value"),
    ],
)
def test_wishes_that_contradict_cluster_or_each_other_are_refused(cluster: Any, spec: Any, problem: str) -> None:
    """Each refusal says which rule."""
    assert any(problem in line for line in problems(a_store(*cluster), "services", service(**spec)))


def change(store: Store, **spec: Any) -> dict[str, Any]:
    """Merge-patch the Service's spec."""
    return store.patch("services", "s", {"spec": spec}, namespace="x")


def test_a_second_family_is_added_and_given_up() -> None:
    """The primary address stays; the secondary one is released and free again."""
    store = a_store(*DUAL)
    first = make(store, "services", service())["spec"]["clusterIP"]
    both = change(store, ipFamilyPolicy="RequireDualStack")
    assert families_of(both) == ("RequireDualStack", [V4, V6], [V4, V6])
    assert both["spec"]["clusterIPs"][0] == first
    second = both["spec"]["clusterIPs"][1]
    single = change(store, ipFamilyPolicy="SingleStack")
    assert families_of(single) == ("SingleStack", [V4], [V4])
    assert single["spec"]["clusterIPs"] == [first]
    assert make(store, "services", service("t", clusterIP=second))["spec"]["clusterIP"] == second


@pytest.mark.parametrize(
    ("patch", "problem"),
    [
        ({"clusterIPs": ["10.96.9.9"], "clusterIP": "10.96.9.9"}, "may not change once set"),
        ({"ipFamilies": ["IPv6"]}, "expected an IPv6 value as indicated by"),
        ({"clusterIP": "None", "clusterIPs": ["None"]}, "may not change once set"),
    ],
)
def test_the_primary_address_and_family_stay(patch: Any, problem: str) -> None:
    """What clients already use is not taken from under them."""
    store = a_store(*DUAL)
    make(store, "services", service())
    with pytest.raises(ApiError, match=problem) as error:
        change(store, **patch)
    assert error.value.code == 422


def test_an_address_cannot_be_given_up_without_a_policy() -> None:
    """Dropping the second address needs SingleStack."""
    store = a_store(*DUAL)
    made = make(store, "services", service(ipFamilyPolicy="RequireDualStack"))
    with pytest.raises(ApiError, match="must be 'SingleStack' to release the secondary cluster IP"):
        change(store, clusterIPs=made["spec"]["clusterIPs"][:1], ipFamilies=["IPv4"])


def test_a_service_that_becomes_external_releases_everything() -> None:
    """Addresses and node ports are free for others."""
    store = a_store()
    made = make(store, "services", service(type="NodePort"))
    address, port = made["spec"]["clusterIP"], made["spec"]["ports"][0]["nodePort"]
    external = change(store, type="ExternalName", externalName="a.example")
    assert not {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"} & set(external["spec"])
    assert "nodePort" not in external["spec"]["ports"][0]
    other = service("t", type="NodePort", clusterIP=address, ports=[{"port": 80, "nodePort": port}])
    assert make(store, "services", other)["spec"]["clusterIP"] == address


def test_a_service_that_comes_back_gets_an_address() -> None:
    """ExternalName to ClusterIP allocates anew."""
    store = a_store()
    make(store, "services", service(type="ExternalName", externalName="a.example"))
    assert families_of(change(store, type="ClusterIP", externalName=None)) == ("SingleStack", [V4], [V4])


def test_a_deleted_service_releases_what_it_held() -> None:
    """The same address and port can be asked for again."""
    store = a_store()
    spec = {"type": "NodePort", "clusterIP": "10.96.7.7", "ports": [{"port": 80, "nodePort": 30100}]}
    make(store, "services", service(**spec))
    assert "already allocated" in refusal(store, "services", service("t", **spec)).message
    store.delete("services", "s", namespace="x")
    make(store, "services", service("t", **spec))


def test_a_refused_service_holds_nothing() -> None:
    """What was taken before the refusal is given back."""
    store = a_store()
    spec = {"type": "NodePort", "clusterIP": "10.96.7.7", "ports": [{"port": 80, "nodePort": 30100}]}
    refusal(store, "services", service(**spec, sessionAffinity="Sticky"))
    make(store, "services", service(**spec))


def test_a_dry_run_holds_nothing() -> None:
    """The answer shows an allocation that nobody keeps."""
    store = a_store()
    spec = {"type": "NodePort", "clusterIP": "10.96.7.7", "ports": [{"port": 80, "nodePort": 30100}]}
    before = store.resource_version
    shown = make(store, "services", service(**spec), dry_run=True)
    assert "resourceVersion" not in shown["metadata"]
    assert store.resource_version == before
    make(store, "services", service(**spec))


def test_node_ports_follow_the_type() -> None:
    """Given with NodePort, kept across changes, released with ClusterIP."""
    store = a_store()
    make(store, "services", service())
    port = change(store, type="NodePort")["spec"]["ports"][0]["nodePort"]
    assert 30000 <= port <= 32767
    assert change(store, ports=[{"port": 81}])["spec"]["ports"][0]["nodePort"] == port, "kept for the same port name"
    assert "nodePort" not in change(store, type="ClusterIP")["spec"]["ports"][0]
    again = service("t", type="NodePort", ports=[{"port": 80, "nodePort": port}])
    make(store, "services", again)


def test_one_node_port_serves_two_protocols_of_a_port() -> None:
    """UDP and TCP of the same port number share the number that is given out."""
    ports = [{"name": "u", "port": 53, "protocol": "UDP"}, {"name": "t", "port": 53}]
    made = make(a_store(), "services", service(type="NodePort", ports=ports))
    assert len({port["nodePort"] for port in made["spec"]["ports"]}) == 1


def test_a_balanced_service_with_local_traffic_has_a_health_port() -> None:
    """It comes with Local, stays, and goes with Cluster."""
    store = a_store()
    made = make(store, "services", service(type="LoadBalancer", externalTrafficPolicy="Local"))
    port = made["spec"]["healthCheckNodePort"]
    assert change(store, selector={"a": "b"})["spec"]["healthCheckNodePort"] == port
    with pytest.raises(ApiError, match="field is immutable"):
        change(store, healthCheckNodePort=port - 1)
    with pytest.raises(ApiError, match="may only be set when"):
        change(store, externalTrafficPolicy="Cluster", healthCheckNodePort=port - 1)
    assert "healthCheckNodePort" not in change(store, externalTrafficPolicy="Cluster")["spec"]


def test_a_load_balancers_address_is_dropped_with_the_type() -> None:
    """Status of a Service that is balanced no more is empty."""
    store = a_store()
    make(store, "services", service(type="LoadBalancer"))
    ingress = {"status": {"loadBalancer": {"ingress": [{"ip": "172.18.255.200"}]}}}
    shown = store.patch("services", "s", ingress, namespace="x", subresource="status")
    assert shown["status"]["loadBalancer"]["ingress"] == [{"ip": "172.18.255.200", "ipMode": "VIP"}]
    assert change(store, type="ClusterIP")["status"] == {"loadBalancer": {}}


def test_an_update_may_leave_out_what_was_allocated() -> None:
    """Replacing a Service by what was once posted keeps address and node port."""
    store = a_store()
    made = make(store, "services", service(type="NodePort"))
    replaced = store.update("services", "s", service(type="NodePort", **SELECTED), namespace="x")
    assert replaced["spec"]["clusterIP"] == made["spec"]["clusterIP"]
    assert replaced["spec"]["ports"] == made["spec"]["ports"]


RULES = [
    ({"type": "Magic"}, 'spec.type: Unsupported value: "Magic"'),
    ({"type": "LoadBalancer", "clusterIP": "None"}, "may not be set to 'None' for LoadBalancer services"),
    ({"ports": [{"port": 80, "nodePort": 30000}]}, "may not be used when `type` is 'ClusterIP'"),
    ({"loadBalancerSourceRanges": ["10.0.0.0/8"]}, "may only be used when `type` is 'LoadBalancer'"),
    ({"type": "LoadBalancer", "loadBalancerSourceRanges": ["x"]}, "must be a valid CIDR value"),
    ({"loadBalancerClass": "a/b"}, "spec.loadBalancerClass: Forbidden"),
    ({"allocateLoadBalancerNodePorts": True}, "spec.allocateLoadBalancerNodePorts: Forbidden"),
    ({"externalIPs": ["127.0.0.1"]}, "may not be in the loopback range"),
    ({"externalIPs": ["x"]}, "spec.externalIPs[0]: Invalid value"),
    ({"internalTrafficPolicy": "Near"}, 'supported values: "Cluster", "Local"'),
    ({"type": "NodePort", "externalTrafficPolicy": "Near"}, 'supported values: "Cluster", "Local"'),
    ({"selector": {"a b": "c"}}, "spec.selector: Invalid value"),
    ({"ports": [{"port": 80, "targetPort": "no_name"}]}, "spec.ports[0].targetPort: Invalid value"),
    ({"ports": [{"port": 80, "appProtocol": "a b"}]}, "spec.ports[0].appProtocol: Invalid value"),
    ({"ports": [{"name": "A", "port": 80}]}, "spec.ports[0].name: Invalid value"),
    ({"ports": [{"name": "a", "port": 80}, {"name": "a", "port": 81}]}, 'spec.ports[1].name: Duplicate value: "a"'),
    ({"type": "ExternalName", "externalName": "a_b", "ports": []}, "spec.externalName: Invalid value"),
    ({"type": "ExternalName", "externalName": "a.b", "clusterIP": "10.96.1.1"}, "may not be set for ExternalName"),
    ({"sessionAffinity": "Sticky"}, 'supported values: "ClientIP", "None"'),
    ({"externalIPs": ["0.0.0.0"]}, "may not be unspecified (0.0.0.0)"),
    ({"externalIPs": ["169.254.3.4"]}, "may not be in the link-local range"),
    ({"clusterIP": "10.96.1.1", "clusterIPs": ["10.96.1.1", "10.96.1.2"]}, "no more than one IP for each IP family"),
    ({"clusterIP": "10.96.1.1", "clusterIPs": ["10.96.1.1", "fd00::1", "fd00::2"]}, "may only hold up to 2 values"),
    (
        {
            "type": "NodePort",
            "ports": [{"name": "a", "port": 1, "nodePort": 30001}, {"name": "b", "port": 2, "nodePort": 30001}],
        },
        "provided port is already allocated",
    ),
    ({"type": "LoadBalancer", "loadBalancerClass": "a b"}, "spec.loadBalancerClass: Invalid value"),
]


@pytest.mark.parametrize(("spec", "problem"), RULES)
def test_a_service_that_breaks_a_rule_is_refused(spec: Any, problem: str) -> None:
    """One row per rule that the recording does not show."""
    assert any(problem in line for line in problems(a_store(), "services", service(**spec)))


@pytest.mark.parametrize(
    ("spec", "ingress", "problem"),
    [
        ({"type": "LoadBalancer"}, [{"ip": "x"}], "must be a valid IP address"),
        ({"type": "LoadBalancer"}, [{"ip": "1.2.3.4", "ipMode": "Both"}], 'supported values: "Proxy", "VIP"'),
        ({}, [{"ip": "1.2.3.4"}], "may only be used when `spec.type` is 'LoadBalancer'"),
    ],
)
def test_a_load_balancers_report_follows_rules(spec: Any, ingress: Any, problem: str) -> None:
    """Addresses, modes, and only for balanced Services."""
    store = a_store()
    make(store, "services", service(**spec))
    status = {"status": {"loadBalancer": {"ingress": ingress}}}
    with pytest.raises(ApiError, match=problem):
        store.patch("services", "s", status, namespace="x", subresource="status")


def test_a_class_of_load_balancers_is_chosen_once() -> None:
    """Another implementation cannot take over a live Service."""
    store = a_store()
    make(store, "services", service(type="LoadBalancer", loadBalancerClass="a/b"))
    with pytest.raises(ApiError, match="may not change once set"):
        change(store, loadBalancerClass="c/d")
    assert "loadBalancerClass" not in change(store, type="ClusterIP")["spec"]


def test_a_headless_service_stays_headless() -> None:
    """Its families may change, its lack of an address may not."""
    store = a_store(*DUAL)
    make(store, "services", service(clusterIP="None", **SELECTED))
    both = change(store, ipFamilyPolicy="RequireDualStack")
    assert families_of(both) == ("RequireDualStack", [V4, V6], ["None"])
    with pytest.raises(ApiError, match="may not change once set"):
        change(store, clusterIP="10.96.3.3", clusterIPs=["10.96.3.3"])


def test_a_changed_node_port_is_taken_and_the_old_one_free() -> None:
    """And one that is taken is refused."""
    store = a_store()
    make(store, "services", service(type="NodePort", ports=[{"port": 80, "nodePort": 30001}]))
    change(store, ports=[{"port": 80, "nodePort": 30002}])
    make(store, "services", service("t", type="NodePort", ports=[{"port": 80, "nodePort": 30001}]))
    with pytest.raises(ApiError, match="already allocated"):
        change(store, ports=[{"port": 80, "nodePort": 30001}])


def test_external_addresses_bring_a_traffic_policy() -> None:
    """A ClusterIP Service with externalIPs is reachable from outside."""
    made = make(a_store(), "services", service(externalIPs=["192.0.2.7"]))
    assert made["spec"]["externalTrafficPolicy"] == "Cluster"


def test_a_pool_of_addresses_ends() -> None:
    """All of it is given out, then the pool says it is full; random ones come from the upper band first."""
    import random

    pool = AddressPool("10.0.0.0/27", random.Random(1))
    taken = [pool.take_any() for _ in range(30)]
    assert len(set(taken)) == 30
    assert all(int(address.rpartition(".")[2]) >= 16 for address in taken[:15])
    with pytest.raises(FullError):
        pool.take_any()
    pool.give_back(taken[0])
    assert pool.take_any() == taken[0]


def test_a_pool_of_ports_ends() -> None:
    """All ports are given out once, then the pool says it is full."""
    import random

    pool = PortPool(1, 3, random.Random(1))
    assert {pool.take_any() for _ in range(3)} == {1, 2, 3}
    with pytest.raises(FullError):
        pool.take_any()


def test_a_full_range_is_the_servers_own_error() -> None:
    """There is nothing a client could do better."""
    store = Store(service_cidrs=("10.0.0.0/30",), node_port_range=(30000, 30000), seed=1)
    store.create("namespaces", {"metadata": {"name": "x"}})
    make(store, "services", service("a"))
    make(store, "services", service("b"))
    assert refusal(store, "services", service("c")).code == 500


INGRESS = [
    ({"ip": "203.0.113.9"}, ""),
    ({"ip": "203.0.113.9", "ipMode": "Proxy"}, ""),
    ({"hostname": "lb.example.com"}, ""),
    ({"ip": "203.0.113.9", "ipMode": "Other"}, "ipMode: Unsupported"),
    ({"hostname": "lb.example.com", "ipMode": "VIP"}, "ipMode: Forbidden"),
    ({"hostname": "203.0.113.9"}, "must be a DNS name"),
    ({"hostname": "-"}, "hostname: Invalid"),
]


@pytest.mark.parametrize(("entry", "problem"), INGRESS)
def test_what_a_balancer_may_report(entry: dict[str, str], problem: str) -> None:
    """ipMode belongs to an address and is VIP unless said otherwise; hostnames are names (KEP-1860)."""
    store = a_store()
    make(store, "services", service(type="LoadBalancer"))
    status = {"status": {"loadBalancer": {"ingress": [entry]}}}

    def report() -> dict[str, Any]:
        return store.patch("services", "s", status, namespace="x", subresource="status")

    if problem:
        with pytest.raises(ApiError, match=problem):
            report()
        return
    (told,) = report()["status"]["loadBalancer"]["ingress"]
    assert told.get("ipMode") == (entry.get("ipMode", "VIP") if "ip" in entry else None)
