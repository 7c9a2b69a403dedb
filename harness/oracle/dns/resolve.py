"""A question to what must come back, from API objects only.

Not a DNS server: it answers with expectations, not with messages, and where servers legitimately differ with several.
Source: Kubernetes DNS specification 1.1.0; RFC 2308 and 8020 for names without data; recorded answers of CoreDNS.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from dataclasses import dataclass, field

from harness.model.dns import Question, canonical_name
from harness.oracle.dns.expected import Alternative, Expected, Fact, Kind, Level
from harness.oracle.dns.names import address_of_reverse, below, is_reverse, is_within, join, labels, undashed
from harness.oracle.dns.records import (
    ADDRESS_TYPES,
    Owned,
    Standing,
    address_type,
    all_records,
    cluster_ips,
    is_headless,
    ready_endpoints,
)
from harness.oracle.snapshot import Raw, Snapshot, labels_of, name_of, namespace_of

VERSION_TTL = 28800
"""What CoreDNS gives the schema version, whose text changes never."""
CHAIN = 8
"""CNAMEs followed; servers stop after seven to ten."""


class PodRecords(enum.StrEnum):
    """How the server treats names of pod addresses (`pods` in a Corefile); the specification has none."""

    INSECURE = "insecure"
    VERIFIED = "verified"
    DISABLED = "disabled"


@dataclass(frozen=True)
class ZoneFacts:
    """What has to be found out about a cluster's DNS before its answers can be judged."""

    zone: str = "cluster.local"
    ttl: int = 30
    negative_ttl: int = 30
    pods: PodRecords = PodRecords.INSECURE
    reverse: bool = True
    """Whether the server has reverse data at all."""


def positive(
    required: frozenset[Fact],
    permitted: frozenset[Fact] | None = None,
    *,
    level: Level = Level.PROMISED,
    note: str = "",
) -> Alternative:
    """All of `required`; nothing that is not `permitted` (default: nothing else)."""
    return Alternative(Kind.POSITIVE, required, required if permitted is None else permitted, level=level, note=note)


NODATA = Alternative(Kind.NODATA)
NXDOMAIN = Alternative(Kind.NXDOMAIN)
ABSENT = Alternative(Kind.ABSENT)
NOT_OURS = Alternative(Kind.NOT_OURS)


def soft(kind: Kind, note: str) -> Alternative:
    """A known deviation."""
    return Alternative(kind, level=Level.SOFT, note=note)


@dataclass(frozen=True)
class Zone:
    """The zone that follows from a snapshot, ready to be asked. Make it with `Zone.of`."""

    snapshot: Snapshot
    facts: ZoneFacts
    owned: dict[str, dict[str, list[Owned]]] = field(repr=False)
    parents: frozenset[str] = field(repr=False)
    """Names that exist because a promised record lies below them."""
    truth: frozenset[Fact] = field(repr=False)

    @classmethod
    def of(cls, snapshot: Snapshot, facts: ZoneFacts = ZoneFacts()) -> Zone:  # noqa: B008  (frozen)
        """Build every record once."""
        owned: dict[str, dict[str, list[Owned]]] = defaultdict(lambda: defaultdict(list))
        parents: set[str] = set()
        truth: set[Fact] = set()
        for each in all_records(snapshot, facts.zone):
            owned[each.owner][each.type].append(each)
            truth.add((each.owner, each.type, each.rdata))
            if each.standing is Standing.MUST:
                found = labels(each.owner)
                parents.update(join(*found[i:]) for i in range(1, len(found)))
        glue = join("ns", "dns", facts.zone)
        truth.update((glue, address_type(each), each) for one in dns_services(snapshot) for each in cluster_ips(one))
        return cls(
            snapshot, facts, {name: dict(types) for name, types in owned.items()}, frozenset(parents), frozenset(truth)
        )

    def expect(self, name: str, rtype: str) -> Expected:
        """What must come back for a question."""
        question = Question(canonical_name(name), rtype.upper())
        alternatives, rule = self._alternatives(question)
        ttl = VERSION_TTL if question.name == join("dns-version", self.facts.zone) else self.facts.ttl
        truth = self.truth | self._pod_address(question.name)
        apex = canonical_name(self.facts.zone)
        return Expected(Question(name, rtype.upper()), alternatives, rule, apex, ttl, self.facts.negative_ttl, truth)

    def _pod_address(self, name: str) -> frozenset[Fact]:
        """What a pod's name says of itself: no API object lists it, and other sections may repeat it."""
        path = below(name, self.facts.zone) if is_within(name, self.facts.zone) else ()
        address = undashed(path[-3]) if len(path) > 2 and path[-1] == "pod" else None
        return frozenset({(name, address_type(address), address)}) if address else frozenset()

    def _alternatives(self, question: Question) -> tuple[tuple[Alternative, ...], str]:
        if is_within(question.name, self.facts.zone):
            return self._within(question)
        if is_reverse(question.name):
            return self._reverse(question)
        return (NOT_OURS,), "the name is outside the cluster's zone"

    def _within(self, question: Question) -> tuple[tuple[Alternative, ...], str]:
        path = below(question.name, self.facts.zone)
        if not path:
            return self._apex(question)
        if question.type == "SOA":
            note = "CoreDNS answers SOA for every name of its zone"
            return (*self._negative(question, path)[0], soft(Kind.APEX_SOA, note), soft(Kind.NODATA, note)), "RFC 2308"
        if path == ("ns", "dns"):
            return self._name_server(question)
        if path[-1] == "pod" and len(path) > 2:
            return self._pod_name(question, path)
        types = self.owned.get(question.name, {})
        if found := types.get(question.type):
            return self._found(question, path, found)
        if "CNAME" in types:
            return self._chained(question, types["CNAME"][0])
        return self._negative(question, path)

    def _found(
        self, question: Question, path: tuple[str, ...], found: list[Owned]
    ) -> tuple[tuple[Alternative, ...], str]:
        required = frozenset(_fact(each) for each in found if each.standing is Standing.MUST)
        permitted = frozenset(_fact(each) for each in found)
        if required:
            section = next(each.section for each in found if each.standing is Standing.MUST)
            return (positive(required, permitted),), f"DNS specification {section}"
        allowed = positive(permitted, level=Level.MAY, note="the specification leaves it open")
        return (*self._negative(question, path)[0], allowed), "DNS specification 3"

    def _negative(self, question: Question, path: tuple[str, ...]) -> tuple[tuple[Alternative, ...], str]:
        """A name in the zone without data of the type."""
        promised = any(
            each.standing is Standing.MUST for found in self.owned.get(question.name, {}).values() for each in found
        )
        if promised:
            deviation = soft(Kind.NXDOMAIN, "CoreDNS knows this name for TXT only")
            return (NODATA, *([deviation] if path == ("dns-version",) else [])), "RFC 2308: the name exists"
        if question.name in self.owned:
            return (ABSENT,), "DNS specification 3: the name need not exist"
        if path in {("svc",), ("pod",)} or (len(path) == 2 and path[1] in {"svc", "pod"}):
            return self._above_services(question, path)
        if question.name in self.parents:
            return (NODATA, soft(Kind.NXDOMAIN, "CoreDNS does not know names between")), "RFC 8020: a name lies below"
        return self._unknown(path)

    def _above_services(self, question: Question, path: tuple[str, ...]) -> tuple[tuple[Alternative, ...], str]:
        """`svc`, `pod`, and the namespaces below them."""
        if len(path) == 2 and not self.snapshot.has_namespace(path[0]):
            return (NXDOMAIN,), "the namespace does not exist"
        if question.name not in self.parents:
            return (ABSENT,), "nothing promised lies below the name"
        deviation = soft(Kind.NXDOMAIN, "CoreDNS answers TXT here as for a missing name")
        return (NODATA, *([deviation] if question.type == "TXT" else [])), "RFC 8020: names lie below"

    def _unknown(self, path: tuple[str, ...]) -> tuple[tuple[Alternative, ...], str]:
        """No record at or below the name."""
        if path == ("dns",):
            return (ABSENT,), "only the name server's own name lies below"
        if len(path) < 3 or path[-1] != "svc":
            return (NXDOMAIN,), "RFC 2308: the name does not exist"
        service = self.snapshot.find_service(path[-2], path[-3])
        if service is None:
            return (NXDOMAIN,), "the Service does not exist"
        if len(path) == 3:
            return self._dataless(service)
        if path[0].startswith("_"):
            return (ABSENT,), "DNS specification 2.3.2, 2.4.2: no such port"
        if self._hides(service, path):
            return (ABSENT,), "DNS specification 2.4.1: the endpoint is not ready, or not known by this name"
        return (NXDOMAIN,), "RFC 2308: nothing of the Service has this name"

    def _dataless(self, service: Raw) -> tuple[tuple[Alternative, ...], str]:
        """A Service that exists and owns nothing: headless without ready endpoints, or an address as externalName."""
        if is_headless(service):
            return (NXDOMAIN, soft(Kind.NODATA, "tolerated")), "DNS specification 2.4.1: no ready endpoint"
        return (NXDOMAIN, soft(Kind.NODATA, "tolerated")), "an address is no name: externalName leads nowhere"

    def _hides(self, service: Raw, path: tuple[str, ...]) -> bool:
        """Whether some endpoint could be meant by this name: absent, but in which way is not required."""
        if len(path) != 4:
            return False
        known = {each.address for each in ready_endpoints(self.snapshot, service)}
        if (address := undashed(path[0])) is not None:
            return address in known
        pods = self.snapshot.pods_in(namespace_of(service))
        return path[0] in {name_of(each) for each in pods} | {each["spec"].get("hostname") for each in pods}

    def _apex(self, question: Question) -> tuple[tuple[Alternative, ...], str]:
        rule = "the zone's apex"
        if question.type == "SOA":
            return (Alternative(Kind.APEX_SOA),), rule
        if question.type == "NS":
            apex = canonical_name(self.facts.zone)
            targets = [self._dns_service_name(), join("ns", "dns", apex)]
            found = tuple(positive(frozenset({(apex, "NS", each)})) for each in targets if each)
            return found, rule
        deviation = soft(Kind.NXDOMAIN, "CoreDNS answers TXT at the apex as for a missing name")
        return (NODATA, *([deviation] if question.type == "TXT" else [])), rule

    def _name_server(self, question: Question) -> tuple[tuple[Alternative, ...], str]:
        facts = frozenset(
            (question.name, address_type(each), each)
            for service in dns_services(self.snapshot)
            for each in cluster_ips(service)
            if address_type(each) == question.type
        )
        allowed = (positive(facts, level=Level.MAY, note="glue of the zone"),) if facts else ()
        return (ABSENT, *allowed), "the name server's own name"

    def _dns_service_name(self) -> str:
        for each in dns_services(self.snapshot):
            return join(name_of(each), namespace_of(each), "svc", self.facts.zone)
        return ""

    def _pod_name(self, question: Question, path: tuple[str, ...]) -> tuple[tuple[Alternative, ...], str]:
        """`a-b-c-d.<namespace>.pod.<zone>`: not in the specification; what CoreDNS does by its `pods` setting."""
        rule = f"pod records: {self.facts.pods}"
        address = undashed(path[-3])
        if address is None or not self._has_pod_name(path[-2], address):
            return (NXDOMAIN,), rule
        mine = (question.name, address_type(address), address)
        if len(path) > 3:
            echo = positive(frozenset({mine}), level=Level.SOFT, note="CoreDNS ignores labels in front")
            return (NXDOMAIN, *([echo] if question.type == mine[1] else [])), rule
        if question.type == mine[1]:
            return (positive(frozenset({mine})),), rule
        if question.type == "SRV":
            port0 = positive(
                frozenset({(question.name, "SRV", f"0 {question.name}")}), level=Level.SOFT, note="CoreDNS"
            )
            return (NODATA, port0), rule
        return (NODATA,), rule

    def _has_pod_name(self, namespace: str, address: str) -> bool:
        if self.facts.pods is PodRecords.DISABLED or not self.snapshot.has_namespace(namespace):
            return False
        if self.facts.pods is PodRecords.INSECURE:
            return True
        statuses = [each.get("status") or {} for each in self.snapshot.pods_in(namespace)]
        return any(
            each.get("podIP") == address for each in statuses if each.get("phase") not in {"Succeeded", "Failed"}
        )

    def _chained(self, question: Question, cname: Owned) -> tuple[tuple[Alternative, ...], str]:
        """Another type at a name that is a CNAME: the CNAME, and what the target has."""
        rule = f"DNS specification {cname.section}; RFC 1034 4.3.2"
        chain, target, seen = {_fact(cname)}, cname.rdata, {cname.owner}
        while len(chain) < CHAIN and target not in seen:
            seen.add(target)
            following = self.owned.get(target, {}).get("CNAME")
            if not following:
                break
            chain.add(_fact(following[0]))
            target = following[0].rdata
        without = soft(Kind.NODATA, "CoreDNS drops a CNAME that leads to no data of the type")
        if target in seen and any(fact[0] == target for fact in chain):
            loop = Alternative(Kind.POSITIVE, frozenset(), frozenset(chain), rcodes=frozenset({"NOERROR", "SERVFAIL"}))
            return (loop, without), rule
        if not is_within(target, self.facts.zone):
            rcodes = frozenset({"NOERROR", "NXDOMAIN", "SERVFAIL"})
            owners = frozenset({target})
            outside = Alternative(Kind.POSITIVE, frozenset(chain), frozenset(chain), owners, rcodes)
            return (outside, without) if question.type not in ADDRESS_TYPES.values() else (outside,), rule
        return self._in_zone_end(question, frozenset(chain), target, without), rule

    def _in_zone_end(
        self, question: Question, chain: frozenset[Fact], target: str, without: Alternative
    ) -> tuple[Alternative, ...]:
        found = self.owned.get(target, {}).get(question.type, [])
        required = frozenset(_fact(each) for each in found if each.standing is Standing.MUST)
        if required:
            return (positive(chain | required, chain | frozenset(map(_fact, found))),)
        permitted = chain | frozenset(map(_fact, found))
        ends = Alternative(Kind.POSITIVE, chain, permitted, rcodes=frozenset({"NOERROR", "NXDOMAIN"}))
        return (ends, without)

    def _reverse(self, question: Question) -> tuple[tuple[Alternative, ...], str]:
        address = address_of_reverse(question.name)
        found = self.owned.get(question.name, {}).get("PTR", []) if address and self.facts.reverse else []
        if not found:
            return (NOT_OURS,), "no Service or ready endpoint has this address"
        required = frozenset(_fact(each) for each in found if each.standing is Standing.MUST)
        if question.type != "PTR":
            return (NODATA, soft(Kind.NOT_OURS, "CoreDNS hands other types to its upstream")), "RFC 8020"
        permitted = frozenset(map(_fact, found))
        if required:
            section = next(each.section for each in found if each.standing is Standing.MUST)
            return (positive(required, permitted),), f"DNS specification {section}"
        allowed = positive(frozenset(), permitted, level=Level.MAY, note="an endpoint has this address")
        return (NOT_OURS, allowed), "DNS specification 3"


def expected(snapshot: Snapshot, name: str, rtype: str, *, facts: ZoneFacts = ZoneFacts()) -> Expected:  # noqa: B008  (frozen)
    """One question. For many, build a `Zone` once."""
    return Zone.of(snapshot, facts).expect(name, rtype)


def dns_services(snapshot: Snapshot) -> list[Raw]:
    """The Services of the cluster's DNS servers, by the label all distributions share, or by kubeadm's name."""
    return [
        each
        for each in snapshot.services
        if labels_of(each).get("k8s-app") == "kube-dns"
        or (namespace_of(each), name_of(each)) == ("kube-system", "kube-dns")
    ]


def _fact(record: Owned) -> Fact:
    return (record.owner, record.type, record.rdata)
