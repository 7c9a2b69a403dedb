"""Planted faults and who catches them: pods, their network, and the slices that follow them."""

from __future__ import annotations

from tests.system.fault_row import KUBELET, NETWORK, SLICES, Row, Scope, caught

ROWS: tuple[Row, ...] = (
    *caught(
        "services/F89",
        NETWORK,
        {
            "network/test_pods.py::test_tcp_on_one_node": "NET-005 NET-016",
        },
    ),
    *caught(
        "services/F52",
        NETWORK,
        {
            "network/test_pods.py::test_tcp_across_nodes": "NET-006",
            "network/test_pods.py::test_full_mesh": "NET-027",
            "network/test_pods.py::test_udp": "NET-007",
            "network/test_pods.py::test_icmp": "NET-009",
            "network/test_pods.py::test_both_families": "NET-054",
        },
        params={"every": 100, "for": 100},
    ),
    *caught(
        "services/F90",
        NETWORK,
        {
            "network/test_pods.py::test_closed_port_is_refused": "NET-067",
            "network/test_pods.py::test_loopback_is_private": "NET-004",
        },
    ),
    *caught(
        "dns/F-54",
        NETWORK,
        {
            "network/test_pods.py::test_large_datagrams": "NET-039",
        },
    ),
    *caught(
        "services/F54",
        NETWORK,
        {
            "network/test_pods.py::test_addresses_are_kept[ipv6]": "NET-010 NET-011 NET-014 NET-055",
            "network/test_pods.py::test_udp_answers_come_from_the_address_asked": "NET-013 NET-015",
        },
    ),
    *caught(
        "services/F54",
        NETWORK,
        {
            "network/test_pods.py::test_source_port_is_kept": "NET-012",
        },
        params={"ports": True},
    ),
    *caught(
        "services/F53",
        NETWORK,
        {
            "network/test_pods.py::test_bulk_passes[ipv6]": "NET-038",
        },
        scope=Scope.EVERYWHERE,
    ),
    *caught(
        "policy/86",
        NETWORK,
        {
            "network/test_life.py::test_terminating_pod_keeps_its_network": "NET-044 NET-045",
        },
        over_time=True,
    ),
    *caught(
        "services/F92",
        KUBELET,
        {
            "network/test_life.py::test_removed_pod_does_not_answer": "NET-046",
        },
        over_time=True,
    ),
    *caught(
        "services/F94",
        KUBELET,
        {
            "network/test_inside.py::test_own_addresses": "NET-002",
            "network/test_inside.py::test_one_address_of_each_family": "NET-051",
        },
    ),
    *caught(
        "services/F93",
        KUBELET,
        {
            "network/test_inside.py::test_hosts_file": "NET-049",
            "network/test_inside.py::test_hostname": "NET-050",
        },
    ),
    *caught(
        "services/F87",
        SLICES,
        {
            "endpointslices/test_slices.py::test_pods_appear": "EPS-002 EPS-015 EPS-040",
            "endpointslices/test_slices.py::test_nobody_is_selected": "EPS-001",
            "endpointslices/test_slices.py::test_families": "EPS-022 EPS-012",
        },
    ),
    *caught(
        "services/F96",
        SLICES,
        {
            "endpointslices/test_slices.py::test_headless": "EPS-011 EPS-017",
            "endpointslices/test_slices.py::test_labels_are_copied": "EPS-016",
        },
    ),
    *caught(
        "services/F99",
        SLICES,
        {
            "endpointslices/test_slices.py::test_unready_pods_are_published": "EPS-007",
            "services/test_endpoints.py::test_unready_pods_are_published": "SVC-143",
        },
    ),
    *caught(
        "services/F60",
        SLICES,
        {
            "endpointslices/test_slices.py::test_edits_are_reverted": "EPS-004",
        },
        over_time=True,
        params={"edits": True},
    ),
    *caught(
        "services/F97",
        SLICES,
        {
            "endpointslices/test_api.py::test_the_api_servers_own": "EPS-034",
        },
        scope=Scope.EVERYWHERE,
    ),
    *caught(
        "services/F95",
        SLICES,
        {
            "endpointslices/test_api.py::test_slices_tell_when": "EPS-020",
        },
    ),
)
