"""More questions to the cluster DNS, as data: crowds, circles, twins, odd spellings, and pods by their addresses.

The shorthand of names is that of `ZoneNames`; cases are those of `cases.py`, whose fixture they share.
"""

from __future__ import annotations

from harness.suite import QueryShape
from suites.dns.cases import NameCase
from suites.dns.zone import HOST_LONG

OPTIONS = ((3, b""), (8, b"\x00\x01\x18\x00\xc0\x00\x02"), (10, b"12345678"), (12, b"\x00" * 16), (65001, b"?"))
"""EDNS options a server may not know: NSID, client subnet, cookie, padding, one of nobody."""

CASES = (
    NameCase(
        name="zone/name-server",
        ids=("DNS-009", "DNS-010", "DNS-033"),
        promise="The zone names a server within it, and says nothing untrue of that server's address.",
        names=("=", "=ns.dns"),
        types=("NS", "A"),
    ),
    NameCase(
        name="zone/empty-namespace",
        ids=("DNS-014", "DNS-022"),
        promise="A namespace without Services, and the names between a Service and its ports, have no data.",
        names=("={y}.svc", "_tcp.cip"),
        types=("A",),
        absent=True,
    ),
    NameCase(
        name="zone/without-the-zone",
        ids=("DNS-026", "DNS-027"),
        promise="Names that lack the zone, or only look like its end, are none of its names.",
        names=("!cip.{n}.svc.", "!kubernetes.default.svc.", "!kubernetes.default.", "!xcluster.local."),
        types=("A",),
        absent=True,
    ),
    NameCase(
        name="zone/odd-labels",
        ids=("DNS-035", "DNS-146", "DNS-652", "DNS-654"),
        promise="Odd and longest labels are nobody's names.",
        names=("=cip\\.{n}.svc", "=cip\\000.{n}.svc", "=c\\032p.{n}.svc", "cip_", "-cip", "n" * 63, f"{'a.' * 50}nope"),
        absent=True,
    ),
    NameCase(
        name="clusterip/outside-addresses",
        ids=("DNS-107", "DNS-108"),
        promise="External addresses and those of load balancers are in no name: only the cluster addresses are.",
        names=("extip", "lb"),
    ),
    NameCase(
        name="clusterip/below",
        ids=("DNS-145",),
        promise="Names of single pods below a Service with an address are absent, or true.",
        names=("IP hl-0.cip", "hl-0.cip"),
        absent=True,
    ),
    NameCase(
        name="clusterip/twins",
        ids=("DNS-118", "DNS-235"),
        promise="Services of equal names in two namespaces do not mix, nor do host names cross over.",
        names=("cip", "hl-0.hl", "=cip.{m}.svc", "=hl.{m}.svc", "=hl-0.hl.{m}.svc"),
        spaces="nm",
    ),
    NameCase(
        name="reverse/nobodys",
        ids=("DNS-140", "DNS-142", "DNS-263"),
        promise="Addresses of load balancers, of pods that are not ready, and malformed ones have no name in the zone.",
        names=(
            "!99.2.0.192.in-addr.arpa.",
            "!77.2.0.192.in-addr.arpa.",
            "PTR un-0",
            "!96.10.in-addr.arpa.",
            "!1.1.0.96.10.in-addr.arpa.",
            "!010.0.96.10.in-addr.arpa.",
            "!300.0.96.10.in-addr.arpa.",
        ),
        types=("PTR",),
        absent=True,
    ),
    NameCase(
        name="headless/shared",
        ids=("DNS-218", "DNS-219", "DNS-224", "DNS-228"),
        promise="Slices count by their label, addresses in two of them once; hints hide nobody, hosts share names.",
        names=("hl-slice", "_http._tcp.hl-slice", "same.hl-same", "hl-same"),
        types=("A", "AAAA", "SRV"),
        clients=("x/a", "y/b", "z/c"),
    ),
    NameCase(
        name="headless/other-subdomains",
        ids=("DNS-234",),
        promise="A pod's host name counts below the Service its subdomain names, and below no other that selects it.",
        names=("hl-0.hl-map", "hl-1.hl-anon", "hl-0.hl-pub", "hl-0.hl-slice"),
        absent=True,
    ),
    NameCase(
        name="headless/longest",
        ids=("DNS-273",),
        promise="Host and Service names of 63 characters each resolve.",
        names=(f"{HOST_LONG}.{HOST_LONG}", f"_http._tcp.{HOST_LONG}"),
        types=("A", "AAAA", "SRV"),
    ),
    NameCase(
        name="headless/crowd",
        ids=("DNS-221", "DNS-252"),
        promise="More endpoints than one slice holds are all served, and no weight becomes zero.",
        names=("=_http._tcp.hl-big.{m}.svc", "=hl-big.{m}.svc"),
        types=("A", "SRV"),
        proto="tcp",
        spaces="m",
        needs=("v4",),
    ),
    NameCase(
        name="headless/great-crowd",
        ids=("DNS-222",),
        promise="More than a thousand endpoints are all served.",
        names=("=hl-huge.{k}.svc",),
        types=("A",),
        proto="tcp",
        spaces="k",
        needs=("v4",),
    ),
    NameCase(
        name="external/far",
        ids=("DNS-303", "DNS-304", "DNS-310", "DNS-313"),
        promise="Aliases are followed over several steps, for both families, and one that lacks a family stands alone.",
        names=("ext-in", "ext-hl", "ext-chain"),
        types=("A", "AAAA", "CNAME"),
    ),
    NameCase(
        name="external/nowhere",
        ids=("DNS-314", "DNS-315"),
        promise="An alias whose target is missing, or lacks the type, is an alias still.",
        names=("ext-nope", "ext-in"),
        types=("A", "CNAME", "TXT", "SRV"),
    ),
    NameCase(
        name="external/circles",
        ids=("DNS-319", "DNS-320"),
        promise="Aliases of themselves and of each other end in an answer without addresses.",
        names=("ext-self", "ext-ping"),
        types=("A",),
    ),
    NameCase(
        name="external/targets",
        ids=("DNS-307", "DNS-325"),
        promise="A target of one label is absolute, and one of 253 characters is whole.",
        names=("ext-single", "ext-long"),
        types=("CNAME",),
    ),
    NameCase(
        name="pods/addresses",
        ids=("DNS-361", "DNS-364", "DNS-369"),
        promise="An address in a namespace's pod domain is that address, and has no other family.",
        names=("=IP hl-0.{n}.pod", "=203-0-113-9.{n}.pod", "=2001-db8--9.{n}.pod"),
        insecure=True,
    ),
    NameCase(
        name="pods/none",
        ids=("DNS-365", "DNS-367"),
        promise="Addresses in namespaces that do not exist, and labels that are no addresses, are NXDOMAIN.",
        names=(
            "=203-0-113-9.no-such-namespace.pod",
            "=foo.{n}.pod",
            "=256-1-1-1.{n}.pod",
            "=10-0-0.{n}.pod",
            "=010-0-0-1.{n}.pod",
        ),
        absent=True,
        insecure=True,
    ),
    NameCase(
        name="dual-stack/second-family",
        ids=("DNS-102", "DNS-104", "DNS-137", "DNS-653", "DNS-853"),
        promise="A Service of the second family alone has its address and reverse name, in any letter case.",
        names=("cip-second", "PTR cip-second", "UP PTR cip-second"),
        types=("A", "AAAA", "PTR"),
        needs=("dual",),
    ),
    NameCase(
        name="dual-stack/endpoints",
        ids=("DNS-261", "DNS-854", "DNS-859", "DNS-860"),
        promise="Hosts of both families have one name, one SRV record, and a reverse name for each address.",
        names=("_http._tcp.hl", "_http._tcp.cip-both", "PTR hl-0", "PTR hl-0#1"),
        types=("SRV", "PTR"),
        needs=("dual",),
    ),
    NameCase(
        name="transport/edns",
        ids=("DNS-615", "DNS-617", "DNS-619"),
        promise="Small sizes, unknown options and wishes for signatures change nothing about what is true.",
        names=("cip", "nope", "_http._tcp.cip"),
        types=("A", "SRV"),
        shapes=(QueryShape(edns=100), QueryShape(edns=1232, options=OPTIONS), QueryShape(edns=1232, dnssec_ok=True)),
    ),
    NameCase(
        name="transport/header-bits",
        ids=("DNS-621",),
        promise="Bits of the header that have no meaning here change nothing.",
        names=("cip", "nope"),
        types=("A",),
        shapes=(QueryShape(flags=("AD", "CD")),),
    ),
    NameCase(
        name="transport/many-connections",
        ids=("DNS-643",),
        promise="A hundred TCP connections from one pod are all served.",
        names=("cip",),
        types=("A",),
        proto="tcp",
        repeat=50,
    ),
)
