"""What the kubelet gives a pod's resolver, and that it leads to the cluster's names.

Source: pod API (dnsPolicy), "DNS for Services and Pods"; the resolver section of the DNS catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.suite import (
    Arena,
    Check,
    ClusterFacts,
    Difference,
    Findings,
    PodShape,
    Question,
    ReadFile,
    Seen,
    Symptom,
    Verdict,
    name_findings,
    parse_resolv_conf,
    refusal_findings,
    requirement,
    resolve,
    resolver_findings,
    try_create,
    zone_snapshot,
)
from suites.dns.zone import ZoneNames

NOBODY = "192.0.2.53"
"""A nameserver that is not there (RFC 5737)."""

EXTRA = {
    "nameservers": [NOBODY],
    "searches": ["extra.test", "_sip._tcp.abc_d.example.com", "."],
    "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}, {"name": "single-request-reopen"}],
}
LONG_NAME = "long-" + "x" * 61 + "-y"
"""A pod's name that no host can have: the kubelet cuts it."""
BAD_SPECS: tuple[tuple[str, Mapping[str, Any], str], ...] = (
    ("dnsPolicy None without nameserver", {"dnsPolicy": "None", "dnsConfig": {}}, "spec.dnsConfig"),
    ("33 search domains", {"dnsConfig": {"searches": [f"d{n}.test" for n in range(33)]}}, "spec.dnsConfig.searches"),
    ("2049 characters of search domains", {"dnsConfig": {"searches": ["a" * 63] * 33}}, "spec.dnsConfig.searches"),
    ("a search domain with a space", {"dnsConfig": {"searches": ["a b"]}}, "spec.dnsConfig.searches"),
    ("a nameserver that is no address", {"dnsConfig": {"nameservers": ["dns.test"]}}, "spec.dnsConfig.nameservers"),
    ("an option without name", {"dnsConfig": {"options": [{"value": "1"}]}}, "spec.dnsConfig.options"),
    ("a host name with an underscore", {"hostname": "a_b"}, "spec.hostname"),
    ("a host name of 64 characters", {"hostname": "h" * 64}, "spec.hostname"),
    ("a subdomain with a dot", {"subdomain": "a.b"}, "spec.subdomain"),
)

RULE = "dnsPolicy ClusterFirst"


@requirement("DNS-401", "DNS-403", "DNS-405", "DNS-982")
def test_new_pods_resolve(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A new pod on any node searches its namespace first, with ndots:5; its nameserver knows the cluster's names."""
    refs = [f"x/r{number}" for number in range(len(cluster.sample))]
    arena.start({ref: PodShape(ports=(80,), node=node) for ref, node in zip(refs, cluster.sample, strict=True)})

    def look() -> Findings:
        return Findings.joined(resolver(arena, cluster, ref) for ref in refs)

    check.eventually("resolver", look, within=check.waits.dns_program)


def resolver(arena: Arena, cluster: ClusterFacts, ref: str) -> Findings:
    """One look at a pod's resolv.conf, and at what its own resolver makes of a name of the cluster."""
    (read,) = arena.ask(ref, ReadFile("/etc/resolv.conf"))
    (told,) = resolve(arena, ref, "kubernetes.default")
    if lost := [result for result in (read, told) if result.seen is Seen.UNMEASURED]:
        differences = [Difference(f"{ref} its resolver", "told", str(each), verdict=Verdict.UNKNOWN) for each in lost]
        return Findings(tuple(differences), frozenset({Symptom.UNMEASURED}))
    file = parse_resolv_conf(read.content.decode(errors="replace"))
    zone, space = cluster.zone, arena.namespace("x")
    ours = (f"{space}.svc.{zone}", f"svc.{zone}", zone)
    rows = {
        "search begins with": (ours, file.search[: len(ours)]),
        "options": (frozenset({"ndots:5"}), file.options),
    }
    found = [
        Difference(f"{ref} {what}", " ".join(sorted(want)), " ".join(sorted(got)) or "nothing", RULE)
        for what, (want, got) in rows.items()
        if want != got
    ]
    wrong_file = bool(found) or cluster.dns_server not in file.nameservers
    if not told.addresses:
        found.append(Difference(f"{ref} resolves kubernetes.default", "its address", str(told), "DNS-982"))
    # Another nameserver may be right (a cache on the node); where names fail, it is the first suspect.
    hint = Symptom.RESOLVER_FILE_WRONG if wrong_file else Symptom.DNS_ASKED
    evidence = tuple(read.content.decode(errors="replace").splitlines()) if found else ()
    return Findings(
        tuple(found), frozenset({hint} if found else ()), asked=f"{ref} its own resolver", evidence=evidence
    )


def odd_pods(zone: ZoneNames, node: str, server: str) -> dict[str, PodShape]:
    """A pod of each policy and setting; their host names and subdomains are such that none of them has a name."""
    ours = f"svc.{zone.cluster.zone}"
    alone = {
        "nameservers": [server],
        "searches": [f"{zone.space}.{ours}", ours],
        "options": [{"name": "ndots", "value": "3"}],
    }
    many = {"searches": [f"d{number}.test" for number in range(24)]}
    aliases = [{"ip": "203.0.113.5", "hostnames": ["foo.local", "bar.local"]}]
    specs: dict[str, tuple[str, dict[str, Any]]] = {
        "none": ("anon", {"dnsPolicy": "None", "dnsConfig": alone, "hostname": "plain"}),
        "default": ("anon", {"dnsPolicy": "Default", "subdomain": "hl-anon"}),
        "merge": ("x", {"dnsConfig": EXTRA, "hostname": "g", "subdomain": "ghost", "setHostnameAsFQDN": True}),
        "away": (
            "x",
            {"dnsPolicy": "ClusterFirstWithHostNet", "hostAliases": aliases, "hostname": "a", "subdomain": "hl-map"},
        ),
        LONG_NAME: ("x", {"dnsConfig": many, "setHostnameAsFQDN": True}),
    }
    return {
        f"n/{name}": PodShape({"app": app}, ports=(80,), node=node, spec=spec) for name, (app, spec) in specs.items()
    }


@requirement(
    *("DNS-351", "DNS-352", "DNS-353", "DNS-355", "DNS-357", "DNS-376", "DNS-378", "DNS-404", "DNS-409", "DNS-411"),
    *("DNS-412", "DNS-414", "DNS-416", "DNS-417", "DNS-418", "DNS-422", "DNS-425", "DNS-444"),
    *("DNS-230", "DNS-231", "DNS-232", "DNS-233", "DNS-380"),
)
def test_pods_of_every_policy(arena: Arena, check: Check, cluster: ClusterFacts, zone: ZoneNames) -> None:
    """resolv.conf, hosts and host name are what policy, dnsConfig, hostname, subdomain and hostAliases call for."""
    ordinary = "x/a"
    pods = odd_pods(zone, arena.pods[ordinary].node, cluster.dns_server)
    arena.start(pods)
    names = ("plain.hl-anon", "default.hl-anon", "g.ghost", "a.hl-map", "a.hl")
    questions = [Question(zone(name), type_) for name in names for type_ in ("A", "AAAA")]
    refs = [ref for ref in pods if ref != "n/default"]

    def look() -> Findings:
        files = resolver_findings(arena, cluster, refs, ordinary=ordinary, default="n/default")
        nameless = name_findings(arena, cluster, questions, snapshot=zone_snapshot(arena, "n"))
        return Findings.joined([files, nameless, _own_names(arena, refs), _without_zone(arena, cluster)])

    check.eventually("files", look, within=check.waits.dns_program)


def _own_names(arena: Arena, refs: list[str]) -> Findings:
    """Each pod finds itself by its own short name (its hosts file), whatever its nameservers are."""
    short = {"n/none": "plain", "n/merge": "g", "n/away": "a"}
    found = []
    for ref in (ref for ref in refs if ref in short):
        (told,) = resolve(arena, ref, short[ref])
        if not set(told.addresses) & set(arena.pods[ref].addresses):
            verdict = Verdict.UNKNOWN if told.seen is Seen.UNMEASURED else Verdict.FAIL
            found.append(Difference(f"{ref} resolves itself", "its own address", str(told), "DNS-380", verdict))
    return Findings(tuple(found), frozenset({Symptom.RESOLVER_FILE_WRONG} if found else ()))


def _without_zone(arena: Arena, cluster: ClusterFacts) -> Findings:
    """A pod with dnsPolicy Default does not search the cluster's zone."""
    (read,) = arena.ask("n/default", ReadFile("/etc/resolv.conf"))
    file = parse_resolv_conf(read.content.decode(errors="replace"))
    if not any(domain.endswith(cluster.zone) for domain in file.search):
        return Findings()
    found = Difference("n/default search", f"nothing of {cluster.zone}", " ".join(file.search), "dnsPolicy Default")
    return Findings((found,), frozenset({Symptom.RESOLVER_FILE_WRONG}))


@requirement("DNS-381", "DNS-413", "DNS-419", "DNS-423")
def test_what_pods_may_not_wish_for(arena: Arena, check: Check) -> None:
    """Pods with impossible resolver settings, host names and subdomains are refused, for the field that is wrong."""
    container = {"name": "c", "image": "registry.invalid/none:1"}
    found = []
    for what, spec, field in BAD_SPECS:
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "bad"},
            "spec": {"containers": [container], **spec},
        }
        found.append(refusal_findings(what, try_create(arena, pod), field))
    check.now(Findings.joined(found))
