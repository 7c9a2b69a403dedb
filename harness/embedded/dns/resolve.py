"""From a question and a zone to an answer: CoreDNS 1.13 with kubeadm's Corefile, as recorded. Pure.

The shape of names is the "DNS-Based Service Discovery" specification 1.1.0; where CoreDNS differs from it (NXDOMAIN at
names that exist only as the way to others, ports of headless Services, SRV of pod names), CoreDNS is followed.
None as an answer means: not the cluster's to say, ask upstream.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harness.embedded.dns.records import (
    Answer,
    Name,
    Rcode,
    Record,
    Soa,
    Srv,
    Type,
    folded,
    is_address,
    is_below,
    name_of,
)
from harness.embedded.dns.zone import NO_PORT, Endpoint, Obj, Zone, cluster_ips

REVERSE: tuple[Name, ...] = (("in-addr", "arpa"), ("ip6", "arpa"))
SCHEMA_VERSION = "1.1.0"
LONGEST_CHAIN = 10
"""CNAMEs that are followed before giving up (CoreDNS since 1.12.1)."""


class NoSuchName(Exception):  # noqa: N818 - an answer of its own kind, not an error
    """The name does not exist. Control flow of this module only."""


@dataclass(frozen=True)
class Found:
    """Something a name stands for: an address, or another name."""

    host: str
    name: Name
    """The name it is known by, which becomes the target of SRV records."""
    port: int = 0

    @property
    def kind(self) -> Type:
        """A, AAAA or CNAME."""
        if not is_address(self.host):
            return Type.CNAME
        return Type.AAAA if ":" in self.host else Type.A


def resolve(zone: Zone, qname: Name, qtype: int) -> Answer | None:
    """The answer of the cluster's zones; None when the question belongs upstream."""
    apex = next((z for z in (zone.domain, *REVERSE) if is_below(qname, z)), None)
    if apex is None:
        return None
    origin = qname[len(qname) - len(apex) :]  # in the letters of the question: CoreDNS repeats them
    try:
        answer = _by_type(zone, origin, qname, qtype)
    except NoSuchName:
        if apex in REVERSE:
            return None
        return _negative(zone, origin, Rcode.NXDOMAIN)
    return answer if answer.answer else _negative(zone, origin, Rcode.NOERROR)


def _negative(zone: Zone, origin: Name, rcode: Rcode) -> Answer:
    return Answer(rcode, authority=(_soa(zone, origin),))


def _soa(zone: Zone, origin: Name) -> Record:
    data = Soa(("ns", "dns", *origin), ("hostmaster", *origin), zone.serial, 7200, 1800, 86400, zone.ttl)
    return Record(origin, Type.SOA, min(zone.ttl, 300), data)


def _by_type(zone: Zone, origin: Name, qname: Name, qtype: int) -> Answer:
    at_apex = folded(qname) == folded(origin)
    match qtype:
        case Type.A | Type.AAAA:
            return _addresses(zone, origin, qname, Type(qtype), ())
        case Type.SRV:
            return _services(zone, origin, qname)
        case Type.PTR:
            return _pointers(zone, origin, qname)
        case Type.CNAME:
            return _alias(zone, origin, qname)
        case Type.TXT:
            return _texts(zone, origin, qname)
        case Type.SOA:
            return Answer(answer=(_soa(zone, origin),) if at_apex else ())
        case Type.NS if at_apex:
            return _name_servers(zone, origin, qname)
    lookup(zone, origin, qname)  # only to tell "no such name" from "no such type"
    return Answer()


# What a name stands for ------------------------------------------------------------------------------------------


def lookup(zone: Zone, origin: Name, qname: Name) -> list[Found]:
    """Everything the name stands for; nothing for names that merely exist. Raises NoSuchName."""
    labels = folded(qname[: len(qname) - len(origin)])
    if folded(qname) == ("ns", "dns", *folded(origin)):
        return [Found(ip, qname) for _, ip in _own_services(zone, origin)]
    if not labels or labels in (("svc",), ("pod",)):
        return []
    if labels[-1] not in ("svc", "pod") or folded(origin) in REVERSE:
        raise NoSuchName
    rest, kind = labels[:-1], labels[-1]
    namespace, rest = rest[-1], rest[:-1]
    if len(rest) > 3 or not zone.has_namespace(namespace):
        raise NoSuchName
    if not rest:
        return []
    if kind == "pod":
        return [_pod(origin, namespace, rest[-1])]
    return _service(zone, origin, namespace, rest)


def _pod(origin: Name, namespace: str, label: str) -> Found:
    """`pods insecure`: any address that is spelt out is taken at its word."""
    dotted = label.count("-") == 3 and "--" not in label
    address = label.replace("-", "." if dotted else ":")
    if not is_address(address):
        raise NoSuchName
    return Found(address, (label, namespace, "pod", *origin))


@dataclass(frozen=True)
class Wanted:
    """The part of a question below a Service: an endpoint, or a port and protocol; empty is "any"."""

    endpoint: str = ""
    port: str = ""
    protocol: str = ""
    anything: bool = False
    """With the wildcard quirk: the endpoint label matches every endpoint."""

    def admits(self, port: str, protocol: str) -> bool:
        """Whether this port is meant."""
        return self.port in ("", port.lower()) and self.protocol in ("", protocol.lower())


def _service(zone: Zone, origin: Name, namespace: str, labels: Name) -> list[Found]:
    wildcards = zone.quirks(namespace).wildcards
    below, name = labels[:-1], labels[-1]
    if len(below) == 2:
        wanted = Wanted(port=_bare(below[0]), protocol=_bare(below[1]))
    else:
        endpoint = below[0] if below else ""
        wanted = Wanted(endpoint=endpoint, anything=wildcards and endpoint in ("*", "any"))
    services = [zone.service(namespace, name)]
    if wildcards and name in ("*", "any"):
        services = [*zone.services_in(namespace)]
    found = [f for service in services if service for f in _found(zone, origin, service, wanted)]
    if not found:
        raise NoSuchName
    return found


def _bare(label: str) -> str:
    return label.removeprefix("_")


def _found(zone: Zone, origin: Name, service: Obj, wanted: Wanted) -> Iterator[Found]:
    meta, spec = service["metadata"], service["spec"]
    own = (meta["name"], meta["namespace"], "svc", *origin)
    if spec.get("type") == "ExternalName":
        if wanted == Wanted() and not is_address(spec["externalName"]):
            yield Found(spec["externalName"], own)
    elif wanted.endpoint or spec.get("clusterIP") == "None":
        for endpoint in zone.endpoints(meta["namespace"], meta["name"]):
            if _is_meant(endpoint, wanted):
                port = _published_port(zone, service, endpoint)
                yield Found(endpoint.address, (endpoint.label, *own), port)
    else:
        swapped = zone.quirks(meta["namespace"]).swapped_ports
        ports: list[Obj] = spec.get("ports") or [{"port": NO_PORT}]
        for offered in ports:
            if wanted.admits(offered.get("name") or "", offered.get("protocol") or ""):
                number = _swapped(offered) if swapped else int(offered["port"])
                for ip in zone.addresses(service):
                    yield Found(ip, own, number)


def _is_meant(endpoint: Endpoint, wanted: Wanted) -> bool:
    if wanted.endpoint:
        return wanted.anything or wanted.endpoint == endpoint.label.lower()
    return wanted.admits(endpoint.port_name, endpoint.protocol)


def _published_port(zone: Zone, service: Obj, endpoint: Endpoint) -> int:
    """The endpoint's own port; with the quirk, the Service's port of the same name."""
    if zone.quirks(service["metadata"]["namespace"]).swapped_ports:
        for port in service["spec"].get("ports") or ():
            if (port.get("name") or "") == endpoint.port_name:
                return int(port["port"])
    return endpoint.port


def _swapped(port: Obj) -> int:
    target = port.get("targetPort")
    return target if isinstance(target, int) else int(port["port"])


def _own_services(zone: Zone, origin: Name) -> list[tuple[Name, str]]:
    """Names and addresses of the Services this server stands behind; itself when there are none."""
    keys = dict.fromkeys(key for ip in zone.local for key, _ in zone.endpoint_names_at(ip))
    services = [service for key in keys if (service := zone.service(*key))]
    names = []
    for service in services:
        meta = service["metadata"]
        names += [((meta["name"], meta["namespace"], "svc", *origin), ip) for ip in cluster_ips(service)]
    return names or [(("ns", "dns", *origin), ip) for ip in zone.local]


# Answers by type ----------------------------------------------------------------------------------------------------


def _addresses(zone: Zone, origin: Name, qname: Name, qtype: Type, chain: tuple[Record, ...]) -> Answer:
    records: dict[Record, None] = {}
    chase: Name | None = None
    for found in lookup(zone, origin, qname):
        if found.kind is qtype:
            records[Record(qname, qtype, zone.ttl, found.host)] = None
        elif found.kind is Type.CNAME:
            step = _follow(zone, origin, qname, qtype, found, chain)
            records |= dict.fromkeys(step.answer)
            chase = step.chase or chase
    return Answer(answer=tuple(records), chase=chase)


def _follow(zone: Zone, origin: Name, qname: Name, qtype: Type, found: Found, chain: tuple[Record, ...]) -> Answer:
    """One step along an ExternalName. A chain that ends nowhere inside the cluster leaves no trace of itself."""
    target = name_of(found.host)
    record = Record(qname, Type.CNAME, zone.ttl, target)
    if is_below(target, qname) or len(chain) >= LONGEST_CHAIN or record in chain:
        return Answer()
    if not is_below(target, origin):
        return Answer(answer=(record,), chase=target)
    try:
        rest = _addresses(zone, origin, target, qtype, (*chain, record))
    except NoSuchName:
        return Answer()
    return Answer(answer=(record, *rest.answer), chase=rest.chase) if rest.answer else Answer()


def _services(zone: Zone, origin: Name, qname: Name) -> Answer:
    found = [f for f in lookup(zone, origin, qname) if f.kind is not Type.CNAME]
    weight = max(1, 100 // len(found)) if found else 0
    answer: dict[tuple[Name, int], Record] = {}
    additional: dict[tuple[Name, str], Record] = {}
    for f in found:
        if f.port != NO_PORT:
            srv = Record(qname, Type.SRV, zone.ttl, Srv(0, weight, f.port, f.name))
            answer.setdefault((f.name, f.port), srv)
            additional.setdefault((f.name, f.host), Record(f.name, f.kind, zone.ttl, f.host))
    return Answer(answer=tuple(answer.values()), additional=tuple(additional.values()))


def _pointers(zone: Zone, origin: Name, qname: Name) -> Answer:
    address = address_of(qname)
    if not address:
        lookup(zone, origin, qname)
        return Answer()
    names: Iterable[Name]
    service = zone.service_at(address)
    if service:
        names = [(service["metadata"]["name"], service["metadata"]["namespace"])]
    else:
        names = [(label, key[1], key[0]) for key, label in zone.endpoint_names_at(address)]
    if not names:
        raise NoSuchName
    full = dict.fromkeys((*name, "svc", *zone.domain) for name in names)
    return Answer(answer=tuple(Record(qname, Type.PTR, zone.ttl, name) for name in full))


def address_of(qname: Name) -> str:
    """The address a reverse name spells, or "" (RFC 1035 §3.5, RFC 3596 §2.5)."""
    labels = folded(qname)
    if labels[-2:] == REVERSE[0]:
        text = ".".join(reversed(labels[:-2])) if len(labels) == 6 else ""
    elif labels[-2:] == REVERSE[1] and len(labels) == 34 and all(len(label) == 1 for label in labels[:-2]):
        digits = "".join(reversed(labels[:-2]))
        text = ":".join(digits[i : i + 4] for i in range(0, 32, 4))
    else:
        return ""
    return str(ipaddress.ip_address(text)) if is_address(text) else ""


def _alias(zone: Zone, origin: Name, qname: Name) -> Answer:
    found = lookup(zone, origin, qname)
    if not found or found[0].kind is not Type.CNAME:
        return Answer()
    return Answer(answer=(Record(qname, Type.CNAME, zone.ttl, name_of(found[0].host)),))


def _texts(zone: Zone, origin: Name, qname: Name) -> Answer:
    if folded(qname) == ("dns-version", *folded(origin)):
        return Answer(answer=(Record(qname, Type.TXT, zone.ttl, SCHEMA_VERSION),))
    if not lookup(zone, origin, qname):
        raise NoSuchName  # also for names that merely exist, unlike with other types
    return Answer()


def _name_servers(zone: Zone, origin: Name, qname: Name) -> Answer:
    servers = _own_services(zone, origin)
    targets = dict.fromkeys(name for name, _ in servers)
    glue = tuple(Record(name, Type.AAAA if ":" in ip else Type.A, zone.ttl, ip) for name, ip in servers)
    return Answer(answer=tuple(Record(qname, Type.NS, zone.ttl, name) for name in targets), additional=glue)
