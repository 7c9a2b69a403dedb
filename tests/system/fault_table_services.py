"""Planted faults and who catches them: Services as they stand and while they change."""

from __future__ import annotations

from tests.system.fault_row import PROXY, SLICES, Row, caught

ROWS: tuple[Row, ...] = (
    *caught(
        "services/F15",
        PROXY,
        {
            "services/test_static.py::test_service[clusterip/hairpin-among-many]": "SVC-045",
        },
    ),
    *caught(
        "services/F24",
        PROXY,
        {
            "services/test_changes.py::test_target_port_defaults": "SVC-008",
            "services/test_endpoints.py::test_slice_written_by_hand": "SVC-117 SVC-122",
            "services/test_endpoints.py::test_conditions_and_names_of_slices": "SVC-123 SVC-124",
        },
    ),
    *caught(
        "services/F36",
        PROXY,
        {
            "services/test_endpoints.py::test_terminating_pod_gets_no_new_connections": "SVC-147",
        },
        over_time=True,
    ),
    *caught(
        "services/F78",
        PROXY,
        {
            "services/test_endpoints.py::test_only_terminating_pods_are_left": "SVC-149",
        },
        over_time=True,
    ),
    *caught(
        "services/F55",
        PROXY,
        {
            "services/test_changes.py::test_node_port_service_answers_by_every_address": "SVC-160",
            "services/test_static.py::test_service[nodeport/every-backend]": "SVC-173",
            "services/test_static.py::test_service[nodeport/udp]": "SVC-165",
            "services/test_static.py::test_service[loadbalancer/clusterip-and-nodeport-too]": "SVC-224",
            "services/test_static.py::test_service[dual-stack/nodeport]": "SVC-305",
        },
    ),
    *caught(
        "services/F68",
        PROXY,
        {
            "services/test_static.py::test_service[clusterip/udp]": "SVC-002 SVC-042 SVC-043",
            "services/test_static.py::test_service[clusterip/ports]": "SVC-006 SVC-007",
            "services/test_static.py::test_service[clusterip/named-target]": "SVC-009",
            "services/test_static.py::test_service[clusterip/other-port]": "SVC-053",
            "services/test_static.py::test_service[affinity/none]": "SVC-072",
            "services/test_static.py::test_service[loadbalancer/from-pods]": "SVC-220 SVC-222",
        },
    ),
    *caught(
        "services/F70",
        SLICES,
        {
            "services/test_static.py::test_service[clusterip/named-target-differs]": "SVC-010 SVC-013",
        },
    ),
    *caught(
        "services/F71",
        PROXY,
        {
            "services/test_changes.py::test_one_node_port_for_two_protocols": "SVC-167",
            "services/test_families.py::test_both_families[ipv4-first]": "SVC-302 SVC-304 SVC-308",
            "services/test_families.py::test_both_families[ipv6-first]": "SVC-302 SVC-304 SVC-308",
        },
    ),
    *caught(
        "services/F74",
        PROXY,
        {
            "services/test_static.py::test_service[nodeport/no-endpoints]": "SVC-170",
            "services/test_static.py::test_service[loadbalancer/no-endpoints]": "SVC-250",
        },
    ),
    *caught(
        "services/F79",
        PROXY,
        {
            "services/test_changes.py::test_internal_policy_becomes_local": "SVC-091",
            "services/test_static.py::test_service[internal-local/own-node]": "SVC-090",
        },
    ),
    *caught(
        "services/F91",
        PROXY,
        {
            "services/test_static.py::test_service[affinity/client-ip]": "SVC-070 SVC-071",
        },
    ),
    *caught(
        "services/F18",
        PROXY,
        {
            "services/test_changes.py::test_ports_come_and_go": "SVC-016",
            "services/test_changes.py::test_port_moves": "SVC-018",
            "services/test_changes.py::test_target_port_moves": "SVC-017",
            "services/test_changes.py::test_two_services_on_the_same_pods": "SVC-021 SVC-030",
            "services/test_changes.py::test_deleted_service_is_dead": "SVC-023",
            "services/test_changes.py::test_type_changes": "SVC-264",
            "services/test_endpoints.py::test_readiness_is_followed": "SVC-140 SVC-141",
        },
        over_time=True,
        params={"new_ones_come": True},
    ),
)
