"""Planted faults and who catches them: NetworkPolicies that change, and both address families."""

from __future__ import annotations

from tests.system.fault_row import POLICY, Row, caught

ROWS: tuple[Row, ...] = (
    *caught(
        "policy/59",
        POLICY,
        {
            "netpol/test_families.py::test_isolation_covers_the_family_no_rule_mentions": "POL-703",
        },
    ),
    *caught(
        "policy/61",
        POLICY,
        {
            "netpol/test_changes.py::test_pod_becomes_a_peer": "POL-464 POL-465",
        },
        over_time=True,
    ),
    *caught(
        "policy/63",
        POLICY,
        {
            "netpol/test_changes.py::test_policy_types_change": "POL-456 POL-457",
        },
        over_time=True,
    ),
    *caught(
        "policy/64",
        POLICY,
        {
            "netpol/test_changes.py::test_removal_opens_again": "POL-129 POL-451 POL-452 POL-651 POL-679",
            "netpol/test_changes.py::test_successor_of_the_same_name": "POL-460",
        },
        over_time=True,
    ),
    *caught(
        "policy/65",
        POLICY,
        {
            "netpol/test_changes.py::test_edit_narrows_and_widens": "POL-453 POL-454 POL-652",
            "netpol/test_changes.py::test_ports_change": "POL-458",
        },
        over_time=True,
    ),
)
