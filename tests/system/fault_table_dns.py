"""Planted faults and who catches them: names and messages of the cluster DNS."""

from __future__ import annotations

from tests.system.fault_row import DNS, Row, Scope, caught

ROWS: tuple[Row, ...] = (
    *caught(
        "dns/F-04",
        DNS,
        {
            "dns/test_names.py::test_names[clusterip/other-types]": "DNS-144 DNS-019 DNS-622 DNS-623",
            "dns/test_names.py::test_names[headless/other-types]": "DNS-270 DNS-271",
            "dns/test_names.py::test_names[external/nowhere]": "DNS-314 DNS-315",
            "dns/test_names.py::test_names[external/circles]": "DNS-319 DNS-320",
        },
    ),
    *caught(
        "dns/F-05",
        DNS,
        {
            "dns/test_names.py::test_names[zone/below-services]": "DNS-020",
            "dns/test_names.py::test_names[external/below]": "DNS-316 DNS-317",
            "dns/test_names.py::test_names[pods/none]": "DNS-365 DNS-367",
        },
    ),
    *caught(
        "dns/F-10",
        DNS,
        {
            "dns/test_names.py::test_names[zone/empty-namespace]": "DNS-014 DNS-022",
            "dns/test_names.py::test_names[clusterip/srv-absent]": "DNS-125 DNS-126 DNS-129",
            "dns/test_names.py::test_names[clusterip/below]": "DNS-145",
            "dns/test_names.py::test_names[headless/srv-absent]": "DNS-249 DNS-250 DNS-251 SVC-113",
            "dns/test_names.py::test_names[headless/other-subdomains]": "DNS-234",
            "dns/test_names.py::test_every_degree_of_qualification": "DNS-426 DNS-431",
        },
    ),
    *caught(
        "dns/F-23",
        DNS,
        {
            "dns/test_names.py::test_names[headless/nobody]": "DNS-204 DNS-248 DNS-209",
            "dns/test_names.py::test_names[headless/slices-by-hand]": "DNS-217 DNS-203",
            "dns/test_names.py::test_names[headless/hosts]": "DNS-225 DNS-226 DNS-227 DNS-350 SVC-111",
        },
    ),
    *caught(
        "dns/F-27",
        DNS,
        {
            "dns/test_names.py::test_names[headless/great-crowd]": "DNS-222",
        },
    ),
    *caught(
        "dns/F-28",
        DNS,
        {
            "dns/test_names.py::test_names[zone/special-labels]": "DNS-032",
            "dns/test_names.py::test_names[clusterip/without-endpoints]": "DNS-110 DNS-111 DNS-112",
            "dns/test_names.py::test_names[clusterip/long-name]": "DNS-115",
            "dns/test_names.py::test_names[headless/dashed-addresses]": "DNS-237 DNS-238",
            "dns/test_names.py::test_names[headless/longest]": "DNS-273",
            "dns/test_names.py::test_names[pods/addresses]": "DNS-361 DNS-364 DNS-369",
        },
    ),
    *caught(
        "dns/F-32",
        DNS,
        {
            "dns/test_names.py::test_names[clusterip/reverse]": "DNS-136 DNS-139 DNS-138 DNS-143 DNS-321",
            "dns/test_names.py::test_names[headless/reverse]": "DNS-260 DNS-262 DNS-264 DNS-373",
            "dns/test_names.py::test_names[dual-stack/endpoints]": "DNS-261 DNS-854 DNS-859 DNS-860",
        },
    ),
    *caught(
        "dns/F-33",
        DNS,
        {
            "dns/test_names.py::test_names[clusterip/outside-addresses]": "DNS-107 DNS-108",
            "dns/test_names.py::test_names[reverse/nobodys]": "DNS-140 DNS-142 DNS-263",
        },
    ),
    *caught(
        "dns/F-40",
        DNS,
        {
            "dns/test_names.py::test_names[external/cname]": "DNS-301 DNS-306",
            "dns/test_names.py::test_names[external/targets]": "DNS-307 DNS-325",
        },
    ),
    *caught(
        "dns/F-74",
        DNS,
        {
            "dns/test_names.py::test_names[dual-stack/clusterip]": "DNS-851 DNS-855",
            "dns/test_names.py::test_names[dual-stack/headless]": "DNS-856 DNS-857 DNS-202 DNS-274",
            "dns/test_names.py::test_names[dual-stack/second-family]": "DNS-102 DNS-104 DNS-137 DNS-653 DNS-853",
        },
    ),
    *caught(
        "dns/F-76",
        DNS,
        {
            "dns/test_names.py::test_names[zone/empty-nonterminals]": "DNS-012 DNS-013",
        },
    ),
    *caught(
        "dns/F-85",
        DNS,
        {
            "dns/test_names.py::test_names[clusterip/letter-case]": "DNS-132 DNS-608 DNS-229",
        },
    ),
    *caught(
        "dns/F-03",
        DNS,
        {
            "dns/test_names.py::test_names[zone/apex]": "DNS-007 DNS-011 DNS-008 DNS-620",
        },
        scope=Scope.EVERYWHERE,
    ),
    *caught(
        "dns/F-05",
        DNS,
        {
            "dns/test_names.py::test_names[zone/unknown-namespace]": "DNS-015",
            "dns/test_names.py::test_names[zone/unknown-name]": "DNS-017",
        },
        scope=Scope.EVERYWHERE,
    ),
    *caught(
        "dns/F-08",
        DNS,
        {
            "dns/test_names.py::test_names[transport/many-connections]": "DNS-643",
            "dns/test_names.py::test_every_pod_reaches_dns": "DNS-438 DNS-601",
        },
        scope=Scope.EVERYWHERE,
    ),
    *caught(
        "dns/F-89",
        DNS,
        {
            "dns/test_names.py::test_names[zone/without-the-zone]": "DNS-026 DNS-027",
        },
        scope=Scope.EVERYWHERE,
    ),
    *caught(
        "dns/F-28",
        DNS,
        {
            "dns/test_names.py::test_names[schema/version]": "DNS-001 DNS-002 DNS-004 DNS-005",
            "dns/test_names.py::test_names[clusterip/api]": "DNS-113",
            "dns/test_names.py::test_names[clusterip/dns-itself]": "DNS-114 DNS-131",
            "dns/test_names.py::test_names[zone/name-server]": "DNS-009 DNS-010 DNS-033",
        },
        scope=Scope.EVERYWHERE,
    ),
    *caught(
        "dns/F-55",
        DNS,
        {
            "dns/test_names.py::test_edns_and_recursion": "DNS-614 DNS-605",
        },
        scope=Scope.EVERYWHERE,
    ),
    *caught(
        "dns/F-57",
        DNS,
        {
            "dns/test_names.py::test_envelope": "DNS-604 DNS-607 DNS-606",
        },
        scope=Scope.EVERYWHERE,
    ),
    *caught(
        "dns/F-87",
        DNS,
        {
            "dns/test_names.py::test_names[transport/header-bits]": "DNS-621",
        },
        scope=Scope.EVERYWHERE,
    ),
    *caught(
        "dns/F-88",
        DNS,
        {
            "dns/test_messages.py::test_odd_messages[broken]": "DNS-630 DNS-631",
        },
        scope=Scope.EVERYWHERE,
    ),
    *caught(
        "dns/F-18",
        DNS,
        {
            "dns/test_changes.py::test_readiness": "DNS-709 DNS-710",
            "dns/test_changes.py::test_members_come_and_go": "DNS-707",
            "dns/test_changes.py::test_ports_move": "DNS-713 DNS-712",
            "dns/test_changes.py::test_selector_changes": "DNS-714",
            "dns/test_changes.py::test_external_name_changes": "DNS-715 DNS-716",
        },
        over_time=True,
    ),
)
