"""Questions to the cluster DNS, as data. The answer is the oracle's: it follows from the API's objects.

A name is written in the shorthand of `ZoneNames`: `cip` is `cip.<namespace>.svc.<zone>.`, `=` the zone itself, `=x`
`x.<zone>.`, `PTR cip` the reverse name of its address.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.suite import QueryShape
from suites.dns.zone import LONG

ADDRESSES = ("A", "AAAA")
OTHERS = ("MX", "TXT", "NS", "CNAME", "HTTPS", "SVCB", "CAA")


@dataclass(frozen=True, kw_only=True)
class NameCase:
    """Some names, the types they are asked for, and the requirements that decides."""

    name: str
    ids: Sequence[str]
    promise: str
    names: Sequence[str]
    types: Sequence[str] = ADDRESSES
    needs: Sequence[str] = ()
    proto: str = "udp"
    absent: bool = False
    """Whether none of the names has records; otherwise some have, or the fixture is not what the case needs."""
    clients: Sequence[str] = ("x/a",)
    spaces: str = "n"
    """The namespaces of the fixture the names lie in."""
    shapes: Sequence[QueryShape] = ()
    """Other ways to put the questions than the plain one."""
    repeat: int = 1
    """How many times over they are asked in one look."""
    insecure: bool = False
    """Whether it holds only where any address has a name in a namespace's pod domain (CoreDNS: `pods insecure`)."""


CASES = (
    NameCase(
        name="schema/version",
        ids=("DNS-001", "DNS-002", "DNS-004", "DNS-005"),
        promise="The zone publishes the version of the specification it follows, whatever the letter case.",
        names=("=dns-version", "=DNS-Version"),
        types=("TXT", "A"),
    ),
    NameCase(
        name="zone/apex",
        ids=("DNS-007", "DNS-011", "DNS-008", "DNS-620"),
        promise="The apex of the zone exists: it has an SOA, and no addresses.",
        names=("=",),
        types=("SOA", "A", "AAAA", "MX", "HTTPS", "DS", "DNSKEY"),
    ),
    NameCase(
        name="zone/empty-nonterminals",
        ids=("DNS-012", "DNS-013"),
        promise="Names between the zone and its Services exist without data.",
        names=("=svc", "={n}.svc"),
        types=("A",),
        absent=True,
    ),
    NameCase(
        name="zone/unknown-namespace",
        ids=("DNS-015",),
        promise="Names in a namespace that does not exist are NXDOMAIN.",
        names=("=no-such-namespace.svc", "=x.no-such-namespace.svc"),
        absent=True,
    ),
    NameCase(
        name="zone/unknown-service",
        ids=("DNS-016", "DNS-018", "DNS-024", "DNS-025"),
        promise="A Service that does not exist is NXDOMAIN for every type.",
        names=("nope",),
        types=("A", "AAAA", "SRV", "PTR", "NAPTR", "TYPE65280", *OTHERS),
        absent=True,
    ),
    NameCase(
        name="zone/unknown-name",
        ids=("DNS-017",),
        promise="A name nobody made is NXDOMAIN.",
        names=("=nope",),
        absent=True,
    ),
    NameCase(
        name="zone/below-services",
        ids=("DNS-020",),
        promise="Names with more labels below a Service are NXDOMAIN.",
        names=("foo.cip", "x.y.z.cip"),
        absent=True,
    ),
    NameCase(
        name="zone/no-wildcards",
        ids=("DNS-021",),
        promise="`*` and `any` are ordinary labels, not wildcards.",
        names=("*", "any", "*.cip", "any.hl", "=cip.*.svc", "*._tcp.hl"),
        types=("A", "AAAA", "SRV"),
        absent=True,
    ),
    NameCase(
        name="zone/special-labels",
        ids=("DNS-032",),
        promise="Services called `pod` and `svc` are Services like others.",
        names=("pod", "svc"),
    ),
    NameCase(
        name="clusterip/addresses",
        ids=("DNS-101", "DNS-103", "DNS-109", "DNS-105", "DNS-650", "SVC-029"),
        promise="A Service's name has its cluster addresses and nothing else; a family it lacks is NODATA.",
        names=("cip",),
    ),
    NameCase(
        name="clusterip/types",
        ids=("DNS-106", "DNS-117", "DNS-119", "DNS-128", "DNS-133", "DNS-134"),
        promise="NodePort and affinity change nothing about names, and Services on the same pods do not mix.",
        names=("np", "cip", "cip-twin", "_http._tcp.np", "_http._tcp.cip-twin"),
        types=("A", "AAAA", "SRV"),
    ),
    NameCase(
        name="clusterip/without-endpoints",
        ids=("DNS-110", "DNS-111", "DNS-112"),
        promise="A Service resolves whether or not anything is ready behind it.",
        names=("cip-noep", "cip-unready", "cip-noselector", "_http._tcp.cip-noep"),
        types=("A", "AAAA", "SRV"),
    ),
    NameCase(
        name="clusterip/api",
        ids=("DNS-113",),
        promise="The API's Service resolves from every namespace.",
        names=("=kubernetes.default.svc",),
        clients=("x/a", "y/b", "z/c", "n/hl-0"),
    ),
    NameCase(
        name="clusterip/dns-itself",
        ids=("DNS-114", "DNS-131"),
        promise="The DNS Service resolves itself, with an SRV record for each of its ports.",
        names=(
            "={dns}.kube-system.svc",
            "=_dns._udp.{dns}.kube-system.svc",
            "=_dns-tcp._tcp.{dns}.kube-system.svc",
        ),
        types=("A", "SRV"),
    ),
    NameCase(
        name="clusterip/long-name",
        ids=("DNS-115",),
        promise="A Service name of 63 characters resolves.",
        names=(LONG, f"_http._tcp.{LONG}"),
        types=("A", "SRV"),
    ),
    NameCase(
        name="clusterip/srv",
        ids=("DNS-120", "DNS-121", "DNS-122", "DNS-124", "DNS-130", "DNS-127"),
        promise="Each named port has an SRV record with the Service's own port and name.",
        names=("_http._tcp.cip", "_sip._udp.cip", "_s._sctp.cip-sctp", "_http._tcp.cip-map", "_http._tcp.np"),
        types=("SRV",),
    ),
    NameCase(
        name="clusterip/srv-absent",
        ids=("DNS-125", "DNS-126", "DNS-129"),
        promise="Wrong protocols, unknown port names and unnamed ports have no SRV record.",
        names=("_http._udp.cip", "_nope._tcp.cip", "_80._tcp.cip-unnamed", "_http._tcp.cip-unnamed"),
        types=("SRV",),
        absent=True,
    ),
    NameCase(
        name="clusterip/letter-case",
        ids=("DNS-132", "DNS-608", "DNS-229"),
        promise="Names are matched without regard to letter case.",
        names=("CIP", "_HTTP._TCP.Cip", "Hl", "Hl-0.HL"),
        types=("A", "SRV"),
    ),
    NameCase(
        name="clusterip/reverse",
        ids=("DNS-136", "DNS-139", "DNS-138", "DNS-143", "DNS-321"),
        promise="The reverse name of a cluster address names its Service, and only it.",
        names=("PTR cip", "PTR cip-noep", "PTR np", "cip"),
        types=("PTR", "A", "TXT"),
    ),
    NameCase(
        name="clusterip/other-types",
        ids=("DNS-144", "DNS-019", "DNS-622", "DNS-623"),
        promise="Types a Service's name does not own are NODATA.",
        names=("cip",),
        types=(*OTHERS, "TYPE65280"),
        absent=True,
    ),
    NameCase(
        name="headless/addresses",
        ids=("DNS-201", "DNS-205", "DNS-028", "DNS-029", "DNS-030", "DNS-277", "DNS-651", "SVC-110"),
        promise="A headless Service's name has the addresses of its ready pods, and of no others.",
        names=("hl", "hl-anon", "hl-map", "cip"),
    ),
    NameCase(
        name="headless/nobody",
        ids=("DNS-204", "DNS-248", "DNS-209"),
        promise="A headless Service with nothing ready behind it does not exist.",
        names=("hl-empty", "_http._tcp.hl-empty", "hl-allunready", "_http._tcp.hl-allunready", "hl-anno"),
        types=("A", "AAAA", "SRV", "HTTPS"),
        absent=True,
    ),
    NameCase(
        name="headless/published",
        ids=("DNS-206", "DNS-207", "DNS-208", "DNS-276"),
        promise="publishNotReadyAddresses shows pods that are not ready, by every kind of name.",
        names=("hl-pub", "_http._tcp.hl-pub", "pub-0.hl-pub", "PTR pub-0", "hl-pubun"),
        types=("A", "AAAA", "SRV", "PTR"),
    ),
    NameCase(
        name="headless/slices-by-hand",
        ids=("DNS-217", "DNS-203"),
        promise="Slices written by hand are served, as far as they are ready.",
        names=("hl-slice", "_http._tcp.hl-slice"),
        types=("A", "AAAA", "SRV"),
    ),
    NameCase(
        name="headless/hosts",
        ids=("DNS-225", "DNS-226", "DNS-227", "DNS-350", "SVC-111"),
        promise="A ready pod with a host name has a name of its own; unknown hosts and unready ones have none.",
        names=("hl-0.hl", "hl-1.hl", "un-0.hl", "nope.hl"),
    ),
    NameCase(
        name="headless/dashed-addresses",
        ids=("DNS-237", "DNS-238"),
        promise="Endpoints without a host name are named by their dashed address, those with one are not.",
        names=("IP anon.hl-anon", "IP hl-0.hl"),
    ),
    NameCase(
        name="headless/srv",
        ids=("DNS-241", "DNS-242", "DNS-243", "DNS-244", "DNS-247", "DNS-246", "DNS-253"),
        promise="Each named port has an SRV record for every ready pod, with the port that accepts connections there.",
        names=("_http._tcp.hl", "_sip._udp.hl", "_http._tcp.hl-map"),
        types=("SRV", "A"),
    ),
    NameCase(
        name="headless/srv-absent",
        ids=("DNS-249", "DNS-250", "DNS-251", "SVC-113"),
        promise="Unknown and unnamed ports have no SRV record; addresses are there all the same.",
        names=("_nope._tcp.hl", "_http._udp.hl", "hl-noport", "hl-unnamed", "_http._tcp.hl-unnamed"),
        types=("SRV", "A"),
    ),
    NameCase(
        name="headless/reverse",
        ids=("DNS-260", "DNS-262", "DNS-264", "DNS-373"),
        promise="The reverse name of a ready pod's address names the pod's own name.",
        names=("PTR hl-0", "PTR hl-1", "PTR anon"),
        types=("PTR",),
    ),
    NameCase(
        name="headless/other-types",
        ids=("DNS-270", "DNS-271"),
        promise="Types a headless name does not own are NODATA, and nothing lies below a host.",
        names=("hl", "hl-0.hl", "x.hl-0.hl"),
        types=("TXT", "MX", "HTTPS", "CAA"),
        absent=True,
    ),
    NameCase(
        name="external/cname",
        ids=("DNS-301", "DNS-306"),
        promise="An ExternalName Service is a CNAME, with or without a trailing dot in its target.",
        names=("ext", "ext-dot"),
        types=("CNAME",),
    ),
    NameCase(
        name="external/inside",
        ids=("DNS-308", "DNS-309", "DNS-302", "DNS-322"),
        promise="An ExternalName that points into the cluster is followed to its addresses.",
        names=("ext-in", "ext-hl"),
        types=("A",),
    ),
    NameCase(
        name="external/below",
        ids=("DNS-316", "DNS-317"),
        promise="Nothing lies below an ExternalName, not even its ports.",
        names=("x.ext", "_http._tcp.ext"),
        types=("A", "CNAME", "SRV"),
        absent=True,
    ),
    NameCase(
        name="dual-stack/clusterip",
        ids=("DNS-851", "DNS-855"),
        promise="A dual-stack Service has addresses of both families.",
        names=("cip-both", "PTR cip-both", "PTR cip-both#1"),
        types=("A", "AAAA", "PTR"),
        needs=("dual",),
    ),
    NameCase(
        name="dual-stack/headless",
        ids=("DNS-856", "DNS-857", "DNS-202", "DNS-274"),
        promise="A dual-stack headless Service and its hosts have addresses of both families.",
        names=("hl", "hl-0.hl"),
        needs=("dual",),
    ),
    NameCase(
        name="transport/tcp",
        ids=("DNS-602", "DNS-603"),
        promise="Everything is answered over TCP as over UDP.",
        names=("cip", "hl", "nope", "_http._tcp.cip", "ext-in"),
        types=("A", "SRV"),
        proto="tcp",
    ),
)
