"""Questions the recording does not hold: both families, pod record modes, chains, tricky names, other habits."""

from __future__ import annotations

from typing import Any

import pytest

from harness.model.dns import Answer, Question, Record
from harness.model.outcome import Verdict
from harness.oracle.dns import (
    Expected,
    Kind,
    Level,
    PodRecords,
    Zone,
    ZoneFacts,
    accepted_as,
    dashed,
    expected,
    judge_answer,
    reverse_name,
)
from harness.oracle.dns.names import address_of_reverse, is_within, labels, undashed
from harness.oracle.snapshot import Snapshot

from .recorded import service, zone

SOA = Record("cluster.local.", "SOA", "ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 30", 30)
QR = frozenset({"QR", "AA"})


def dual(name: str = "web", **spec: Any) -> dict[str, Any]:
    base = service("x", name, "10.96.0.7", ("http", 80, "TCP"))
    base["spec"] |= {"clusterIPs": ["10.96.0.7", "fd00:10:96::7"], **spec}
    return base


def headless(name: str, **spec: Any) -> dict[str, Any]:
    return {"kind": "Service", "metadata": {"namespace": "x", "name": name}, "spec": {"clusterIP": "None", **spec}}


def external(name: str, target: str) -> dict[str, Any]:
    return {
        "kind": "Service",
        "metadata": {"namespace": "x", "name": name},
        "spec": {"type": "ExternalName", "externalName": target},
    }


def slice_of(owner: str, *endpoints: dict[str, Any], kind: str = "IPv4", port: int | None = 8080) -> dict[str, Any]:
    ports = [{"name": "http", "port": port, "protocol": "TCP"}]
    labels = {"kubernetes.io/service-name": owner}
    return {
        "kind": "EndpointSlice",
        "metadata": {"namespace": "x", "name": f"{owner}-{kind}", "labels": labels},
        "addressType": kind,
        "endpoints": list(endpoints),
        "ports": ports,
    }


def pod(name: str, *addresses: str, **spec: Any) -> dict[str, Any]:
    status = {
        "phase": spec.pop("phase", "Running"),
        "podIP": addresses[0],
        "podIPs": [{"ip": each} for each in addresses],
    }
    return {"kind": "Pod", "metadata": {"namespace": "x", "name": name}, "spec": spec, "status": status}


def ask(objects: list[dict[str, Any]], name: str, rtype: str, **facts: Any) -> Expected:
    namespace = {"kind": "Namespace", "metadata": {"name": "x"}}
    return expected(Snapshot.of([namespace, *objects]), name, rtype, facts=ZoneFacts(**facts))


def rdata(found: Expected) -> set[str]:
    return {value for _, _, value in found.promised.required}


def reply(question: str, *records: str, rcode: str = "NOERROR", **sections: Any) -> Answer:
    name, rtype = question.split()
    made = tuple(map(Record.parse, records))
    return Answer(rcode, QR, made, question=Question(name, rtype), **sections)


WEB = "web.x.svc.cluster.local."


def test_both_families_have_their_records() -> None:
    """One A, one AAAA, both PTR, one SRV (2.3.1 to 2.3.3)."""
    assert rdata(ask([dual()], WEB, "A")) == {"10.96.0.7"}
    assert rdata(ask([dual()], WEB, "AAAA")) == {"fd00:10:96::7"}
    assert rdata(ask([dual()], reverse_name("fd00:10:96::7"), "PTR")) == {WEB}
    assert rdata(ask([dual()], reverse_name("fd00:10:96::7").upper(), "PTR")) == {WEB}
    assert rdata(ask([dual()], f"_HTTP._TCP.{WEB}", "SRV")) == {f"80 {WEB}"}


def test_a_missing_family_is_no_data() -> None:
    """Neither NXDOMAIN nor silence (DNS-103, 203)."""
    assert ask([service("x", "web", "10.96.0.7")], WEB, "AAAA").promised.kind is Kind.NODATA
    objects = [headless("hl"), slice_of("hl", {"addresses": ["10.0.0.1"]})]
    assert ask(objects, "hl.x.svc.cluster.local", "AAAA").promised.kind is Kind.NODATA


def test_headless_names_follow_readiness() -> None:
    """Ready and unset count, not ready does not, serving does not help (2.4.1; DNS-215, 216)."""
    objects = [
        headless("hl"),
        pod("p", "10.0.0.1"),
        slice_of(
            "hl",
            {"addresses": ["10.0.0.1"], "hostname": "Named"},
            {"addresses": ["10.0.0.2"], "conditions": {"ready": True}},
            {"addresses": ["10.0.0.3"], "conditions": {"ready": False, "serving": True}},
        ),
    ]
    assert rdata(ask(objects, "hl.x.svc.cluster.local", "A")) == {"10.0.0.1", "10.0.0.2"}
    assert rdata(ask(objects, "named.hl.x.svc.cluster.local", "A")) == {"10.0.0.1"}
    assert rdata(ask(objects, "10-0-0-2.hl.x.svc.cluster.local", "A")) == {"10.0.0.2"}
    assert ask(objects, "10-0-0-1.hl.x.svc.cluster.local", "A").promised.kind is Kind.ABSENT
    assert ask(objects, "10-0-0-3.hl.x.svc.cluster.local", "A").promised.kind is Kind.NXDOMAIN
    assert ask(objects, "p.hl.x.svc.cluster.local", "A").promised.kind is Kind.ABSENT
    assert ask(objects, "a.b.hl.x.svc.cluster.local", "A").promised.kind is Kind.NXDOMAIN
    assert rdata(ask(objects, "_http._tcp.hl.x.svc.cluster.local", "SRV")) == {
        "8080 named.hl.x.svc.cluster.local.",
        "8080 10-0-0-2.hl.x.svc.cluster.local.",
    }


def test_reverse_names_of_pods_are_promised_and_of_strangers_allowed() -> None:
    """A ready pod's PTR must be there; an address that is no pod's may have one (2.4.3, DNS-265, 268)."""
    objects = [
        headless("hl"),
        pod("p", "10.0.0.1"),
        slice_of("hl", {"addresses": ["10.0.0.1"]}, {"addresses": ["203.0.113.9"]}),
    ]
    assert rdata(ask(objects, "1.0.0.10.in-addr.arpa", "PTR")) == {"10-0-0-1.hl.x.svc.cluster.local."}
    found = ask(objects, "9.113.0.203.in-addr.arpa", "PTR")
    assert [each.kind for each in found.alternatives] == [Kind.NOT_OURS, Kind.POSITIVE]
    name = "9.113.0.203.in-addr.arpa. PTR"
    assert judge_answer(found, reply(name, "9.113.0.203.in-addr.arpa. 30 IN PTR host.example.")) == []
    assert (
        judge_answer(found, reply(name, "9.113.0.203.in-addr.arpa. 30 IN PTR 203-0-113-9.hl.x.svc.cluster.local."))
        == []
    )
    assert judge_answer(found, reply(name, "9.113.0.203.in-addr.arpa. 30 IN PTR other.hl.x.svc.cluster.local."))
    assert judge_answer(found, reply(name)) == []


def test_a_server_without_reverse_zones_is_not_asked_for_them() -> None:
    """Then reverse names are somebody else's."""
    assert ask([dual()], "7.0.96.10.in-addr.arpa", "PTR", reverse=False).promised.kind is Kind.NOT_OURS


def test_slices_without_numbers_or_of_names_give_no_address() -> None:
    """Ports without a number make no SRV; FQDN slices no record."""
    objects = [
        headless("hl"),
        slice_of("hl", {"addresses": ["10.0.0.1"]}, port=None),
        slice_of("hl", {"addresses": ["db.example"]}, kind="FQDN"),
    ]
    assert rdata(ask(objects, "hl.x.svc.cluster.local", "A")) == {"10.0.0.1"}
    assert ask(objects, "_http._tcp.hl.x.svc.cluster.local", "SRV").promised.kind is Kind.ABSENT


def test_a_second_address_of_an_endpoint_is_allowed_and_not_demanded() -> None:
    """The API says use the first; CoreDNS gives all (DNS-220)."""
    objects = [headless("hl"), slice_of("hl", {"addresses": ["10.0.0.1", "10.0.0.2"]})]
    found = ask(objects, "hl.x.svc.cluster.local.", "A")
    one, two = (f"hl.x.svc.cluster.local. 30 IN A 10.0.0.{i}" for i in (1, 2))
    question = "hl.x.svc.cluster.local. A"
    assert judge_answer(found, reply(question, one)) == judge_answer(found, reply(question, one, two)) == []
    assert judge_answer(found, reply(question, two))
    assert str(found) == "hl.x.svc.cluster.local. A: {A 10.0.0.1} and at most 1 more"


@pytest.mark.parametrize(
    ("mode", "name", "rtype", "kind"),
    [
        (PodRecords.INSECURE, "203-0-113-9.x", "A", Kind.POSITIVE),
        (PodRecords.INSECURE, "203-0-113-9.gone", "A", Kind.NXDOMAIN),
        (PodRecords.INSECURE, "010-0-0-1.x", "A", Kind.NXDOMAIN),
        (PodRecords.INSECURE, "fd00--1.x", "A", Kind.NODATA),
        (PodRecords.INSECURE, "fd00--1.x", "AAAA", Kind.POSITIVE),
        (PodRecords.INSECURE, "a.203-0-113-9.x", "A", Kind.NXDOMAIN),
        (PodRecords.INSECURE, "a.203-0-113-9.x", "TXT", Kind.NXDOMAIN),
        (PodRecords.VERIFIED, "10-0-0-1.x", "A", Kind.POSITIVE),
        (PodRecords.VERIFIED, "10-0-0-2.x", "A", Kind.NXDOMAIN),
        (PodRecords.VERIFIED, "203-0-113-9.x", "A", Kind.NXDOMAIN),
        (PodRecords.DISABLED, "10-0-0-1.x", "A", Kind.NXDOMAIN),
    ],
)
def test_pod_names_depend_on_the_servers_setting(mode: PodRecords, name: str, rtype: str, kind: Kind) -> None:
    """Echo, check, or nothing (DNS-360 to 375)."""
    objects = [pod("p", "10.0.0.1"), pod("done", "10.0.0.2", phase="Succeeded")]
    assert ask(objects, f"{name}.pod.cluster.local", rtype, pods=mode).promised.kind is kind


def test_external_names_lead_out_and_whatever_is_there_is_fine() -> None:
    """The CNAME is promised, the target's data and rcode are upstream's (2.5; DNS-301 to 313)."""
    name = "ext.x.svc.cluster.local."
    found = ask([external("ext", "Foo.Example.com")], name, "A")
    cname = f"{name} 30 IN CNAME foo.example.com."
    more = ("foo.example.com. 300 IN CNAME bar.example.com.", "bar.example.com. 300 IN A 192.0.2.1")
    for records, rcode in (((cname,), "NOERROR"), ((cname,), "NXDOMAIN"), ((cname, *more), "NOERROR")):
        assert judge_answer(found, reply(f"{name} A", *records, rcode=rcode)) == []
    assert judge_answer(found, reply(f"{name} A", *more))
    assert judge_answer(found, reply(f"{name} A", rcode="NXDOMAIN", authority=(SOA,)))
    assert judge_answer(found, reply(f"{name} A", cname, "stranger.example. 300 IN A 192.0.2.1"))
    assert rdata(ask([external("ext", "foo.example.com.")], name, "CNAME")) == {"foo.example.com."}


def test_nothing_lies_below_an_external_name() -> None:
    """Neither ports nor hosts (DNS-316, 317)."""
    objects = [external("ext", "foo.example.com")]
    assert ask(objects, "a.ext.x.svc.cluster.local", "A").promised.kind is Kind.NXDOMAIN
    assert ask(objects, "_http._tcp.ext.x.svc.cluster.local", "SRV").promised.kind is Kind.ABSENT


def test_chains_inside_the_zone_are_followed_and_loops_end() -> None:
    """Every link and the final set; a loop gives links only or nothing (DNS-308 to 320)."""
    objects = [dual(), external("one", "two.x.svc.cluster.local"), external("two", WEB)]
    assert rdata(ask(objects, "one.x.svc.cluster.local", "A")) == {"two.x.svc.cluster.local.", WEB, "10.96.0.7"}
    loop = [external("a", "b.x.svc.cluster.local"), external("b", "a.x.svc.cluster.local")]
    found = ask(loop, "a.x.svc.cluster.local.", "A")
    link = "a.x.svc.cluster.local. 30 IN CNAME b.x.svc.cluster.local."
    assert judge_answer(found, reply("a.x.svc.cluster.local. A", link)) == []
    assert judge_answer(found, reply("a.x.svc.cluster.local. A", link, "b.x.svc.cluster.local. 30 IN A 10.0.0.1"))
    long = [external(f"c{i}", f"c{i + 1}.x.svc.cluster.local") for i in range(12)]
    assert len(rdata(ask(long, "c0.x.svc.cluster.local", "A"))) == 8


@pytest.mark.parametrize(
    "name",
    [
        r"cip\.rec-dns.svc.cluster.local.",
        "*.rec-dns.svc.cluster.local.",
        "cip.*.svc.cluster.local.",
        "-cip.rec-dns.svc.cluster.local.",
        "x.nope.svc.cluster.local.",
        "dns-version.x.cluster.local.",
    ],
)
def test_odd_names_are_ordinary_names_that_do_not_exist(name: str) -> None:
    """No wildcards, no aliases by escapes (DNS-021, 035)."""
    assert zone().expect(name, "A").promised.kind is Kind.NXDOMAIN


@pytest.mark.parametrize("name", ["xcluster.local.", "local.", r"a\.cluster.local.", "cluster.local.example."])
def test_the_zone_ends_on_a_label_boundary(name: str) -> None:
    """What only looks like the zone is somebody else's (DNS-027)."""
    assert zone().expect(name, "A").promised.kind is Kind.NOT_OURS


@pytest.mark.parametrize(
    ("name", "rtype", "kinds"),
    [
        ("dns.cluster.local.", "A", [Kind.ABSENT]),
        ("ns.dns.cluster.local.", "AAAA", [Kind.ABSENT]),
        ("ns.dns.cluster.local.", "A", [Kind.ABSENT, Kind.POSITIVE]),
        ("pod.cluster.local.", "A", [Kind.ABSENT]),
        ("svc.cluster.local.", "TXT", [Kind.NODATA, Kind.NXDOMAIN]),
        ("rec-empty.svc.cluster.local.", "A", [Kind.ABSENT]),
        ("gone.svc.cluster.local.", "A", [Kind.NXDOMAIN]),
        ("cip.rec-dns.svc.cluster.local.", "SOA", [Kind.NODATA, Kind.APEX_SOA, Kind.NODATA]),
        ("cluster.local.", "HTTPS", [Kind.NODATA]),
        ("cluster.local.", "NS", [Kind.POSITIVE, Kind.POSITIVE]),
    ],
)
def test_names_that_hold_the_zone_together(name: str, rtype: str, kinds: list[Kind]) -> None:
    """Apex, name server, namespaces: existing, absent, or either."""
    assert [each.kind for each in zone().expect(name, rtype).alternatives] == kinds


def test_a_zone_without_a_dns_service_has_its_name_server_in_itself() -> None:
    """Then NS can only be the zone's own glue name."""
    assert rdata(ask([dual()], "cluster.local", "NS")) == {"ns.dns.cluster.local."}


def test_another_zone_name_is_as_good() -> None:
    """Nothing is tied to cluster.local."""
    found = ask([dual()], "web.x.svc.prod.example", "A", zone="prod.example")
    assert rdata(found) == {"10.96.0.7"}
    assert ask([dual()], WEB, "A", zone="prod.example").promised.kind is Kind.NOT_OURS


def test_the_older_single_address_field_is_enough() -> None:
    """clusterIP stands in for clusterIPs."""
    old = {"kind": "Service", "metadata": {"namespace": "x", "name": "web"}, "spec": {"clusterIP": "10.96.0.9"}}
    assert rdata(ask([old], WEB, "A")) == {"10.96.0.9"}


def test_silence_is_unknown() -> None:
    """No reply proves nothing about the record."""
    (found,) = judge_answer(ask([dual()], WEB, "A"), None)
    assert found.verdict is Verdict.UNKNOWN


def test_authority_is_demanded_on_request_only() -> None:
    """AA counts only where flags are the question."""
    answer = Answer("NOERROR", frozenset({"QR"}), (Record.parse(f"{WEB} 30 IN A 10.96.0.7"),))
    found = ask([dual()], WEB, "A")
    assert judge_answer(found, answer) == []
    assert [each.expected for each in judge_answer(found, answer, authoritative=True)] == ["AA"]


def test_a_cut_answer_must_be_part_of_the_truth_and_not_empty() -> None:
    """TC allows fewer records, never other ones, and not none (DNS-611)."""
    objects = [headless("hl"), slice_of("hl", *({"addresses": [f"10.0.0.{i}"]} for i in range(1, 9)))]
    found = ask(objects, "hl.x.svc.cluster.local.", "A")
    cut = frozenset({"QR", "TC"})
    some = tuple(Record("hl.x.svc.cluster.local.", "A", f"10.0.0.{i}", 30) for i in (1, 2))
    assert judge_answer(found, Answer("NOERROR", cut, some)) == []
    assert judge_answer(found, Answer("NOERROR", frozenset({"QR"}), some))
    assert judge_answer(found, Answer("NOERROR", cut, ()))
    assert judge_answer(found, Answer("NOERROR", cut, (*some, Record("hl.x.svc.cluster.local.", "A", "10.1.1.1", 30))))


def test_all_differences_are_reported_at_once() -> None:
    """Lifetime, surplus and missing records in one go."""
    found = judge_answer(ask([dual()], WEB, "A"), reply(f"{WEB} A", f"{WEB} 99 IN A 10.96.0.8", f"{WEB} 30 IN TXT x"))
    assert [(each.what, each.expected, each.seen) for each in found] == [
        (f"lifetime of {WEB} A 10.96.0.8", "at most 30 s", "99 s"),
        (f"{WEB} A 10.96.0.8", "absent", "present"),
        (f"{WEB} TXT x", "absent", "present"),
        (f"{WEB} A 10.96.0.7", "present", "missing"),
    ]


def test_the_schema_version_may_live_longer_than_service_records() -> None:
    """CoreDNS gives it 28800 s uncached (DNS-003)."""
    found = ask([], "dns-version.cluster.local.", "TXT")
    record = 'dns-version.cluster.local. {} IN TXT "1.1.0"'
    assert judge_answer(found, reply("dns-version.cluster.local. TXT", record.format(28800))) == []
    assert judge_answer(found, reply("dns-version.cluster.local. TXT", record.format(28801)))


def test_an_odd_answer_at_the_apex_is_rejected() -> None:
    """SOA means one SOA of the zone."""
    found = ask([], "cluster.local.", "SOA")
    assert judge_answer(found, reply("cluster.local. SOA", str(SOA))) == []
    assert judge_answer(found, reply("cluster.local. SOA"))
    assert judge_answer(found, reply("cluster.local. SOA", str(SOA), f"{WEB} 30 IN A 10.96.0.7"))


def test_a_deviation_is_accepted_and_told() -> None:
    """A known deviation counts as such, with its note and level."""
    found = zone().expect("dns-version.cluster.local.", "A")
    negative = Answer("NXDOMAIN", QR, authority=(SOA,))
    accepted = accepted_as(found, negative)
    assert accepted is not None
    assert (accepted.level, accepted.kind) == (Level.SOFT, Kind.NXDOMAIN)
    assert str(found) == (
        "dns-version.cluster.local. A: NODATA, or NXDOMAIN (known deviation: CoreDNS knows this name for TXT only)"
    )


def test_srv_with_broken_rdata_has_no_weight() -> None:
    """Rdata that is not four words is reported, not crashed on."""
    name = f"_http._tcp.{WEB}"
    assert judge_answer(ask([dual()], name, "SRV"), reply(f"{name} SRV", f"{name} 30 IN SRV 0 100"))


@pytest.mark.parametrize(
    ("address", "label"),
    [("10.0.0.1", "10-0-0-1"), ("fd00:10::11", "fd00-10--11"), ("fd00:10::", "fd00-10--0")],
)
def test_addresses_become_labels_and_back(address: str, label: str) -> None:
    """No label ends in a hyphen (DNS-239)."""
    assert dashed(address) == label
    assert undashed(label) == address


@pytest.mark.parametrize(
    "name",
    ["0.96.10.in-addr.arpa.", "x.10.0.96.10.in-addr.arpa.", "010.0.96.10.in-addr.arpa.", "256.0.96.10.in-addr.arpa.",
     "1.ip6.arpa.", ".".join("0" * 31) + ".ip6.arpa.", ".".join(["00"] * 32) + ".ip6.arpa.", "cluster.local."],
)  # fmt: skip
def test_malformed_reverse_names_stand_for_nothing(name: str) -> None:
    """Too short, too long, leading zeros, too large (DNS-142)."""
    assert address_of_reverse(name) is None


def test_labels_mind_escapes() -> None:
    """A dot after a backslash belongs to its label."""
    assert labels(r"A\.b.c") == (r"a\.b", "c")
    assert is_within("a.B.", "b")
    assert not is_within("ab.", "b")


def test_asking_a_zone_needs_no_trailing_dot_and_keeps_the_question() -> None:
    """The question is printed as it was asked."""
    found = Zone.of(Snapshot.of([dual()])).expect("Web.x.svc.cluster.local", "a")
    assert str(found.question) == "Web.x.svc.cluster.local A"
    assert rdata(found) == {"10.96.0.7"}


def test_an_absence_spoken_for_by_a_larger_zone_is_rejected() -> None:
    """Negative answers of the zone bear the zone's own SOA (DNS-016)."""
    root = Record("local.", "SOA", SOA.rdata, 30)
    found = judge_answer(ask([], "nope.cluster.local.", "A"), Answer("NXDOMAIN", QR, authority=(root,)))
    assert [each.what for each in found] == ["owner of the SOA"]


def test_records_besides_that_are_no_addresses_are_passed_over() -> None:
    """The additional section may hold other things."""
    name = f"_http._tcp.{WEB}"
    answer = reply(f"{name} SRV", f"{name} 30 IN SRV 0 100 80 {WEB}", additional=(Record(WEB, "TXT", "x", 30),))
    assert judge_answer(ask([dual()], name, "SRV"), answer) == []


def test_an_allowed_answer_says_why_it_is_only_allowed() -> None:
    """What the specification leaves open is printed as such."""
    assert str(ask([dual()], WEB, "SRV")) == (
        f"{WEB} SRV: NODATA, or {{SRV 80 {WEB}}} (allowed: the specification leaves it open)"
    )
    found = ask([headless("hl"), slice_of("hl", {"addresses": ["203.0.113.9"]})], "9.113.0.203.in-addr.arpa.", "PTR")
    assert str(found).endswith("or {} and at most 1 more (allowed: an endpoint has this address)")
