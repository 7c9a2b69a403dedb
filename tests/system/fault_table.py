"""Planted faults and who catches them: fault, the suite test that must fail, the requirements, the layer it must name.

Ids of faults are those of the catalogue's fault lists. `over_time` faults break what happens after a change; the others
break what stands. `outright` rows are also proved with the suites run as they are and the fault planted from outside.
What many tests catch alike stands in the tables by area.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.system import fault_table_dns, fault_table_network, fault_table_policy, fault_table_services
from tests.system.fault_row import API, DNS, INGRESS, KUBELET, NETWORK, POLICY, PROXY, SLICES, Row, Scope


def _names(fault: str, case: str, *ids: str, scope: Scope = Scope.ARENA, outright: bool = False) -> Row:
    test = f"dns/test_names.py::test_names[{case}]"
    return Row(fault=fault, test=test, ids=ids, layer=DNS, scope=scope, outright=outright)


def _message(fault: str, test: str, *ids: str) -> Row:
    return Row(fault=fault, test=f"dns/test_messages.py::{test}", ids=ids, layer=DNS, scope=Scope.EVERYWHERE)


def _name_change(fault: str, test: str, *ids: str, outright: bool = False) -> Row:
    return Row(fault=fault, test=f"dns/test_changes.py::{test}", ids=ids, layer=DNS, over_time=True, outright=outright)


def _network(
    fault: str, test: str, *ids: str, over_time: bool = False, params: Mapping[str, object] | None = None
) -> Row:
    test = f"network/{test}"
    return Row(fault=fault, test=test, ids=ids, layer=NETWORK, params=params or {}, over_time=over_time)


def _service(fault: str, case: str, *ids: str, scope: Scope = Scope.ARENA, outright: bool = False) -> Row:
    test = f"services/test_static.py::test_service[{case}]"
    return Row(fault=fault, test=test, ids=ids, layer=PROXY, scope=scope, outright=outright)


def _request(
    fault: str,
    case: str,
    *ids: str,
    params: Mapping[str, object] | None = None,
    test: str = "test_request",
    outright: bool = False,
) -> Row:
    where = f"services/test_api.py::{test}" + (f"[{case}]" if case else "")
    return Row(fault=fault, test=where, ids=ids, layer=API, params=params or {}, outright=outright)


def _slice_follower(fault: str, test: str, *ids: str, layer: str = PROXY, **params: object) -> Row:
    return Row(fault=fault, test=f"services/test_by_hand.py::{test}", ids=ids, layer=layer, params=params)


def _transition(fault: str, test: str, *ids: str) -> Row:
    test = f"services/test_transitions.py::{test}"
    return Row(fault=fault, test=test, ids=ids, layer=PROXY, over_time=True)


def _platform(fault: str, test: str, *ids: str, layer: str = PROXY, scope: Scope = Scope.ARENA) -> Row:
    return Row(fault=fault, test=f"services/test_platform.py::{test}", ids=ids, layer=layer, scope=scope)


def _datagrams(fault: str, test: str, *ids: str) -> Row:
    return Row(fault=fault, test=f"services/test_datagrams.py::{test}", ids=ids, layer=PROXY, over_time=True)


def _from_nodes(fault: str, *ids: str) -> Row:
    return Row(fault=fault, test="services/test_from_nodes.py::test_nodes_reach_services", ids=ids, layer=PROXY)


def _balancer(fault: str, test: str, *ids: str, over_time: bool = False, **params: object) -> Row:
    test = f"services/test_balancers.py::{test}"
    return Row(fault=fault, test=test, ids=ids, layer=PROXY, over_time=over_time, params=params)


def _flow(fault: str, test: str, *ids: str) -> Row:
    return Row(fault=fault, test=f"services/test_flows.py::{test}", ids=ids, layer=PROXY, over_time=True)


def _outside(fault: str, test: str, *ids: str, scope: Scope = Scope.ARENA, layer: str = PROXY) -> Row:
    return Row(fault=fault, test=f"services/test_outside.py::{test}", ids=ids, layer=layer, scope=scope)


def _ingress(
    fault: str, test: str, *ids: str, scope: Scope = Scope.ARENA, over_time: bool = False, outright: bool = False
) -> Row:
    where = f"ingress/{test}"
    return Row(fault=fault, test=where, ids=ids, layer=INGRESS, scope=scope, over_time=over_time, outright=outright)


def _ingress_request(fault: str, test: str, *ids: str, scope: Scope = Scope.ARENA) -> Row:
    return Row(fault=fault, test=f"ingress/test_api.py::{test}", ids=ids, layer=API, scope=scope)


def _slices(fault: str, test: str, *ids: str, over_time: bool = False, outright: bool = False) -> Row:
    test = f"endpointslices/test_slices.py::{test}"
    return Row(fault=fault, test=test, ids=ids, layer=SLICES, over_time=over_time, outright=outright)


def _mirror(fault: str, test: str, *ids: str, over_time: bool = False) -> Row:
    return Row(fault=fault, test=f"endpointslices/test_api.py::{test}", ids=ids, layer=SLICES, over_time=over_time)


def _kept(test: str, *ids: str, fault: str = "services/F98", outright: bool = False) -> Row:
    return Row(fault=fault, test=test, ids=ids, layer=API, outright=outright)


def _table(fault: str, batch: str, *ids: str, outright: bool = False) -> Row:
    test = f"netpol/test_tables.py::test_table[{batch}]"
    return Row(fault=fault, test=test, ids=ids, layer=POLICY, outright=outright)


def _policy_request(fault: str, test: str, *ids: str) -> Row:
    return Row(fault=fault, test=f"netpol/test_api.py::{test}", ids=ids, layer=API)


def _policy_test(fault: str, test: str, *ids: str) -> Row:
    return Row(fault=fault, test=f"netpol/{test}", ids=ids, layer=POLICY)


def _policy_change(fault: str, test: str, *ids: str, outright: bool = False) -> Row:
    test = f"netpol/test_changes.py::{test}"
    return Row(fault=fault, test=test, ids=ids, layer=POLICY, over_time=True, outright=outright)


ROWS = (
    _names("dns/F-03", "clusterip/addresses", "DNS-103", outright=True),
    _names("dns/F-05", "zone/unknown-service", "DNS-016"),
    _names("dns/F-08", "transport/tcp", "DNS-602", scope=Scope.EVERYWHERE),
    _names("dns/F-25", "headless/published", "DNS-206"),
    _names("dns/F-28", "headless/addresses", "DNS-201"),
    _names("dns/F-30", "clusterip/srv", "DNS-122"),
    _names("dns/F-40", "external/inside", "DNS-308"),
    _names("dns/F-29", "headless/crowd", "DNS-252"),
    _names("dns/F-72", "clusterip/addresses", "DNS-105"),
    _names("dns/F-82", "headless/srv", "DNS-246"),
    _names("dns/F-28", "headless/shared", "DNS-219"),
    _names("dns/F-05", "zone/odd-labels", "DNS-035"),
    _names("dns/F-40", "external/far", "DNS-310"),
    _names("dns/F-48", "clusterip/twins", "DNS-118"),
    _names("dns/F-25", "headless/published", "DNS-276"),
    _names("dns/F-55", "transport/edns", "DNS-617", scope=Scope.EVERYWHERE),
    _message("dns/F-52", "test_sizes_are_kept", "DNS-610", "DNS-613"),
    _message("dns/F-55", "test_odd_messages[refused]", "DNS-616"),
    _message("dns/F-08", "test_every_address_of_the_server", "DNS-436"),
    Row(
        fault="dns/F-48",
        test="dns/test_messages.py::test_answers_repeat",
        ids=("DNS-275",),
        layer=DNS,
    ),
    Row(
        fault="dns/F-35",
        test="dns/test_resolver.py::test_pods_of_every_policy",
        ids=("DNS-412", "DNS-414"),
        layer=KUBELET,
    ),
    Row(
        fault="services/F48",
        test="dns/test_resolver.py::test_what_pods_may_not_wish_for",
        ids=("DNS-413", "DNS-423"),
        layer=API,
    ),
    Row(
        fault="dns/F-82", test="dns/test_names.py::test_service_records_by_the_search_list", ids=("DNS-427",), layer=DNS
    ),
    _names("dns/F-44", "zone/no-wildcards", "DNS-021"),
    _names("dns/F-48", "clusterip/types", "DNS-106"),
    _name_change("dns/F-16", "test_new_service", "DNS-701", outright=True),
    _name_change("dns/F-17", "test_deleted_service", "DNS-704"),
    _name_change("dns/F-19", "test_new_service", "DNS-702"),
    _name_change("dns/F-26", "test_terminating_pod_leaves", "DNS-210"),
    Row(
        fault="dns/F-24",
        test="dns/test_conditions.py::test_only_ready_endpoints_have_names",
        ids=("DNS-215",),
        layer=DNS,
    ),
    Row(fault="dns/F-35", test="dns/test_resolver.py::test_new_pods_resolve", ids=("DNS-982",), layer=KUBELET),
    Row(
        fault="services/F54",
        test="network/test_pods.py::test_addresses_are_kept[ipv4]",
        ids=("NET-010", "NET-011"),
        layer=NETWORK,
        outright=True,
    ),
    Row(
        fault="services/F53",
        test="network/test_pods.py::test_bulk_passes[ipv4]",
        ids=("NET-038",),
        layer=NETWORK,
        scope=Scope.EVERYWHERE,
    ),
    Row(
        fault="services/F52",
        test="network/test_steady.py::test_paths_stay_open",
        ids=("NET-006",),
        layer=NETWORK,
        over_time=True,
        outright=True,
    ),
    _network("services/F04", "test_host_ports.py::test_host_ports", "NET-033"),
    _network("services/F47", "test_host_ports.py::test_host_port_moves_to_the_next_pod", "NET-034", over_time=True),
    _network("services/F04", "test_host_ports.py::test_host_ports_outside", "NET-032"),
    _network("services/F52", "test_nodes.py::test_nodes_and_pods", "NET-018", params={"every": 100, "for": 100}),
    _service("services/F74", "clusterip/no-endpoints", "SVC-048", "SVC-049", outright=True),
    _service("services/F15", "clusterip/hairpin", "SVC-044", "SVC-046"),
    _service("services/F55", "nodeport/every-node", "SVC-161"),
    _service("services/F69", "clusterip/all-backends", "SVC-005", scope=Scope.NODE),
    _service("services/F71", "clusterip/two-protocols", "SVC-014"),
    _flow("services/F05", "test_affinity_expires", "SVC-076"),
    _flow("services/F25", "test_datagram_flow_moves[clusterip]", "SVC-201"),
    _flow("services/F25", "test_datagram_flow_moves[nodeport]", "SVC-200"),
    _flow("services/F75", "test_node_port_of_a_deleted_service", "SVC-171"),
    _outside("services/F12", "test_node_ports", "SVC-166", scope=Scope.NODE),
    _outside("services/F39", "test_local_node_ports", "SVC-176"),
    _outside("services/F54", "test_local_node_ports", "SVC-176"),
    _outside("services/F71", "test_load_balancer", "SVC-242"),
    _outside("services/F54", "test_local_load_balancer", "SVC-234"),
    _outside("services/F72", "test_who_a_balancer_turns_away", "SVC-230", "SVC-232"),
    _outside("services/F53", "test_large_bodies", "SVC-189", scope=Scope.EVERYWHERE, layer=NETWORK),
    Row(
        fault="services/F18",
        test="services/test_changes.py::test_selector_moves",
        ids=("SVC-019",),
        layer=PROXY,
        over_time=True,
        outright=True,
    ),
    _request("services/F48", "affinity", "SVC-085"),
    _request("services/F48", "traffic-distribution", "SVC-101"),
    _request("services/F48", "external-name", "SVC-127"),
    _request("services/F48", "loadbalancer-class", "SVC-241"),
    _request("services/F48", "ip-mode", "SVC-245"),
    _request("services/F48", "headless-stays", "SVC-269"),
    _request("services/F48", "one-number", "SVC-284"),
    _request("services/F48", "health-check-node-port", "SVC-285"),
    _request("services/F48", "external-fields", "SVC-286"),
    _request("services/F48", "external-name-has-no-address", "SVC-287"),
    _request("services/F77", "families-change", "SVC-288"),
    _request("services/F48", "malformed", "SVC-290"),
    _request("services/F48", "addresses-of-nobody", "SVC-125", test="test_slice_request"),
    _request("services/F48", "limits", "EPS-027", test="test_slice_request"),
    _request("services/F51", "clusterip-taken", "SVC-273"),
    _request("services/F51", "nodeport-taken", "SVC-280"),
    _request("services/F51", "", "SVC-271", "SVC-279", test="test_addresses_and_node_ports_are_unique"),
    _request("services/F51", "", "SVC-277", test="test_a_released_address_is_given_again", params={"leak": True}),
    _request("services/F76", "leaving-loadbalancer", "SVC-267"),
    _request("services/F77", "defaults", "SVC-270", outright=True),
    _request("services/F77", "nodeports-kept", "SVC-239"),
    _request("services/F77", "", "SVC-276", test="test_a_replacement_keeps_what_was_allocated"),
    _slice_follower("services/F82", "test_slices_are_merged", "SVC-118", "SVC-119"),
    _slice_follower("services/F80", "test_zone_hints", "SVC-104", "SVC-105"),
    _slice_follower("services/F80", "test_zone_hints", "SVC-103", always=True),
    _slice_follower("services/F80", "test_traffic_stays_in_its_zone", "SVC-097"),
    _slice_follower("services/F85", "test_traffic_stays_in_its_zone", "SVC-097", layer=SLICES),
    _slice_follower("services/F80", "test_traffic_stays_on_its_node", "SVC-099"),
    _slice_follower("services/F78", "test_last_resort", "SVC-150"),
    _slice_follower("services/F79", "test_last_resort", "SVC-150"),
    _slice_follower("services/F83", "test_established_connections_stay", "SVC-148"),
    _slice_follower("services/F36", "test_established_connections_stay", "SVC-148"),
    _slice_follower("services/F81", "test_left_to_another_proxy", "SVC-115", "SVC-116"),
    _slice_follower("services/F24", "test_one_family_has_no_endpoints", "SVC-309"),
    _balancer("services/F42", "test_who_takes_a_balancers_address", "SVC-244"),
    _balancer("services/F41", "test_who_takes_a_balancers_address", "SVC-235"),
    _balancer("services/F24", "test_external_addresses", "SVC-128"),
    _balancer("services/F84", "test_source_ranges", "SVC-230", "SVC-231"),
    _balancer("services/F44", "test_health_check_node_ports", "SVC-182"),
    _balancer("services/F44", "test_health_check_node_ports", "SVC-236", all=True),
    _balancer("services/F43", "test_health_check_node_ports", "SVC-184", over_time=True),
    _balancer("services/F08", "test_affinity_ends_with_its_backend", "SVC-080"),
    _transition("services/F18", "test_external_names", "SVC-260", "SVC-261"),
    _transition("services/F18", "test_front_ends_move", "SVC-015"),
    _transition("services/F75", "test_front_ends_move", "SVC-172", "SVC-265"),
    _transition("services/F18", "test_affinity_is_switched", "SVC-073", "SVC-075"),
    _platform("services/F24", "test_the_api_has_a_service", "SVC-278", scope=Scope.EVERYWHERE),
    _platform("services/F87", "test_slices_come_soon", "SVC-328", layer=SLICES),
    _platform("services/F86", "test_pods_are_told_of_services", "SVC-028", layer=KUBELET),
    _service("services/F68", "clusterip/all-backends", "SVC-001"),
    _datagrams("services/F25", "test_flows_end_with_the_last_endpoint", "SVC-206"),
    _datagrams("services/F25", "test_flows_follow_endpoints", "SVC-202", "SVC-204"),
    _datagrams("services/F29", "test_flows_follow_endpoints", "SVC-205"),
    _datagrams("services/F30", "test_flows_follow_endpoints", "SVC-208"),
    _from_nodes("services/F11", "SVC-004"),
    _from_nodes("services/F06", "SVC-082"),
    _from_nodes("services/F78", "SVC-151"),
    _from_nodes("services/F79", "SVC-092", "SVC-175"),
    _ingress_request("ingress/1", "test_request[path-type]", "ING-003"),
    _ingress_request("ingress/1", "test_request[paths]", "ING-004"),
    _ingress_request("ingress/1", "test_request[free-paths]", "ING-005"),
    _ingress_request("ingress/1", "test_request[hosts]", "ING-006"),
    _ingress_request("ingress/1", "test_request[something]", "ING-007"),
    _ingress_request("ingress/1", "test_request[backends]", "ING-008"),
    _ingress_request("ingress/1", "test_request[no-paths]", "ING-009"),
    _ingress_request("ingress/1", "test_request[two-classes]", "ING-010"),
    _ingress_request("ingress/1", "test_class_rules", "ING-013", "ING-014", scope=Scope.EVERYWHERE),
    _ingress_request("ingress/2", "test_default_class", "ING-011"),
    _ingress_request("ingress/3", "test_default_class", "ING-012"),
    _ingress_request("ingress/4", "test_ingress_operations", "ING-001"),
    _ingress_request("ingress/4", "test_class_operations", "ING-002", scope=Scope.EVERYWHERE),
    _ingress("services/F64", "test_routes.py::test_route[wildcard]", "ING-051"),
    _ingress("services/F65", "test_routes.py::test_route[prefix-elements]", "ING-035", "ING-036", outright=True),
    _ingress("ingress/10", "test_routes.py::test_route[exact-first]", "ING-039"),
    _ingress("ingress/11", "test_routes.py::test_route[longest]", "ING-038", "ING-041"),
    _ingress("ingress/12", "test_routes.py::test_route[hosts]", "ING-050"),
    _ingress("ingress/13", "test_routes.py::test_route[exact-host-first]", "ING-052"),
    _ingress("ingress/14", "test_routes.py::test_route[host-spelling]", "ING-054"),
    _ingress("ingress/15", "test_routes.py::test_route[every-host]", "ING-053"),
    _ingress("ingress/16", "test_changes.py::test_default_backends", "ING-060", "ING-061"),
    _ingress("ingress/17", "test_routes.py::test_route[foreign-class]", "ING-021"),
    _ingress("ingress/18", "test_changes.py::test_a_deleted_ingress_is_gone", "ING-023", over_time=True, outright=True),
    _ingress("ingress/19", "test_changes.py::test_scaling_is_followed_without_a_failure", "ING-071", over_time=True),
    _ingress("ingress/20", "test_tls.py::test_certificate[two-hosts]", "ING-063"),
    _ingress("ingress/22", "test_tls.py::test_certificate[one-host]", "ING-062"),
    _ingress("ingress/21", "test_tls.py::test_certificates_are_renewed", "ING-066", over_time=True),
    _ingress("ingress/22", "test_routes.py::test_route[missing-service]", "ING-073"),
    _ingress("ingress/22", "test_routes.py::test_every_node_reaches_it", "ING-075"),
    _ingress("ingress/22", "test_routes.py::test_reached_from_outside", "ING-076"),
    _ingress("ingress/23", "test_routes.py::test_addresses_are_published", "ING-020"),
    _ingress("ingress/24", "test_routes.py::test_path_and_query_are_handed_on", "ING-042", "ING-045"),
    _ingress("ingress/25", "test_tls.py::test_plain_requests", "ING-057"),
    _ingress("ingress/26", "test_routes.py::test_every_endpoint_is_used", "ING-070"),
    _ingress("ingress/27", "test_routes.py::test_route[ports]", "ING-044"),
    _ingress(
        "ingress/28",
        "test_changes.py::test_changes_disturb_nobody_else",
        "ING-078",
        scope=Scope.EVERYWHERE,
        over_time=True,
    ),
    _ingress("ingress/30", "test_routes.py::test_route[one-host-two-ingresses]", "ING-055"),
    _ingress("ingress/31", "test_routes.py::test_route[case-counts]", "ING-040"),
    _ingress("ingress/32", "test_tls.py::test_the_handshake_chooses_no_backend", "ING-064"),
    _ingress("ingress/33", "test_routes.py::test_route[without-endpoints]", "ING-072"),
    _ingress("ingress/34", "test_tls.py::test_certificate[wildcard]", "ING-079"),
    _ingress("ingress/35", "test_routes.py::test_bodies_and_connections", "ING-069"),
    _ingress("ingress/36", "test_routes.py::test_both_families", "ING-077", scope=Scope.EVERYWHERE),
    _ingress("ingress/37", "test_routes.py::test_route[unknown-host]", "ING-056", scope=Scope.EVERYWHERE),
    _ingress("ingress/38", "test_routes.py::test_route[exact]", "ING-031"),
    _ingress("ingress/38", "test_routes.py::test_route[prefix-root]", "ING-030"),
    _ingress("ingress/38", "test_routes.py::test_route[prefix-slash]", "ING-033", "ING-034"),
    _ingress("ingress/39", "test_tls.py::test_broken_secrets[missing]", "ING-067"),
    _ingress("ingress/39", "test_tls.py::test_broken_secrets[useless]", "ING-067"),
    _slices("services/F35", "test_conditions_follow_a_pods_life", "EPS-008", over_time=True),
    _slices("services/F38", "test_ended_pods_are_absent", "EPS-009"),
    _slices("services/F59", "test_churn_is_followed", "EPS-037", over_time=True),
    _slices("services/F60", "test_deleted_slices_return", "EPS-003", over_time=True, outright=True),
    _slices("services/F63", "test_services_without_slices", "EPS-018"),
    _slices("services/F70", "test_split_by_ports", "EPS-012", outright=True),
    _mirror("services/F59", "test_endpoints_are_mirrored", "EPS-028", "EPS-029", over_time=True),
    _mirror("services/F59", "test_what_is_not_mirrored", "EPS-031", over_time=True),
    _mirror("services/F61", "test_a_pod_on_a_vanished_node", "EPS-021"),
    _mirror("services/F63", "test_changes_that_end_slices", "EPS-019", over_time=True),
    _kept("endpointslices/test_api.py::test_slice_operations", "EPS-005", outright=True),
    _kept("endpointslices/test_api.py::test_endpoints_operations", "EPS-035"),
    _kept("services/test_operations.py::test_service_operations", "SVC-289", fault="services/F88"),
    Row(
        fault="services/F51",
        test="services/test_operations.py::test_addresses_are_in_the_books",
        ids=("SVC-291",),
        layer=API,
        params={"leak": True},
    ),
    Row(
        fault="services/F70",
        test="network/test_proxy.py::test_pods_and_services_are_proxied",
        ids=("NET-059",),
        layer=SLICES,
    ),
    _table("policy/3", "blocks", "POL-253"),
    _table("policy/12", "ports", "POL-323"),
    _table("policy/19", "ports", "POL-331"),
    _table("policy/38", "peers", "POL-201", outright=True),
    _table("policy/40", "peers", "POL-205"),
    _table("policy/46", "names", "POL-325"),
    _policy_test("policy/46", "test_connections.py::test_ports_of_the_client", "POL-318", "POL-621"),
    _table("policy/47", "defaults", "POL-101", "POL-124"),
    _table("policy/47", "both-directions", "POL-107"),
    _table("policy/47", "both-ends", "POL-411"),
    _table("policy/47", "targets", "POL-153"),
    _table("policy/47", "labels", "POL-152"),
    _table("policy/47", "empty-labels", "POL-161"),
    _policy_test("policy/47", "test_connections.py::test_held_connections", "POL-610"),
    _table("policy/47", "egress", "POL-231"),
    _policy_test("policy/74", "test_pods.py::test_odd_pods", "POL-476"),
    _policy_test("policy/74", "test_pods.py::test_a_new_pod_is_never_open", "POL-654"),
    _policy_test("policy/80", "test_tables.py::test_nodes_make_no_difference", "POL-566"),
    _table("policy/49", "defaults", "POL-106"),
    _table("policy/58", "isolation", "POL-102"),
    Row(
        fault="policy/59",
        test="netpol/test_families.py::test_selectors_hold_for_both",
        ids=("POL-702",),
        layer=POLICY,
    ),
    _policy_request("policy/51", "test_new_policies", "POL-006"),
    _policy_request("policy/97", "test_new_policies", "POL-016", "POL-019", "POL-021"),
    _policy_test("policy/51", "test_dns.py::test_dns_is_egress", "POL-515"),
    _policy_request("policy/97", "test_stored_policies", "POL-023"),
    Row(fault="policy/97", test="netpol/test_neighbours.py::test_neighbours", ids=("POL-030",), layer=API),
    _policy_change("policy/60", "test_namespace_becomes_a_peer", "POL-466"),
    _policy_change("policy/61", "test_pod_becomes_a_target", "POL-462", outright=True),
    _policy_change("policy/62", "test_pod_selector_moves", "POL-455"),
    *fault_table_dns.ROWS,
    *fault_table_network.ROWS,
    *fault_table_services.ROWS,
    *fault_table_policy.ROWS,
)
